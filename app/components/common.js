// Put in front of each component's own script, so that the three share it without a build step.

const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const decodeFloats = (text) => new Float32Array(decode(text).buffer);
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

// Gives a canvas `width` x `height` CSS pixels at the screen's own resolution; drawing is in CSS pixels.
function sized(canvas, width, height) {
  // Presenter mode zooms a component.
  const ratio = (window.devicePixelRatio || 1) * (canvas.currentCSSZoom || 1);
  const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== pixels[0] || canvas.height !== pixels[1]) {
    [canvas.width, canvas.height] = pixels;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Moves a slider and fills its track from `zero` to the value.
function slideTo(input, value, zero = Number(input.min)) {
  const percent = (number) => `${(100 * (number - input.min)) / (input.max - input.min || 1)}%`;
  input.value = value;
  input.style.setProperty("--low", percent(Math.min(value, zero)));
  input.style.setProperty("--high", percent(Math.max(value, zero)));
}

function surface(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

// The theme's colours and font, and the colours of direction, as the page has them now.
function themeOf(root) {
  const style = getComputedStyle(root.querySelector("section"));
  return { text: style.color, font: style.fontFamily, paper: style.getPropertyValue("--st-background-color") };
}

// Calls `tick` at every screen refresh while `running`; `tick` gets the milliseconds since the one before.
function clock(tick) {
  let frame = 0;
  let before = 0;
  const step = (now) => {
    const passed = Math.min(100, now - before);
    before = now;
    frame = requestAnimationFrame(step);
    tick(passed);
  };
  return {
    start() {
      if (frame) return;
      before = performance.now();
      frame = requestAnimationFrame(step);
    },
    stop() {
      cancelAnimationFrame(frame);
      frame = 0;
    },
  };
}

// One instance for each place on the page. Streamlit calls a component again whenever its data or the theme changes;
// what the reader has set lives in the instance and outlives that.
function mounted(create) {
  const instances = new WeakMap();
  return (component) => {
    const root = component.parentElement;
    let instance = instances.get(root);
    if (!instance) {
      instance = create(root);
      // Drawing changes the height, which must not cause the next drawing.
      instance.watcher = new ResizeObserver(([{ contentRect }]) => {
        if (contentRect.width === instance.width) return;
        instance.width = contentRect.width;
        requestAnimationFrame(() => instance.draw());
      });
      instance.resized = () => instance.draw();
      instances.set(root, instance);
    }
    const [data] = component.data;
    instance.update({ ...component, data });
    instance.watcher.observe(root.querySelector("section"));
    window.addEventListener("resize", instance.resized);
    return () => {
      window.removeEventListener("resize", instance.resized);
      instance.watcher.disconnect();
      instance.stop();
      instances.delete(root);
    };
  };
}
