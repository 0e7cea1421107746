// All beats of a lead at once: the Poincaré plot and the overlay. A click goes to the beat.

import { lowerBound, short } from "./viewer-units.js";
import { BEATS, Surface, beatColour, theme } from "./viewer-canvas.js";

/** Of each beat in the overlay, in seconds from the R peak. */
const BEFORE = 0.3;
const AFTER = 0.5;

/** Columns of the overlay, and rows from its smallest to its largest value. */
const COLUMNS = 320;
const ROWS = 240;

/** Seconds that are fetched at a time, and samples at most. */
const STEP_S = 600;
const STEP_SAMPLES = 1 << 21;

export class Poincare {
  constructor(canvas, data, state, hooks) {
    Object.assign(this, { canvas, data, state, hooks });
    this.surface = new Surface(canvas, (context, width, height) => this.draw(context, width, height));
    canvas.addEventListener("click", (event) => {
      const place = this.find(event);
      if (place !== null) this.hooks.open(this.points.beats.time[place]);
    });
    canvas.addEventListener("pointermove", (event) => {
      const place = this.find(event);
      canvas.style.cursor = place === null ? "" : "pointer";
      const beats = this.points?.beats;
      this.hooks.hover(
        place === null ? "" : `RR ${short(beats.rr[place - 1], 0)} then ${short(beats.rr[place], 0)} ms, beat ${String.fromCharCode(beats.type[place] || 46)}`,
      );
    });
  }

  draw(context, width, height) {
    const colour = theme();
    const lead = this.data.lead(this.state.lead);
    const [left, bottom, top, right] = [48, height - 34, 10, width - 18];
    context.fillStyle = colour.paper;
    context.fillRect(left, top, right - left, bottom - top);
    if (!lead) return;
    const { beats } = lead;
    const known = Array.from(beats.rr.filter((rr) => rr > 0)).sort((a, b) => a - b);
    const low = Math.max(0, Math.floor(((known[Math.floor(known.length * 0.001)] ?? 400) - 60) / 100) * 100);
    const high = Math.max(low + 300, Math.ceil(((known[Math.floor(known.length * 0.999)] ?? 1200) + 60) / 100) * 100);
    const x = (value) => left + ((value - low) / (high - low)) * (right - left);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    this.points = { beats, x, y };
    context.strokeStyle = colour.minor;
    context.fillStyle = colour.faint;
    context.font = `11px ${colour.font}`;
    const step = high - low > 1200 ? 500 : high - low > 600 ? 200 : 100;
    context.beginPath();
    for (let mark = Math.ceil(low / step) * step; mark <= high; mark += step) {
      context.moveTo(x(mark), top);
      context.lineTo(x(mark), bottom);
      context.moveTo(left, y(mark));
      context.lineTo(right, y(mark));
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillText(String(mark), x(mark), bottom + 4);
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(String(mark), left - 5, y(mark));
    }
    context.stroke();
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText("RR before, ms", (left + right) / 2, height - 2);
    context.save();
    context.translate(10, (top + bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    context.fillText("RR, ms", 0, 0);
    context.restore();
    context.strokeStyle = colour.major;
    context.setLineDash([5, 4]);
    context.beginPath();
    context.moveTo(left, bottom);
    context.lineTo(right, top);
    context.stroke();
    context.setLineDash([]);
    const many = beats.count > 5000;
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    for (const types of ["N\0", "PQ", "S", "V"]) {
      for (let place = 1; place < beats.count; place++) {
        const type = String.fromCharCode(beats.type[place]);
        if (!types.includes(type) || !this.shown(type)) continue;
        if (!(beats.rr[place] > 0) || !(beats.rr[place - 1] > 0)) continue;
        context.globalAlpha = many && types === "N\0" ? 0.15 : 0.65;
        context.fillStyle = beatColour(type);
        const size = many ? 2 : 4;
        context.fillRect(x(beats.rr[place - 1]) - size / 2, y(beats.rr[place]) - size / 2, size, size);
      }
    }
    context.restore();
  }

  shown(type) {
    return !this.state.hidden.has(type === "\0" ? "N" : type);
  }

  /** The beat whose point is nearest, within 12 pixels. */
  find(event) {
    if (!this.points) return null;
    const box = this.canvas.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    const { beats, x, y } = this.points;
    let best = null;
    let reach = 144;
    for (let place = 1; place < beats.count; place++) {
      if (!(beats.rr[place] > 0) || !(beats.rr[place - 1] > 0)) continue;
      if (!this.shown(String.fromCharCode(beats.type[place]))) continue;
      const distance = (x(beats.rr[place - 1]) - px) ** 2 + (y(beats.rr[place]) - py) ** 2;
      if (distance < reach) {
        reach = distance;
        best = place;
      }
    }
    return best;
  }
}

/** Counts, per column and row, how many beats pass there; one picture per group of types. */
export class Overlay {
  constructor(canvas, data, state, hooks) {
    Object.assign(this, { canvas, data, state, hooks });
    this.surface = new Surface(canvas, (context, width, height) => this.draw(context, width, height));
    this.picture = document.createElement("canvas");
    this.picture.width = COLUMNS;
    this.picture.height = ROWS;
    canvas.addEventListener("click", (event) => {
      const beat = this.find(event);
      if (beat !== null) this.hooks.open(this.beats.time[beat]);
    });
    canvas.addEventListener("pointermove", (event) => {
      canvas.style.cursor = this.find(event) === null ? "" : "pointer";
    });
  }

  /** Gathers the beats of the lead, some minutes at a time, and draws in between. */
  async show() {
    if (this.lead === this.state.lead && this.counts) return;
    const lead = this.state.lead;
    this.lead = lead;
    this.done = 0;
    const arrived = await this.data.arrived(lead);
    if (!arrived || this.lead !== lead) return;
    const { beats, segments } = arrived;
    this.beats = beats;
    const extent = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0;
    this.low = Math.max(-5, extent(segments.min_mv, 0.01) - 0.1);
    this.high = Math.min(5, extent(segments.max_mv, 0.99) + 0.1);
    this.counts = Object.fromEntries(Object.keys(BEATS).map((type) => [type, new Uint32Array(COLUMNS * ROWS)]));
    this.last = new Int32Array(COLUMNS * ROWS).fill(-1);
    const { sampling_frequency_hz: fs, samples, duration_s } = this.data.info.recording;
    const step = Math.min(STEP_S, STEP_SAMPLES / fs);
    for (let from = 0; from < duration_s; from += step) {
      const first = Math.max(0, Math.floor((from - BEFORE) * fs) - 1);
      const end = Math.min(samples, Math.ceil((from + step + AFTER) * fs) + 1);
      let mv;
      try {
        mv = await this.data.samples(lead, first, end);
      } catch (error) {
        this.lead = null;
        this.hooks.failed(error);
        return;
      }
      if (this.lead !== lead) return;
      for (let beat = lowerBound(beats.time, from); beat < beats.count && beats.time[beat] < from + step; beat++) {
        this.add(beat, mv, beats.sample[beat] - first, fs);
      }
      this.done = Math.min(1, (from + step) / duration_s);
      this.surface.redraw();
      if (!this.canvas.isConnected || this.hooks.hidden()) {
        // Goes on when it is looked at again.
        await this.hooks.visible();
      }
    }
  }

  add(beat, mv, peak, fs) {
    const type = String.fromCharCode(this.beats.type[beat] || 78);
    const counts = this.counts[type] ?? this.counts.Q;
    const row = (value) => Math.round(((this.high - value) / (this.high - this.low)) * (ROWS - 1));
    let before = null;
    for (let column = 0; column < COLUMNS; column++) {
      const place = peak + (column / (COLUMNS - 1)) * (BEFORE + AFTER) * fs - BEFORE * fs;
      const whole = Math.floor(place);
      const [left, right] = [mv[whole], mv[whole + 1]];
      const value = left + (right - left) * (place - whole);
      if (!(value === value)) {
        before = null;
        continue;
      }
      const here = row(value);
      const [from, to] = before === null ? [here, here] : here > before ? [before + 1, here] : here < before ? [here, before - 1] : [here, here];
      for (let line = Math.max(0, from); line <= Math.min(ROWS - 1, to); line++) {
        counts[line * COLUMNS + column] += 1;
        this.last[line * COLUMNS + column] = beat;
      }
      before = here;
    }
  }

  find(event) {
    if (!this.last || !this.frame) return null;
    const box = this.canvas.getBoundingClientRect();
    const { left, top, width, height } = this.frame;
    const column = Math.floor(((event.clientX - box.left - left) / width) * COLUMNS);
    const line = Math.floor(((event.clientY - box.top - top) / height) * ROWS);
    // The nearest trace within some rows.
    for (let reach = 0; reach < 6; reach++) {
      for (const row of [line - reach, line + reach]) {
        if (column < 0 || column >= COLUMNS || row < 0 || row >= ROWS) continue;
        const beat = this.last[row * COLUMNS + column];
        if (beat >= 0) return beat;
      }
    }
    return null;
  }

  draw(context, width, height) {
    const colour = theme();
    const frame = { left: 48, top: 10, width: width - 66, height: height - 44 };
    this.frame = frame;
    context.fillStyle = colour.paper;
    context.fillRect(frame.left, frame.top, frame.width, frame.height);
    if (!this.counts) return;
    const x = (seconds) => frame.left + ((seconds + BEFORE) / (BEFORE + AFTER)) * frame.width;
    const y = (mv) => frame.top + ((this.high - mv) / (this.high - this.low)) * frame.height;
    context.strokeStyle = colour.minor;
    context.fillStyle = colour.faint;
    context.font = `11px ${colour.font}`;
    context.beginPath();
    for (let tenth = -3; tenth <= 5; tenth++) {
      context.moveTo(x(tenth / 10), frame.top);
      context.lineTo(x(tenth / 10), frame.top + frame.height);
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillText(String(tenth * 100), x(tenth / 10), frame.top + frame.height + 4);
    }
    const step = this.high - this.low > 4 ? 1 : 0.5;
    for (let mark = Math.ceil(this.low / step) * step; mark <= this.high; mark += step) {
      context.moveTo(frame.left, y(mark));
      context.lineTo(frame.left + frame.width, y(mark));
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(short(mark), frame.left - 5, y(mark));
    }
    context.stroke();
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText("ms from the R peak", frame.left + frame.width / 2, height - 2);
    context.save();
    context.translate(10, frame.top + frame.height / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    context.fillText("mV", 0, 0);
    context.restore();
    this.paint();
    context.imageSmoothingEnabled = true;
    context.drawImage(this.picture, frame.left, frame.top, frame.width, frame.height);
    if (this.done < 1) {
      context.fillStyle = colour.text;
      context.textAlign = "left";
      context.textBaseline = "top";
      context.fillText(`${Math.round(this.done * 100)} % of the recording`, frame.left + 8, frame.top + 8);
    }
  }

  /** Colour by type, opacity by the logarithm of the count: one odd beat of a day is still seen. */
  paint() {
    const context = this.picture.getContext("2d");
    const image = context.createImageData(COLUMNS, ROWS);
    for (const type of ["N", "P", "Q", "S", "V"]) {
      if (this.state.hidden.has(type)) continue;
      const counts = this.counts[type];
      let most = 0;
      for (const count of counts) most = Math.max(most, count);
      if (!most) continue;
      const [red, green, blue] = rgb(beatColour(type));
      const scale = 1 / Math.log(1 + most);
      for (let place = 0; place < counts.length; place++) {
        if (!counts[place]) continue;
        const alpha = 0.25 + 0.75 * Math.log(1 + counts[place]) * scale;
        const at = place * 4;
        const below = image.data[at + 3] / 255;
        const over = alpha + below * (1 - alpha);
        for (const [channel, value] of [red, green, blue].entries()) {
          image.data[at + channel] = (value * alpha + image.data[at + channel] * below * (1 - alpha)) / over;
        }
        image.data[at + 3] = over * 255;
      }
    }
    context.putImageData(image, 0, 0);
  }
}

/** The channels of a colour of the page, which is written as #rrggbb. */
function rgb(colour) {
  const value = Number.parseInt(colour.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
