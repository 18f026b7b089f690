const NAMES = ["back", "now", "ahead"];
const GLYPHS = ["◀", "●", "▶"];
const PLAY_MS = 4000;
const HEAD = 22;
const MARGIN = 36;
const LEGENDS = {
  rows: ["Darker: larger weight. Hatched: negative.", " Outline: before training, weights above half of the largest."],
  triangle: ["Each mark is an output channel, close to the frames with its largest weights. ", " Circles: before training."],
};

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
function marked(context, glyph, words, x, colour, theme, y = HEAD / 2 - 1) {
  context.font = `600 14px ${theme.font}`;
  context.textAlign = "left";
  const space = glyph && words ? " " : "";
  const [first, all] = [glyph + space, glyph + space + words].map((text) => context.measureText(text).width);
  context.fillStyle = colour;
  context.fillText(glyph, x - all / 2, y);
  context.fillStyle = theme.text;
  context.fillText(words, x - all / 2 + first, y);
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

// The heading of a column: glyph and words if they fit, or the one that distinguishes the columns.
function headOf(glyph, words, room, numTaps) {
  if (room >= 50) return [glyph, words];
  return numTaps > 3 && room >= 28 ? ["", words] : [glyph, ""];
}

// The outputs are drawn in the order of `data.order`; a place is an index in that order.
function drawRows(canvas, data, taps, kinds, hovered, selected, theme) {
  const width = canvas.parentElement.clientWidth;
  const { numTaps, order } = data;
  const columns = columnsOf(numTaps);
  const plan = arrange(width, data.kernelsHeight - HEAD - 2, data.outputs, numTaps);
  const context = sized(canvas, width, data.kernelsHeight);
  const cornerOf = (place) => [
    Math.floor(place / plan.rows) * plan.block + MARGIN,
    HEAD + (place % plan.rows) * plan.row,
  ];
  const every = [1, 2, 4, 8, 16, 32, 64].find((step) => step * plan.row >= 17) ?? 128;
  context.textBaseline = "middle";
  for (let block = 0; block < plan.blocks; block++) {
    columns.forEach(({ words, side }, k) => {
      const centre = block * plan.block + MARGIN + (k + 0.5) * plan.tap;
      const [glyph, text] = headOf(GLYPHS[side], words, plan.tap, numTaps);
      marked(context, glyph, text, centre, data.colours[NAMES[side]], theme);
    });
  }
  context.font = `14px ${theme.font}`;
  context.textAlign = "right";
  context.fillStyle = theme.text;
  const inset = plan.row >= 4 ? 1 : 0;
  order.forEach((o, place) => {
    const [x, y] = cornerOf(place);
    if ((place % plan.rows) % every === 0) context.fillText(String(o), x - 6, y + Math.max(plan.row / 2, 7));
  });
  columns.forEach(({ side }, k) => {
    order.forEach((o, place) => {
      const value = taps[numTaps * o + k];
      const [x, y] = cornerOf(place);
      context.globalAlpha = 0.1;
      context.fillStyle = data.colours.now;
      context.fillRect(x + k * plan.tap, y, plan.tap - 2, plan.row - inset);
      context.globalAlpha = Math.min(1, Math.abs(value) / data.largest);
      context.fillStyle = value < 0 ? data.patterns[side] : data.colours[NAMES[side]];
      context.fillRect(x + k * plan.tap, y, plan.tap - 2, plan.row - inset);
    });
  });
  context.globalAlpha = 1;
  if (data.startsKnown) drawGhosts(context, data, plan, cornerOf, theme);
  for (const [output, colour] of [[hovered, theme.text], [selected, theme.accent]]) {
    if (output === null) continue;
    const [x, y] = cornerOf(data.placeOf[output]);
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.strokeRect(x - 2, y - 1, numTaps * plan.tap + 2, Math.max(plan.row, 2) + 1);
  }
  return {
    silent: 0,
    stride: plan.rows,
    outputAt(x, y) {
      const block = Math.floor(x / plan.block);
      const row = Math.floor((y - HEAD) / plan.row);
      return block < plan.blocks && row >= 0 && row < plan.rows ? (order[block * plan.rows + row] ?? null) : null;
    },
  };
}

// One outline around each run of neighbouring rows whose outputs began with the same tap.
function drawGhosts(context, data, plan, cornerOf, theme) {
  const { numTaps, order } = data;
  const initial = data.taps.subarray(0, numTaps * data.outputs);
  const began = (place, k) => Math.abs(initial[numTaps * order[place] + k]) > data.largestInitial / 2;
  context.strokeStyle = theme.text;
  // Sorted rows have many short runs: their outlines must not hide rows of a few pixels.
  context.lineWidth = plan.row < 6 ? 1 : 1.5;
  context.globalAlpha = plan.row < 6 ? 0.45 : 0.6;
  for (let k = 0; k < numTaps; k++) {
    for (let first = 0; first < data.outputs; first++) {
      if (!began(first, k)) continue;
      let last = first;
      while (last + 1 < data.outputs && (last + 1) % plan.rows !== 0 && began(last + 1, k)) last++;
      const [x, y] = cornerOf(first);
      context.strokeRect(x + k * plan.tap - 0.5, y - 0.5, plan.tap - 1, (last - first + 1) * plan.row);
      first = last;
    }
  }
  context.globalAlpha = 1;
}

// The taps of an output in words: three have names, more have numbers.
function inWords(taps) {
  const names = ["previous frame", "current frame", "next frame"];
  const columns = columnsOf(taps.length);
  return Array.from(taps, (value, k) => {
    const name = taps.length === 3 ? names[k] : columns[k].words;
    return `${name} ${value.toFixed(2).replace("-", "−")}`;
  }).join(", ");
}

const largest = (values) => values.reduce((sofar, value) => Math.max(sofar, Math.abs(value) || 0), 0) || 1;

// The data as they arrive, with their arrays decoded and what every drawing needs worked out once.
function prepared({ taps, kinds, layers, order, ...rest }, context) {
  const data = { ...rest, taps: decodeFloats(taps), kinds: decode(kinds), order: order ?? Array.from({ length: rest.outputs }, (_, o) => o) };
  data.placeOf = [];
  data.order.forEach((o, place) => (data.placeOf[o] = place));
  data.patterns = NAMES.map((name) => hatched(context, data.colours[name]));
  data.largest = largest(data.taps);
  data.largestInitial = largest(data.taps.subarray(0, data.numTaps * data.outputs));
  // The bar with the scrubber stands above the kernels alone.
  data.kernelsHeight = data.height - 20;
  data.layersHeight = data.kernelsHeight + (data.moments.length > 1 ? 36 : 0);
  if (!layers) return data;
  const [shares, drift] = [decodeFloats(layers.shares), layers.drift && decodeFloats(layers.drift)];
  data.layers = { ...layers, shares, drift, reach: 0.25, apart: 0.2, largestDrift: drift && largest(drift) };
  for (let i = 0; i < shares.length; i += 4) {
    data.layers.reach = Math.max(data.layers.reach, shares[i] + shares[i + 1] / 2, shares[i + 2] + shares[i + 1] / 2);
    data.layers.apart = Math.max(data.layers.apart, shares[i + 3]);
  }
  return data;
}

function makeBarcode(root) {
  const find = (selector) => root.querySelector(selector);
  const [play, slider, step, readout] = [".play", "input", "output", ".readout"].map(find);
  const [kernels, shares] = [find(".kernels canvas"), find(".shares canvas")];
  const forms = [...root.querySelectorAll(".forms button")];
  let data = null;
  let position = 0;
  let playing = false;
  let form = "rows";
  let hovered = null;
  let selected = null;
  let pointed = null;
  let drawn = null;
  let layerAt = null;
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
  for (const button of forms) {
    button.onclick = () => {
      form = button.value;
      component.setStateValue("form", form);
      draw();
    };
  }

  const hover = (output, layer) => {
    if (output === hovered && layer === pointed) return;
    [hovered, pointed] = [output, layer];
    draw();
  };
  const select = (output) => {
    if (output === null) return;
    selected = output === selected ? null : output;
    component.setTriggerValue("output", { number: selected });
    draw();
  };
  const openLayer = (layer) => layer !== null && component.setTriggerValue("layer", data.layers.names[layer]);
  kernels.onpointermove = (event) => hover(drawn.outputAt(event.offsetX, event.offsetY), null);
  shares.onpointermove = (event) => hover(null, layerAt(event.offsetY));
  kernels.onclick = (event) => select(drawn.outputAt(event.offsetX, event.offsetY));
  shares.onclick = (event) => openLayer(layerAt(event.offsetY));
  for (const canvas of [kernels, shares]) canvas.onpointerleave = canvas.onblur = () => hover(null, null);
  // Arrow keys move from the row where they are, or else from the selected one, or onto the first.
  const onKeys = (canvas, moves, move, take) => {
    canvas.onkeydown = (event) => {
      const by = moves()[event.key];
      if (!by && event.key !== "Enter") return;
      event.preventDefault();
      if (by) move(by);
      else take();
    };
  };
  onKeys(
    kernels,
    () => ({ ArrowDown: 1, ArrowUp: -1, ArrowRight: drawn.stride, ArrowLeft: -drawn.stride }),
    (by) => hover(data.order[clamp((data.placeOf[hovered ?? selected] ?? -1) + by, 0, data.outputs - 1)], null),
    () => select(hovered),
  );
  onKeys(
    shares,
    () => ({ ArrowDown: 1, ArrowUp: -1 }),
    (by) => {
      const { names, selected: opened } = data.layers;
      hover(null, clamp((pointed ?? names.indexOf(opened)) + by, 0, names.length - 1));
    },
    () => openLayer(pointed),
  );

  function draw() {
    if (!data || find("section").clientWidth < 100) return;
    const theme = themeOf(root);
    theme.accent = getComputedStyle(find("section")).getPropertyValue("--st-primary-color");
    const { layers, numTaps } = data;
    const taps = at(data.taps, position, numTaps * data.outputs);
    // A kind is that of a snapshot: between two there is none to blend.
    const kinds = data.kinds.subarray(Math.round(position) * data.outputs, (Math.round(position) + 1) * data.outputs);
    drawn = (form === "rows" ? drawRows : drawTriangle)(kernels, data, taps, kinds, hovered, selected, theme);
    const now = layers && {
      shares: at(layers.shares, position, 4 * layers.names.length),
      drift: layers.drift && at(layers.drift, position, layers.names.length),
    };
    if (now) layerAt = drawLayers(shares, data, now, pointed, theme);
    slideTo(slider, position);
    step.textContent = data.moments[Math.round(position)];
    slider.setAttribute("aria-valuetext", step.textContent);
    play.textContent = playing ? "Pause" : "Play";
    for (const button of forms) button.setAttribute("aria-pressed", button.value === form);
    const named = hovered ?? selected;
    if (pointed !== null) readout.textContent = layerInWords(layers, pointed, now);
    else if (named !== null) {
      const others = drawn.sharing?.(named);
      const more = others ? `; ${others} more at the same place` : "";
      const does = data.kindWords[kinds[named]] ?? "no kind";
      readout.textContent = `Output channel ${named}: ${does}; ${inWords(taps.subarray(numTaps * named, numTaps * (named + 1)))}${more}`;
    } else readout.textContent = legend();
  }
  function legend() {
    const [all, start] = LEGENDS[form];
    const marks = form === "triangle" ? [3, 4, 5].map((k) => `${data.kindGlyphs[k]} ${data.kindWords[k]}`).join(", ") + "." : "";
    const silent = drawn.silent ? ` Not drawn: ${drawn.silent} with only zeros.` : "";
    return all + marks + (data.startsKnown ? start : "") + silent;
  }

  return {
    draw,
    stop: () => ticker.stop(),
    update(next) {
      component = next;
      const before = data;
      data = prepared(next.data, kernels.getContext("2d"));
      const last = data.moments.length - 1;
      if (before?.snapshot !== data.snapshot) {
        position = data.snapshot;
        // The page has moved the scrubber: what it reads back is the new snapshot.
        if (before) component.setStateValue("snapshot", position);
      }
      if (before?.form !== data.form) form = data.form;
      if (before?.title !== data.title || before?.output !== data.output) selected = data.output;
      position = clamp(position, 0, last);
      if (hovered >= data.outputs) hovered = null;
      if (pointed >= (data.layers?.names.length ?? 0)) pointed = null;
      slider.max = last;
      find(".bar").hidden = last === 0;
      find(".body").classList.toggle("both", Boolean(data.layers));
      find(".title").textContent = data.title;
      const keys = "Arrow keys move to an output channel, Enter selects it.";
      kernels.setAttribute("aria-label", `${data.title}: ${data.numTaps} taps for each output channel. ${keys}`);
      shares.setAttribute(
        "aria-label",
        "Shares of the output channels that look back, now and ahead, and that combine frames, for each layer. Arrow keys move to a layer, Enter opens it.",
      );
      draw();
    },
  };
}

export default mounted(makeBarcode);
