/**
 * Answers of the playground's model, for the comparison with PyTorch's: reads requests as JSON
 * lines {task, number, form, attention, mlp, heads, plant} from standard input, writes
 * log-probabilities of options, a line each. Argument: the folder that
 * `notebooks/playground.py` wrote.
 */

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import { inForm } from "../src/questions.js";
import { loadModel, loadTask } from "../src/loading.js";

const folder = process.argv[2];
const read = async (/** @type {string} */ name) => {
  const bytes = await readFile(`${folder}/${name}`);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
};
const { model, plants } = await loadModel(read);
const tasks = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { task, number, form, attention = [], mlp = [], heads = [], plant } = JSON.parse(line);
  if (!tasks.has(task)) tasks.set(task, await loadTask(read, task));
  const asked = tasks.get(task)[number];
  const off = { attention: new Set(attention), mlp: new Set(mlp), heads: new Map() };
  for (const [layer, head] of heads) off.heads.set(layer, new Set([head]));
  const own = plant ? model.planted(plants.tensors, plant) : model;
  console.log(JSON.stringify(own.answer(own.look(asked.pixels), inForm(asked, form), off).logs));
}
