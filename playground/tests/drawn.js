/** The share of pictures drawn by the page that the model answers right, for each of its worlds. */

import { readFile } from "node:fs/promises";

import { loadModel } from "../src/loading.js";
import { inForm } from "../src/questions.js";
import { DRAWN } from "../src/worlds.js";

const COUNT = 60;
const folder = process.argv[2];
const { model } = await loadModel(async (name) => {
  const bytes = await readFile(`${folder}/${name}`);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
});
let state = 1;
const random = () => {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
};
/** @type {Record<string, number>} */
const found = {};
for (const [task, draw] of Object.entries(DRAWN)) {
  let right = 0;
  for (let i = 0; i < COUNT; i++) {
    const asked = draw(random);
    const { chosen } = model.answer(model.look(asked.pixels), inForm(asked, "direct"));
    right += Number(chosen === asked.direct.answer);
  }
  found[task] = right / COUNT;
}
console.log(JSON.stringify(found));
