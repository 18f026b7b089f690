// The second form of the kernels: a point for each output, between the past, the present and the future.

const CORNERS = ["looks back", "now", "looks ahead"];
const REACH = 12;

// How the sizes of an output's taps divide into past, present and future; null where all taps are zero.
function balance(taps, columns) {
  const sums = [0, 0, 0];
  taps.forEach((value, k) => (sums[columns[k].side] += Math.abs(value)));
  const all = sums[0] + sums[1] + sums[2];
  return all > 0 ? sums.map((sum) => sum / all) : null;
}

// The corners in CSS pixels: past left, present on top, future right; their words are above and below.
function cornersIn(width, height) {
  const side = Math.min(width - 24, ((height - 2 * HEAD - 16) * 2) / Math.sqrt(3));
  const top = (height - (side * Math.sqrt(3)) / 2) / 2;
  const bottom = height - top;
  return [
    [width / 2 - side / 2, bottom],
    [width / 2, top],
    [width / 2 + side / 2, bottom],
  ];
}

const between = (corners, weights) => [0, 1].map((axis) => weights.reduce((sum, w, i) => sum + w * corners[i][axis], 0));

// The frame, and faint lines from the centre that part the regions where one of the three is the largest.
function drawFrame(context, corners, width, colours, theme) {
  const line = (from, to) => {
    context.moveTo(...from);
    context.lineTo(...to);
  };
  const centre = between(corners, [1 / 3, 1 / 3, 1 / 3]);
  context.strokeStyle = theme.text;
  context.lineWidth = 1;
  context.globalAlpha = 0.45;
  context.beginPath();
  corners.forEach((corner, i) => line(corner, corners[(i + 1) % 3]));
  context.stroke();
  context.globalAlpha = 0.2;
  context.beginPath();
  corners.forEach((corner, i) => line(centre, between([corner, corners[(i + 1) % 3]], [0.5, 0.5])));
  context.stroke();
  context.globalAlpha = 1;
  corners.forEach(([x, y], i) =>
    marked(context, GLYPHS[i], CORNERS[i], clamp(x, 50, width - 56), colours[NAMES[i]], theme, i === 1 ? y - 16 : y + 18),
  );
}

// A dot in the hue of its direction; what combines frames has none: a plus averages, a minus subtracts, a diamond is mixed.
function drawMark(context, kind, [x, y], data, theme) {
  if (kind < 3) {
    context.fillStyle = data.colours[NAMES[kind]];
    context.strokeStyle = theme.paper;
    context.lineWidth = 1;
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
    return;
  }
  const lines = { 3: [[-4, 0, 4, 0], [0, -4, 0, 4]], 4: [[-4, 0, 4, 0]], 5: [[-4, 0, 0, -4], [0, -4, 4, 0], [4, 0, 0, 4], [0, 4, -4, 0]] };
  context.strokeStyle = theme.text;
  context.lineWidth = 2;
  context.beginPath();
  for (const [x0, y0, x1, y1] of lines[kind] ?? []) {
    context.moveTo(x + x0, y + y0);
    context.lineTo(x + x1, y + y1);
  }
  context.stroke();
}

function drawTriangle(canvas, data, taps, kinds, hovered, selected, theme) {
  const [width, height] = [canvas.parentElement.clientWidth, data.kernelsHeight];
  const { numTaps, outputs } = data;
  const context = sized(canvas, width, height);
  context.textBaseline = "middle";
  const columns = columnsOf(numTaps);
  const corners = cornersIn(width, height);
  drawFrame(context, corners, width, data.colours, theme);

  const points = (values) =>
    Array.from({ length: outputs }, (_, o) => {
      const parts = balance(values.subarray(numTaps * o, numTaps * (o + 1)), columns);
      return parts && { place: between(corners, parts) };
    });
  const now = points(taps);
  const circle = ([x, y], radius) => {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  };
  if (data.startsKnown) {
    const began = points(data.taps.subarray(0, numTaps * outputs));
    context.strokeStyle = theme.text;
    context.lineWidth = 1;
    context.globalAlpha = outputs > 100 ? 0.1 : 0.2;
    context.beginPath();
    now.forEach((point, o) => {
      if (!point || !began[o]) return;
      context.moveTo(...began[o].place);
      context.lineTo(...point.place);
    });
    context.stroke();
    context.globalAlpha = 0.7;
    context.beginPath();
    const places = new Set(began.filter(Boolean).map(({ place }) => place.join()));
    for (const place of places) circle(place.split(",").map(Number), 5);
    context.stroke();
  }
  context.globalAlpha = 0.85;
  now.forEach((point, o) => point && drawMark(context, kinds[o], point.place, data, theme));
  context.globalAlpha = 1;
  for (const [output, colour, radius] of [[selected, theme.accent, 9], [hovered, theme.text, 7]]) {
    if (!now[output]) continue;
    drawMark(context, kinds[output], now[output].place, data, theme);
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.beginPath();
    circle(now[output].place, radius);
    context.stroke();
  }

  const distance = (point, x, y) => (point ? Math.hypot(point.place[0] - x, point.place[1] - y) : Infinity);
  return {
    silent: now.filter((point) => !point).length,
    stride: 1,
    // How many other outputs are at the same place, as nearly all are before training.
    sharing(output) {
      if (!now[output]) return 0;
      return now.filter((point, o) => o !== output && distance(point, ...now[output].place) < 1).length;
    },
    outputAt(x, y) {
      const nearest = now.reduce((best, point, o) => (distance(point, x, y) < distance(now[best], x, y) ? o : best), 0);
      return distance(now[nearest], x, y) <= REACH ? nearest : null;
    },
  };
}
