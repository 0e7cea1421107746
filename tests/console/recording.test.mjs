// The page of a recording in a real browser: a strip, 24 hours, calipers, events by key, annotations.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { ecg, newLake, open as openConsole, pictures } from "./harness.js";
import { MM } from "../../statemachine/console/assets/viewer-units.js";

const lake = newLake();
const beside = (name) => path.join(path.dirname(lake), name);
const asked = (sql) => ecg(["query", sql, "--lake", lake, "--format", "csv"]).trim().split("\n").slice(1);

let console_;
let day;

before(async () => {
  ecg(["synth", beside("day.mat"), "--duration", "24h", "--leads", "2", "--sampling-frequency", "100", "--rhythm", "ectopic", "--gap", "3600s+4s", "--flat", "7200s+6s"]);
  mkdirSync(beside("old"));
  for (const seed of ["1", "2"]) {
    ecg(["synth", beside(`old/short-${seed}.mat`), "--duration", "20s", "--seed", seed]);
    // The day of an upload is that of the file: a day that is over can be compacted.
    utimesSync(beside(`old/short-${seed}.mat`), 1767600000, 1767600000);
  }
  writeFileSync(beside("broken.mat"), "no MAT file");
  for (const file of ["day.mat", "old"]) ecg(["run", beside(file), "--lake", lake]);
  ecg(["run", beside("broken.mat"), "--lake", lake], [1]);
  [day] = asked("select recording_id from recordings where duration_s > 1000");
  console_ = await openConsole(lake);
});
after(() => console_.close());

/** A page of a recording that is ready for keys. */
async function open(at, options = {}) {
  const page = await console_.page(at, options);
  await ready(page);
  return page;
}

async function ready(page) {
  await page.waitForSelector("#viewer[data-ready]");
  await page.waitForFunction(() => document.getElementById("kind").selectedOptions[0].textContent.includes("("));
}

const measured = async (page) => {
  // What was typed is drawn with the next frame.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  const words = await page.textContent("#measured");
  const [, ms, bpm, mv] = words.match(/^(\d+) ms · (\d+) bpm · (−?[\d.]+) mV$/) ?? assert.fail(words);
  return { ms: Number(ms), bpm: Number(bpm), mv: Number(mv.replace("−", "-")) };
};

const near = (found, expected, share, what) =>
  assert.ok(Math.abs(found - expected) <= Math.abs(expected) * share, `${what}: ${found}, expected ${expected}`);

test("calipers: 1 mV is 10 mm and 1 s is 25 mm, by mouse and by key", async () => {
  const page = await open(`/recordings/${day}?t=60`);
  await page.keyboard.press("s");
  await page.keyboard.press("c");
  const box = await page.locator("#strip").boundingBox();
  const [x, y] = [box.x + 500, box.y + 60];
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 25 * MM, y + 10 * MM, { steps: 4 });
  await page.mouse.up();
  const byMouse = await measured(page);
  near(byMouse.ms, 1000, 0.01, "ms");
  near(byMouse.bpm, 60, 0.02, "bpm");
  near(byMouse.mv, -1, 0.02, "mV");
  for (let millimetre = 0; millimetre < 20; millimetre++) await page.keyboard.press("ArrowUp");
  near((await measured(page)).mv, byMouse.mv + 2, 0.001, "20 mm higher");
  for (let sample = 0; sample < 5; sample++) await page.keyboard.press("Shift+ArrowRight");
  near((await measured(page)).ms, byMouse.ms + 500, 0.01, "50 samples of 10 ms later");
  // The same distances on the screen, at other scales.
  await page.keyboard.press("]");
  await page.keyboard.press("+");
  assert.match(page.url(), /speed=50/);
  await page.mouse.move(x, y);
  await page.mouse.down();
  await page.mouse.move(x + 25 * MM, y + 10 * MM, { steps: 4 });
  await page.mouse.up();
  near((await measured(page)).ms, 500, 0.01, "ms at 50 mm/s");
  near((await measured(page)).mv, -0.5, 0.04, "mV at 20 mm/mV");
  await page.context().close();
});

test("calipers from the keyboard measure the RR interval in the middle", async () => {
  const page = await open(`/recordings/${day}?t=60`);
  await page.waitForLoadState("load");
  await page.waitForTimeout(500);
  await page.keyboard.press("c");
  const { ms } = await measured(page);
  const known = asked(`select rr_ms from beats where recording_id = '${day}' and lead = 0 and time_s between 60 and 76`).map(Number);
  assert.ok(known.some((rr) => Math.abs(rr - ms) < 1.01), `${ms} ms is none of ${known}`);
  await page.context().close();
});

test("24 hours scroll, the position is in the address, and back works", async () => {
  const page = await open(`/recordings/${day}?view=minutes`);
  const frames = await page.evaluate(async () => {
    const box = document.getElementById("pages");
    const gaps = [];
    let last = performance.now();
    while (box.scrollTop + box.clientHeight < box.scrollHeight - 1) {
      box.scrollTop += 400;
      await new Promise((resolve) => requestAnimationFrame(resolve));
      gaps.push(performance.now() - last);
      last = performance.now();
    }
    return gaps.sort((a, b) => a - b);
  });
  assert.ok(frames.length > 100, "the page view has fewer lines than 24 hours");
  console.log(`24 hours in ${frames.length} frames: median ${frames[frames.length >> 1].toFixed(0)} ms, longest ${frames.at(-1).toFixed(0)} ms`);
  assert.ok(frames[frames.length >> 1] < 50, `a frame takes ${frames[frames.length >> 1]} ms`);
  // The last minute is drawn: its line has pixels of the signal.
  await page.waitForFunction(() => {
    const canvas = document.getElementById("page-canvas");
    const pixels = canvas.getContext("2d").getImageData(100, canvas.height - 60, 800, 50).data;
    let dark = 0;
    for (let at = 0; at < pixels.length; at += 4) if (pixels[at] < 90) dark += 1;
    return dark > 200;
  });
  await page.click("#page-canvas", { position: { x: 700, y: 100 } });
  await page.waitForSelector("#view-strip:not([hidden])");
  const strip = page.url();
  assert.ok(Number(new URL(strip).searchParams.get("t")) > 85000, strip);
  await page.reload();
  await page.waitForSelector("#viewer[data-ready]");
  assert.equal(page.url(), strip);
  await page.goBack();
  await page.waitForSelector("#view-minutes:not([hidden])");
  await page.context().close();
});

test("keys go to the next gap and to beats that are not normal", async () => {
  const page = await open(`/recordings/${day}`);
  await page.keyboard.press("m");
  assert.match(await page.textContent("#said"), /^gap 1 of 1, at 1:00:00.0$/);
  const t = Number(new URL(page.url()).searchParams.get("t"));
  assert.ok(t < 3600 && t > 3580, `${t}`);
  await page.keyboard.press("m");
  assert.match(await page.textContent("#said"), /no further gap/);
  await page.keyboard.press("Shift+E");
  assert.match(await page.textContent("#said"), /beat that is not normal \d+ of \d+/);
  // In front of the list of its pages, `g` is no key of this page.
  await page.keyboard.press("4");
  await page.check("#segment-only");
  await page.waitForSelector("#segment-table .v-tag-warn");
  assert.equal(await page.locator("#segment-table tbody .v-tag-good").count(), 0);
  await page.context().close();
});

test("annotations are made, seen by a query, undone; beats stay as they are", async () => {
  const beats = () => asked("select count(*), sum(sample), md5(string_agg(beat_type, '' order by lead, sample)) from beats");
  const known = beats();
  const page = await open(`/recordings/${day}?t=100`);
  await page.keyboard.press("a");
  const box = await page.locator("#strip").boundingBox();
  await page.mouse.move(box.x + 300, box.y + 80);
  await page.mouse.down();
  await page.mouse.move(box.x + 500, box.y + 80, { steps: 3 });
  await page.mouse.up();
  await page.fill("#note-label", "<img src=x onerror=alert(1)> \"artefact\"");
  await page.fill("#note-author", "Dr. O'Neil");
  await page.click("#note .v-primary");
  await page.waitForSelector("#notes li");
  assert.match(await page.textContent("#notes li"), /<img src=x/);
  const found = () => asked("select label, author, lead, start_s < end_s from annotations");
  assert.deepEqual(found(), ["\"<img src=x onerror=alert(1)> \"\"artefact\"\"\",Dr. O'Neil,0,true"]);
  await page.reload();
  await page.waitForSelector("#notes li");
  await page.click("#notes .v-plain");
  await page.waitForSelector("#notes li", { state: "detached" });
  assert.deepEqual(found(), []);
  await page.keyboard.press("z");
  await page.waitForSelector("#notes li");
  assert.equal(found().length, 1);
  // A new one, and undo.
  await page.keyboard.press("c");
  await page.keyboard.press("a");
  await page.fill("#note-label", "second");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#notes li").length === 2);
  await page.keyboard.press("z");
  await page.waitForFunction(() => document.querySelectorAll("#notes li").length === 1);
  assert.deepEqual(beats(), known);
  await page.context().close();
});

test("what does not belong to the recording is refused in words", async () => {
  const page = await open(`/recordings/${day}`, { expected: /status of 40[04]/ });
  const answer = await page.evaluate(async (id) => {
    const post = (path, body) =>
      fetch(`/recordings/${id}/${path}`, { method: "POST", body }).then(async (answer) => `${answer.status} ${await answer.text()}`);
    const note = { lead: 0, start_sample: 0, end_sample: 99999999, label: "x", author: "y" };
    return [
      await post("annotations", JSON.stringify(note)),
      await post("annotations", JSON.stringify({ ...note, end_sample: 1, beat_type: "V" })),
      await post("annotations/999/remove", "{}"),
    ];
  }, day);
  assert.match(answer[0], /^400 expected a stretch within samples 0 to 8639999, found 0 to 99999999/);
  assert.match(answer[1], /^400 annotation: unknown field `beat_type`/);
  assert.match(answer[2], /^404 no such annotation/);
  await page.context().close();
});

test("at 390 pixels, dark, nothing is wider than the page", async () => {
  const page = await open(`/recordings/${day}?t=60`, { width: 390, height: 844, scheme: "dark" });
  for (const view of ["strip", "minutes", "beats", "segments"]) {
    await page.click(`#tab-${view}`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 390, `${view}: ${width} pixels`);
  }
  await page.context().close();
});

test("a compacted day answers as before, and another recording of the day does not get in", async () => {
  const page = await open(`/recordings/${day}`);
  const [old, other] = asked("select recording_id from recordings where dt = '2026-01-05' order by recording_id");
  const answers = (page, id) =>
    page.evaluate(async (id) => {
      const sha = async (path) => {
        const answer = await fetch(`/recordings/${id}/${path}`);
        if (!answer.ok) throw new Error(await answer.text());
        const bytes = await answer.arrayBuffer();
        const hash = await crypto.subtle.digest("SHA-256", bytes);
        return `${path} ${bytes.byteLength} ${new Uint8Array(hash).join(",")}`;
      };
      const paths = ["head", "beats?lead=0", "segments?lead=0", "samples?from=0&to=7200", "envelope?lead=0&from=0&to=7200&buckets=500", "marks?from=0&to=7200"];
      return Promise.all(paths.map(sha));
    }, id);
  const before = [await answers(page, old), await answers(page, other)];
  assert.notDeepEqual(before[0][3], before[1][3], "two recordings have the same samples");
  assert.match(before[0][3], / 28808 /, "8 bytes and 7200 samples");
  ecg(["compact", "--lake", lake]);
  assert.ok(existsSync(path.join(lake, "processed/compact/segments/dt=2026-01-05")), "the day is not compacted");
  assert.equal(asked("select count(*) from recordings where dt = '2026-01-05'")[0], "2");
  // Asked of another console, which has kept nothing.
  const second = await openConsole(lake, { keep: true });
  const fresh = await second.page(`/recordings/${old}`);
  assert.deepEqual([await answers(fresh, old), await answers(fresh, other)], before);
  await second.close();
  await page.context().close();
});

test("a recording that was rejected says why and what to type; an unknown one is not found", async () => {
  const [id] = asked("select recording_id from rejections");
  const page = await console_.page(`/recordings/${id}`, { expected: /status of 404/ });
  assert.match(await page.textContent(".v-banner"), /Validate: Rejected .*expected .*, found .*ecg inspect .*broken\.mat/s);
  assert.match(await page.textContent(".v-verdict summary"), /^Rejected: 1 of \d+ checks failed/);
  for (const unknown of ["none", "x'%20or%201=1"]) {
    assert.equal((await page.goto(`${console_.origin}/recordings/${unknown}`)).status(), 404);
  }
  await page.context().close();
});

test("pictures", { skip: !process.env.SCREENSHOTS }, async () => {
  for (const view of ["strip", "minutes", "beats", "segments"]) await pictures(console_, `/recordings/${day}?t=3590&view=${view}`, `recording-${view}`, ready);
});
