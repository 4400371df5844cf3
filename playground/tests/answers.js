/**
 * Reads requests as JSON lines from standard input, writes log-probabilities of options, a line
 * each (`answering.js`). Argument: the folder that `notebooks/playground.py` wrote.
 */

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import { answering } from "./answering.js";

const folder = process.argv[2];
const answer = await answering(async (/** @type {string} */ name) => {
  const bytes = await readFile(`${folder}/${name}`);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
});
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
