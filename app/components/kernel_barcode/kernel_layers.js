// The left drawing: a row for each layer with the shares of its outputs and its drift.

const VERBS = ["look back", "now", "look ahead"];
const SHORT = ["back", "now", "ahead"];
const threeDigits = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

// Left to right: name, percentage, bars, percentage, drift. Where space is scarce, percentages and some words are left out.
function layersPlan(context, width, layers, theme) {
  context.font = `700 14px ${theme.font}`;
  const label = 12 + Math.max(...layers.names.map((name) => context.measureText(name).width));
  const drift = layers.drift ? clamp(0.2 * width, 104, 158) : 0;
  const middle = width - label - drift;
  const side = middle >= 250 ? 50 : 4;
  const words = middle >= 280 ? VERBS : middle >= 190 ? SHORT : ["", "", ""];
  return { label, drift, side, half: middle / 2 - side, centre: label + middle / 2, words };
}

// A row for each layer, its bar centred on the middle of "now": the past on the left, the future on the right.
function drawLayers(canvas, data, now, pointed, theme) {
  const { layers, colours } = data;
  const width = canvas.parentElement.clientWidth;
  // A deep network makes the drawing longer rather than its names too small to read.
  const row = clamp((data.layersHeight - HEAD) / layers.names.length, 17, 42);
  const context = sized(canvas, width, Math.max(data.layersHeight, HEAD + row * layers.names.length));
  context.textBaseline = "middle";
  const { label, drift, side, half, centre, words } = layersPlan(context, width, layers, theme);
  const write = (text, x, y, align, weight = 400) => {
    context.font = `${weight} 14px ${theme.font}`;
    context.textAlign = align;
    context.fillStyle = theme.text;
    context.fillText(text, x, y);
  };
  context.font = `600 14px ${theme.font}`;
  const [first, , last] = words.map((text) => context.measureText(`▶ ${text}`).width / 2);
  const places = [label + first, centre, width - drift - last];
  GLYPHS.forEach((glyph, k) => marked(context, glyph, words[k], places[k], colours[NAMES[k]], theme));
  if (drift) marked(context, "", "drift", width - drift / 2, theme.text, theme);
  const unit = half / layers.reach;
  layers.names.forEach((name, l) => {
    const y = HEAD + l * row;
    const chosen = name === layers.selected;
    context.fillStyle = colours.stay;
    context.globalAlpha = (chosen ? 0.2 : 0) + (l === pointed ? 0.14 : 0);
    context.fillRect(0, y, width, row);
    context.globalAlpha = 1;
    const parts = now.shares.subarray(3 * l, 3 * l + 3);
    const [back, stay, ahead] = parts;
    write(name, 4, y + row / 2, "left", chosen ? 700 : 400);
    if (side > 40) {
      write(`${Math.round(100 * back)} %`, label + side - 8, y + row / 2, "right");
      write(`${Math.round(100 * ahead)} %`, width - drift - 8, y + row / 2, "right");
    }
    let x = centre - unit * (back + stay / 2);
    parts.forEach((share, k) => {
      context.fillStyle = colours[NAMES[k]];
      context.fillRect(x, y + row * 0.16, unit * share, row * 0.68);
      x += unit * share;
    });
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    if (layers.startsKnown[l]) {
      const [back0, stay0, ahead0] = layers.shares.subarray(3 * l, 3 * l + 3);
      const began = centre - unit * (back0 + stay0 / 2);
      context.globalAlpha = 0.6;
      context.strokeRect(began, y + row * 0.08, unit * (back0 + stay0 + ahead0), row * 0.84);
      context.globalAlpha = 1;
    }
    if (l === pointed) context.strokeRect(1, y + 0.5, width - 2, row - 1);
    if (drift) drawDrift(context, now.drift[l] / layers.largestDrift, width - drift + 12, drift - 74, y + row / 2, theme);
    if (drift) write(driftInWords(now.drift[l]), width - 54, y + row / 2, "left");
  });
  return (y) => {
    const l = Math.floor((y - HEAD) / row);
    return l >= 0 && l < layers.names.length ? l : null;
  };
}

// A dot on a line from zero to the largest drift of all layers and snapshots; nothing where it is unknown.
function drawDrift(context, part, x, length, y, theme) {
  if (Number.isNaN(part)) return;
  context.fillStyle = theme.text;
  context.globalAlpha = 0.25;
  context.fillRect(x, y - 0.5, length, 1);
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(x + part * length, y, 4, 0, 2 * Math.PI);
  context.fill();
}

const driftInWords = (drift) => (Number.isNaN(drift) ? "" : drift === 0 ? "0" : threeDigits.format(drift));

function layerInWords(layers, l, now) {
  const parts = VERBS.map((verb, k) => `${Math.round(100 * now.shares[3 * l + k])} % ${verb}`);
  if (layers.drift) parts.push(`drift ${driftInWords(now.drift[l]) || "unknown"}`);
  return `Layer ${l + 1} of ${layers.names.length}, ${layers.paths[l]}: ${parts.join(", ")}`;
}
