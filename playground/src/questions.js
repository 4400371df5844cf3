/** Test questions of a task, as `notebooks/playground.py` packs them. */

export const SIZE = 64;
const PIXELS = SIZE * SIZE * 3;

/** @typedef {import("./tokenizer.js").Question} Question */

/**
 * A picture with its question in both forms. `seen`: the answers that a look leaves to guess among.
 * @typedef {object} Asked
 * @property {string} text
 * @property {string[]} seen
 * @property {{ options: string[], answer: number }} choice
 * @property {{ options: string[], answer: number }} direct
 * @property {Uint8Array} pixels [SIZE, SIZE, 3]
 */

/**
 * @param {ArrayBuffer} packed
 * @returns {Promise<Asked[]>}
 */
export async function unpacked(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const rows = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return rows.map((/** @type {any} */ row, /** @type {number} */ i) => ({
    ...row, pixels: new Uint8Array(buffer, 4 + length + i * PIXELS, PIXELS),
  }));
}

/**
 * The question in one of its forms.
 * @param {Asked} asked
 * @param {"choice" | "direct"} form
 * @returns {Question}
 */
export const inForm = (asked, form) => ({ text: asked.text, form, ...asked[form] });

/**
 * Accuracy of a guess that knows the options only, and of one that has looked at the picture.
 * @param {Asked} asked
 * @param {"choice" | "direct"} form
 */
export function chances(asked, form) {
  const { options, answer } = asked[form];
  const blind = 1 / options.length;
  const left = options.filter((option) => asked.seen.includes(option));
  return { blind, informed: left.includes(options[answer]) ? 1 / left.length : blind };
}
