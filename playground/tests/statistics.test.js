import assert from "node:assert/strict";
import { test } from "node:test";

import { paired, points, wilson } from "../src/statistics.js";

test("Wilson's interval of 8 in 10, as published tables have it", () => {
  const [low, high] = wilson(8, 10);
  assert.ok(Math.abs(low - 0.4902) < 1e-4 && Math.abs(high - 0.9433) < 1e-4);
});

test("Wilson's interval stays among shares", () => {
  for (let asked = 1; asked <= 200; asked++) {
    assert.ok(wilson(0, asked)[0] >= 0 && wilson(asked, asked)[1] <= 1);
    assert.notEqual((100 * wilson(0, asked)[0]).toFixed(1), "-0.0");
  }
});

test("a paired difference has the sign of what is gained, and an interval around it", () => {
  const { delta, low, high } = paired(30, 10, 100);
  assert.equal(delta, 0.2);
  assert.ok(low < 0.2 && 0.2 < high && low > 0);
  const none = paired(0, 0, 50);
  assert.equal(none.delta, 0);
  assert.ok(none.low < 0 && none.high > 0); // no interval of zero width
});

test("points are written with their sign", () => {
  assert.deepEqual([points(0.052), points(-0.3), points(0)], ["+5.2", "−30.0", "+0.0"]);
});
