// Scales of the paper and searches in sorted times: pure functions, tested by themselves.

/** CSS pixels of a millimetre: an inch is 96 px and 25.4 mm. */
export const MM = 96 / 25.4;

/** Pixels of a second at a paper speed in mm/s. */
export const pxPerSecond = (speed) => speed * MM;

/** Pixels of a millivolt at a gain in mm/mV. */
export const pxPerMv = (gain) => gain * MM;

/** Beats per minute of an interval in seconds; null for none. */
export const bpm = (seconds) => (seconds > 0 ? 60 / seconds : null);

/** What calipers say of a distance in seconds and millivolts. */
export function caliperWords(seconds, mv) {
  const rate = bpm(Math.abs(seconds));
  const parts = [`${Math.round(Math.abs(seconds) * 1000)} ms`];
  if (rate !== null && rate < 1000) parts.push(`${Math.round(rate)} bpm`);
  parts.push(`${mv < 0 ? "−" : ""}${Math.abs(mv).toFixed(2)} mV`);
  return parts.join(" · ");
}

/** Seconds as 1:02:03.4, with as many hours as there are. */
export function clock(seconds, decimals = 0) {
  const scale = 10 ** decimals;
  let rest = Math.round(Math.max(0, seconds) * scale) / scale;
  const hours = Math.floor(rest / 3600);
  rest -= hours * 3600;
  const minutes = Math.floor(rest / 60);
  rest -= minutes * 60;
  const two = (value) => String(value).padStart(2, "0");
  const last = rest.toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  return hours ? `${hours}:${two(minutes)}:${last}` : `${minutes}:${last}`;
}

/** Seconds of 1:02:03.4, 62:03 or 93.5; null where it is none. */
export function seconds(text) {
  const parts = text.trim().split(":");
  if (!parts.length || parts.length > 3 || parts.some((part) => !/^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** The first place of a sorted array whose value is `value` or more. */
export function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A number of the table, short: at most `digits` decimals, "–" for none. */
export function short(value, digits = 1) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return String(Math.round(value * 10 ** digits) / 10 ** digits);
}

/** A number of a column: always `digits` decimals, "–" for none. */
export function fixed(value, digits) {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

/** Seconds between marks of an axis of `span` seconds, so that a mark has at least `least` pixels. */
export function tickStep(span, width, least) {
  const steps = [0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200, 86400];
  return steps.find((step) => (step / span) * width >= least) ?? steps.at(-1);
}

/** Above this an RR interval is a pause, in ms. */
export const PAUSE_MS = 2000;

/** An interval this share away from the median of its neighbours is an outlier. */
export const OUTLIER_SHARE = 0.25;

/** Neighbours, with the interval itself, of an outlier's median. */
const NEIGHBOURS = 11;

/**
 * Where intervals lie more than {@link OUTLIER_SHARE} from the median of the 11 around them.
 * NaN is no interval.
 */
export function outliers(intervals) {
  const found = [];
  const half = NEIGHBOURS >> 1;
  for (let place = 0; place < intervals.length; place++) {
    const value = intervals[place];
    if (!(value > 0)) continue;
    const around = [];
    for (let near = Math.max(0, place - half); near <= Math.min(intervals.length - 1, place + half); near++) {
      if (intervals[near] > 0) around.push(intervals[near]);
    }
    if (around.length < 5) continue;
    around.sort((a, b) => a - b);
    const median = around[around.length >> 1];
    if (Math.abs(value - median) > OUTLIER_SHARE * median) found.push(place);
  }
  return found;
}
