import assert from "node:assert/strict";
import { test } from "node:test";

import { markInWords, powerInWords, rowOf } from "../src/sliders.js";

const MARK = {
  strength: 1, rule: "best", shots: 10, damage: 0.284, recovered: 0.9,
  found: 0.75, found_low: 0.6, found_high: 0.85,
  innocent: 0.1, innocent_low: 0.05, innocent_high: 0.15,
  accused: 0.05, accused_low: 0.02, accused_high: 0.08,
};

test("a row is found by all that is asked of it", () => {
  const other = { ...MARK, shots: 20 };
  assert.equal(rowOf([MARK, other], { shots: 20, rule: "best" }), other);
  assert.equal(rowOf([MARK], { shots: 20 }), undefined);
});

test("what a rule does has its intervals", () => {
  const words = markInWords(MARK);
  assert.ok(words.includes("in 75% [60%, 85%] of draws"));
  assert.ok(words.includes("costs 28.4 points, of which TaLo wins 90% back"));
});

test("plants that are all alike have no interval", () => {
  const words = markInWords({ ...MARK, found: 1, found_low: null, found_high: null });
  assert.ok(words.includes("leaves out the planted layer in 100% of draws"));
});

test("what a study sees, and how many questions it would need", () => {
  const at = { questions: 100, gain: 0.1, compared: 1, power: 0.45 };
  assert.equal(powerInWords(at, 168), "100 questions find a true gain of 10 points in 45% " +
    "of studies; 80% need about 168 questions.");
  assert.ok(powerInWords({ ...at, gain: 0.01 }, 9).includes("a true gain of 1 point in"));
});
