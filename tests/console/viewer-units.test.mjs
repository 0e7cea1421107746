// Scales and searches of the recording's page, without a browser.
import assert from "node:assert/strict";
import test from "node:test";
import * as units from "../../statemachine/console/assets/viewer-units.js";

test("paper has true proportions: 25.4 mm are 96 CSS pixels", () => {
  const near = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-9, `${found}, expected ${expected}`);
  near(units.pxPerMv(10) * 2.54, 96);
  near(units.pxPerMv(10), 10 * (96 / 25.4));
  for (const speed of [12.5, 25, 50]) near(units.pxPerSecond(speed) * 2, (2 * speed * 96) / 25.4);
});

test("calipers say ms, beats per minute and mV", () => {
  assert.equal(units.caliperWords(0.8, 1), "800 ms · 75 bpm · 1.00 mV");
  assert.equal(units.caliperWords(-0.8, -0.25), "800 ms · 75 bpm · −0.25 mV");
  assert.equal(units.caliperWords(0, 0.1), "0 ms · 0.10 mV");
});

test("times are written and read back", () => {
  assert.equal(units.clock(0), "0:00");
  assert.equal(units.clock(59.96, 1), "1:00.0");
  assert.equal(units.clock(3599.5, 1), "59:59.5");
  assert.equal(units.clock(86399), "23:59:59");
  for (const time of [0, 1.5, 59.9, 60, 3600, 3661.2, 86399.9]) assert.equal(units.seconds(units.clock(time, 1)), time);
  for (const text of ["", "x", "1:2:3:4", "-1", "1:", "1e9"]) assert.equal(units.seconds(text), null, text);
  assert.equal(units.seconds(" 93.5 "), 93.5);
});

test("searches in sorted times agree with a look at each of them", () => {
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 300; round++) {
    const sorted = Array.from({ length: Math.floor(random() * 20) }, () => Math.round(random() * 10)).sort((a, b) => a - b);
    const value = random() * 12 - 1;
    const place = sorted.findIndex((other) => other >= value);
    assert.equal(units.lowerBound(sorted, value), place < 0 ? sorted.length : place);
  }
});

test("an outlier is 25 % from the median of the 11 around it", () => {
  const rr = new Float32Array(30).fill(800);
  assert.deepEqual(units.outliers(rr), []);
  rr[0] = Number.NaN;
  rr[10] = 580; // 27.5 % less
  rr[20] = 990; // 23.75 % more
  rr[25] = 1010; // 26.25 % more
  assert.deepEqual(units.outliers(rr), [10, 25]);
  assert.deepEqual(units.outliers(new Float32Array([800, 400, 800])), [], "too few to tell");
});

test("axes have a mark at least every so many pixels", () => {
  for (const span of [1, 10, 60, 1800, 86400, 700000]) {
    const step = units.tickStep(span, 1400, 80);
    assert.ok((step / span) * 1400 >= 80 || step === 86400, `${span}`);
  }
});

test("numbers of a table have fixed decimals, null is a dash", () => {
  assert.equal(units.fixed(35, 1), "35.0");
  assert.equal(units.fixed(null, 1), "–");
  assert.equal(units.short(0.3000000001, 2), "0.3");
  assert.equal(units.short(Number.NaN), "–");
});
