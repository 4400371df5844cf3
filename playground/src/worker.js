/**
 * The model in a thread of its own, so that the page stays awake. Messages {id, kind, ...} are
 * answered by {id, ...}, in their order.
 */

import { read } from "./client.js";
import { loadModel } from "./loading.js";

/** @typedef {import("./llava.js").Llava} Llava */

const loading = loadModel(read);
/** @type {Map<string, Llava>} */
const models = new Map();

/** @param {string} plant the name of a planted fault, or nothing */
async function modelWith(plant) {
  const { model, plants } = await loading;
  if (!plant) return model;
  if (!models.has(plant)) models.set(plant, model.planted(plants.tensors, plant));
  return /** @type {Llava} */ (models.get(plant));
}

const heads = (/** @type {number} */ count) => [...Array(count).keys()];

const handlers = {
  /** The model is there; gives its size and its planted faults. */
  async load() {
    const { model, plants, fast } = await loading;
    const planted = JSON.parse(plants.metadata.plants);
    return { layers: model.layers, heads: model.heads, planted, fast };
  },

  /** What it answers, with the lens and the looks of each layer. @param {any} request */
  async answer({ pixels, question, off, plant }) {
    const model = await modelWith(plant);
    return model.answer(model.look(pixels), question, off);
  },

  /**
   * Log-probabilities without each part of each layer: attention, MLP, then its heads.
   * @param {any} request
   */
  async sweep({ pixels, question, off, plant }) {
    const model = await modelWith(plant);
    const only = (/** @type {object} */ own) =>
      ({ attention: new Set(), mlp: new Set(), heads: new Map(), ...own });
    const parts = (/** @type {number} */ layer) => [
      only({ attention: new Set([layer]) }),
      only({ mlp: new Set([layer]) }),
      ...heads(model.heads).map((head) => only({ heads: new Map([[layer, new Set([head])]]) })),
    ];
    return { logs: model.sweep(model.look(pixels), question, parts, off) };
  },
};

self.onmessage = async ({ data }) => {
  const { id, kind, ...rest } = data;
  try {
    const found = await handlers[/** @type {keyof typeof handlers} */ (kind)](rest);
    self.postMessage({ id, ...found });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};
