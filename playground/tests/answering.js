/** Answers of the playground's model, for comparisons with PyTorch's, in Node and in a browser. */

import { inForm } from "../src/questions.js";
import { loadModel, loadTask } from "../src/loading.js";

/**
 * A function that gives the log-probabilities of options for a request {task, number, form,
 * attention, mlp, heads, plant}.
 * @param {import("../src/loading.js").Read} read
 */
export async function answering(read) {
  const { model, plants } = await loadModel(read);
  const tasks = new Map();
  return async (/** @type {any} */ request) => {
    const { task, number, form, attention = [], mlp = [], heads = [], plant } = request;
    if (!tasks.has(task)) tasks.set(task, await loadTask(read, task));
    const asked = tasks.get(task)[number];
    const off = { attention: new Set(attention), mlp: new Set(mlp), heads: new Map() };
    for (const [layer, head] of heads) off.heads.set(layer, new Set([head]));
    const own = plant ? model.planted(plants.tensors, plant) : model;
    return own.answer(own.look(asked.pixels), inForm(asked, form), off).logs;
  };
}
