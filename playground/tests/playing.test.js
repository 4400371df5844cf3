import assert from "node:assert/strict";
import { test } from "node:test";

import { change, luck, taloChoice } from "../src/luck.js";
import { charts, COLOURS, objects } from "../src/worlds.js";

const CELL = {
  task: "t", form: "direct", base: "110000", without: ["111100", "000000", "110001"],
};
const ALL = [0, 1, 2, 3, 4, 5];

test("TaLo chooses the layer with most right answers, none where none is better", () => {
  assert.equal(taloChoice(CELL, ALL), 0);
  assert.equal(taloChoice(CELL, [0, 1]), -1);
  assert.equal(taloChoice(CELL, [5]), 2);
});

test("changes are paired, luck is their mean", () => {
  assert.equal(change(CELL, 0, ALL).delta, 2 / 6);
  assert.equal(change(CELL, 1, ALL).delta, -2 / 6);
  assert.ok(Math.abs(luck(CELL, ALL) - 1 / 18) < 1e-12);
});

/** A generator of numbers that is the same each time. @param {number} seed */
function seeded(seed) {
  let state = seed + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

test("drawn questions have their answer among the options and in the picture", () => {
  for (let seed = 0; seed < 60; seed++) {
    for (const draw of [objects, charts]) {
      const asked = draw(seeded(seed));
      const answer = asked.direct.options[asked.direct.answer];
      assert.equal(asked.choice.options[asked.choice.answer], answer);
      assert.ok(asked.seen.includes(answer));
      const wanted = COLOURS[answer].join();
      let found = false;
      for (let i = 0; i < asked.pixels.length; i += 3) {
        found ||= asked.pixels.subarray(i, i + 3).join() === wanted;
      }
      assert.ok(found, `${answer} is not in the picture of seed ${seed}`);
    }
  }
});
