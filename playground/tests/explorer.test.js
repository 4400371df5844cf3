import assert from "node:assert/strict";
import { test } from "node:test";

import { arranged, inWords } from "../src/explorer.js";

/** @param {any} more @returns {any} */
const cell = (more) => ({
  task: "a_b", ability: "x", form: "direct", part: "mlp", layer: 0, questions: 200, base: 0.5,
  accuracy: 0.6, delta: 0.1, low: 0.02, high: 0.18, q: 0.01, blind: 0.25, informed: 0.3, room: true,
  ...more,
});
const CELLS = [
  cell({ task: "c", ability: "y", base: 0.9, delta: 0.3, room: false }),
  cell({ task: "b", ability: "x", base: 0.2, delta: -0.1 }),
  cell({ task: "b", ability: "x", layer: 1, base: 0.2, delta: 0.2 }),
];

test("cells are ordered by ability, accuracy or a task's largest gain", () => {
  const tasks = (/** @type {string} */ sort) => arranged(CELLS, sort, false).map((c) => c.task);
  assert.deepEqual(tasks("ability"), ["b", "b", "c"]);
  assert.deepEqual(tasks("base"), ["c", "b", "b"]);
  assert.deepEqual(tasks("best"), ["c", "b", "b"]);
});

test("only tasks with room, where that is asked for", () => {
  assert.deepEqual(arranged(CELLS, "ability", true).map((c) => c.task), ["b", "b"]);
});

test("a cell in words has its interval and both accuracies", () => {
  assert.equal(inWords(cell({})), "+10.0 points [+2.0, +18.0], 50% → 60% of 200");
});
