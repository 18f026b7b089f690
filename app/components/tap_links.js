// Which frames a kernel over time reads, as arrows between two rows of frames.

// Smaller weights are not drawn.
const LOOKS = 0.02;

const side = (source, out) => (source < out ? "back" : source > out ? "ahead" : "now");

function outline(context, x, y, width, height, colour, thick) {
  context.strokeStyle = colour;
  context.lineWidth = thick;
  context.strokeRect(x - thick / 2, y - thick / 2, width + thick, height + thick);
}

// Arrows from the frames that frame `t` reads, between the rows of frames at `tops`; dashed below zero.
function drawLinks(context, weights, t, left, cell, tops, hues, strong) {
  const [top, bottom] = [tops[0] + cell + 4, tops[1] - 4];
  weights.forEach((weight, s) => {
    const size = Math.min(1, Math.abs(weight));
    if (size <= LOOKS) return;
    const [from, to] = [left(s) + cell / 2, left(t) + cell / 2];
    context.strokeStyle = context.fillStyle = hues[side(s, t)];
    context.globalAlpha = strong ? 0.45 + 0.55 * size : 0.3 * size;
    context.lineWidth = strong ? 2 + 3 * size : 2;
    context.setLineDash(weight < 0 ? [5, 4] : []);
    context.beginPath();
    context.moveTo(from, top);
    context.bezierCurveTo(from, bottom - 8, to, top + 8, to, bottom - (strong ? 6 : 0));
    context.stroke();
    context.setLineDash([]);
    if (strong) {
      context.beginPath();
      context.moveTo(to - 7, bottom - 8);
      context.lineTo(to + 7, bottom - 8);
      context.lineTo(to, bottom + 1);
      context.fill();
    }
    context.globalAlpha = 1;
  });
}
