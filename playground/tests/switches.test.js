import assert from "node:assert/strict";
import { test } from "node:test";

import { allOn, inWords, isOff, readSwitches, switched, written } from "../src/switches.js";

test("what is written is read again", () => {
  let off = allOn();
  for (const [part, layer] of [["attention", 3], ["mlp", 0], ["head 2", 5], ["head 3", 5]]) {
    off = switched(off, String(part), Number(layer));
  }
  assert.equal(written(off), "a3.h5-2.h5-3.m0");
  const again = readSwitches(written(off), 12, 4);
  assert.equal(written(again), written(off));
  assert.ok(isOff(again, "head 3", 5) && isOff(again, "mlp", 0) && !isOff(again, "head 1", 5));
  assert.match(inWords(again), /attention of layer 3, MLP of layer 0, head 2 of layer 5/);
});

test("a switch turned twice is as it was, and turning changes no other object", () => {
  const before = switched(allOn(), "head 1", 2);
  const after = switched(before, "head 1", 2);
  assert.ok(isOff(before, "head 1", 2) && !isOff(after, "head 1", 2));
  assert.equal(written(after), "");
});

test("an address that names what is not there is read as far as it can be", () => {
  assert.equal(written(readSwitches("a12.h0-4.m-1.x.a1.a1", 12, 4)), "a1");
});
