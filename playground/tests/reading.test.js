import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { chances, inForm, unpacked } from "../src/questions.js";
import { readSafetensors } from "../src/safetensors.js";
import { promptOf, Tokenizer } from "../src/tokenizer.js";

/** @param {object} header @param {number[]} halves */
function file(header, halves) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + 2 * halves.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(new Uint16Array(halves).buffer), 8 + text.length);
  return bytes.buffer;
}

test("bfloat16 is read as the float32 whose upper half it is", () => {
  const one = { dtype: "BF16", shape: [2, 1], data_offsets: [0, 4] };
  const { tensors, metadata } = readSafetensors(
    file({ __metadata__: { a: "b" }, x: one }, [0x3fc0, 0xc000]));
  assert.deepEqual([...(tensors.get("x")?.data ?? [])], [1.5, -2]);
  assert.deepEqual(metadata, { a: "b" });
});

test("a file that is cut off, or of other numbers, is told", () => {
  const one = { dtype: "BF16", shape: [2], data_offsets: [0, 4] };
  assert.throws(() => readSafetensors(file({ x: one }, [1])), /the file ends within x/);
  assert.throws(() => readSafetensors(new ArrayBuffer(4)), /ends in its header/);
  assert.throws(() => readSafetensors(file({ x: { ...one, dtype: "F32" } }, [1, 2])), /x is F32/);
});

const TOKENIZER = {
  model: { vocab: { "<unk>": 1, what: 7, "is": 8, A: 9, red: 10 }, unk_token: "<unk>" },
  normalizer: { pattern: { Regex: "[?.,:]" } },
  added_tokens: [{ id: 4, content: "USER:" }, { id: 20, content: "New York" }],
};

test("words, names of two words, and words that are not known", () => {
  const tokenizer = new Tokenizer(TOKENIZER);
  assert.deepEqual(tokenizer.encode("USER: what is New York?"), [4, 7, 8, 20]);
  assert.deepEqual(tokenizer.encode("A. red, blue"), [9, 10, 1]);
});

test("a packed task is unpacked, and its chances are those of its options", async () => {
  const row = {
    text: "what?", seen: ["b", "c"],
    choice: { options: ["a", "b", "c", "d"], answer: 1 },
    direct: { options: ["a", "b", "c", "d", "e"], answer: 0 },
  };
  const text = new TextEncoder().encode(JSON.stringify([row]));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(text.length);
  const pixels = Buffer.alloc(64 * 64 * 3, 7);
  const packed = gzipSync(Buffer.concat([head, text, pixels]));
  const [asked] = await unpacked(packed.buffer.slice(packed.byteOffset,
    packed.byteOffset + packed.byteLength));
  assert.equal(asked.pixels.length, pixels.length);
  assert.equal(asked.pixels[5], 7);
  assert.deepEqual(chances(asked, "choice"), { blind: 0.25, informed: 0.5 });
  assert.deepEqual(chances(asked, "direct"), { blind: 0.2, informed: 0.2 }); // not seen: blind
  assert.equal(promptOf(inForm(asked, "choice")), "what?\nA. a\nB. b\nC. c\nD. d");
});
