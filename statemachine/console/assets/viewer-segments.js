// The table of a lead's segments, some at a time.

import { clock, fixed } from "./viewer-units.js";
import { warningWords } from "./viewer-canvas.js";

const PAGE = 100;

const COLUMNS = [
  ["segment", "segment", 0],
  ["start_s", "start", "clock"],
  ["warnings", "quality", "warnings"],
  ["heart_rate_bpm", "rate bpm", 0],
  ["beats_n", "N", 0],
  ["beats_s", "S", 0],
  ["beats_v", "V", 0],
  ["beats_q", "Q", 0],
  ["rr_mean_ms", "RR ms", 0],
  ["sdnn_ms", "SDNN ms", 1],
  ["rmssd_ms", "RMSSD ms", 1],
  ["pr_ms", "PR ms", 0],
  ["qrs_ms", "QRS ms", 0],
  ["qt_ms", "QT ms", 0],
  ["qtc_fridericia_ms", "QTcF ms", 0],
  ["st_mv", "ST mV", 3],
  ["min_mv", "min mV", 2],
  ["max_mv", "max mV", 2],
  ["sqi", "SQI", 2],
  ["ksqi", "kSQI", 1],
  ["psqi", "pSQI", 2],
  ["bassqi", "basSQI", 2],
  ["flat_ms", "flat ms", 0],
  ["saturated_samples", "saturated", 0],
  ["missing_samples", "missing", 0],
];

export class SegmentTable {
  constructor(table, count, data, state, hooks) {
    Object.assign(this, { table, count, data, state, hooks });
    this.order = { column: "segment", down: false };
    this.only = false;
    this.page = 0;
    const only = document.getElementById("segment-only");
    only.addEventListener("change", () => {
      this.only = only.checked;
      this.page = 0;
      this.key = null;
      this.show();
    });
    for (const [id, turn] of [["segment-before", -1], ["segment-next", 1]]) {
      document.getElementById(id).addEventListener("click", () => {
        this.page += turn;
        this.key = null;
        this.show();
      });
    }
  }

  show() {
    const segments = this.data.lead(this.state.lead)?.segments;
    if (!segments) {
      this.count.textContent = "loading…";
      return;
    }
    const key = `${this.state.lead}/${this.page}/${this.only}/${this.order.column}/${this.order.down}`;
    if (this.key === key) return;
    this.key = key;
    let rows = segments.segment.map((_, place) => place);
    if (this.only) rows = rows.filter((place) => segments.warnings[place].length);
    const values = segments[this.order.column];
    const worth = (place) => (this.order.column === "warnings" ? values[place].length : values[place]);
    // Nulls are last in both orders.
    rows.sort((a, b) => {
      const [left, right] = [worth(a), worth(b)];
      if (left === null || right === null) return (left === null) - (right === null) || a - b;
      return (this.order.down ? right - left : left - right) || a - b;
    });
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    this.page = Math.max(0, Math.min(pages - 1, this.page));
    const shown = rows.slice(this.page * PAGE, (this.page + 1) * PAGE);
    this.count.textContent = rows.length
      ? `${this.page * PAGE + 1} to ${this.page * PAGE + shown.length} of ${rows.length.toLocaleString("en")}`
      : "no segment has a warning";
    document.getElementById("segment-before").disabled = this.page === 0;
    document.getElementById("segment-next").disabled = this.page >= pages - 1;
    const head = this.table.createTHead();
    head.replaceChildren(
      row(
        COLUMNS.map(([column, title]) => {
          const cell = document.createElement("th");
          cell.scope = "col";
          const sorted = this.order.column === column;
          cell.setAttribute("aria-sort", sorted ? (this.order.down ? "descending" : "ascending") : "none");
          const button = document.createElement("button");
          button.type = "button";
          button.textContent = title;
          button.addEventListener("click", () => {
            this.order = { column, down: sorted ? !this.order.down : column !== "segment" && column !== "start_s" };
            this.page = 0;
            this.show();
          });
          cell.append(button);
          return cell;
        }),
      ),
    );
    const body = this.table.tBodies[0];
    body.replaceChildren(
      ...shown.map((place) => {
        const line = row(
          COLUMNS.map(([column, , form]) => {
            const cell = document.createElement("td");
            const value = segments[column]?.[place];
            if (form === "clock") {
              const open = document.createElement("button");
              open.type = "button";
              open.className = "v-link";
              open.textContent = clock(value);
              open.addEventListener("click", () => this.hooks.open(value));
              cell.append(open);
            } else if (form === "warnings") {
              const tag = document.createElement("span");
              tag.className = value.length ? "v-tag v-tag-warn" : "v-tag v-tag-good";
              tag.textContent = value.length ? warningWords(value) : "good";
              cell.append(tag);
            } else cell.textContent = fixed(value, form);
            return cell;
          }),
        );
        return line;
      }),
    );
  }
}

function row(cells) {
  const line = document.createElement("tr");
  line.append(...cells);
  return line;
}
