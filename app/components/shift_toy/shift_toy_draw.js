// The drawing half of the shift toy.

const GUTTER = 46;
const GAP = 6;
const HEADER = 22;
const LINKS = 40;
const ROW = 18;

function readClip(data) {
  const pixels = Float32Array.from(decode(data.pixels));
  const [frames, height, width] = data.shape;
  const clip = { ...data, source: data.pixels, pixels, frames, height, width, size: height * width * 3 };
  clip.activity = decodeFloats(data.activity);
  clip.numChannels = clip.activity.length / frames;
  clip.before = film(clip, pixels, surface(width * frames, height));
  clip.after = surface(width * frames, height);
  return clip;
}

// Paints all frames side by side. Below zero the size is shown: what was subtracted is as bright as what was added.
function film(clip, pixels, strip) {
  const context = strip.getContext("2d");
  const image = new ImageData(clip.width, clip.height);
  for (let t = 0; t < clip.frames; t++) {
    for (let i = 0, from = t * clip.size; i < image.data.length; i += 4, from += 3) {
      for (let c = 0; c < 3; c++) image.data[i + c] = Math.abs(pixels[from + c]);
      image.data[i + 3] = 255;
    }
    context.putImageData(image, t * clip.width, 0);
  }
  return strip;
}

// The kind of a kernel, by the rule of analysis/kernels/taps.py for one signal; null for zeros.
function kindOf(taps) {
  const mass = taps.reduce((sum, a) => sum + Math.abs(a), 0);
  const still = Math.abs(taps.reduce((sum, a) => sum + a, 0)) / mass;
  const largest = taps.findIndex((a) => Math.abs(a) > mass * (0.5 + 1e-6));
  if (mass === 0) return null;
  if (still < 1 / 3 - 1e-6) return "subtracts";
  if (largest >= 0) return ["back", "now", "ahead"][largest];
  return still >= 2 / 3 - 1e-6 ? "averages" : "mixed";
}

function drawFilm(canvas, clip, out, matrix, now, theme, hues) {
  film(clip, out, clip.after);
  const width = canvas.parentElement.clientWidth;
  const cell = Math.min(112, Math.floor((width - GUTTER - GAP * clip.frames) / clip.frames));
  const left = (t) => GUTTER + t * (cell + GAP);
  const tops = [HEADER + 2, HEADER + cell + LINKS + 2];
  const context = sized(canvas, width, tops[1] + cell + 4);
  context.imageSmoothingQuality = "high";
  context.fillStyle = theme.text;
  context.textBaseline = "middle";
  const write = (text, x, y, font) => {
    context.font = `${font} ${theme.font}`;
    context.fillText(text, x, y);
  };
  context.textAlign = "left";
  write("in", 0, tops[0] + cell / 2, "600 18px");
  write("out", 0, tops[1] + cell / 2, "600 18px");
  write("frame", 0, HEADER / 2, "14px");
  context.textAlign = "center";
  [clip.before, clip.after].forEach((strip, row) => {
    for (let t = 0; t < clip.frames; t++) {
      context.drawImage(strip, t * clip.width, 0, clip.width, clip.height, left(t), tops[row], cell, cell);
      outline(context, left(t), tops[row], cell, cell, hues.now, 1);
      if (row === 0) write(String(t + 1), left(t) + cell / 2, HEADER / 2, `${t === now ? 700 : 400} 14px`);
      drawLine(context, left(t), tops[row] + (cell * (clip.line + 0.5)) / clip.height, cell);
    }
  });
  matrix.forEach((weights, t) => {
    if (t !== now) drawLinks(context, weights, t, left, cell, tops, hues, false);
  });
  drawLinks(context, matrix[now], now, left, cell, tops, hues, true);
  matrix[now].forEach((weight, s) => {
    if (Math.abs(weight) > LOOKS) outline(context, left(s), tops[0], cell, cell, hues[side(s, now)], 3);
  });
  outline(context, left(now), tops[1], cell, cell, theme.text, 3);
}

// Where the line of pixels of the picture below is taken: dark and light dashes, seen on any ground.
function drawLine(context, x, y, length) {
  context.lineWidth = 1;
  ["rgba(255, 255, 255, 0.7)", "rgba(20, 24, 29, 0.7)"].forEach((colour, dashed) => {
    context.setLineDash(dashed ? [3, 3] : []);
    context.strokeStyle = colour;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + length, y);
    context.stroke();
  });
  context.setLineDash([]);
}

// Two pictures side by side whose rows are the frames; `paint` fills one row of one of them.
function drawRows(canvas, clip, now, sources, theme, aside, paint) {
  const width = canvas.parentElement.clientWidth;
  const panel = Math.floor((width - 24 - 20) / 2);
  const lefts = [24, 24 + panel + 18];
  const context = sized(canvas, width, HEADER + clip.frames * ROW + 4);
  context.textBaseline = "middle";
  context.fillStyle = theme.text;
  context.font = `600 16px ${theme.font}`;
  context.fillText("in", lefts[0], HEADER / 2);
  context.fillText("out", lefts[1], HEADER / 2);
  if (aside) {
    context.textAlign = "right";
    context.font = `14px ${theme.font}`;
    context.fillText(aside, lefts[1] + panel, HEADER / 2);
    context.textAlign = "left";
  }
  for (let t = 0; t < clip.frames; t++) {
    const y = HEADER + t * ROW;
    context.fillStyle = theme.text;
    context.font = `${t === now ? 700 : 400} 14px ${theme.font}`;
    context.fillText(String(t + 1), 4, y + ROW / 2);
    [0, 1].forEach((which) => paint(context, which, t, lefts[which], y + 1, panel, ROW - 2));
  }
  sources.forEach(([s, colour]) => outline(context, lefts[0], HEADER + s * ROW + 1, panel, ROW - 2, colour, 2));
  outline(context, lefts[1], HEADER + now * ROW + 1, panel, ROW - 2, theme.text, 2);
}

const sourcesOf = (weights, now, hues) =>
  [...weights].flatMap((weight, s) => (Math.abs(weight) > LOOKS ? [[s, hues[side(s, now)]]] : []));

function drawSlice(canvas, clip, matrix, now, theme, hues) {
  drawRows(canvas, clip, now, sourcesOf(matrix[now], now, hues), theme, "", (context, which, t, x, y, width, height) => {
    context.imageSmoothingEnabled = false;
    context.drawImage(which ? clip.after : clip.before, t * clip.width, clip.line, clip.width, 1, x, y, width, height);
  });
}

// The second half of the channels uses the kernel's mirror image, whose matrix is the transpose.
function drawChannels(canvas, clip, matrix, state, theme, hues) {
  const half = clip.numChannels / 2;
  const mirror = matrix.map((_, t) => matrix.map((row) => row[t]));
  const tints = [kindOf(state.taps), kindOf(state.taps.toReversed())].map((kind) => hues[kind] ?? theme.text);
  drawRows(canvas, clip, state.now, [], theme, "mirrored", (context, which, t, x, y, width, height) => {
    const cell = (width - 8) / clip.numChannels;
    for (let c = 0; c < clip.numChannels; c++) {
      const second = c >= half;
      const weights = (second ? mirror : matrix)[t];
      const value = which
        ? weights.reduce((sum, weight, s) => sum + weight * clip.activity[s * clip.numChannels + c], 0)
        : clip.activity[t * clip.numChannels + c];
      const left = x + c * cell + (second ? 8 : 0);
      context.fillStyle = hues.now;
      context.globalAlpha = 0.12;
      context.fillRect(left, y, cell - 1, height);
      context.fillStyle = which ? tints[Number(second)] : hues.now;
      context.globalAlpha = Math.min(1, Math.abs(value));
      context.fillRect(left, y, cell - 1, height);
    }
    context.globalAlpha = 1;
  });
}
