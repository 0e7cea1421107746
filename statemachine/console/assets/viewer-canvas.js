// What all drawings share: a canvas at the resolution of the screen, the colours of the page, beat types and warnings in words.

/** A canvas that keeps the size of its box; `draw` is called at most once a frame. */
export class Surface {
  constructor(canvas, draw) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: true });
    this.draw = draw;
    this.due = false;
    this.width = 0;
    this.height = 0;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
    this.redraw();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    if (!box.width || !box.height) return;
    if (box.width === this.width && box.height === this.height && ratio === this.ratio) return;
    this.width = box.width;
    this.height = box.height;
    this.ratio = ratio;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    // A canvas that was resized is empty: it is drawn within the same frame.
    if (this.ready) this.paint();
    this.ready = true;
  }

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.paint();
    });
  }

  paint() {
    if (!this.width || !this.canvas.isConnected) return;
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.draw(this.context, this.width, this.height);
  }

  /** A device pixel's edge nearest to a place, so that thin lines are sharp. */
  crisp(place) {
    return (Math.round(place * this.ratio) + 0.5) / this.ratio;
  }
}

const COLOURS = [
  "paper", "minor", "major", "trace", "text", "faint", "line", "accent", "panel",
  "good", "warn", "flat", "saturated", "missing", "noisy", "beat-n", "beat-s", "beat-v", "beat-q",
  "wave-p", "wave-qrs", "wave-t", "caliper", "note",
];

let colours = null;

/** The colours of the page as it is shown now. */
export function theme() {
  if (!colours) {
    const style = getComputedStyle(document.getElementById("viewer"));
    colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--v-${name}`).trim()]));
    colours.font = style.fontFamily;
  }
  return colours;
}

/** Calls back when light becomes dark, or the other way. */
export function onTheme(changed) {
  const forget = () => {
    colours = null;
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
  new MutationObserver(forget).observe(document.documentElement, { attributes: true, attributeFilter: ["data-scheme"] });
}

/** The types of beats. */
export const BEATS = {
  N: { name: "normal", colour: "beat-n" },
  S: { name: "supraventricular", colour: "beat-s" },
  V: { name: "ventricular", colour: "beat-v" },
  P: { name: "paced", colour: "beat-q" },
  Q: { name: "not classified", colour: "beat-q" },
};

export const beatColour = (type) => theme()[BEATS[type]?.colour ?? "beat-n"];

/** Kinds of stretches that are shaded. */
export const STRETCHES = {
  flat: "flat line",
  saturated: "saturated",
  missing: "missing",
  noisy: "noisy",
};

/** Warnings of a segment in words. */
export const WARNINGS = {
  flat_line: "flat line",
  saturated: "saturated",
  missing_samples: "missing samples",
  amplitude: "far from 0 mV",
  low_amplitude: "low amplitude",
  high_amplitude: "high amplitude",
  few_beats: "few beats",
  heart_rate: "heart rate out of limits",
  ksqi: "kurtosis as of noise",
  psqi: "QRS band out of limits",
  bassqi: "baseline wander",
  noisy: "noisy",
};

export const warningWords = (names) => names.map((name) => WARNINGS[name] ?? name).join(", ");

/** A hatched fill, so that a stretch is seen without its colour. */
export function hatch(context, x, y, width, height, colour, kind) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.globalAlpha = 0.14;
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 0.4;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  const gap = 9;
  if (kind === "missing" || kind === "saturated") {
    for (let at = Math.floor((x - height) / gap) * gap; at < x + width; at += gap) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
  }
  if (kind === "saturated") {
    for (let at = Math.floor(x / gap) * gap; at < x + width + height; at += gap) {
      context.moveTo(at, y + height);
      context.lineTo(at - height, y);
    }
  }
  context.stroke();
  context.restore();
}
