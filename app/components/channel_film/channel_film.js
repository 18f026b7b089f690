const DIRECTIONS = ["back", "now", "ahead"];
const GLYPHS = ["◀", "●", "▶"];
const MIN_GUTTER = 128;
const MAX_GUTTER = 210;
const GAP = 6;
const HEADER = 20;
const LINKS = 34;
const MIN_CELL = 12;
const MAX_CELL = 112;
// Pixels of the window that the strips leave to the navigation, the boxes above and the scale below.
const AROUND = 216;
// After the last key or drag the address follows; an answer that does not come is not waited for any longer.
const SETTLE_MS = 400;
const LOST_MS = 3000;

// How many frames away each tap reads, with its direction and words.
function tapsOf(count) {
  const names = { "-1": "previous frame", 0: "same frame", 1: "next frame" };
  return Array.from({ length: count }, (_, k) => {
    const offset = k - (count - 1) / 2;
    const words = names[offset] ?? `${Math.abs(offset)} frames ${offset < 0 ? "back" : "ahead"}`;
    return { words, side: 1 + Math.sign(offset) };
  });
}

// The maps of a channel side by side, from bytes of which 127 is zero, in greys.
function paintMaps({ values, shape: [frames, height, width] }) {
  const bytes = decode(values);
  const strip = surface(frames * width, height);
  const context = strip.getContext("2d");
  const image = new ImageData(width, height);
  for (let t = 0; t < frames; t++) {
    for (let i = 0; i < width * height; i++) {
      const grey = bytes[t * width * height + i];
      image.data.set([grey, grey, grey, 255], 4 * i);
    }
    context.putImageData(image, t * width, 0);
  }
  return strip;
}

// The words in as many lines as fit in the room.
function wrapped(context, words, room, font) {
  context.font = font;
  return words.split(" ").reduce((lines, word) => {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= room) return [...lines.slice(0, -1), longer];
    return [...lines, word];
  }, []);
}

function makeFilm(root) {
  const find = (selector) => root.querySelector(selector);
  const canvas = find(".film > canvas");
  const scale = find("figcaption canvas");
  let data = null;
  let component = null;
  let rows = [];
  let picture = null;
  let now = 0;
  let plan = null;
  let edit = { base: "trained", taps: null };
  // Only one request is on its way at a time; of those that come meanwhile, the latest is sent next.
  let sent = 0;
  let sentAt = 0;
  let pending = null;
  let settling = 0;

  const taps = () => edit.taps ?? data.bases[edit.base];
  const text = () => [...(edit.taps && edit.base === "trained" ? [] : [edit.base]), ...(edit.taps ?? [])].join(",");

  function ask(change, done) {
    edit = { ...edit, ...change };
    clearTimeout(settling);
    pending = { edit: text(), done };
    if (!done) settling = setTimeout(() => ask({}, true), SETTLE_MS);
    flush();
    drawControls();
  }
  function flush() {
    if (!pending || (data.number < sent && performance.now() - sentAt < LOST_MS)) return;
    sent += 1;
    sentAt = performance.now();
    component.setStateValue("request", { ...pending, number: sent });
    pending = null;
  }

  function makeSliders() {
    const limit = Math.max(data.limit, ...taps().map(Math.abs));
    const labels = tapsOf(taps().length).map(({ words, side }, k) => {
      const label = document.createElement("label");
      const [span, mark, output, input] = ["span", "b", "output", "input"].map((name) => document.createElement(name));
      label.style.setProperty("--hue", data.colours[DIRECTIONS[side]]);
      Object.assign(mark, { textContent: GLYPHS[side], ariaHidden: "true" });
      span.append(mark, ` ${words}`);
      Object.assign(input, { type: "range", min: -limit, max: limit, step: 0.01 });
      input.setAttribute("aria-label", `Tap of the ${words}`);
      input.oninput = () => ask({ taps: taps().with(k, Number(input.value)) }, false);
      label.append(span, output, input);
      return label;
    });
    find(".sliders").replaceChildren(...labels);
  }
  function makePresets() {
    const zeros = taps().map(() => 0);
    const presets = [
      ["As trained", { base: "trained", taps: null }],
      ["Before training", { base: "untrained", taps: null }],
      ["Mirror", { base: "mirrored", taps: null }],
      ["Silence", { base: "trained", taps: zeros }],
    ].filter(([, { base }]) => data.bases[base]);
    const buttons = presets.map(([words, change]) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: words, onclick: () => ask(change, true) });
      button.edit = change;
      return button;
    });
    find(".presets").replaceChildren(...buttons);
  }
  function drawControls() {
    taps().forEach((tap, k) => {
      const label = find(".sliders").children[k];
      slideTo(label.querySelector("input"), tap, 0);
      label.querySelector("output").textContent = tap.toFixed(2).replace("-", "−");
    });
    const same = (other) => other.base === edit.base && String(other.taps) === String(edit.taps);
    for (const button of find(".presets").children) button.setAttribute("aria-pressed", same(button.edit));
  }
  function drawClasses() {
    const parts = data.classes.flatMap(({ name, before, after }) => {
      const [words, bar, number] = ["span", "div", "span"].map((tag) => document.createElement(tag));
      const [fill, tick] = ["i", "b"].map((tag) => document.createElement(tag));
      words.textContent = name;
      number.textContent = `${(100 * after).toFixed(1)} %`;
      bar.className = "bar";
      fill.style.width = `${100 * after}%`;
      tick.style.left = `${100 * before}%`;
      bar.title = `${name}: ${(100 * before).toFixed(1)} % as trained, ${(100 * after).toFixed(1)} % now`;
      bar.append(fill, tick);
      return [words, bar, number];
    });
    find(".classes").replaceChildren(...parts);
  }

  // Where the rows are, so that all of them are in the window together.
  function arrange() {
    const width = find(".film").clientWidth;
    const widest = Math.floor((width - MIN_GUTTER) / data.frames) - GAP;
    const above = find(".film").getBoundingClientRect().top - find("section").getBoundingClientRect().top;
    const tallest = Math.floor((window.innerHeight - AROUND - above - HEADER - LINKS) / (rows.length + 1)) - GAP;
    const cell = clamp(Math.min(widest, Math.max(40, tallest)), MIN_CELL, MAX_CELL);
    const tops = [HEADER];
    rows.forEach(({ role }) => tops.push(tops.at(-1) + cell + (role === "output" ? LINKS : GAP)));
    const gutter = clamp(width - data.frames * (cell + GAP), MIN_GUTTER, MAX_GUTTER);
    return { width, cell, tops, gutter, left: (t) => gutter + t * (cell + GAP) };
  }
  function drawFilm(theme) {
    plan = arrange();
    const { width, cell, tops, gutter, left } = plan;
    const context = sized(canvas, width, tops.at(-1) + cell + 4);
    context.textBaseline = "middle";
    const write = (words, x, y, font) => {
      context.font = `${font} ${theme.font}`;
      context.fillStyle = theme.text;
      context.fillText(words, x, y);
    };
    const label = (title, note, top) => {
      const wanted = wrapped(context, note, gutter - 10, `13px ${theme.font}`);
      const lines = 17 + 15 * wanted.length <= cell + GAP ? wanted : [];
      const first = top + cell / 2 - (15 * lines.length) / 2;
      write(title, 0, first, "600 14px");
      lines.forEach((line, i) => write(line, 0, first + 17 + 15 * i, "13px"));
    };
    label("frames", "", tops[0]);
    context.textAlign = "center";
    for (let t = 0; t < data.frames; t++) {
      if (cell >= 24 || t % 4 === 0) write(String(t + 1), left(t) + cell / 2, HEADER / 2, `${t === now ? 700 : 400} 14px`);
      const wide = picture.width / data.frames;
      context.drawImage(picture, t * wide, 0, wide, picture.height, left(t), tops[0], cell, cell);
    }
    context.textAlign = "left";
    context.imageSmoothingEnabled = false;
    rows.forEach((row, place) => {
      const top = tops[place + 1];
      const [frames, height, wide] = row.shape;
      label(row.label, row.note, top);
      for (let t = 0; t < frames; t++) {
        const x = left((t * data.frames) / frames);
        context.drawImage(row.strip, t * wide, 0, wide, height, x, top, cell, cell);
        outline(context, x, top, cell, cell, data.colours.now, 1);
      }
    });
    const place = rows.findIndex(({ role }) => role === "output");
    // Where a layer skips frames, the arrows would have no frames to end at.
    if (rows[place].shape[0] === data.frames && rows[0].shape[0] === data.frames) drawTaps(context, place, theme);
    drawScale(theme);
  }
  function drawTaps(context, place, theme) {
    const { cell, tops, left } = plan;
    const weights = taps();
    const middle = (weights.length - 1) / 2;
    const full = Math.max(...data.bases.trained.map(Math.abs)) || 1;
    const links = (t) => Array.from({ length: data.frames }, (_, s) => (weights[s - t + middle] ?? 0) / full);
    const ends = [tops[place], tops[place + 1]];
    for (let t = 0; t < data.frames; t++) if (t !== now) drawLinks(context, links(t), t, left, cell, ends, data.colours, false);
    drawLinks(context, links(now), now, left, cell, ends, data.colours, true);
    links(now).forEach((weight, s) => {
      if (Math.abs(weight) <= LOOKS) return;
      for (let row = 1; row <= place; row++) outline(context, left(s), tops[row], cell, cell, data.colours[side(s, now)], 3);
    });
    outline(context, left(now), tops[place + 1], cell, cell, theme.text, 3);
  }
  function drawScale(theme) {
    const context = sized(scale, 120, 14);
    for (let x = 0; x < 120; x++) {
      context.fillStyle = `rgb(${Array(3).fill(Math.round((255 * x) / 119)).join()})`;
      context.fillRect(x, 0, 1, 14);
    }
    context.strokeStyle = theme.text;
    context.strokeRect(0.5, 0.5, 119, 13);
  }
  const point = (t) => {
    if (t === now) return;
    now = t;
    draw();
  };
  canvas.onpointermove = canvas.onclick = ({ offsetX }) => {
    if (plan && offsetX >= plan.gutter) point(clamp(Math.floor((offsetX - plan.gutter) / (plan.cell + GAP)), 0, data.frames - 1));
  };
  canvas.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    point(clamp(now + by, 0, data.frames - 1));
  };

  function draw() {
    if (!data || !picture || find("section").clientWidth < 100) return;
    drawControls();
    drawFilm(themeOf(root));
  }

  async function update(next) {
    const before = data;
    component = next;
    data = next.data;
    rows = data.rows.map((row) => ({ ...row, strip: paintMaps(row) }));
    const isOther = before?.subject !== data.subject;
    if (isOther) {
      sent = data.number;
      pending = null;
      clearTimeout(settling);
    }
    // While the reader drags on, the sliders are the reader's.
    if (data.number >= sent && !pending) edit = data.edit;
    if (isOther) {
      makeSliders();
      makePresets();
      now = clamp(before ? now : Math.floor(data.frames / 2), 0, data.frames - 1);
    }
    if (find(".words").textContent !== data.words) find(".words").textContent = data.words;
    find(".null").textContent = data.null;
    find("figcaption span").textContent = data.scale;
    canvas.setAttribute("aria-label", `${data.words} ${data.scale} Arrow keys move to a frame of the output.`);
    drawClasses();
    flush();
    if (before?.picture !== data.picture) {
      const { picture: wanted } = data;
      const decoded = await createImageBitmap(new Blob([decode(wanted)], { type: "image/jpeg" }));
      if (data.picture !== wanted) return;
      picture = decoded;
    }
    draw();
    if (isOther) find("section").scrollIntoView({ block: "nearest", behavior: calm() || !before ? "auto" : "smooth" });
  }

  return { draw, update, stop: () => clearTimeout(settling) };
}

export default mounted(makeFilm);
