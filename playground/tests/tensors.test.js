import assert from "node:assert/strict";
import { test } from "node:test";

import { attention, gelu, linear, logSoftmax, rotate } from "../src/tensors.js";

/** @param {number} count */
const numbers = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1));

test("rows times a matrix, for any number of rows", () => {
  for (const rows of [1, 3, 4, 7]) {
    const x = numbers(rows * 6);
    const data = numbers(5 * 6);
    const bias = numbers(5);
    const out = linear(x, { shape: [5, 6], data }, bias);
    for (let row = 0; row < rows; row++) {
      for (let o = 0; o < 5; o++) {
        let sum = bias[o];
        for (let i = 0; i < 6; i++) sum += x[row * 6 + i] * data[o * 6 + i];
        assert.ok(Math.abs(out[row * 5 + o] - sum) < 1e-5);
      }
    }
  }
});

test("causal attention: the first row sees itself only, shares sum to one", () => {
  const [q, k, v] = [numbers(12), numbers(12), numbers(12)];
  const { out, last } = attention(q, k, v, 2, true, 4);
  assert.deepEqual([...out.subarray(0, 4)], [...v.subarray(0, 4)]);
  for (const head of [0, 1]) {
    const sum = last.subarray(3 * head, 3 * head + 3).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - 1) < 1e-6);
  }
});

test("rotary positions turn pairs and keep lengths; position 0 stays", () => {
  const x = numbers(16);
  const before = x.slice();
  rotate(x, 2, 8, 10000);
  assert.deepEqual([...x.subarray(0, 8)], [...before.subarray(0, 8)]);
  const length = (/** @type {Float32Array} */ y) => Math.hypot(y[8], y[10]);
  assert.ok(Math.abs(length(x) - length(before)) < 1e-6);
});

test("gelu and logSoftmax at known values", () => {
  assert.ok(Math.abs(gelu(1) - 0.8413447) < 1e-6 && Math.abs(gelu(-2) + 0.0455003) < 1e-6);
  const logs = logSoftmax(Float32Array.from([0, 0, 0, 0]));
  assert.ok(logs.every((log) => Math.abs(log + Math.log(4)) < 1e-6));
});
