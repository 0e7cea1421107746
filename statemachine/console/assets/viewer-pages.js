// The page view: a minute a line, the whole recording below each other. Only what is seen is drawn and fetched.

import { clock, lowerBound } from "./viewer-units.js";
import { Surface, beatColour, theme } from "./viewer-canvas.js";

export const LINE = 54;
const LEFT = 64;

export class Pages {
  /** `box` scrolls, `canvas` stands still in it, `filler` gives it its height. */
  constructor(box, canvas, filler, data, state, hooks) {
    Object.assign(this, { box, canvas, filler, data, state, hooks });
    this.surface = new Surface(canvas, (context, width, height) => this.draw(context, width, height));
    box.addEventListener("scroll", () => {
      this.surface.redraw();
      if (!this.jumping) {
        this.hooks.scrolled(Math.floor(box.scrollTop / LINE) * 60);
      }
      this.jumping = false;
    });
    canvas.addEventListener("click", (event) => {
      const at = canvas.getBoundingClientRect();
      const minute = Math.floor((event.clientY - at.top + box.scrollTop) / LINE);
      const second = ((event.clientX - at.left - LEFT) / (this.surface.width - LEFT)) * 60;
      this.hooks.open(minute * 60 + Math.max(0, second));
    });
  }

  get minutes() {
    return Math.max(1, Math.ceil(this.data.info.recording.duration_s / 60));
  }

  show() {
    this.filler.style.height = `${this.minutes * LINE}px`;
    this.surface.resize();
    const top = Math.floor(this.state.t / 60) * LINE;
    const seen = top >= this.box.scrollTop - 1 && top + LINE <= this.box.scrollTop + this.box.clientHeight;
    if (!seen) {
      this.jumping = true;
      this.box.scrollTop = Math.max(0, top - LINE);
    }
    this.surface.redraw();
  }

  draw(context, width, height) {
    const colour = theme();
    const { sampling_frequency_hz: fs, duration_s: duration } = this.data.info.recording;
    const lead = this.data.lead(this.state.lead);
    const buckets = Math.max(60, Math.round(width - LEFT));
    const pixel = (width - LEFT) / buckets;
    const second = (width - LEFT) / 60;
    const first = Math.floor(this.box.scrollTop / LINE);
    const offset = first * LINE - this.box.scrollTop;
    // The usual range of the lead fills a line at 10 mm/mV.
    const { low, high } = this.hooks.extent(this.state.lead);
    const mv = Math.min(18, (LINE - 16) / Math.max(0.5, high - low)) * (this.state.gain / 10);
    context.textBaseline = "middle";
    for (let row = 0; row * LINE + offset < height; row++) {
      const minute = first + row;
      if (minute >= this.minutes) break;
      const top = row * LINE + offset;
      const zero = top + LINE / 2 + 4 + ((high + low) / 2) * mv;
      const end = LEFT + Math.min(60, duration - minute * 60) * second;
      context.fillStyle = colour.paper;
      context.fillRect(LEFT, top, end - LEFT, LINE);
      context.strokeStyle = colour.minor;
      context.lineWidth = 1;
      context.beginPath();
      for (let mark = 0; mark <= 60; mark += 5) {
        const x = this.surface.crisp(LEFT + mark * second);
        if (x > end + 1) break;
        context.moveTo(x, top);
        context.lineTo(x, top + LINE);
      }
      context.moveTo(LEFT, this.surface.crisp(top + LINE));
      context.lineTo(end, this.surface.crisp(top + LINE));
      context.stroke();
      if (lead) this.quality(context, lead.segments, minute, top, second);
      context.fillStyle = colour.faint;
      context.font = `11px ${colour.font}`;
      context.textAlign = "right";
      context.fillText(clock(minute * 60), LEFT - 8, top + LINE / 2);
      this.annotations(context, minute, top, second, fs);
      const line = this.data.line(this.state.lead, minute, buckets);
      if (line) {
        context.save();
        context.beginPath();
        context.rect(LEFT, top, width - LEFT, LINE);
        context.clip();
        this.trace(context, line, 0, buckets, zero, mv, pixel, colour.trace);
        if (lead) this.ectopic(context, lead.beats, minute, line, zero, mv, pixel, second, top);
        context.restore();
      }
      if (Math.floor(this.state.t / 60) === minute || Math.floor((this.state.t + this.hooks.span()) / 60) === minute) {
        this.window(context, minute, top, second, end);
      }
    }
    // What comes next, in both directions.
    const last = first + Math.ceil(height / LINE);
    for (const minute of [last + 10, first - 10]) {
      if (minute >= 0 && minute < this.minutes) this.data.line(this.state.lead, minute, buckets, true);
    }
  }

  /** A column from the smallest to the largest value of its samples, joined to the one before. */
  trace(context, line, from, to, zero, mv, pixel, colour) {
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    let joined = false;
    for (let place = from; place < to; place++) {
      const low = line[2 * place];
      const high = line[2 * place + 1];
      if (low !== low) {
        joined = false;
        continue;
      }
      const x = LEFT + (place + 0.5) * pixel;
      const [top, bottom] = [zero - high * mv, zero - low * mv];
      if (!joined) context.moveTo(x, bottom);
      else context.lineTo(x, bottom);
      context.lineTo(x, Math.min(top, bottom - 0.5));
      joined = true;
    }
    context.stroke();
  }

  ectopic(context, beats, minute, line, zero, mv, pixel, second, top) {
    const from = lowerBound(beats.time, minute * 60);
    for (let place = from; place < beats.count && beats.time[place] < minute * 60 + 60; place++) {
      const type = String.fromCharCode(beats.type[place]);
      if (type === "N" || type === "\0") continue;
      const at = beats.time[place] - minute * 60;
      const first = Math.max(0, Math.floor(((at - 0.12) * second) / pixel));
      const last = Math.min(line.length / 2, Math.ceil(((at + 0.28) * second) / pixel));
      this.trace(context, line, first, last, zero, mv, pixel, beatColour(type));
      context.fillStyle = beatColour(type);
      context.font = `700 10px ${theme().font}`;
      context.textAlign = "center";
      context.fillText(type, LEFT + at * second, top + 8);
    }
  }

  quality(context, segments, minute, top, second) {
    const colour = theme();
    let place = lowerBound(segments.end_s, minute * 60 + 1e-6);
    for (; place < segments.start_s.length && segments.start_s[place] < minute * 60 + 60; place++) {
      if (segments.quality[place] !== "warn") continue;
      const from = LEFT + Math.max(0, segments.start_s[place] - minute * 60) * second;
      const to = LEFT + Math.min(60, segments.end_s[place] - minute * 60) * second;
      context.fillStyle = colour.warn;
      context.globalAlpha = 0.13;
      context.fillRect(from, top, to - from, LINE);
      context.globalAlpha = 0.9;
      context.fillRect(from, top + LINE - 3, to - from, 3);
      context.globalAlpha = 1;
    }
  }

  annotations(context, minute, top, second, fs) {
    context.fillStyle = theme().note;
    for (const note of this.data.info.annotations ?? []) {
      const from = note.start_sample / fs - minute * 60;
      const to = note.end_sample / fs - minute * 60;
      if (to < 0 || from >= 60 || (note.lead !== null && note.lead !== this.state.lead)) continue;
      const left = LEFT + Math.max(0, from) * second;
      context.globalAlpha = 0.2;
      context.fillRect(left, top, Math.max(3, LEFT + Math.min(60, to) * second - left), LINE);
      context.globalAlpha = 1;
      context.fillRect(left - 1, top, 2, LINE);
    }
  }

  /** Where the strip is. */
  window(context, minute, top, second, end) {
    const from = Math.max(0, this.state.t - minute * 60);
    const to = Math.min(60, this.state.t + this.hooks.span() - minute * 60);
    if (to <= from) return;
    context.strokeStyle = theme().accent;
    context.lineWidth = 1.5;
    const left = LEFT + from * second;
    context.strokeRect(left, top + 1, Math.min(end, LEFT + to * second) - left, LINE - 2);
  }
}
