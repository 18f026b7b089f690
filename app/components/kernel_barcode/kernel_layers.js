// The left drawing: a row for each layer with the shares of its outputs and its drift.

const VERBS = ["look back", "now", "look ahead", "combine frames"];
const SHORT = ["back", "now", "ahead", "combine"];
const threeDigits = new Intl.NumberFormat("en", { minimumSignificantDigits: 3, maximumSignificantDigits: 3 });

// Left to right: name, percentage, bars of back, now and ahead, percentage, bar of what combines frames, percentage,
// drift. All bars have one scale. Where space is scarce, percentages and some words are left out.
function layersPlan(context, width, layers, theme) {
  context.font = `700 14px ${theme.font}`;
  const label = 12 + Math.max(...layers.names.map((name) => context.measureText(name).width));
  const drift = layers.drift ? clamp(0.2 * width, 90, 158) : 0;
  const side = width - label - drift >= 380 ? 46 : 4;
  const room = width - label - drift - 2 * side - 52;
  const unit = Math.max(1, room / (2 * layers.reach + layers.apart));
  const middle = 2 * (side + unit * layers.reach);
  const directions = middle >= 290 ? VERBS : middle >= 165 ? SHORT : ["", "", ""];
  const words = [...directions.slice(0, 3), SHORT[3]];
  const apart = label + middle + 10;
  return { label, drift, side, unit, centre: label + middle / 2, apart, words };
}

// A row for each layer, its bar centred on the middle of "now": the past on the left, the future on the right.
function drawLayers(canvas, data, now, pointed, theme) {
  const { layers, colours } = data;
  const width = canvas.parentElement.clientWidth;
  // A deep network makes the drawing longer rather than its names too small to read.
  const row = clamp((data.layersHeight - HEAD) / layers.names.length, 17, 42);
  const context = sized(canvas, width, Math.max(data.layersHeight, HEAD + row * layers.names.length));
  context.textBaseline = "middle";
  const { label, drift, side, unit, centre, apart, words } = layersPlan(context, width, layers, theme);
  const write = (text, x, y, align, weight = 400) => {
    context.font = `${weight} 14px ${theme.font}`;
    context.textAlign = align;
    context.fillStyle = theme.text;
    context.fillText(text, x, y);
  };
  context.font = `600 14px ${theme.font}`;
  const [first, , last] = words.map((text) => context.measureText(`▶ ${text}`).width / 2);
  // Between its neighbours, which at 800 pixels leave no room around the centre.
  const places = [label + first, centre + first - last, 2 * centre - label - last];
  GLYPHS.forEach((glyph, k) => marked(context, glyph, words[k], places[k], colours[NAMES[k]], theme));
  write(words[3], apart, HEAD / 2 - 1, "left", 600);
  if (drift) marked(context, "", "drift", width - drift / 2, theme.text, theme);
  const hatch = hatched(context, colours.now);
  layers.names.forEach((name, l) => {
    const y = HEAD + l * row;
    const chosen = name === layers.selected;
    context.fillStyle = colours.now;
    context.globalAlpha = (chosen ? 0.2 : 0) + (l === pointed ? 0.14 : 0);
    context.fillRect(0, y, width, row);
    context.globalAlpha = 1;
    const parts = now.shares.subarray(4 * l, 4 * l + 3);
    const [back, present, ahead] = parts;
    const combined = now.shares[4 * l + 3];
    write(name, 4, y + row / 2, "left", chosen ? 700 : 400);
    if (side > 40) {
      write(`${Math.round(100 * back)} %`, label + side - 6, y + row / 2, "right");
      write(`${Math.round(100 * ahead)} %`, 2 * centre - label - side + 6, y + row / 2, "left");
    }
    let x = centre - unit * (back + present / 2);
    parts.forEach((share, k) => {
      context.fillStyle = colours[NAMES[k]];
      context.fillRect(x, y + row * 0.16, unit * share, row * 0.68);
      x += unit * share;
    });
    context.fillStyle = hatch;
    context.fillRect(apart, y + row * 0.16, unit * combined, row * 0.68);
    context.strokeStyle = colours.now;
    context.lineWidth = 1;
    if (combined) context.strokeRect(apart, y + row * 0.16, unit * combined, row * 0.68);
    const began = layers.startsKnown[l] ? layers.shares.subarray(4 * l, 4 * l + 4) : null;
    write(`${Math.round(100 * combined)} %`, apart + 6 + unit * Math.max(combined, began?.[3] ?? 0), y + row / 2, "left");
    context.strokeStyle = theme.text;
    context.lineWidth = 1.5;
    if (began) {
      context.globalAlpha = 0.6;
      const left = centre - unit * (began[0] + began[1] / 2);
      context.strokeRect(left, y + row * 0.08, unit * (began[0] + began[1] + began[2]), row * 0.84);
      if (began[3]) context.strokeRect(apart, y + row * 0.08, unit * began[3], row * 0.84);
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
  const parts = VERBS.map((verb, k) => `${Math.round(100 * now.shares[4 * l + k])} % ${verb}`);
  if (layers.drift) parts.push(`drift ${driftInWords(now.drift[l]) || "unknown"}`);
  return `Layer ${l + 1} of ${layers.names.length}, ${layers.paths[l]}: ${parts.join(", ")}`;
}
