// The strip: ECG paper in true proportions with leads, beats, waves, stretches, annotations and calipers.

import { MM, caliperWords, clock, lowerBound, pxPerMv, pxPerSecond, tickStep } from "./viewer-units.js";
import { STRETCHES, Surface, beatColour, hatch, theme } from "./viewer-canvas.js";

/** Left of the signal: the name of the lead and the pulse of 1 mV. */
export const GUTTER = 56;

const RULER = 24;
const LANES = 50;
const RIBBON = 12;

/** Nearer than this, in pixels, calipers snap to a mark. */
const SNAP = 8;

export class Paper {
  constructor(canvas, data, state, hooks) {
    this.data = data;
    this.state = state;
    this.hooks = hooks;
    this.caliper = null;
    this.selection = null;
    this.surface = new Surface(canvas, (context, width, height) => this.draw(context, width, height));
    this.canvas = canvas;
    this.listen();
  }

  /** Seconds that fit on the paper. */
  span() {
    return Math.max(0.5, (this.surface.width - GUTTER) / pxPerSecond(this.state.speed));
  }

  shown() {
    return this.state.leads.length ? this.state.leads : [0];
  }

  /** Height of each lead: whole 5 mm, from what its segments span, so that it does not jump while scrolling. */
  rows() {
    const rows = [];
    let top = RULER;
    for (const lead of this.shown()) {
      const extent = this.extent(lead);
      const box = 5 * MM;
      const above = Math.ceil((Math.max(0.5, extent.high) * pxPerMv(this.state.gain)) / box + 0.6);
      const below = Math.ceil((Math.max(0.3, -extent.low) * pxPerMv(this.state.gain)) / box + 0.2);
      const lanes = this.state.waves ? LANES : 14;
      rows.push({ lead, top, zero: top + above * box, bottom: top + (above + below) * box + lanes, lanes: top + (above + below) * box });
      top = rows.at(-1).bottom;
    }
    return rows;
  }

  /** Where most of the signal of a lead is, in mV: the 97th of 100 segments decides, not an artefact. */
  extent(lead) {
    const segments = this.data.leads.get(lead)?.value?.segments;
    if (!segments?.max_mv?.length) return { low: -0.8, high: 1.6 };
    if (segments.extent) return segments.extent;
    const at = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];
    const clamp = (value) => Math.max(-4, Math.min(4, value));
    segments.extent = { low: clamp(at(segments.min_mv, 0.03)), high: clamp(at(segments.max_mv, 0.97)) };
    return segments.extent;
  }

  /** The canvas is as high as its leads need. */
  fit() {
    const height = Math.ceil(this.rows().at(-1).bottom + RIBBON + 6);
    if (this.canvas.style.height !== `${height}px`) this.canvas.style.height = `${height}px`;
    this.surface.resize();
    this.surface.redraw();
  }

  x(time) {
    return GUTTER + (time - this.state.t) * pxPerSecond(this.state.speed);
  }

  time(x) {
    return this.state.t + (x - GUTTER) / pxPerSecond(this.state.speed);
  }

  draw(context, width, height) {
    const colour = theme();
    const { t } = this.state;
    const to = t + this.span();
    const chunks = this.data.strip(t, to);
    const rows = this.rows();
    const fs = this.data.info.recording.sampling_frequency_hz;
    const duration = this.data.info.recording.duration_s;
    const end = Math.min(width, this.x(duration));
    const paper = { top: RULER, bottom: rows.at(-1).bottom };

    context.fillStyle = colour.paper;
    context.fillRect(GUTTER, paper.top, Math.max(0, end - GUTTER), paper.bottom - paper.top);
    this.grid(context, rows, end, paper);

    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, Math.max(0, end - GUTTER), height);
    context.clip();
    for (const row of rows) {
      for (const chunk of chunks) this.stretches(context, row, chunk, fs);
    }
    this.annotations(context, rows, paper, fs);
    for (const row of rows) {
      context.save();
      context.beginPath();
      context.rect(GUTTER, row.top, end - GUTTER, row.lanes - row.top + 2);
      context.clip();
      for (const chunk of chunks) this.trace(context, row, chunk, fs, chunks);
      context.restore();
    }
    for (const row of rows) this.marks(context, row, chunks, fs);
    context.restore();

    this.ruler(context, end, to);
    this.ribbon(context, paper.bottom + 3, end);
    for (const row of rows) this.gutter(context, row);
    this.measure(context, rows, paper);
  }

  /** 1 mm and 5 mm: 0.04 s and 0.1 mV, 0.2 s and 0.5 mV at 25 mm/s and 10 mm/mV. The time lines move with the signal. */
  grid(context, rows, end, paper) {
    const colour = theme();
    const crisp = (place) => this.surface.crisp(place);
    const origin = GUTTER - this.state.t * pxPerSecond(this.state.speed);
    const first = Math.ceil((GUTTER - origin) / MM - 1e-6);
    for (const major of [false, true]) {
      context.strokeStyle = major ? colour.major : colour.minor;
      context.lineWidth = major ? 1 : Math.max(0.5, 1 / this.surface.ratio);
      context.beginPath();
      for (let line = first; origin + line * MM <= end; line++) {
        if ((((line % 5) + 5) % 5 === 0) !== major) continue;
        const x = crisp(origin + line * MM);
        context.moveTo(x, paper.top);
        context.lineTo(x, paper.bottom);
      }
      for (const row of rows) {
        for (let line = Math.ceil((row.top - row.zero) / MM - 1e-6); row.zero + line * MM <= row.bottom + 0.01; line++) {
          if ((((line % 5) + 5) % 5 === 0) !== major) continue;
          const y = crisp(row.zero + line * MM);
          context.moveTo(GUTTER, y);
          context.lineTo(end, y);
        }
      }
      context.stroke();
    }
    context.strokeStyle = colour.line;
    context.lineWidth = 1;
    for (const row of rows.slice(1)) {
      context.beginPath();
      context.moveTo(0, crisp(row.top));
      context.lineTo(end, crisp(row.top));
      context.stroke();
    }
  }

  trace(context, row, chunk, fs, chunks) {
    const mv = chunk.mv[row.lead];
    if (!mv) return;
    const colour = theme();
    const scale = pxPerMv(this.state.gain);
    const first = Math.max(0, Math.floor(this.time(GUTTER) * fs) - chunk.from - 1);
    const last = Math.min(mv.length - 1, Math.ceil(this.time(this.surface.width) * fs) - chunk.from + 1);
    if (last < first) return;
    context.strokeStyle = colour.trace;
    context.lineWidth = 1.25;
    context.lineJoin = "round";
    context.beginPath();
    let pen = false;
    const step = pxPerSecond(this.state.speed) / fs;
    const x0 = this.x(chunk.from / fs);
    const point = (x, value) => {
      const y = row.zero - value * scale;
      if (pen) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
    };
    // From the last sample of the chunk before, so that no line is missing between two.
    if (first === 0) {
      const before = chunks.find((other) => other.from + other.count === chunk.from)?.mv[row.lead];
      const value = before?.at(-1);
      if (value === value && value !== undefined) point(x0 - step, value);
    }
    for (let place = first; place <= last; place++) {
      const value = mv[place];
      if (value !== value) pen = false;
      else point(x0 + place * step, value);
    }
    context.stroke();
  }

  stretches(context, row, chunk, fs) {
    const colour = theme();
    for (const stretch of chunk.marks.stretches) {
      if (stretch.lead !== row.lead) continue;
      const from = this.x(stretch.from / fs);
      const to = Math.max(from + 2, this.x(stretch.to / fs));
      if (to < GUTTER || from > this.surface.width) continue;
      // What is noisy is so for the whole segment: a band below the lead, which hides nothing.
      if (stretch.kind === "noisy") {
        context.save();
        context.globalAlpha = 0.1;
        context.fillStyle = colour.noisy;
        context.fillRect(from, row.top, to - from, row.lanes - row.top);
        context.restore();
      } else {
        hatch(context, from, row.top, to - from, row.lanes - row.top, colour[stretch.kind], stretch.kind);
      }
      const words = STRETCHES[stretch.kind];
      context.font = `600 11px ${colour.font}`;
      if (to - from > context.measureText(words).width + 10) {
        context.fillStyle = colour[stretch.kind];
        context.textAlign = "left";
        context.textBaseline = "bottom";
        context.fillText(words, Math.max(from, GUTTER) + 5, row.lanes - 3);
      }
    }
  }

  /** Types above, waves and intervals below the signal. */
  marks(context, row, chunks, fs) {
    const colour = theme();
    const beats = chunks.flatMap((chunk) => chunk.marks.beats).filter((beat) => beat.lead === row.lead);
    context.textBaseline = "alphabetic";
    let before = null;
    this.written = Number.NEGATIVE_INFINITY;
    for (const beat of beats) {
      const x = this.x(beat.sample / fs);
      if (x > GUTTER - 60 && x < this.surface.width + 60) {
        const type = beat.beat_type ?? "·";
        context.fillStyle = beatColour(type);
        context.font = `${type === "N" || type === "·" ? 500 : 700} 11px ${colour.font}`;
        context.textAlign = "center";
        context.fillText(type, x, row.top + 12);
        context.strokeStyle = beatColour(type);
        context.globalAlpha = type === "N" ? 0.35 : 0.8;
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(x, row.top + 16);
        context.lineTo(x, row.top + 22);
        context.stroke();
        context.globalAlpha = 1;
        if (before !== null && beat.rr_ms !== null) {
          const words = `${Math.round(beat.rr_ms)}`;
          context.font = `10px ${colour.font}`;
          if (x - before > context.measureText(words).width + 22) {
            context.fillStyle = colour.faint;
            context.fillText(words, (x + before) / 2, row.top + 12);
          }
        }
        if (this.state.waves) this.waves(context, row, beat, fs);
      }
      before = x;
    }
  }

  waves(context, row, beat, fs) {
    const colour = theme();
    const bar = (from, peak, to, key) => {
      if (from === null || to === null) return;
      const left = this.x(from / fs);
      const right = this.x(to / fs);
      context.fillStyle = colour[key];
      context.globalAlpha = 0.85;
      context.fillRect(left, row.lanes + 5, Math.max(1.5, right - left), 4);
      context.globalAlpha = 1;
      if (peak !== null) context.fillRect(this.x(peak / fs) - 0.75, row.lanes + 2, 1.5, 10);
    };
    bar(beat.p_onset, beat.p_peak, beat.p_end, "wave-p");
    bar(beat.qrs_onset, beat.sample, beat.qrs_end, "wave-qrs");
    bar(beat.t_onset, beat.t_peak, beat.t_end, "wave-t");
    // Intervals where two beats leave room for them.
    const room = beat.rr_ms === null ? 99 : (beat.rr_ms / 1000) * pxPerSecond(this.state.speed);
    const words = [
      beat.pr_ms === null ? null : `PR ${Math.round(beat.pr_ms)}`,
      beat.qrs_ms === null ? null : `QRS ${Math.round(beat.qrs_ms)}`,
      beat.qt_ms === null ? null : `QT ${Math.round(beat.qt_ms)}`,
    ].filter(Boolean);
    if (!words.length) return;
    context.font = `10px ${colour.font}`;
    context.fillStyle = colour.faint;
    context.textAlign = "center";
    const x = this.x((beat.qrs_onset ?? beat.sample) / fs) + 10;
    const text = words.join("  ");
    const line = context.measureText(text).width;
    const inOne = room > line + 12;
    const half = (inOne ? line : 50) / 2;
    // Not onto the words of the beat before.
    if ((!inOne && room <= 58) || x - half < this.written + 4) return;
    if (inOne) context.fillText(text, x, row.lanes + 25);
    else words.forEach((word, place) => context.fillText(word, x, row.lanes + 24 + place * 10));
    this.written = x + half;
  }

  annotations(context, rows, paper, fs) {
    const colour = theme();
    const list = [...(this.data.info.annotations ?? [])];
    if (this.selection) list.push({ ...this.selection, label: "", pending: true });
    context.font = `600 11px ${colour.font}`;
    for (const note of list) {
      const row = note.lead === null ? { top: paper.top, lanes: paper.bottom } : rows.find((row) => row.lead === note.lead);
      if (!row) continue;
      const from = this.x(note.start_sample / fs);
      const to = this.x(note.end_sample / fs);
      if (to < GUTTER || from > this.surface.width) continue;
      context.fillStyle = colour.note;
      context.globalAlpha = note.pending ? 0.22 : 0.13;
      if (to - from > 1.5) context.fillRect(from, row.top, to - from, row.lanes - row.top);
      context.globalAlpha = 1;
      context.fillRect(from - 0.75, row.top, 1.5, row.lanes - row.top);
      if (to - from > 1.5) context.fillRect(to - 0.75, row.top, 1.5, row.lanes - row.top);
      if (!note.label) continue;
      const left = Math.max(from, GUTTER);
      const width = context.measureText(note.label).width + 10;
      context.fillRect(left, row.top + 18, width, 16);
      context.fillStyle = colour.panel;
      context.textAlign = "left";
      context.textBaseline = "middle";
      context.fillText(note.label, left + 5, row.top + 26.5);
    }
  }

  ruler(context, end, to) {
    const colour = theme();
    const span = this.span();
    const step = tickStep(span, this.surface.width - GUTTER, 70);
    context.font = `11px ${colour.font}`;
    context.fillStyle = colour.text;
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.strokeStyle = colour.line;
    context.lineWidth = 1;
    context.beginPath();
    for (let tick = Math.ceil(this.state.t / step - 1e-9); tick * step <= to; tick++) {
      const x = this.x(tick * step);
      if (x > end) break;
      context.moveTo(this.surface.crisp(x), RULER - 8);
      context.lineTo(this.surface.crisp(x), RULER);
      context.fillText(clock(tick * step, step < 1 ? 1 : 0), x + 4, RULER / 2 - 1);
    }
    context.stroke();
  }

  /** The quality index of the first lead, a box a segment. */
  ribbon(context, top, end) {
    const segments = this.data.leads.get(this.shown()[0])?.value?.segments;
    if (!segments) return;
    const colour = theme();
    const first = Math.max(0, lowerBound(segments.start_s, this.state.t) - 1);
    for (let place = first; place < segments.start_s.length; place++) {
      const from = Math.max(GUTTER, this.x(segments.start_s[place]));
      const to = Math.min(end, this.x(segments.end_s[place]));
      if (from >= end) break;
      if (to <= GUTTER) continue;
      const warns = segments.quality[place] === "warn";
      context.fillStyle = warns ? colour.warn : colour.good;
      context.globalAlpha = warns ? 0.85 : 0.55;
      context.fillRect(from + 0.5, top, to - from - 1, RIBBON);
      context.globalAlpha = 1;
    }
    context.fillStyle = colour.faint;
    context.font = `10px ${colour.font}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    const { lead_names: names } = this.data.info.recording;
    const of = names.length > 1 ? ` ${names[this.shown()[0]]}` : "";
    context.fillText(`quality${of}`, 2, top + RIBBON / 2, GUTTER - 4);
  }

  /** The name of the lead, and 1 mV as a pulse of 0.2 s. */
  gutter(context, row) {
    const colour = theme();
    context.clearRect(0, row.top + 1, GUTTER, row.bottom - row.top - 2);
    context.fillStyle = colour.text;
    context.font = `600 13px ${colour.font}`;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    const name = this.data.info.recording.lead_names[row.lead] ?? `lead ${row.lead}`;
    context.fillText(name.length > 7 ? `${name.slice(0, 6)}…` : name, 2, row.top + 14);
    const width = Math.min(34, 0.2 * pxPerSecond(this.state.speed));
    const height = pxPerMv(this.state.gain);
    context.strokeStyle = colour.trace;
    context.lineWidth = 1.25;
    context.beginPath();
    // At the level of 0 mV, or lower where the name is.
    const zero = Math.max(row.zero, row.top + 22 + height);
    context.moveTo(6, zero);
    context.lineTo(12, zero);
    context.lineTo(12, zero - height);
    context.lineTo(12 + width, zero - height);
    context.lineTo(12 + width, zero);
    context.lineTo(18 + width, zero);
    context.stroke();
    context.fillStyle = colour.faint;
    context.font = `10px ${colour.font}`;
    context.fillText("1 mV", 6, Math.min(zero + 13, row.lanes - 2));
    if (this.state.waves) {
      context.fillText("waves", 2, row.lanes + 11);
      context.fillText("ms", 2, row.lanes + 25);
    }
  }

  /** The calipers: two edges and what is between them. */
  measure(context, rows, paper) {
    if (!this.caliper) return;
    const colour = theme();
    const { from, to, fromMv, toMv, lead, edge } = this.caliper;
    const row = rows.find((row) => row.lead === lead) ?? rows[0];
    const scale = pxPerMv(this.state.gain);
    const [x1, x2] = [this.x(from), this.x(to)];
    const [y1, y2] = [row.zero - fromMv * scale, row.zero - toMv * scale];
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, this.surface.width, this.surface.height);
    context.clip();
    context.fillStyle = colour.caliper;
    context.globalAlpha = 0.1;
    context.fillRect(Math.min(x1, x2), paper.top, Math.abs(x2 - x1), paper.bottom - paper.top);
    context.globalAlpha = 1;
    context.strokeStyle = colour.caliper;
    for (const [place, x] of [x1, x2].entries()) {
      context.lineWidth = place === edge ? 2 : 1;
      context.beginPath();
      context.moveTo(x, paper.top);
      context.lineTo(x, paper.bottom);
      context.stroke();
    }
    context.lineWidth = 1;
    context.setLineDash([4, 3]);
    context.beginPath();
    for (const y of [y1, y2]) {
      context.moveTo(Math.min(x1, x2) - 12, y);
      context.lineTo(Math.max(x1, x2) + 12, y);
    }
    context.stroke();
    context.setLineDash([]);
    const words = caliperWords(to - from, toMv - fromMv);
    context.font = `600 13px ${colour.font}`;
    const width = context.measureText(words).width + 16;
    const left = Math.min(Math.max(GUTTER + 2, (x1 + x2) / 2 - width / 2), this.surface.width - width - 2);
    const y = Math.max(row.top + 2, Math.min(y1, y2) - 34);
    context.fillStyle = colour.caliper;
    context.beginPath();
    context.roundRect(left, y, width, 22, 5);
    context.fill();
    context.fillStyle = colour.panel;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(words, left + width / 2, y + 11.5);
    context.restore();
    this.hooks.measured?.(words);
  }

  // ---- what people do

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  row(y) {
    const rows = this.rows();
    return rows.find((row) => y < row.bottom) ?? rows.at(-1);
  }

  value(row, y) {
    return (row.zero - y) / pxPerMv(this.state.gain);
  }

  /** The mark nearest to a time: an R peak, a wave's border. */
  snapped(lead, time) {
    if (!this.state.snap) return time;
    const fs = this.data.info.recording.sampling_frequency_hz;
    const reach = SNAP / pxPerSecond(this.state.speed);
    let best = null;
    for (const chunk of this.data.strip(this.state.t, this.state.t + this.span())) {
      for (const beat of chunk.marks.beats) {
        if (beat.lead !== lead) continue;
        for (const key of ["sample", "p_onset", "p_peak", "p_end", "qrs_onset", "qrs_end", "t_onset", "t_peak", "t_end"]) {
          if (beat[key] === null) continue;
          const distance = Math.abs(beat[key] / fs - time);
          if (distance <= reach && (best === null || distance < best.distance)) best = { distance, time: beat[key] / fs };
        }
      }
    }
    return best ? best.time : time;
  }

  /** The signal of a lead at a time, in mV; null where it is not known. */
  signal(lead, time) {
    const sample = Math.round(time * this.data.info.recording.sampling_frequency_hz);
    for (const chunk of this.data.strip(this.state.t, this.state.t + this.span())) {
      if (sample >= chunk.from && sample < chunk.from + chunk.count) {
        const value = chunk.mv[lead]?.[sample - chunk.from];
        return value === value ? value : null;
      }
    }
    return null;
  }

  /** Calipers from the keyboard: over the beat interval in the middle, their edges on the signal. */
  startCaliper() {
    const lead = this.shown()[0];
    const middle = this.state.t + this.span() / 2;
    const fs = this.data.info.recording.sampling_frequency_hz;
    const beats = this.data
      .strip(this.state.t, this.state.t + this.span())
      .flatMap((chunk) => chunk.marks.beats)
      .filter((beat) => beat.lead === lead)
      .map((beat) => beat.sample / fs);
    const after = beats.findIndex((time) => time > middle);
    const [from, to] = after > 0 ? [beats[after - 1], beats[after]] : [middle - 0.5, middle + 0.5];
    this.caliper = { lead, from, to, fromMv: 0, toMv: 0, edge: 1 };
    this.level(0);
    this.level(1);
    this.surface.redraw();
  }

  /** Puts an edge of the calipers onto the signal. */
  level(edge) {
    const { lead, from, to } = this.caliper;
    const mv = this.signal(lead, edge === 0 ? from : to);
    if (mv !== null) this.caliper[edge === 0 ? "fromMv" : "toMv"] = mv;
  }

  moveEdge(samples) {
    const { edge } = this.caliper;
    const key = edge === 0 ? "from" : "to";
    const { sampling_frequency_hz: fs, duration_s } = this.data.info.recording;
    const moved = (Math.round(this.caliper[key] * fs) + samples) / fs;
    this.caliper[key] = Math.max(0, Math.min(duration_s, moved));
    this.level(edge);
    this.surface.redraw();
  }

  moveLevel(millimetres) {
    const key = this.caliper.edge === 0 ? "fromMv" : "toMv";
    this.caliper[key] += millimetres / this.state.gain;
    this.surface.redraw();
  }

  listen() {
    const canvas = this.canvas;
    let grip = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const at = this.place(event);
      if (at.x < GUTTER) return;
      canvas.setPointerCapture(event.pointerId);
      const row = this.row(at.y);
      const time = this.snapped(row.lead, this.time(at.x));
      grip = { at, t: this.state.t, row, time, mode: event.shiftKey ? "measure" : this.state.tool, moved: false };
      if (grip.mode === "measure") {
        const edges = this.caliper ? [this.x(this.caliper.from), this.x(this.caliper.to)] : [];
        const near = edges.findIndex((x) => Math.abs(x - at.x) < 7);
        if (near >= 0) {
          this.caliper.edge = near;
          grip.edge = near;
        } else {
          const mv = this.value(row, at.y);
          this.caliper = { lead: row.lead, from: time, to: time, fromMv: mv, toMv: mv, edge: 1 };
          grip.edge = 1;
        }
        this.surface.redraw();
      }
      if (grip.mode === "mark") this.select(row, time, time);
    });
    canvas.addEventListener("pointermove", (event) => {
      const at = this.place(event);
      if (!grip) {
        canvas.style.cursor = { pan: "grab", measure: "crosshair", mark: "text" }[event.shiftKey ? "measure" : this.state.tool];
        return;
      }
      if (Math.abs(at.x - grip.at.x) + Math.abs(at.y - grip.at.y) > 3) grip.moved = true;
      if (grip.mode === "pan") {
        canvas.style.cursor = "grabbing";
        this.hooks.seek(grip.t - (at.x - grip.at.x) / pxPerSecond(this.state.speed));
      }
      if (grip.mode === "measure") {
        const time = this.snapped(grip.row.lead, this.time(at.x));
        this.caliper[grip.edge === 0 ? "from" : "to"] = time;
        this.caliper[grip.edge === 0 ? "fromMv" : "toMv"] = this.value(grip.row, at.y);
        this.surface.redraw();
      }
      if (grip.mode === "mark" && grip.moved) this.select(grip.row, grip.time, this.snapped(grip.row.lead, this.time(at.x)));
    });
    const release = () => {
      if (grip?.mode === "mark" && this.selection) {
        if (!grip.moved) this.selectBeat(grip.row, grip.time);
        this.hooks.marked?.(this.selection);
      }
      if (grip?.mode === "pan") this.hooks.settled?.();
      grip = null;
      canvas.style.cursor = "";
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener(
      "wheel",
      (event) => {
        // The wheel scrolls the page; sideways, or with shift, it scrolls the paper.
        const delta = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
        if (!delta) return;
        event.preventDefault();
        this.hooks.seek(this.state.t + delta / pxPerSecond(this.state.speed));
        this.hooks.settled?.();
      },
      { passive: false },
    );
  }

  select(row, from, to) {
    const fs = this.data.info.recording.sampling_frequency_hz;
    const [start, end] = [Math.min(from, to), Math.max(from, to)].map((time) => Math.max(0, Math.round(time * fs)));
    const last = this.data.info.recording.samples - 1;
    this.selection = { lead: row.lead, start_sample: Math.min(start, last), end_sample: Math.min(end, last) };
    this.surface.redraw();
  }

  /** A click marks the beat that is nearest, if one is within 0.3 s. */
  selectBeat(row, time) {
    const fs = this.data.info.recording.sampling_frequency_hz;
    const beats = this.data
      .strip(this.state.t, this.state.t + this.span())
      .flatMap((chunk) => chunk.marks.beats)
      .filter((beat) => beat.lead === row.lead);
    const by = (beat) => Math.abs(beat.sample / fs - time);
    const nearest = beats.sort((a, b) => by(a) - by(b))[0];
    if (nearest && by(nearest) < 0.3) {
      this.selection = { lead: row.lead, start_sample: nearest.sample, end_sample: nearest.sample };
      this.surface.redraw();
    }
  }
}

