/** The pictures of a testbed's questions: the playground's own, or one sheet a task. */

import { read } from "./client.js";
import { json, loadTask } from "./loading.js";
import { SIZE } from "./questions.js";
import { paint } from "./view.js";

const OWN = "mini-worlds"; // whose questions the playground asks

/**
 * @typedef {object} Shown
 * @property {string} text @property {string} answer
 * @property {(canvas: HTMLCanvasElement) => void} draw
 */

/** @param {number} number @param {number} width of a sheet, in pixels */
export const placeOf = (number, width) => {
  const across = width / SIZE;
  return [SIZE * (number % across), SIZE * Math.floor(number / across)];
};

/** @param {string} testbed @param {string} task @returns {Promise<Shown[]>} */
export async function loadShown(testbed, task) {
  if (testbed === OWN) {
    return (await loadTask(read, task)).map(({ text, direct, pixels }) => ({
      text, answer: direct.options[direct.answer], draw: (canvas) => paint(canvas, pixels),
    }));
  }
  const place = `pictures/${testbed}/${task}`;
  const [rows, bytes] = await Promise.all([json(read, `${place}.json`), read(`${place}.webp`)]);
  const sheet = await createImageBitmap(new Blob([bytes], { type: "image/webp" }));
  return rows.map((/** @type {[string, string]} */ [text, answer], /** @type {number} */ i) => ({
    text, answer, draw: (/** @type {HTMLCanvasElement} */ canvas) => {
      canvas.width = canvas.height = SIZE;
      const [x, y] = placeOf(i, sheet.width);
      canvas.getContext("2d")?.drawImage(sheet, x, y, SIZE, SIZE, 0, 0, SIZE, SIZE);
    },
  }));
}
