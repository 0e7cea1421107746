// A recording's page: puts the drawings together, keeps the position in the address, and listens to keys.

import { PAUSE_MS, clock, lowerBound, outliers, seconds, short } from "./viewer-units.js";
import { BEATS, onTheme, warningWords } from "./viewer-canvas.js";
import { Data } from "./viewer-data.js";
import { Paper } from "./viewer-paper.js";
import { Overview } from "./viewer-overview.js";
import { Pages } from "./viewer-pages.js";
import { Overlay, Poincare } from "./viewer-beats.js";
import { SegmentTable } from "./viewer-segments.js";

const SPEEDS = [12.5, 25, 50];
const GAINS = [5, 10, 20];
const VIEWS = ["strip", "minutes", "beats", "segments"];
const KINDS = {
  warning: "warning",
  gap: "gap",
  pause: `pause of ${PAUSE_MS / 1000} s or more`,
  outlier: "interval outlier",
  ectopic: "beat that is not normal",
  annotation: "annotation",
};

const root = document.getElementById("viewer");
const $ = (name) => document.getElementById(name);

if (root?.dataset.base) start();

async function start() {
  const data = new Data(root.dataset.base, () => redraw(), (error) => say(String(error.message ?? error), true));
  const state = {
    t: 0,
    view: "strip",
    speed: 25,
    gain: 10,
    lead: 0,
    leads: [],
    waves: true,
    snap: true,
    tool: "pan",
    kind: "warning",
    hidden: new Set(),
  };
  let info;
  try {
    info = await data.head();
  } catch (error) {
    say(String(error.message ?? error), true);
    return;
  }
  const { recording } = info;
  const duration = recording.duration_s;

  // ---- the address

  function read() {
    const query = new URLSearchParams(location.search);
    const number = (name, among, otherwise) => {
      const value = Number(query.get(name) ?? Number.NaN);
      return among ? (among.includes(value) ? value : otherwise) : Number.isFinite(value) ? value : otherwise;
    };
    state.speed = number("speed", SPEEDS, 25);
    state.gain = number("gain", GAINS, 10);
    const all = recording.lead_names.map((_, lead) => lead);
    const leads = (query.get("leads") ?? "").split(",").filter(Boolean).map(Number).filter((lead) => all.includes(lead));
    state.leads = leads.length ? leads : all;
    state.lead = number("lead", all, 0);
    state.view = VIEWS.includes(query.get("view")) ? query.get("view") : "strip";
    state.waves = query.has("waves") ? query.get("waves") !== "off" : wavesFirst();
    state.t = Math.max(0, Math.min(duration, number("t", null, 0)));
  }

  /** Of many leads the waves take more room than they are worth. */
  const wavesFirst = () => state.leads.length <= 3;

  function address() {
    const query = new URLSearchParams();
    query.set("t", String(Math.round(state.t * 1000) / 1000));
    if (state.view !== "strip") query.set("view", state.view);
    if (state.speed !== 25) query.set("speed", state.speed);
    if (state.gain !== 10) query.set("gain", state.gain);
    if (state.lead !== 0) query.set("lead", state.lead);
    if (state.leads.length !== recording.lead_names.length) query.set("leads", state.leads.join(","));
    if (state.waves !== wavesFirst()) query.set("waves", state.waves ? "on" : "off");
    return `${location.pathname}?${query}`;
  }

  /** Where scrolling has come to replaces the address; a jump or another view is a step that "back" takes back. */
  let settling = 0;
  const settled = () => {
    clearTimeout(settling);
    settling = setTimeout(() => history.replaceState(null, "", address()), 200);
  };
  const step = (change) => {
    clearTimeout(settling);
    history.replaceState(null, "", address());
    change();
    if (address() !== location.pathname + location.search) history.pushState(null, "", address());
    show();
  };

  // ---- the drawings

  const span = () => paper.span();
  const clamp = (t) => Math.max(0, Math.min(Math.max(0, duration - span()), t));
  const seek = (t) => {
    state.t = clamp(t);
    redraw();
  };
  const jump = (time) =>
    step(() => {
      state.view = "strip";
      state.t = clamp(time - span() / 2);
    });

  const paper = new Paper($("strip"), data, state, {
    seek,
    settled,
    measured: (words) => {
      if ($("measured").textContent !== words) $("measured").textContent = words;
    },
    marked: () => openNote(),
  });
  const overview = new Overview($("overview"), data, state, {
    seek,
    settled,
    span,
    leave: () => {
      if (state.view === "beats" || state.view === "segments") step(() => (state.view = "strip"));
    },
    hover: (words) => ($("hover").textContent = words),
  });
  const pages = new Pages($("pages"), $("page-canvas"), $("page-filler"), data, state, {
    open: jump,
    span,
    extent: (lead) => paper.extent(lead),
    scrolled: (time) => {
      state.t = clamp(time);
      overview.surface.redraw();
      place();
      settled();
    },
  });
  let seen = [];
  const hidden = () => state.view !== "beats";
  const poincare = new Poincare($("poincare"), data, state, { open: jump, hover: (words) => ($("beat-hover").textContent = words) });
  const overlay = new Overlay($("overlay"), data, state, {
    open: jump,
    failed: (error) => say(String(error.message ?? error), true),
    hidden,
    visible: () => new Promise((resolve) => (hidden() ? seen.push(resolve) : resolve())),
  });
  const table = new SegmentTable($("segment-table"), $("segment-count"), data, state, { open: (time) => step(() => { state.view = "strip"; state.t = clamp(time); }) });

  function redraw() {
    overview.surface.redraw();
    if (state.view === "strip") paper.fit();
    if (state.view === "minutes") pages.surface.redraw();
    if (state.view === "beats") {
      poincare.surface.redraw();
      types();
    }
    if (state.view === "segments") table.show();
    place();
    counts();
    here();
  }

  function place() {
    const at = $("position");
    if (document.activeElement !== at) at.value = clock(state.t, 1);
  }

  /** The parts of the page that belong to the view. */
  function show() {
    for (const view of VIEWS) {
      $(`view-${view}`).hidden = view !== state.view;
      const tab = $(`tab-${view}`);
      tab.setAttribute("aria-selected", String(view === state.view));
      tab.tabIndex = view === state.view ? 0 : -1;
    }
    root.dataset.view = state.view;
    for (const [group, value] of [["speed", state.speed], ["gain", state.gain]]) {
      for (const button of root.querySelectorAll(`[data-${group}]`)) {
        button.setAttribute("aria-pressed", String(Number(button.dataset[group]) === value));
      }
    }
    for (const button of root.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === state.tool));
    for (const button of root.querySelectorAll("[data-show]")) button.setAttribute("aria-pressed", String(state.leads.includes(Number(button.dataset.show))));
    $("waves").setAttribute("aria-pressed", String(state.waves));
    $("snap").setAttribute("aria-pressed", String(state.snap));
    $("lead").value = String(state.lead);
    for (const lead of new Set([state.lead, ...state.leads])) data.lead(lead);
    if (state.view === "strip") state.t = clamp(state.t);
    if (state.view === "minutes") pages.show();
    if (state.view === "beats") {
      overlay.show();
      for (const resolve of seen.splice(0)) resolve();
    }
    redraw();
  }

  // ---- what keys go to

  let found = null;

  /** Times of each kind, in order: beats of the chosen lead, warnings and gaps of the leads that are shown. */
  function events() {
    const lead = data.leads.get(state.lead)?.value;
    const shown = state.leads.map((other) => data.leads.get(other)?.value?.segments);
    if (!lead || shown.includes(undefined)) return null;
    const of = `${state.lead}/${state.leads}`;
    if (found?.of !== of) {
      const { segments, beats } = lead;
      const any = (place, is) => shown.some((other) => is(other, place));
      const runs = (is) => segments.start_s.filter((_, place) => any(place, is) && !(place > 0 && any(place - 1, is)));
      const differ = new Set(["rr", "qrs", "qt", "pr"].flatMap((name) => outliers(beats[name])));
      found = {
        of,
        warning: runs((other, place) => other.warnings[place]?.length > 0),
        gap: runs((other, place) => other.missing_samples[place] > 0),
        pause: Array.from(beats.time).filter((_, place) => beats.rr[place] >= PAUSE_MS),
        outlier: [...differ].sort((a, b) => a - b).map((place) => beats.time[place]),
        ectopic: Array.from(beats.time).filter((_, place) => "SVPQ".includes(String.fromCharCode(beats.type[place] || 78))),
      };
    }
    const notes = (info.annotations ?? []).map((note) => note.start_sample / recording.sampling_frequency_hz);
    return { ...found, annotation: notes.sort((a, b) => a - b) };
  }

  function go(direction, kind = state.kind) {
    const list = events()?.[kind];
    if (!list) return;
    state.kind = kind;
    $("kind").value = kind;
    const middle = state.view === "strip" ? state.t + span() / 2 : state.t;
    // What was gone to last is in the middle, but at the ends of the recording.
    const at = state.gone?.t === state.t && state.gone.kind === kind ? state.gone.time : middle;
    const place = direction > 0 ? lowerBound(list, at + 1e-3) : lowerBound(list, at - 1e-3) - 1;
    const time = list[place];
    if (time === undefined) {
      say(list.length ? `no ${direction > 0 ? "further" : "earlier"} ${KINDS[kind]}` : `no ${KINDS[kind]}`);
      return;
    }
    jump(time);
    state.gone = { t: state.t, kind, time };
    say(`${KINDS[kind]} ${place + 1} of ${list.length}, at ${clock(time, 1)}`);
  }

  function counts() {
    const list = events();
    for (const option of $("kind").options) {
      const words = `${KINDS[option.value]}${list ? ` (${list[option.value].length.toLocaleString("en")})` : ""}`;
      if (option.textContent !== words) option.textContent = words;
    }
  }

  function types() {
    const lead = data.leads.get(state.lead)?.value;
    if (!lead || $("types").dataset.lead === String(state.lead)) return;
    $("types").dataset.lead = String(state.lead);
    const numbers = {};
    for (const type of lead.beats.type) {
      const name = String.fromCharCode(type || 78);
      numbers[name] = (numbers[name] ?? 0) + 1;
    }
    $("types").replaceChildren(
      ...Object.entries(BEATS)
        .filter(([type]) => numbers[type])
        .map(([type, { name, colour }]) => {
          const button = element("button", { type: "button", className: "v-chip" });
          button.setAttribute("aria-pressed", String(!state.hidden.has(type)));
          const dot = element("span", { className: `v-dot v-${colour}` });
          button.append(dot, `${type} ${name} · ${numbers[type].toLocaleString("en")}`);
          button.addEventListener("click", () => {
            if (!state.hidden.delete(type)) state.hidden.add(type);
            button.setAttribute("aria-pressed", String(!state.hidden.has(type)));
            poincare.surface.redraw();
            overlay.surface.redraw();
          });
          return button;
        }),
    );
    if (!lead.beats.count) $("types").textContent = "no beats were found in this lead";
  }

  /** The segment in the middle of the strip, in numbers. */
  let described = "";
  function here() {
    const segments = data.leads.get(state.lead)?.value?.segments;
    if (!segments?.start_s.length) return;
    const middle = Math.min(duration, state.t + (state.view === "strip" ? span() / 2 : 0));
    const at = Math.max(0, lowerBound(segments.start_s, middle + 1e-6) - 1);
    const key = `${state.lead}/${at}`;
    if (described === key) return;
    described = key;
    const value = (name, digits, unit) => {
      const words = short(segments[name]?.[at], digits);
      return words === "–" ? words : `${words} ${unit}`.trim();
    };
    const rows = [
      ["heart rate", value("heart_rate_bpm", 0, "bpm")],
      ["beats N / S / V / Q", ["beats_n", "beats_s", "beats_v", "beats_q"].map((name) => value(name, 0, "")).join(" / ")],
      ["RR mean · SDNN · RMSSD", `${value("rr_mean_ms", 0, "")} · ${value("sdnn_ms", 0, "")} · ${value("rmssd_ms", 0, "ms")}`],
      ["PR · QRS · QT", `${value("pr_ms", 0, "")} · ${value("qrs_ms", 0, "")} · ${value("qt_ms", 0, "ms")}`],
      ["QTc Bazett · Fridericia", `${value("qtc_bazett_ms", 0, "")} · ${value("qtc_fridericia_ms", 0, "ms")}`],
      ["ST level", value("st_mv", 3, "mV")],
      ["quality index", value("sqi", 2, "")],
    ];
    $("here-title").textContent = `Segment ${segments.segment[at]} · ${clock(segments.start_s[at])} to ${clock(segments.end_s[at])} · ${recording.lead_names[state.lead]}`;
    const list = [];
    for (const [name, words] of rows) list.push(element("dt", { textContent: name }), element("dd", { textContent: words }));
    $("here").replaceChildren(...list);
    const warnings = segments.warnings[at];
    $("here-quality").textContent = warnings.length ? warningWords(warnings) : "good";
    $("here-quality").className = warnings.length ? "v-tag v-tag-warn" : "v-tag v-tag-good";
    $("here-empty").hidden = !(segments.beats_n?.[at] === null);
  }

  // ---- annotations

  let last = [];

  function openNote() {
    const { selection } = paper;
    const fs = recording.sampling_frequency_hz;
    const from = clock(selection.start_sample / fs, 2);
    $("note-place").textContent =
      selection.start_sample === selection.end_sample
        ? `Beat at ${from} in ${recording.lead_names[selection.lead]}`
        : `${from} to ${clock(selection.end_sample / fs, 2)} in ${recording.lead_names[selection.lead]}`;
    $("note-author").value = localStorage.getItem("ecg-author") ?? "";
    $("note-error").textContent = "";
    $("note").showModal();
    $("note-label").focus();
  }

  async function change(what) {
    try {
      await what();
    } catch (error) {
      say(String(error.message ?? error), true);
      return false;
    }
    info.annotations = data.info.annotations;
    notes();
    redraw();
    return true;
  }

  $("note-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!paper.selection) return;
    const before = new Set((info.annotations ?? []).map((note) => note.id));
    const annotation = { ...paper.selection, label: $("note-label").value.trim(), author: $("note-author").value.trim() };
    try {
      await data.annotate(annotation);
    } catch (error) {
      $("note-error").textContent = String(error.message ?? error);
      return;
    }
    localStorage.setItem("ecg-author", annotation.author);
    info.annotations = data.info.annotations;
    const made = info.annotations.find((note) => !before.has(note.id));
    if (made) last.push({ id: made.id, undo: "remove" });
    $("note-label").value = "";
    $("note").close();
    // At once, and not with the next frame: keys are for the strip again.
    $("strip").focus({ preventScroll: true });
    notes();
    redraw();
    say(`annotated: ${annotation.label}; Z takes it back`);
  });
  $("note").addEventListener("close", () => {
    paper.selection = null;
    redraw();
  });
  $("note-cancel").addEventListener("click", () => $("note").close());

  async function undo() {
    const done = last.pop();
    if (!done) {
      say("nothing to undo");
      return;
    }
    const what = done.undo === "remove" ? () => data.removeAnnotation(done.id) : () => data.restoreAnnotation(done.id);
    if (await change(what)) say("undone");
  }

  function notes() {
    const fs = recording.sampling_frequency_hz;
    const list = info.annotations ?? [];
    $("notes-empty").hidden = list.length > 0;
    $("notes").replaceChildren(
      ...list.map((note) => {
        const item = element("li");
        const open = element("button", { type: "button", className: "v-link", textContent: note.label });
        open.addEventListener("click", () => jump((note.start_sample + note.end_sample) / 2 / fs));
        const length = note.end_sample > note.start_sample ? ` · ${short((note.end_sample - note.start_sample) / fs, 2)} s` : "";
        const where = `${clock(note.start_sample / fs, 1)}${length}${note.lead === null ? "" : ` · ${recording.lead_names[note.lead]}`}`;
        item.append(open, element("span", { className: "v-faint", textContent: `${where} · ${note.author} · ${note.created.slice(0, 16).replace("T", " ")}` }));
        const remove = element("button", { type: "button", className: "v-plain", textContent: "remove" });
        remove.setAttribute("aria-label", `remove annotation ${note.label}`);
        remove.addEventListener("click", async () => {
          if (await change(() => data.removeAnnotation(note.id))) {
            last.push({ id: note.id, undo: "restore" });
            say(`removed: ${note.label}; Z brings it back`);
          }
        });
        item.append(remove);
        return item;
      }),
    );
  }

  // ---- controls

  $("lead").replaceChildren(...recording.lead_names.map((name, lead) => element("option", { value: String(lead), textContent: name })));
  $("lead").addEventListener("change", () => step(() => (state.lead = Number($("lead").value))));
  $("kind").replaceChildren(...Object.keys(KINDS).map((kind) => element("option", { value: kind, textContent: KINDS[kind] })));
  $("kind").addEventListener("change", () => (state.kind = $("kind").value));
  $("shown").replaceChildren(
    ...(recording.lead_names.length > 1
      ? recording.lead_names.map((name, lead) => {
          const button = element("button", { type: "button", textContent: name });
          button.dataset.show = String(lead);
          button.setAttribute("aria-label", `show lead ${name}`);
          return button;
        })
      : []),
  );
  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { speed, gain, tool, show: lead, go: direction } = button.dataset;
    if (speed) scale(() => (state.speed = Number(speed)));
    if (gain) step(() => (state.gain = Number(gain)));
    if (tool) setTool(tool);
    if (direction) go(Number(direction));
    if (lead !== undefined) {
      step(() => {
        const number = Number(lead);
        const rest = state.leads.includes(number) ? state.leads.filter((other) => other !== number) : [...state.leads, number];
        state.leads = rest.length ? rest.sort((a, b) => a - b) : state.leads;
      });
    }
  });
  for (const view of VIEWS) $(`tab-${view}`).addEventListener("click", () => step(() => (state.view = view)));
  $("tabs").addEventListener("keydown", (event) => {
    const turn = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!turn) return;
    event.preventDefault();
    event.stopPropagation();
    step(() => (state.view = VIEWS[(VIEWS.indexOf(state.view) + turn + VIEWS.length) % VIEWS.length]));
    $(`tab-${state.view}`).focus();
  });
  $("waves").addEventListener("click", () => step(() => (state.waves = !state.waves)));
  $("snap").addEventListener("click", () => {
    state.snap = !state.snap;
    show();
  });
  $("position").addEventListener("change", () => {
    const time = seconds($("position").value);
    if (time === null || time > duration) {
      say(`expected a time up to ${clock(duration)}, such as 1:02:03 or 93.5, found ${$("position").value}`, true);
      return;
    }
    step(() => {
      state.t = clamp(time);
    });
    $("position").blur();
  });

  /** Another speed keeps what is in the middle there. */
  function scale(change) {
    step(() => {
      const middle = state.t + span() / 2;
      change();
      state.t = clamp(middle - span() / 2);
    });
  }

  function setTool(tool) {
    // What the calipers span can be annotated without a mouse.
    if (tool === "mark" && paper.caliper) {
      const { lead, from, to } = paper.caliper;
      paper.select({ lead }, from, to);
      openNote();
      return;
    }
    state.tool = state.tool === tool ? "pan" : tool;
    if (state.tool !== "measure") {
      paper.caliper = null;
      $("measured").textContent = "";
    }
    show();
    if (state.tool === "measure") {
      if (state.view !== "strip") step(() => (state.view = "strip"));
      paper.startCaliper();
    }
  }

  const keys = {
    c: () => setTool("measure"),
    a: () => setTool("mark"),
    z: () => undo(),
    s: () => $("snap").click(),
    v: () => $("waves").click(),
    n: () => go(1),
    p: () => go(-1),
    w: () => go(1, "warning"),
    W: () => go(-1, "warning"),
    m: () => go(1, "gap"),
    M: () => go(-1, "gap"),
    u: () => go(1, "pause"),
    U: () => go(-1, "pause"),
    o: () => go(1, "outlier"),
    O: () => go(-1, "outlier"),
    e: () => go(1, "ectopic"),
    E: () => go(-1, "ectopic"),
    1: () => step(() => (state.view = "strip")),
    2: () => step(() => (state.view = "minutes")),
    3: () => step(() => (state.view = "beats")),
    4: () => step(() => (state.view = "segments")),
    "+": () => step(() => (state.gain = GAINS[Math.min(2, GAINS.indexOf(state.gain) + 1)])),
    "-": () => step(() => (state.gain = GAINS[Math.max(0, GAINS.indexOf(state.gain) - 1)])),
    "]": () => scale(() => (state.speed = SPEEDS[Math.min(2, SPEEDS.indexOf(state.speed) + 1)])),
    "[": () => scale(() => (state.speed = SPEEDS[Math.max(0, SPEEDS.indexOf(state.speed) - 1)])),
    Escape: () => {
      if (state.tool !== "pan") setTool(state.tool);
    },
    Home: () => step(() => (state.t = 0)),
    End: () => step(() => (state.t = clamp(duration))),
    PageDown: () => move(0.9),
    PageUp: () => move(-0.9),
    ArrowRight: () => move(0.2),
    ArrowLeft: () => move(-0.2),
  };
  const move = (share) => {
    if (state.view === "minutes") {
      $("pages").scrollTop += share * $("pages").clientHeight;
      return;
    }
    seek(state.t + share * span());
    settled();
  };

  let going = false;
  document.addEventListener("keydown", (event) => {
    // `g` and a letter goes to another page.
    const other = going;
    going = event.key === "g";
    if (other) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open], [role=tablist]")) return;
    if (state.tool === "measure" && paper.caliper && caliperKey(event)) {
      event.preventDefault();
      return;
    }
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  /** Calipers: arrows move the edge, Tab takes the other one, M brings it to the next mark. */
  function caliperKey(event) {
    const far = event.shiftKey ? 10 : 1;
    if (event.key === "ArrowRight") paper.moveEdge(far);
    else if (event.key === "ArrowLeft") paper.moveEdge(-far);
    else if (event.key === "ArrowUp") paper.moveLevel(far);
    else if (event.key === "ArrowDown") paper.moveLevel(-far);
    else if (event.key === "Tab") {
      paper.caliper.edge = 1 - paper.caliper.edge;
      paper.surface.redraw();
    } else return false;
    return true;
  }

  window.addEventListener("popstate", () => {
    read();
    show();
  });
  window.addEventListener("resize", () => {
    state.t = clamp(state.t);
    redraw();
  });
  onTheme(() => {
    overview.forget();
    redraw();
    poincare.surface.redraw();
    overlay.surface.redraw();
  });

  if (recording.warnings.length) $("judged").textContent = warningWords(recording.warnings);
  read();
  notes();
  show();
  root.dataset.ready = "true";
}

function element(name, values = {}) {
  return Object.assign(document.createElement(name), values);
}

/** Words at the foot of the page, which screen readers tell. */
let silence = 0;
function say(words, isError = false) {
  const place = $("said");
  place.textContent = words;
  place.className = isError ? "v-said v-error" : "v-said";
  clearTimeout(silence);
  if (!isError) silence = setTimeout(() => (place.textContent = ""), 5000);
}
