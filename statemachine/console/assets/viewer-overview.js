// The whole recording in one picture: heart rate, RR intervals, quality, annotations. A click opens the strip there.

import { PAUSE_MS, clock, short, tickStep } from "./viewer-units.js";
import { Surface, beatColour, theme, warningWords } from "./viewer-canvas.js";

const LEFT = 56;
const LANES = { rate: [4, 60], rr: [70, 132], quality: [140, 152], notes: [155, 163], axis: [166, 182] };

export const OVERVIEW_HEIGHT = 184;

export class Overview {
  constructor(canvas, data, state, hooks) {
    this.data = data;
    this.state = state;
    this.hooks = hooks;
    this.canvas = canvas;
    this.picture = document.createElement("canvas");
    this.surface = new Surface(canvas, (context, width, height) => this.draw(context, width, height));
    const seek = (event) => {
      const box = canvas.getBoundingClientRect();
      this.hooks.seek(this.time(event.clientX - box.left) - this.hooks.span() / 2);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.hooks.leave();
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) seek(event);
      else this.hover(event);
    });
    canvas.addEventListener("pointerup", () => this.hooks.settled());
    canvas.addEventListener("pointerleave", () => this.hooks.hover(""));
  }

  get duration() {
    return this.data.info.recording.duration_s;
  }

  x(time) {
    return LEFT + (time / this.duration) * (this.surface.width - LEFT);
  }

  time(x) {
    return Math.max(0, Math.min(1, (x - LEFT) / (this.surface.width - LEFT))) * this.duration;
  }

  hover(event) {
    const segments = this.data.lead(this.state.lead)?.segments;
    if (!segments?.start_s.length) return;
    const time = this.time(event.clientX - this.canvas.getBoundingClientRect().left);
    const place = Math.min(segments.start_s.length - 1, Math.max(0, Math.floor(time / (segments.end_s[0] - segments.start_s[0]))));
    const warnings = segments.warnings[place];
    this.hooks.hover(
      `${clock(time)} · ${short(segments.heart_rate_bpm[place], 0)} bpm · ${warnings.length ? warningWords(warnings) : "good"}`,
    );
  }

  /** The picture behind the window is drawn once for a lead and a size. */
  forget() {
    this.drawn = null;
    this.surface.redraw();
  }

  draw(context, width, height) {
    const lead = this.data.lead(this.state.lead);
    const key = `${width}/${height}/${this.state.lead}/${Boolean(lead)}/${theme().paper}/${this.surface.ratio}`;
    if (this.drawn !== key) {
      this.picture.width = this.canvas.width;
      this.picture.height = this.canvas.height;
      const behind = this.picture.getContext("2d");
      behind.setTransform(this.surface.ratio, 0, 0, this.surface.ratio, 0, 0);
      this.background(behind, width, lead);
      this.drawn = key;
    }
    context.drawImage(this.picture, 0, 0, width, height);
    const colour = theme();
    const fs = this.data.info.recording.sampling_frequency_hz;
    context.fillStyle = colour.note;
    for (const note of this.data.info.annotations ?? []) {
      const from = this.x(note.start_sample / fs);
      context.fillRect(from - 1, LANES.notes[0], Math.max(2.5, this.x(note.end_sample / fs) - from), LANES.notes[1] - LANES.notes[0]);
    }
    // The strip, with a least width at which it can be seen.
    const from = this.x(this.state.t);
    const to = Math.max(from + 3, this.x(this.state.t + this.hooks.span()));
    context.fillStyle = colour.accent;
    context.globalAlpha = to - from > 0.9 * (width - LEFT) ? 0.04 : 0.16;
    context.fillRect(from, 0, to - from, LANES.notes[1]);
    context.globalAlpha = 1;
    context.strokeStyle = colour.accent;
    context.lineWidth = 1.5;
    context.strokeRect(from, 0.75, to - from, LANES.notes[1]);
  }

  background(context, width, lead) {
    const colour = theme();
    context.clearRect(0, 0, width, OVERVIEW_HEIGHT);
    context.font = `11px ${colour.font}`;
    context.textBaseline = "middle";
    const step = tickStep(this.duration, width - LEFT, 80);
    context.strokeStyle = colour.line;
    context.fillStyle = colour.faint;
    context.lineWidth = 1;
    context.textAlign = "center";
    for (let tick = 0; tick * step <= this.duration; tick++) {
      const x = this.surface.crisp(this.x(tick * step));
      context.globalAlpha = 0.5;
      context.beginPath();
      context.moveTo(x, 2);
      context.lineTo(x, LANES.axis[0]);
      context.stroke();
      context.globalAlpha = 1;
      context.textAlign = tick === 0 ? "left" : "center";
      if (x < width - 16) context.fillText(clock(tick * step, step < 1 ? 1 : 0), x, (LANES.axis[0] + LANES.axis[1]) / 2 + 1);
    }
    if (!lead) return;
    const { segments, beats } = lead;
    this.rate(context, segments);
    this.tachogram(context, beats);
    this.quality(context, segments);
    this.title(context, "quality", LANES.quality);
  }

  /** Of each pixel the share of segments with a warning; one of many is still seen. */
  quality(context, segments) {
    const colour = theme();
    const [top, bottom] = LANES.quality;
    const end = segments.end_s.at(-1) ?? 0;
    context.fillStyle = colour.good;
    context.globalAlpha = 0.55;
    context.fillRect(LEFT, top, this.x(end) - LEFT, bottom - top);
    context.globalAlpha = 1;
    context.fillStyle = colour.warn;
    const columns = new Map();
    segments.start_s.forEach((start, place) => {
      const warns = segments.quality[place] === "warn" ? 1 : 0;
      const last = Math.max(Math.floor(this.x(start)), Math.ceil(this.x(segments.end_s[place])) - 1);
      for (let x = Math.floor(this.x(start)); x <= last; x++) {
        const column = columns.get(x) ?? { warns: 0, all: 0 };
        column.warns += warns;
        column.all += 1;
        columns.set(x, column);
      }
    });
    for (const [x, { warns, all }] of columns) {
      if (!warns) continue;
      const height = Math.max(2.5, (warns / all) * (bottom - top));
      context.fillRect(x, bottom - height, 1, height);
    }
  }

  title(context, words, [top, bottom]) {
    const colour = theme();
    context.fillStyle = colour.faint;
    context.font = `11px ${colour.font}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText(words, 2, (top + bottom) / 2);
  }

  scale(context, low, high, [top, bottom], unit) {
    const colour = theme();
    context.fillStyle = colour.faint;
    context.font = `10px ${colour.font}`;
    context.textAlign = "right";
    context.fillText(String(high), LEFT - 5, top + 5);
    context.fillText(String(low), LEFT - 5, bottom - 5);
    context.font = `11px ${colour.font}`;
    context.textAlign = "left";
    context.fillText(unit, 2, (top + bottom) / 2);
    return (value) => bottom - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (bottom - top);
  }

  rate(context, segments) {
    const colour = theme();
    const rates = segments.heart_rate_bpm.filter((rate) => rate !== null).sort((a, b) => a - b);
    const low = Math.floor(((rates[Math.floor(rates.length * 0.005)] ?? 50) - 5) / 10) * 10;
    const high = Math.max(low + 30, Math.ceil(((rates[Math.floor(rates.length * 0.995)] ?? 100) + 5) / 10) * 10);
    const y = this.scale(context, low, high, LANES.rate, "bpm");
    // The smallest and the largest of each pixel, and their mean as a line.
    const columns = new Map();
    segments.heart_rate_bpm.forEach((rate, place) => {
      if (rate === null) return;
      const column = Math.floor(this.x((segments.start_s[place] + segments.end_s[place]) / 2));
      const known = columns.get(column);
      if (!known) columns.set(column, { low: rate, high: rate, sum: rate, count: 1 });
      else {
        known.low = Math.min(known.low, rate);
        known.high = Math.max(known.high, rate);
        known.sum += rate;
        known.count += 1;
      }
    });
    const dense = segments.start_s.length > columns.size * 1.5;
    context.fillStyle = colour.accent;
    if (dense) {
      context.globalAlpha = 0.3;
      for (const [x, { low, high }] of columns) context.fillRect(x, y(high), 1, Math.max(1, y(low) - y(high)));
      context.globalAlpha = 1;
    }
    context.strokeStyle = colour.accent;
    context.lineWidth = 1.4;
    context.lineJoin = "round";
    context.beginPath();
    let last = null;
    const widest = Math.max(3, 2.5 * (this.x(segments.end_s[0] ?? 10) - this.x(0)));
    for (const [x, { sum, count }] of [...columns].sort((a, b) => a[0] - b[0])) {
      if (last === null || x - last > widest) context.moveTo(x, y(sum / count));
      else context.lineTo(x, y(sum / count));
      last = x;
    }
    context.stroke();
    if (columns.size === 1) {
      const [[x, { sum, count }]] = columns;
      context.fillRect(x - 2, y(sum / count) - 2, 4, 4);
    }
  }

  tachogram(context, beats) {
    const known = Array.from(beats.rr.filter((rr) => rr > 0)).sort((a, b) => a - b);
    const low = Math.floor(((known[Math.floor(known.length * 0.002)] ?? 400) - 50) / 100) * 100;
    const high = Math.max(low + 400, Math.ceil(((known[Math.floor(known.length * 0.998)] ?? 1200) + 50) / 100) * 100);
    const y = this.scale(context, low, high, LANES.rr, "RR ms");
    const size = beats.count > 20000 ? 1 : beats.count > 2000 ? 1.5 : 2.5;
    // Normal beats first, so that the others lie on them.
    for (const types of ["N\0", "PQ", "S", "V"]) {
      for (let place = 0; place < beats.count; place++) {
        const type = String.fromCharCode(beats.type[place]);
        if (!types.includes(type) || !(beats.rr[place] > 0)) continue;
        const strong = types !== "N\0";
        context.globalAlpha = strong ? 0.9 : beats.count > 20000 ? 0.25 : 0.7;
        context.fillStyle = beatColour(type);
        const dot = strong ? size + 0.6 : size;
        context.fillRect(this.x(beats.time[place]) - dot / 2, y(beats.rr[place]) - dot / 2, dot, dot);
      }
    }
    context.globalAlpha = 1;
    const colour = theme();
    context.fillStyle = colour.caliper;
    for (let place = 0; place < beats.count; place++) {
      if (beats.rr[place] >= PAUSE_MS) context.fillRect(this.x(beats.time[place]) - 1, LANES.rr[0], 2, 6);
    }
  }
}
