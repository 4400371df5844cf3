/** Load the model and a task's questions, wherever their bytes come from. */

import { Kernel } from "./kernel.js";
import { Llava } from "./llava.js";
import { unpacked } from "./questions.js";
import { readSafetensors } from "./safetensors.js";
import { Tokenizer } from "./tokenizer.js";

/** @typedef {(name: string) => Promise<ArrayBuffer>} Read the bytes of a file below the folder */

/** @param {Read} read */
export async function loadModel(read) {
  const [config, tokenizer] = await Promise.all(
    ["config", "tokenizer"].map((name) => json(read, `model/${name}.json`)));
  const [weights, plants] = await Promise.all(
    ["model", "plants"].map((name) => read(`model/${name}.safetensors`)));
  const { tensors } = readSafetensors(weights);
  const fast = await Kernel.hold(await read("kernel.wasm"), tensors.values());
  return {
    fast,
    model: new Llava(config, tensors, new Tokenizer(tokenizer)),
    plants: readSafetensors(plants),
  };
}

/** @param {Read} read @param {string} task */
export const loadTask = async (read, task) => unpacked(await read(`questions/${task}.pack`));

/** @param {Read} read @param {string} name */
export const json = async (read, name) =>
  JSON.parse(new TextDecoder().decode(await read(name)));
