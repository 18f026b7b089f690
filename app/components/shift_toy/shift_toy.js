const DIRECTIONS = ["back", "now", "ahead"];
const TAPS = [
  ["back", "◀", "previous frame", "a1, the weight of the previous frame"],
  ["now", "●", "same frame", "a2, the weight of the same frame"],
  ["ahead", "▶", "next frame", "a3, the weight of the next frame"],
];
const PRESETS = [
  ["looks back", [1, 0, 0], "◀", "back"],
  ["looks ahead", [0, 0, 1], "▶", "ahead"],
  ["now", [0, 1, 0], "●", "now"],
  ["averages", [0.25, 0.5, 0.25]],
  ["subtracts", [-1, 1, 0]],
];
// What the toy shows by itself until somebody touches it: ahead, now, back, and so on.
const TOUR = [1, 2, 0, 2];
const FRAME_MS = 750;
const EASE_MS = 900;

// The kernel as a matrix over frames, zero outside the clip, to the power of `times`.
function mixing(taps, times, length) {
  const once = (out, source) => taps[source - out + 1] ?? 0;
  let power = Array.from({ length }, (_, out) => Float32Array.from({ length }, (_, source) => once(out, source)));
  const step = power;
  for (let repeat = 1; repeat < times; repeat++) {
    power = step.map((row) => power[0].map((_, column) => row.reduce((sum, w, k) => sum + w * power[k][column], 0)));
  }
  return power;
}

// out[t] = sum over s of matrix[t][s] * frames[s]; every frame holds `size` numbers.
function mix(matrix, frames, size) {
  const out = new Float32Array(frames.length);
  matrix.forEach((row, t) =>
    row.forEach((weight, s) => {
      if (weight === 0) return;
      for (let i = 0; i < size; i++) out[t * size + i] += weight * frames[s * size + i];
    }),
  );
  return out;
}

function sentence([back, now, ahead], times) {
  const near = (value, wanted) => Math.abs(value - wanted) < 0.03;
  const used = [back, now, ahead].filter((value) => !near(value, 0));
  const many = times > 1;
  if (used.length === 0) return "All three weights are zero: nothing passes, the output is black.";
  if (used.length === 1) {
    const dim = near(Math.abs(used[0]), 1) ? "" : ", dimmed";
    const flip = used[0] < 0 ? ", with its sign turned" : "";
    const rest = `${dim}${flip}`;
    if (!near(now, 0)) return `Each output frame shows the same frame${rest}: time is left as it is.`;
    const [word, end] = near(back, 0) ? ["next", "earlier"] : ["previous", "later"];
    const which = many ? `the frame ${times} steps ${near(back, 0) ? "ahead" : "back"}` : `the ${word} frame`;
    return `Each output frame shows ${which}${rest}: everything happens ${times === 1 ? "one frame" : `${times} frames`} ${end}.`;
  }
  const sum = back + now + ahead;
  if (used.some((value) => value < 0) && used.some((value) => value > 0)) {
    const edge = near(back, 0) ? "the last frame has no next frame" : "frame 1 has no previous frame";
    return near(sum, 0)
      ? `Each output frame subtracts one moment from another: only what changes is left (${edge}).`
      : "Each output frame weighs one moment against another: what changes stands out.";
  }
  const names = [[back, "the previous"], [now, "its own"], [ahead, "the next"]];
  const read = names.filter(([value]) => !near(value, 0)).map(([, name]) => name);
  const once = `${read.slice(0, -1).join(", ")} and ${read.at(-1)} frame`;
  const [first, last] = [near(back, 0) ? "its own" : `${times} back`, near(ahead, 0) ? "its own" : `${times} ahead`];
  const trail = Math.abs(sum) ** times > 1.2 ? "together they are brighter than white" : "movement leaves a trail";
  return `Each output frame mixes ${many ? `frames from ${first} to ${last}` : once}: ${trail}.`;
}

function makeToy(root) {
  const find = (selector) => root.querySelector(selector);
  const film = find(".film canvas");
  const slice = find(".slice canvas");
  const channels = find(".channels canvas");
  const state = { taps: [0, 0, 1], times: 1, now: 3, cursor: 0, tour: 0, touring: !calm(), from: null, eased: 0 };
  let clip = null;
  let hues = {};

  const marked = (element, glyph, hue, words) => {
    if (glyph) {
      const mark = document.createElement("b");
      mark.textContent = glyph;
      mark.ariaHidden = "true";
      mark.style.setProperty("--hue", `var(--${hue})`);
      element.append(mark, " ");
    }
    element.append(words);
  };
  const presets = PRESETS.map(([words, taps, glyph, hue]) => {
    const button = document.createElement("button");
    button.type = "button";
    marked(button, glyph, hue, words);
    button.onclick = () => set({ taps: [...taps] });
    find(".presets").append(button);
    return button;
  });
  const slider = (hue, glyph, words, title, min, max, step, onInput) => {
    const label = document.createElement("label");
    const [span, output, input] = ["span", "output", "input"].map((name) => document.createElement(name));
    marked(span, glyph, hue, words);
    Object.assign(input, { type: "range", min, max, step });
    input.setAttribute("aria-label", title);
    if (hue) label.style.setProperty("--hue", `var(--${hue})`);
    input.oninput = () => onInput(Number(input.value));
    label.append(span, output, input);
    find(".sliders").append(label);
    return { input, output };
  };
  const tapSliders = TAPS.map(([hue, glyph, words, title], k) =>
    slider(hue, glyph, words, title, -1, 1, 0.05, (value) => set({ taps: state.taps.with(k, value) })),
  );
  const timesSlider = slider("", "", "Layers in a row", "How many times the kernel is applied", 1, 7, 1, (times) => set({ times }));

  const ticker = clock((passed) => {
    state.cursor += passed;
    const before = state.now;
    if (state.cursor >= FRAME_MS) {
      state.cursor = 0;
      state.now = (state.now + 1) % clip.frames;
      if (state.touring && state.now === 0) {
        state.tour = (state.tour + 1) % TOUR.length;
        Object.assign(state, { from: state.taps, eased: 0 });
      }
    }
    if (state.from) {
      state.eased = Math.min(1, state.eased + passed / EASE_MS);
      const goal = PRESETS[TOUR[state.tour]][1];
      const part = state.eased * state.eased * (3 - 2 * state.eased);
      state.taps = goal.map((value, k) => (1 - part) * state.from[k] + part * value);
      if (state.eased === 1) Object.assign(state, { taps: [...goal], from: null });
      draw();
    } else if (before !== state.now) draw();
  });
  const play = find(".play");
  play.onclick = () => {
    state.playing = !state.playing;
    draw();
  };
  // The first touch ends the tour: from then on the kernel is the reader's.
  const touched = (event) => {
    if (event.type === "keydown" && event.key === "Tab") return;
    Object.assign(state, { touring: false, from: null });
    find(".words").setAttribute("aria-live", "polite");
  };
  find("section").addEventListener("pointerdown", touched);
  find("section").addEventListener("keydown", touched);

  function set(change) {
    Object.assign(state, change, { touring: false, from: null });
    draw();
  }

  function drawControls() {
    const same = (taps) => taps.every((value, k) => Math.abs(value - state.taps[k]) < 1e-6);
    presets.forEach((button, k) => button.setAttribute("aria-pressed", same(PRESETS[k][1])));
    tapSliders.forEach(({ input, output }, k) => {
      slideTo(input, state.taps[k], 0);
      output.textContent = state.taps[k].toFixed(2).replace("-", "−");
    });
    slideTo(timesSlider.input, state.times);
    timesSlider.output.textContent = String(state.times);
    play.textContent = state.playing ? "Pause" : "Play";
    const words = sentence(state.from ? PRESETS[TOUR[state.tour]][1] : state.taps, state.times);
    if (find(".words").textContent !== words) find(".words").textContent = words;
  }

  function draw() {
    if (!clip || film.parentElement.clientWidth < 200) return;
    drawControls();
    if (state.playing) ticker.start();
    else ticker.stop();
    const matrix = mixing(state.taps, state.times, clip.frames);
    const out = mix(matrix, clip.pixels, clip.size);
    const theme = themeOf(root);
    drawFilm(film, clip, out, matrix, state.now, theme, hues);
    drawSlice(slice, clip, matrix, state.now, theme, hues);
    drawChannels(channels, clip, matrix, state, theme, hues);
    film.setAttribute("aria-label", `${clip.frames} frames of the clip, and below them the result. ${find(".words").textContent}`);
  }

  return {
    draw,
    stop: () => ticker.stop(),
    update({ data }) {
      if (state.playing === undefined) state.playing = !calm();
      if (clip?.source !== data.pixels) clip = readClip(data);
      hues = data.colours;
      DIRECTIONS.forEach((name) => find("section").style.setProperty(`--${name}`, hues[name]));
      draw();
    },
  };
}

export default mounted(makeToy);
