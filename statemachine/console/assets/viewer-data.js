// What the server tells of a recording, each thing fetched once.

/** Seconds of a chunk of samples. */
const CHUNK_S = 20;

/** Samples of a chunk over all leads at most. */
const MOST_SAMPLES = 1 << 21;

/** Chunks that are kept: at 360 Hz and two leads some 60 KB each. */
const CHUNKS_KEPT = 120;

/** Lines of the page view that are kept. */
const LINES_KEPT = 3000;

/** Lines that are fetched at a time, and how many such fetches run at once. */
const LINES_EACH = 10;
const FETCHES = 2;

/** A line that was not asked for in this time is not in view any more. */
const STALE_MS = 400;

/** A map that forgets what was used least. */
class Recent {
  constructor(most) {
    this.most = most;
    this.map = new Map();
  }
  get(key) {
    const value = this.map.get(key);
    if (value !== undefined) {
      this.map.delete(key);
      this.map.set(key, value);
    }
    return value;
  }
  set(key, value) {
    this.map.set(key, value);
    if (this.map.size > this.most) this.map.delete(this.map.keys().next().value);
  }
  delete(key) {
    this.map.delete(key);
  }
}

export class Data {
  /** `changed` is called when something has arrived; `failed` with the words of an error. */
  constructor(base, changed, failed) {
    this.base = base;
    this.changed = changed;
    this.failed = failed;
    this.chunks = new Recent(CHUNKS_KEPT);
    this.lines = new Recent(LINES_KEPT);
    this.asked = new Map();
    this.fetching = 0;
    this.leads = new Map();
  }

  async get(path) {
    const answer = await fetch(`${this.base}/${path}`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error((await answer.text()).slice(0, 300) || `${answer.status} ${answer.statusText}`);
    return answer;
  }

  async head() {
    this.info = await (await this.get("head")).json();
    return this.info;
  }

  /** Beats and segments of a lead: `undefined` until they are there. */
  lead(lead) {
    const known = this.leads.get(lead);
    if (known) return known.value;
    const entry = {};
    this.leads.set(lead, entry);
    entry.arrived = Promise.all([
      this.get(`beats?lead=${lead}`).then((answer) => answer.arrayBuffer()),
      this.get(`segments?lead=${lead}`).then((answer) => answer.json()),
    ]).then(
      ([beats, segments]) => {
        entry.value = { beats: beatsOf(beats, this.info.recording.sampling_frequency_hz), segments };
        this.changed();
        return entry.value;
      },
      (error) => {
        this.leads.delete(lead);
        this.failed(error);
      },
    );
    return undefined;
  }

  /** The same, once they are there. */
  arrived(lead) {
    this.lead(lead);
    return this.leads.get(lead).arrived;
  }

  /** Chunks of samples and marks that meet `from` to `to` seconds; those that are missing are fetched. */
  strip(from, to) {
    const { samples, sampling_frequency_hz: fs } = this.info.recording;
    // Within what the server gives at a time.
    const size = Math.round(Math.min(CHUNK_S * fs, MOST_SAMPLES / this.info.recording.leads));
    const last = Math.max(0, Math.ceil(samples / size) - 1);
    const first = Math.min(last, Math.max(0, Math.floor((from * fs) / size)));
    const end = Math.min(last, Math.max(0, Math.floor((to * fs) / size)));
    const found = [];
    for (let chunk = first; chunk <= end; chunk++) {
      const there = this.chunk(chunk, size, samples);
      if (there) found.push(there);
    }
    if (found.length === end - first + 1) {
      // What is next to it, for scrolling.
      if (end < last) this.chunk(end + 1, size, samples);
      if (first > 0) this.chunk(first - 1, size, samples);
    }
    return found;
  }

  chunk(number, size, samples) {
    const known = this.chunks.get(number);
    if (known) return known.value;
    const entry = {};
    this.chunks.set(number, entry);
    const from = number * size;
    const range = `from=${from}&to=${Math.min(samples, from + size)}`;
    Promise.all([
      this.get(`samples?${range}`).then((answer) => answer.arrayBuffer()),
      this.get(`marks?${range}`).then((answer) => answer.json()),
    ]).then(
      ([buffer, marks]) => {
        const view = new DataView(buffer);
        const leads = view.getUint32(0, true);
        const count = view.getUint32(4, true);
        const mv = Array.from({ length: leads }, (_, lead) => new Float32Array(buffer, 8 + lead * count * 4, count));
        entry.value = { from, count, mv, marks };
        this.changed();
      },
      (error) => {
        this.chunks.delete(number);
        this.failed(error);
      },
    );
    return undefined;
  }

  /**
   * Minimum and maximum of each of `buckets` of the minute `minute` of a lead; `undefined` until they are there. What was asked for
   * last is fetched first, and what is not asked for any more is not fetched: whoever scrolls through a day waits for one screen.
   */
  line(lead, minute, buckets, ahead = false) {
    const known = this.lines.get(`${lead}/${minute}/${buckets}`);
    if (known) return known;
    const first = Math.floor(minute / LINES_EACH) * LINES_EACH;
    const key = `${lead}/${first}/${buckets}`;
    const group = this.asked.get(key) ?? { lead, first, buckets, at: 0 };
    group.at = Math.max(group.at, performance.now() - (ahead ? STALE_MS / 2 : 0));
    this.asked.set(key, group);
    this.fetchLines();
    return undefined;
  }

  async fetchLines() {
    while (this.fetching < FETCHES) {
      const now = performance.now();
      let next = null;
      for (const [key, group] of this.asked) {
        if (group.running) continue;
        if (group.at < now - STALE_MS) this.asked.delete(key);
        else if (!next || group.at > next[1].at) next = [key, group];
      }
      if (!next) return;
      const [key, group] = next;
      group.running = true;
      this.fetching += 1;
      try {
        await this.fetchGroup(group);
      } catch (error) {
        this.failed(error);
      }
      this.fetching -= 1;
      this.asked.delete(key);
      this.changed();
    }
  }

  async fetchGroup({ lead, first, buckets }) {
    const { samples, sampling_frequency_hz: fs } = this.info.recording;
    const minuteSamples = Math.round(60 * fs);
    const minutes = Math.min(LINES_EACH, Math.ceil(samples / minuteSamples) - first);
    const from = first * minuteSamples;
    const range = `from=${from}&to=${from + minutes * minuteSamples}`;
    const buffer = await (await this.get(`envelope?lead=${lead}&${range}&buckets=${buckets * minutes}`)).arrayBuffer();
    for (let place = 0; place < minutes; place++) {
      this.lines.set(`${lead}/${first + place}/${buckets}`, new Float32Array(buffer, place * buckets * 8, buckets * 2));
    }
  }

  /** The samples of a stretch of one lead. */
  async samples(lead, from, to) {
    const buffer = await (await this.get(`samples?lead=${lead}&from=${from}&to=${to}`)).arrayBuffer();
    return new Float32Array(buffer, 8);
  }

  async annotate(annotation) {
    await this.change("annotations", annotation);
  }

  async removeAnnotation(id) {
    await this.change(`annotations/${id}/remove`, {});
  }

  async restoreAnnotation(id) {
    await this.change(`annotations/${id}/restore`, {});
  }

  async change(path, body) {
    const answer = await fetch(`${this.base}/${path}`, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error((await answer.text()).slice(0, 300) || `${answer.status} ${answer.statusText}`);
    this.info.annotations = await answer.json();
  }
}

/** Beats as columns: a number of them, then each column by itself. */
function beatsOf(buffer, fs) {
  const count = new DataView(buffer).getUint32(0, true);
  const column = (place) => new Float32Array(buffer, 4 + place * count * 4, count);
  const sample = new Uint32Array(buffer, 4, count);
  const time = Float64Array.from(sample, (value) => value / fs);
  return {
    count,
    sample,
    time,
    rr: column(1),
    r: column(2),
    pr: column(3),
    qrs: column(4),
    qt: column(5),
    type: new Uint8Array(buffer, 4 + 6 * count * 4, count),
  };
}
