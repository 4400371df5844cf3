/** What the playground's pages are made of: pictures, bars, switches. */

import { chances, SIZE } from "./questions.js";
import { isOff, KINDS } from "./switches.js";

/** @typedef {import("./questions.js").Asked} Asked */
/** @typedef {import("./tokenizer.js").Question} Question */
/** @typedef {import("./switches.js").Switches} Switches */

/** @type {Record<string, string>} */
const TITLES = { attention: "attn", mlp: "MLP" };
const SHOWN = 8; // options at most; a map has forty

/**
 * An element with attributes, or listeners by names that begin with "on", and children.
 * @param {string} tag
 * @param {Record<string, any>} attributes
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-")) found.setAttribute(name, String(value));
    else if (value === true) found.setAttribute(name, "");
    else if (value !== false && value !== undefined) found.setAttribute(name, String(value));
  }
  found.append(...children);
  return found;
}

/** @param {string} label @param {() => void} onclick @param {Record<string, any>} more */
export const button = (label, onclick, more = {}) =>
  element("button", { type: "button", class: "pg-button", onclick, ...more }, label);

/**
 * Draw a picture, and over it how much is looked at each patch.
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} pixels
 * @param {number[] | null} looks a share for each patch
 */
export function paint(canvas, pixels, looks = null) {
  canvas.width = canvas.height = SIZE;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(SIZE, SIZE);
  for (let i = 0; i < SIZE * SIZE; i++) {
    image.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  if (!looks) return;
  const across = Math.sqrt(looks.length);
  const side = SIZE / across;
  const most = Math.max(...looks, 1e-9);
  looks.forEach((share, patch) => {
    context.fillStyle = `rgba(0, 0, 0, ${(0.85 * (1 - share / most)).toFixed(3)})`;
    context.fillRect((patch % across) * side, Math.floor(patch / across) * side, side, side);
  });
}

/**
 * The options in the order in which they are shown: all of a few; of many those that the picture
 * shows, and the most probable.
 * @param {Asked} asked
 * @param {Question} question
 * @param {number[]} probabilities
 */
export function shownOptions(asked, question, probabilities) {
  const every = question.options.map((_, i) => i);
  if (every.length <= SHOWN) return every;
  const likely = [...every].sort((a, b) => probabilities[b] - probabilities[a]);
  const seen = every.filter((i) => asked.seen.includes(question.options[i]));
  return [...new Set([...seen, ...likely.slice(0, 2)])];
}

/**
 * A bar for each option: how probable it is now, and a line where it was with every part on.
 * @param {Asked} asked
 * @param {Question} question
 * @param {number[]} now log-probabilities of the options
 * @param {number[]} before the same with every part on
 */
export function bars(asked, question, now, before) {
  const [shares, were] = [now, before].map((logs) => normal(logs));
  const order = shownOptions(asked, question, shares);
  const top = shares.indexOf(Math.max(...shares));
  const { blind, informed } = chances(asked, question.form);
  const rows = order.map((i) => {
    const right = i === question.answer;
    const answer = right ? " ✓ right" : " ✗ wrong";
    const mark = i === top ? answer : right ? " ← right" : "";
    const kinds = ["pg-bar", ...(right ? ["pg-right"] : []), ...(i === top ? ["pg-top"] : [])];
    return element("div", { class: kinds.join(" ") },
      element("span", { class: "pg-name" }, question.options[i]),
      element("span", { class: "pg-track" },
        element("span", { class: "pg-fill", style: `width: ${100 * shares[i]}%` }),
        element("span", { class: "pg-was", style: `left: ${100 * were[i]}%`, title: "before" })),
      element("span", { class: "pg-value" }, `${Math.round(100 * shares[i])}%${mark}`));
  });
  const guess = `A blind guess is right in ${percent(blind)}` +
    (informed > blind ? `, a guess among what the picture shows in ${percent(informed)}.` : ".");
  return element("div", { class: "pg-bars" }, ...rows,
    element("p", { class: "pg-note" }, (order.length < question.options.length
      ? `The likeliest of ${question.options.length} answers. ` : "") +
      `Filled: now. Line: with every part on. ${guess}`));
}

/**
 * The board of switches: a row for each layer, a column for each part.
 * @param {{ layers: number, heads: number }} size
 * @param {Switches} off
 * @param {(part: string, layer: number) => void} turn
 * @param {((part: string, layer: number) => { value: number, text: string } | null)} found what a
 *   sweep found of a part: its colour from -1 to 1, and words
 */
export function board(size, off, turn, found) {
  const parts = [...KINDS, ...Array.from({ length: size.heads }, (_, head) => `head ${head}`)];
  const titles = parts.map((part) =>
    element("th", { scope: "col" }, TITLES[part] ?? part.replace("head ", "h")));
  const rows = Array.from({ length: size.layers }, (_, layer) => element("tr", {},
    element("th", { scope: "row" }, String(layer)),
    ...parts.map((part) => {
      const swept = found(part, layer);
      const words = `${part === "mlp" ? "MLP" : part} of layer ${layer}`;
      return element("td", {}, element("button", {
        type: "button",
        class: "pg-switch",
        "aria-pressed": !isOff(off, part, layer),
        "aria-label": swept ? `${words}, ${swept.text}` : words,
        title: swept ? `${words}: ${swept.text}` : words,
        style: swept ? `--found: ${colour(swept.value)}` : undefined,
        "data-part": part,
        "data-layer": layer,
        tabindex: part === KINDS[0] && layer === 0 ? 0 : -1,
        onfocus: only,
        onclick: () => turn(part, layer),
      }));
    })));
  return element("table", { class: "pg-board", onkeydown: arrows },
    element("caption", {}, "Switches: a row for each layer, first to last"),
    element("thead", {}, element("tr", {}, element("td", {}), ...titles)),
    element("tbody", {}, ...rows));
}

/** The switch that has the focus is the one that Tab leads to. @param {FocusEvent} event */
function only({ target }) {
  const found = /** @type {HTMLElement} */ (target);
  for (const other of found.closest("table")?.querySelectorAll("button") ?? []) other.tabIndex = -1;
  found.tabIndex = 0;
}

/** The arrow keys go from switch to switch. @param {KeyboardEvent} event */
function arrows(event) {
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const step = steps[/** @type {keyof typeof steps} */ (event.key)];
  const cell = /** @type {HTMLElement} */ (event.target).closest("td");
  const row = cell?.parentElement;
  if (!step || !cell || !row) return;
  const body = /** @type {HTMLElement} */ (row.parentElement);
  const place = [...body.children].indexOf(row) + step[0];
  const column = [...row.children].indexOf(cell) + step[1];
  /** @type {HTMLElement | null | undefined} */ (
    body.children[place]?.children[column]?.querySelector("button"))?.focus();
  event.preventDefault();
}

/** Probabilities that sum to one over the options. @param {number[]} logs */
export function normal(logs) {
  const most = Math.max(...logs);
  const powers = logs.map((log) => Math.exp(log - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** Orange for a loss, purple for a gain, as in the book's figures. @param {number} value */
export function colour(value) {
  const strength = Math.round(100 * Math.min(1, Math.abs(value)));
  const full = value < 0 ? "#b35806" : "#542788";
  return `color-mix(in srgb, ${full} ${strength}%, var(--pg-off))`;
}

/** @param {number} share */
export const percent = (share) => `${(100 * share).toFixed(share < 0.1 && share > 0 ? 1 : 0)}%`;
