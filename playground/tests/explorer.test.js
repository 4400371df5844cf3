import assert from "node:assert/strict";
import { test } from "node:test";

import { arranged, clearly, inWords, moreInWords, switches, told, without } from "../src/explorer.js";
import { readSwitches, written } from "../src/switches.js";
import { placeOf } from "../src/shown.js";

/** @param {any} more @returns {any} */
const cell = (more) => ({
  task: "a_b", ability: "x", form: "direct", part: "mlp", layer: 0, questions: 200, base: 0.5,
  accuracy: 0.6, delta: 0.1, low: 0.02, high: 0.18, q: 0.01, blind: 0.25, informed: 0.3, room: true,
  above: true, ...more,
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

test("what a pointer sees of a cell is told in words too", () => {
  assert.equal(moreInWords(cell({})),
    "q = 0.010; chance 25% for a blind guess, 30% for one that looks; room to gain");
  assert.match(moreInWords(cell({ room: false })), /no room to gain$/);
  assert.match(moreInWords(cell({ q: 0.00004 })), /^q < 0.001; chance/);
});

test("what is left out, in words", () => {
  assert.equal(without("self-attention", 3), "without the attention of layer 3");
  assert.equal(without("mlp", 0), "without the MLP of layer 0");
  assert.equal(without("layer", 11), "without layer 11");
  assert.equal(without("cross-attention head 2", 1), "without cross-attention head 2 of layer 1");
});

test("the playground can switch off whatever a cell leaves out", () => {
  for (const part of ["self-attention", "mlp", "layer", "head 3"]) {
    const off = switches(part, 2);
    assert.equal(written(readSwitches(off, 12, 4)), off);
  }
  assert.equal(switches("layer", 2), "a2.m2");
});

test("what helps is told apart by whether it ends above a guess", () => {
  const cells = [cell({}), cell({ above: false }), cell({ delta: -0.2, above: false }),
    cell({ q: 0.2 })];
  assert.equal(clearly(cells),
    "2 clearly help (1 of them to above a guess that looks) and 1 clearly hurts");
  assert.equal(clearly([]), "0 clearly help and 0 clearly hurt");
});

test("a table in words has what it holds", () => {
  const table = { name: "n", group: "g", model: "m", testbed: "t", pictures: "p", live: false };
  assert.equal(told(table, { cells: CELLS, right: {} }),
    "m on the t: 2 tasks, 2 layers, 200 questions of each task and form.");
});

test("pictures stand on a sheet in rows", () => {
  assert.deepEqual(placeOf(0, 1280), [0, 0]);
  assert.deepEqual(placeOf(45, 1280), [5 * 64, 2 * 64]);
});
