/**
 * New pictures of two worlds, drawn as `talo_mini.benchmarks.mini_worlds` draws them: coloured
 * objects on a grid, and bar charts.
 */

import { SIZE } from "./questions.js";

/** @typedef {import("./questions.js").Asked} Asked */
/** @typedef {[number, number, number]} Colour */
/** @typedef {() => number} Random from 0 to below 1 */

/** @type {Record<string, Colour>} */
export const COLOURS = {
  red: [220, 40, 40],
  green: [40, 160, 60],
  blue: [50, 90, 230],
  yellow: [245, 215, 50],
  purple: [150, 60, 190],
  orange: [245, 140, 30],
};
const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];
const CELL = 16;
const UNIT = 7; // pixels a value of a bar

class Canvas {
  /** @param {Colour} colour */
  constructor(colour) {
    this.pixels = new Uint8Array(3 * SIZE * SIZE);
    this.rectangle(0, 0, SIZE - 1, SIZE - 1, colour);
  }

  /**
   * Both corners belong to it.
   * @param {number} left @param {number} top @param {number} right @param {number} bottom
   * @param {Colour} colour
   */
  rectangle(left, top, right, bottom, colour) {
    this.fill(left, top, right, bottom, colour, () => true);
  }

  /**
   * Those pixels of a box that a shape holds.
   * @param {number} left @param {number} top @param {number} right @param {number} bottom
   * @param {Colour} colour
   * @param {(x: number, y: number) => boolean} holds
   */
  fill(left, top, right, bottom, colour, holds) {
    for (let y = Math.max(0, top); y <= Math.min(SIZE - 1, bottom); y++) {
      for (let x = Math.max(0, left); x <= Math.min(SIZE - 1, right); x++) {
        if (holds(x, y)) this.pixels.set(colour, 3 * (y * SIZE + x));
      }
    }
  }
}

/**
 * Objects that are asked for their colour.
 * @param {Random} random
 * @returns {Asked}
 */
export function objects(random) {
  const backgrounds = /** @type {Colour[]} */ ([[255, 255, 255], [225, 225, 225], [20, 20, 20]]);
  const canvas = new Canvas(one(backgrounds, random));
  const names = Object.keys(COLOURS);
  const kinds = shuffled(SHAPES, random).slice(0, 2 + Math.floor(4 * random()));
  const cells = shuffled([...Array(16).keys()], random).slice(0, 2 + Math.floor(5 * random()));
  const things = cells.map((cell) => ({
    cell, shape: one(kinds, random), colour: one(names, random), large: random() < 0.5,
  }));
  const alone = things.filter(({ shape }) => things.filter((t) => t.shape === shape).length === 1);
  if (!alone.length) return objects(random);
  for (const { cell, shape, colour, large } of things) {
    const x = CELL * (cell % 4) + CELL / 2 + Math.floor(3 * random()) - 1;
    const y = CELL * Math.floor(cell / 4) + CELL / 2 + Math.floor(3 * random()) - 1;
    drawShape(canvas, shape, x, y, large ? 7 : 4, COLOURS[colour]);
  }
  const asked = one(alone, random);
  const seen = [...new Set(things.map((thing) => thing.colour))];
  return question(`what colour is the ${asked.shape}?`, asked.colour, names, seen, canvas, random);
}

/**
 * @param {Canvas} canvas @param {string} shape @param {number} x @param {number} y
 * @param {number} r half its size @param {Colour} colour
 */
function drawShape(canvas, shape, x, y, r, colour) {
  const arm = Math.max(1, Math.floor(r / 3));
  const box = /** @type {const} */ ([x - r, y - r, x + r, y + r, colour]);
  if (shape === "square") canvas.rectangle(x - r, y - r, x + r - 1, y + r - 1, colour);
  else if (shape === "cross") {
    canvas.rectangle(x - arm, y - r, x + arm - 1, y + r - 1, colour);
    canvas.rectangle(x - r, y - arm, x + r - 1, y + arm - 1, colour);
  } else if (shape === "circle") {
    canvas.fill(...box, (px, py) => (px - x + 0.5) ** 2 + (py - y + 0.5) ** 2 <= r * r);
  } else if (shape === "diamond") {
    canvas.fill(...box, (px, py) => Math.abs(px - x) + Math.abs(py - y) <= r);
  } else {
    const rise = 2 * r - 1;
    canvas.fill(x - r, y - r, x + r, y + r - 1, colour,
      (px, py) => Math.abs(px - x) <= (r * (py - y + r)) / rise);
  }
}

/**
 * Bars of which the tallest is asked for.
 * @param {Random} random
 * @returns {Asked}
 */
export function charts(random) {
  const tint = 225 + Math.floor(31 * random());
  const canvas = new Canvas([tint, tint, tint]);
  const margin = 2 + Math.floor(4 * random());
  const count = 3 + Math.floor(2 * random());
  const names = shuffled(Object.keys(COLOURS), random).slice(0, count);
  const values = shuffled([1, 2, 3, 4, 5, 6, 7, 8], random).slice(0, count);
  for (const level of [2, 4, 6, 8]) {
    const y = 61 - level * UNIT;
    canvas.rectangle(0, y, 63, y, [tint - 40, tint - 40, tint - 40]);
  }
  names.forEach((name, i) => {
    const left = 16 * i + margin;
    canvas.rectangle(left, 61 - values[i] * UNIT, left + 9, 61, COLOURS[name]);
  });
  canvas.rectangle(0, 62, 63, 62, [0, 0, 0]);
  const tallest = names[values.indexOf(Math.max(...values))];
  return question("which bar is tallest?", tallest, names, names, canvas, random);
}

/** What can be drawn anew, by the task it asks. */
export const DRAWN = { object_colour: objects, chart_tallest: charts };

/**
 * @param {string} text @param {string} answer @param {string[]} candidates @param {string[]} seen
 * @param {Canvas} canvas @param {Random} random
 * @returns {Asked}
 */
function question(text, answer, candidates, seen, canvas, random) {
  const others = shuffled(candidates.filter((name) => name !== answer), random).slice(0, 3);
  const options = shuffled([answer, ...others], random);
  return {
    text, seen, pixels: canvas.pixels,
    choice: { options, answer: options.indexOf(answer) },
    direct: { options: candidates, answer: candidates.indexOf(answer) },
  };
}

/** @template T @param {T[]} items @param {Random} random @returns {T} */
const one = (items, random) => items[Math.floor(items.length * random())];

/** @template T @param {T[]} items @param {Random} random @returns {T[]} */
export function shuffled(items, random) {
  const found = [...items];
  for (let i = found.length - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * random());
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}
