const FRAME_MS = 300;
// The last frame stays a while: the end of a film is told from a movement back to its start.
const LAST_MS = 1000;
const GAP = 20;
const MIN_SIDE = 240;

function makePlayer(root) {
  const find = (selector) => root.querySelector(selector);
  const make = (name, text = "") => Object.assign(document.createElement(name), { textContent: text });
  const play = find(".play");
  let data = null;
  let frames = [];
  let players = [];
  let boxes = [];
  let at = 0;
  let waited = 0;
  let playing = false;

  const ticker = clock((passed) => {
    waited += passed;
    if (waited < (at === length() - 1 ? LAST_MS : FRAME_MS)) return;
    waited = 0;
    at = (at + 1) % length();
    draw();
  });
  const length = () => data.films[0].order.length;
  play.onclick = () => {
    playing = !playing;
    draw();
  };

  function frameOf(pixels, [, height, width], place) {
    const canvas = surface(width, height);
    const image = new ImageData(width, height);
    const first = place * width * height * 3;
    for (let i = 0, from = first; i < image.data.length; i += 4, from += 3) {
      for (let c = 0; c < 3; c++) image.data[i + c] = pixels[from + c];
      image.data[i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  function player(film) {
    const [figure, canvas, caption] = ["figure", "canvas", "figcaption"].map((name) => make(name));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", film.alt);
    figure.append(canvas, caption);
    find(".players").append(figure);
    return { ...film, canvas, caption };
  }

  function box(number) {
    const [button, canvas] = [make("button"), make("canvas")];
    button.type = "button";
    button.disabled = !frames[number] || length() === 1;
    button.append(canvas, String(number + 1));
    button.setAttribute("aria-label", frames[number] ? `frame ${number + 1}` : `frame ${number + 1}, not shown`);
    button.onclick = () => {
      playing = false;
      at = Math.max(0, data.films[0].order.indexOf(number));
      draw();
    };
    find(".frames").append(button);
    return { number, button, canvas };
  }

  function paint(canvas, frame, side, theme) {
    const context = sized(canvas, side, side);
    context.imageSmoothingQuality = "high";
    if (frame) context.drawImage(frame, 0, 0, side, side);
    else {
      context.fillStyle = theme.text;
      context.font = `600 ${Math.round(side / 3)}px ${theme.font}`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText("?", side / 2, side / 2);
    }
  }

  function draw() {
    const room = find("section").clientWidth;
    if (!data || room < 100) return;
    const theme = themeOf(root);
    const count = data.films.length;
    // Next to the small frames a film has a quarter of the width, so that the two are about as high.
    const widest = boxes.length ? Math.max(MIN_SIDE, 0.25 * room) : (room - GAP * (count - 1)) / count;
    const side = Math.floor(Math.min(data.size, room, widest));
    for (const { canvas, caption, label, order } of players) {
      paint(canvas, frames[order[at]], side, theme);
      caption.textContent = `${label}frame ${order[at] + 1} of ${data.total}`;
    }
    for (const { number, button, canvas } of boxes) {
      paint(canvas, frames[number], Math.max(20, button.clientWidth), theme);
      // The grid gives its size.
      canvas.style.width = canvas.style.height = "";
      button.setAttribute("aria-pressed", number === data.films[0].order[at]);
    }
    play.hidden = length() === 1;
    play.textContent = playing ? "Pause" : "Play";
    if (playing) ticker.start();
    else ticker.stop();
  }

  function update({ data: next }) {
    if (next.pixels !== data?.pixels || next.films.length !== data.films.length) {
      data = next;
      const pixels = decode(data.pixels);
      frames = [];
      data.numbers.forEach((number, place) => (frames[number] = frameOf(pixels, data.shape, place)));
      find(".players").replaceChildren();
      find(".frames").replaceChildren();
      players = data.films.map(player);
      boxes = data.boxes ? Array.from({ length: data.total }, (_, number) => box(number)) : [];
      at = waited = 0;
      playing = length() > 1 && !calm();
    }
    draw();
  }

  return { draw, update, stop: () => ticker.stop() };
}

export default mounted(makePlayer);
