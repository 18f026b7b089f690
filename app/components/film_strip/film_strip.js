const SPACE = 6;
const NUMBERS = 18;
const BARS = 22;
const SHARES = 18;
const CAPTION = 32;
const NAVIGATION = 60;
const BELOW = 16;
const MIN_SIDE = 64;
const PLAYER = 360;

// 256 colours from the given stops; alpha is the value itself, so that no evidence leaves the frame unchanged.
function colourTable(stops) {
  const rgb = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (rgb.length - 1);
    const low = Math.min(rgb.length - 2, Math.floor(place));
    return [...rgb[low].map((from, c) => from + (place - low) * (rgb[low + 1][c] - from)), value];
  });
}

// All maps of a row side by side, coloured once; later they are only blended over the frames.
function colourMaps(values, [frames, height, width], table) {
  const strip = surface(frames * width, height);
  const context = strip.getContext("2d");
  const image = new ImageData(width, height);
  for (let t = 0; t < frames; t++) {
    for (let i = 0; i < width * height; i++) image.data.set(table[values[t * width * height + i]], 4 * i);
    context.putImageData(image, t * width, 0);
  }
  return strip;
}

function drawFrame(context, row, frames, t, x, y, width, height, opacity) {
  const wide = row.picture.width / frames;
  context.imageSmoothingQuality = "high";
  context.drawImage(row.picture, t * wide, 0, wide, row.picture.height, x, y, width, height);
  const [, mapHeight, mapWidth] = row.shape;
  context.globalAlpha = opacity;
  context.drawImage(row.overlay, t * mapWidth, 0, mapWidth, mapHeight, x, y, width, height);
  context.globalAlpha = 1;
}

// A name, or as much of it as there is room for: "1 · clip frame 2", "1 · #2" or "1".
function fitted(context, name, room) {
  const [place] = name.split(" · ");
  const short = name.replace(/ · .* /, " · #");
  return [name, short].find((text) => context.measureText(text).width <= room) ?? place;
}

// Pixels above the rows that are in view with them: all of the page if the rows are high on it, else its navigation.
function above(rows) {
  const top = Math.round(rows.getBoundingClientRect().top - pageOf().getBoundingClientRect().top);
  return top < 0.6 * window.innerHeight ? top : NAVIGATION;
}
const pageOf = () => document.querySelector('[data-testid="stMainBlockContainer"]');

// The side of a frame: as large as the width takes and as leaves two rows in view.
function sideOf(canvas, row, data) {
  const width = (canvas.parentElement.clientWidth - SPACE * (data.frames - 1)) / data.frames;
  const ratio = (row.picture.height * data.frames) / row.picture.width;
  const rows = Math.min(2, data.rows.length);
  const height = (window.innerHeight - data.above) / (canvas.currentCSSZoom || 1);
  const room = (height - BELOW) / rows - CAPTION - NUMBERS - BARS - SHARES;
  return Math.floor(Math.min(width, data.size, Math.max(MIN_SIDE, room / ratio)));
}

// Frames with their overlay, and below each its share of the evidence of the row.
function drawRow(canvas, row, data, opacity, now, theme) {
  const cell = sideOf(canvas, row, data);
  const tall = Math.round((cell * row.picture.height * data.frames) / row.picture.width);
  const height = NUMBERS + tall + BARS + SHARES;
  const context = sized(canvas, data.frames * (cell + SPACE) - SPACE, height);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let t = 0; t < data.frames; t++) {
    const x = t * (cell + SPACE);
    const bar = (row.shares[t] / data.largestShare) * (BARS - 6);
    drawFrame(context, row, data.frames, t, x, NUMBERS, cell, tall, opacity);
    context.fillStyle = data.colour;
    context.fillRect(x, NUMBERS + tall + BARS - bar, cell, bar);
    context.fillRect(x, NUMBERS + tall + BARS - 1, cell, 1);
    context.fillStyle = theme.text;
    if (cell < 34 && t % 4) continue;
    context.font = `${t === now ? 700 : 400} 14px ${theme.font}`;
    context.fillText(fitted(context, data.names[t], cell), x + cell / 2, NUMBERS / 2 - 1);
    if (cell >= 34) context.fillText(`${Math.round(100 * row.shares[t])} %`, x + cell / 2, height - SHARES / 2 + 1);
  }
  if (now === null) return (x) => clamp(Math.floor(x / (cell + SPACE)), 0, data.frames - 1);
  context.strokeStyle = theme.text;
  context.lineWidth = 3;
  context.strokeRect(now * (cell + SPACE) + 1.5, NUMBERS + 1.5, cell - 3, tall - 3);
  return (x) => clamp(Math.floor(x / (cell + SPACE)), 0, data.frames - 1);
}

function drawScale(canvas, table) {
  const context = sized(canvas, 120, 14);
  for (let x = 0; x < 120; x++) {
    const [red, green, blue, alpha] = table[Math.round((x / 119) * 255)];
    context.fillStyle = `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
    context.fillRect(x, 0, 1, 14);
  }
}

function makeStrip(root) {
  const find = (selector) => root.querySelector(selector);
  const [slider, amount, play, close, player] = ["input", "output", ".play", ".close", ".player"].map(find);
  const table = [];
  let data = null;
  let figures = [];
  let latest = null;
  let opacity = 0.7;
  let now = null;
  let elapsed = 0;
  let playing = false;

  const ticker = clock((passed) => {
    elapsed += passed;
    if (elapsed < 1000 / data.fps) return;
    elapsed = 0;
    show((now + 1) % data.frames);
  });
  function show(frame) {
    now = frame;
    draw();
  }
  function run(wanted, frame) {
    const opens = now === null && frame !== null;
    playing = wanted;
    if (playing) ticker.start();
    else ticker.stop();
    show(frame);
    // Above the rows it may be out of view, and the browser keeps the clicked row where it was.
    if (opens) player.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
  }
  slider.oninput = () => {
    opacity = slider.value / 100;
    draw();
  };
  play.onclick = () => run(!playing, now ?? 0);
  close.onclick = () => {
    run(false, null);
    play.focus();
  };

  function figure(row) {
    const make = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });
    const [outer, caption, canvas] = [make("figure"), make("figcaption"), make("canvas")];
    caption.append(make("b", row.label), make("span", row.note));
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    const ends = `From frame ${data.names[0]} to frame ${data.names.at(-1)}.`;
    canvas.setAttribute("aria-label", `${row.label}. ${row.note} ${ends} Click a frame, or press Enter, to enlarge it; arrow keys step, Escape closes.`);
    outer.append(caption, canvas);
    const big = [make("figure"), make("figcaption"), make("canvas")];
    big[1].append(make("b", row.label), make("span"));
    big[0].append(big[1], big[2]);
    const one = { row, outer, canvas, big: big[0], bigCanvas: big[2], frameAt: null };
    canvas.onclick = (event) => run(false, one.frameAt(event.offsetX));
    canvas.onmousemove = (event) => {
      canvas.title = data.names[one.frameAt(event.offsetX)];
    };
    canvas.onkeydown = (event) => {
      if (event.key === "Escape" && now !== null) {
        event.preventDefault();
        return run(false, null);
      }
      if (event.key === "Enter") return run(false, now ?? 0);
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!move) return;
      event.preventDefault();
      run(false, clamp((now ?? -1) + move, 0, data.frames - 1));
    };
    return one;
  }

  function draw() {
    if (!data || find("section").clientWidth < 100) return;
    const theme = themeOf(root);
    data.above = above(find(".rows"));
    slideTo(slider, Math.round(100 * opacity));
    amount.textContent = `${slider.value} %`;
    play.textContent = playing ? "Pause" : "Play";
    player.hidden = close.hidden = now === null;
    for (const one of figures) {
      one.frameAt = drawRow(one.canvas, one.row, data, opacity, now, theme);
      if (now === null) continue;
      one.big.querySelector("span").textContent = `frame ${data.names[now]}`;
      const { width, height } = one.row.picture;
      const side = Math.min(PLAYER, (find("section").clientWidth - 24) / Math.min(2, figures.length));
      const tall = (side * height * data.frames) / width;
      drawFrame(sized(one.bigCanvas, side, tall), one.row, data.frames, now, 0, 0, side, tall, opacity);
    }
    drawScale(find(".scale canvas"), table);
  }

  async function update({ data: next }) {
    // Only the theme has changed.
    if (next === latest && data) return draw();
    latest = next;
    const decoded = await Promise.all(
      next.pictures.map((jpeg) => createImageBitmap(new Blob([decode(jpeg)], { type: "image/jpeg" }))),
    );
    // Newer data arrived during decoding.
    if (latest !== next) return null;
    table.splice(0, table.length, ...colourTable(next.magma));
    data = { ...next, frames: next.names.length };
    const rows = next.rows.map((row) => ({
      ...row,
      picture: decoded[row.picture],
      overlay: colourMaps(decode(row.maps), row.shape, table),
    }));
    data.largestShare = Math.max(...rows.flatMap((row) => row.shares)) || 1;
    figures = rows.map(figure);
    find(".rows").replaceChildren(...figures.map((one) => one.outer));
    player.replaceChildren(...figures.map((one) => one.big));
    find(".scale span:last-child").textContent = next.scale;
    if (now !== null) now = Math.min(now, data.frames - 1);
    return draw();
  }

  // What is above the rows may come after them, such as a result.
  const watcher = new ResizeObserver(() => {
    if (data && above(find(".rows")) !== data.above) requestAnimationFrame(draw);
  });
  watcher.observe(pageOf());
  slider.setAttribute("aria-label", "Strength of the overlay");
  const stop = () => {
    ticker.stop();
    watcher.disconnect();
  };
  return { draw, update, stop };
}

export default mounted(makeStrip);
