const NAMES = ["back", "stay", "ahead"];
const GLYPHS = ["◀", "●", "▶"];
const PLAY_MS = 4000;
const HEAD = 22;
const MARGIN = 36;
const LEGEND = "Strength of colour: size of the tap. Hatched: negative.";
const GHOST_LEGEND = " Outline: at the start of training.";

// The taps of a kernel, left to right: how many frames away each reads, and which direction that is.
function columnsOf(numTaps) {
  return Array.from({ length: numTaps }, (_, k) => {
    const offset = k - (numTaps - 1) / 2;
    const words = offset === 0 ? "t" : offset < 0 ? `t−${-offset}` : `t+${offset}`;
    return { words, side: 1 + Math.sign(offset) };
  });
}

function hatched(context, colour) {
  const tile = surface(6, 6);
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = 2.2;
  for (const x of [-6, 0, 6]) {
    pen.moveTo(x, 6);
    pen.lineTo(x + 6, 0);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

// Between two snapshots the numbers are blended, so that playing is smooth; at rest a snapshot is shown as it is.
function at(values, position, size) {
  const before = Math.floor(position);
  const part = position - before;
  const from = values.subarray(before * size, (before + 1) * size);
  if (part === 0) return from;
  const to = values.subarray((before + 1) * size, (before + 2) * size);
  return from.map((value, i) => (1 - part) * value + part * to[i]);
}

// A glyph in the hue of its direction and words in the colour of text, centred on x.
function marked(context, glyph, words, x, colour, theme) {
  context.font = `600 14px ${theme.font}`;
  context.textAlign = "left";
  const [first, all] = [glyph && `${glyph} `, glyph ? `${glyph} ${words}` : words].map(
    (text) => context.measureText(text).width,
  );
  context.fillStyle = colour;
  context.fillText(glyph, x - all / 2, HEAD / 2 - 1);
  context.fillStyle = theme.text;
  context.fillText(words, x - all / 2 + first, HEAD / 2 - 1);
}

// As few columns of rows as leave every row nearly five pixels, or as many as the width holds. A power of two, so that
// the half of the outputs that began by looking ahead and the half that looked back start at the top of a column.
function arrange(width, height, outputs, numTaps) {
  let blocks = 1;
  while (4.8 * outputs > height * blocks && 2 * blocks * (MARGIN + 10 * numTaps) <= width) blocks *= 2;
  const rows = Math.ceil(outputs / blocks);
  const row = Math.min(40, height / rows);
  const block = Math.floor(width / blocks);
  return { blocks, rows, row, block, tap: Math.floor((block - MARGIN - 8) / numTaps) };
}

// What stands above a column: both glyph and words where they fit, or what tells the columns apart.
function headOf(glyph, words, room, numTaps) {
  if (room >= 50) return [glyph, words];
  return numTaps > 3 && room >= 28 ? ["", words] : [glyph, ""];
}

function drawKernels(canvas, data, taps, chosen, theme) {
  const width = canvas.parentElement.clientWidth;
  const { numTaps } = data;
  const columns = columnsOf(numTaps);
  const plan = arrange(width, data.height - HEAD - 2, data.outputs, numTaps);
  const context = sized(canvas, width, data.height);
  const patterns = NAMES.map((name) => hatched(context, data.colours[name]));
  const place = (o) => [Math.floor(o / plan.rows) * plan.block + MARGIN, HEAD + (o % plan.rows) * plan.row];
  const every = [1, 2, 4, 8, 16, 32, 64].find((step) => step * plan.row >= 17) ?? 128;
  context.textBaseline = "middle";
  for (let block = 0; block < plan.blocks; block++) {
    columns.forEach(({ words, side }, k) => {
      const centre = block * plan.block + MARGIN + (k + 0.5) * plan.tap;
      const [glyph, text] = headOf(GLYPHS[side], words, plan.tap, numTaps);
      marked(context, glyph, text, centre, data.colours[NAMES[side]], theme);
    });
  }
  const inset = plan.row >= 4 ? 1 : 0;
  for (let o = 0; o < data.outputs; o++) {
    const [x, y] = place(o);
    if ((o % plan.rows) % every === 0) {
      context.globalAlpha = 1;
      context.font = `14px ${theme.font}`;
      context.textAlign = "right";
      context.fillStyle = theme.text;
      context.fillText(String(o), x - 6, y + Math.max(plan.row / 2, 7));
    }
    for (let k = 0; k < numTaps; k++) {
      const value = taps[numTaps * o + k];
      context.globalAlpha = 0.1;
      context.fillStyle = data.colours.stay;
      context.fillRect(x + k * plan.tap, y, plan.tap - 2, plan.row - inset);
      context.globalAlpha = Math.min(1, Math.abs(value) / data.largest);
      const { side } = columns[k];
      context.fillStyle = value < 0 ? patterns[side] : data.colours[NAMES[side]];
      context.fillRect(x + k * plan.tap, y, plan.tap - 2, plan.row - inset);
    }
  }
  context.globalAlpha = 1;
  if (data.startsKnown) drawGhosts(context, data, plan, place, theme);
  if (chosen !== null) {
    const [x, y] = place(chosen);
    context.strokeStyle = theme.text;
    context.lineWidth = 2;
    context.strokeRect(x - 2, y - 1, numTaps * plan.tap + 2, Math.max(plan.row, 2) + 1);
  }
  return (px, py) => {
    const block = Math.floor(px / plan.block);
    const row = Math.floor((py - HEAD) / plan.row);
    const o = block * plan.rows + row;
    return block < plan.blocks && row >= 0 && row < plan.rows && o < data.outputs ? o : null;
  };
}

// One outline around each run of neighbouring outputs that began with the same tap.
function drawGhosts(context, data, plan, place, theme) {
  const { numTaps } = data;
  const initial = data.taps.subarray(0, numTaps * data.outputs);
  const began = (o, k) => Math.abs(initial[numTaps * o + k]) > data.largestInitial / 2;
  context.strokeStyle = theme.text;
  context.lineWidth = 1.5;
  context.globalAlpha = 0.6;
  for (let k = 0; k < numTaps; k++) {
    for (let first = 0; first < data.outputs; first++) {
      if (!began(first, k)) continue;
      let last = first;
      while (last + 1 < data.outputs && (last + 1) % plan.rows !== 0 && began(last + 1, k)) last++;
      const [x, y] = place(first);
      context.strokeRect(x + k * plan.tap - 0.5, y - 0.5, plan.tap - 1, (last - first + 1) * plan.row);
      first = last;
    }
  }
  context.globalAlpha = 1;
}

// A row for each layer, its bar centred on the middle of "stays": the past to the left, the future to the right.
function drawShares(canvas, data, shares, theme) {
  const width = canvas.parentElement.clientWidth;
  // A deep network makes the drawing longer rather than its names too small to read.
  const row = clamp((data.height - HEAD) / data.layers.length, 17, 34);
  const context = sized(canvas, width, Math.max(data.height, HEAD + row * data.layers.length));
  context.textBaseline = "middle";
  context.font = `700 14px ${theme.font}`;
  const label = 12 + Math.max(...data.layers.map((name) => context.measureText(name).width));
  const side = 52;
  const half = (width - label - 2 * side) / 2;
  const centre = label + side + half;
  const write = (text, x, y, align, colour = theme.text, weight = 400) => {
    context.font = `${weight} 14px ${theme.font}`;
    context.textAlign = align;
    context.fillStyle = colour;
    context.fillText(text, x, y);
  };
  marked(context, "◀", "look back", label + 46, data.colours.back, theme);
  marked(context, "●", "stay", centre, data.colours.stay, theme);
  marked(context, "▶", "look ahead", width - 52, data.colours.ahead, theme);
  data.layers.forEach((name, l) => {
    const y = HEAD + l * row;
    const chosen = name === data.layer;
    if (chosen) {
      context.fillStyle = data.colours.stay;
      context.globalAlpha = 0.2;
      context.fillRect(0, y, width, row);
      context.globalAlpha = 1;
    }
    const [back, stay, ahead] = shares.subarray(3 * l, 3 * l + 3);
    write(name, 4, y + row / 2, "left", theme.text, chosen ? 700 : 400);
    write(`${Math.round(100 * back)} %`, label + side - 8, y + row / 2, "right");
    write(`${Math.round(100 * ahead)} %`, width - 2, y + row / 2, "right");
    const unit = half / data.reach;
    let x = centre - unit * (back + stay / 2);
    [back, stay, ahead].forEach((share, k) => {
      context.fillStyle = data.colours[NAMES[k]];
      context.fillRect(x, y + row * 0.16, unit * share, row * 0.68);
      x += unit * share;
    });
    const [back0, stay0, ahead0] = data.shares.subarray(3 * l, 3 * l + 3);
    const began = centre - unit * (back0 + stay0 / 2);
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    context.globalAlpha = 0.6;
    context.strokeRect(began, y + row * 0.08, unit * (back0 + stay0 + ahead0), row * 0.84);
    context.globalAlpha = 1;
  });
  return (y) => data.layers[Math.floor((y - HEAD) / row)] ?? null;
}

// An output's taps for a reader: three have names, more have numbers.
function inWords(taps) {
  const names = ["previous frame", "same frame", "next frame"];
  const columns = columnsOf(taps.length);
  return Array.from(taps, (value, k) => {
    const name = taps.length === 3 ? names[k] : columns[k].words;
    return `${name} ${value.toFixed(2).replace("-", "−")}`;
  }).join(", ");
}

function makeBarcode(root) {
  const find = (selector) => root.querySelector(selector);
  const [play, slider, step, readout] = [".play", "input", "output", ".readout"].map(find);
  const [kernels, shares] = [find(".kernels canvas"), find(".shares canvas")];
  let data = null;
  let position = 0;
  let playing = false;
  let chosen = null;
  let outputAt = () => null;
  let layerAt = () => null;
  let component = null;

  const ticker = clock((passed) => {
    const last = data.moments.length - 1;
    position = Math.min(last, position + (passed * last) / PLAY_MS);
    if (position === last) settle();
    draw();
  });
  function settle() {
    playing = false;
    ticker.stop();
    position = Math.round(position);
    component.setStateValue("snapshot", position);
  }
  play.onclick = () => {
    if (playing) settle();
    else {
      if (position >= data.moments.length - 1) position = 0;
      playing = true;
      ticker.start();
    }
    draw();
  };
  slider.oninput = () => {
    playing = false;
    ticker.stop();
    position = Number(slider.value);
    draw();
  };
  slider.onchange = settle;
  const choose = (output) => {
    if (output === chosen) return;
    chosen = output;
    draw();
  };
  kernels.onpointermove = (event) => choose(outputAt(event.offsetX, event.offsetY));
  kernels.onpointerleave = () => choose(null);
  kernels.onkeydown = (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!move) return;
    event.preventDefault();
    choose(clamp((chosen ?? -move) + move, 0, data.outputs - 1));
  };
  shares.onclick = (event) => {
    const layer = layerAt(event.offsetY);
    if (layer !== null) component.setTriggerValue("layer", layer);
  };

  function draw() {
    if (!data || find("section").clientWidth < 100) return;
    const theme = themeOf(root);
    const taps = at(data.taps, position, data.numTaps * data.outputs);
    outputAt = drawKernels(kernels, data, taps, chosen, theme);
    if (data.shares) layerAt = drawShares(shares, data, at(data.shares, position, 3 * data.layers.length), theme);
    slideTo(slider, position);
    step.textContent = data.moments[Math.round(position)];
    slider.setAttribute("aria-valuetext", step.textContent);
    play.textContent = playing ? "Pause" : "Play";
    readout.textContent =
      chosen === null
        ? LEGEND + (data.startsKnown ? GHOST_LEGEND : "")
        : `Output ${chosen}: ${inWords(taps.subarray(data.numTaps * chosen, data.numTaps * (chosen + 1)))}`;
  }

  return {
    draw,
    stop: () => ticker.stop(),
    update(next) {
      component = next;
      const before = data;
      const { taps, shares: allShares, ...rest } = next.data;
      data = { ...rest, taps: decodeFloats(taps), shares: allShares && decodeFloats(allShares) };
      const largest = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
      data.largest = largest(data.taps);
      data.largestInitial = largest(data.taps.subarray(0, data.numTaps * data.outputs));
      data.reach = 0.5;
      for (let i = 0; data.shares && i < data.shares.length; i += 3) {
        data.reach = Math.max(data.reach, data.shares[i] + data.shares[i + 1] / 2, data.shares[i + 2] + data.shares[i + 1] / 2);
      }
      const last = data.moments.length - 1;
      if (before?.snapshot !== data.snapshot) position = data.snapshot;
      position = clamp(position, 0, last);
      if (chosen >= data.outputs) chosen = null;
      slider.max = last;
      find(".bar").hidden = last === 0;
      find(".body").classList.toggle("both", Boolean(data.shares));
      find(".shares figcaption").textContent = "Where the outputs of each layer look";
      find(".kernels figcaption").textContent = data.title;
      kernels.setAttribute("aria-label", `${data.title}: ${data.numTaps} taps for each output. Arrow keys name one output.`);
      shares.setAttribute("aria-label", "For each layer the shares of outputs that look back, stay and look ahead");
      draw();
    },
  };
}

export default mounted(makeBarcode);
