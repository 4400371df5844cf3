/** Beat luck: choose a layer by ten questions, and see what the choice is worth on the others. */

import { read } from "./client.js";
import { json } from "./loading.js";
import { loadShown } from "./shown.js";
import { paired, points } from "./statistics.js";
import { button, element, percent } from "./view.js";
import { shuffled } from "./worlds.js";

/**
 * Of a task in one form: whether each question is answered right, by the base model and without
 * the attention of each layer.
 * @typedef {object} Recorded
 * @property {string} task
 * @property {string} form
 * @property {string} base a "1" or "0" for each question
 * @property {string[]} without the same for each layer
 */

const PROBES = 10;
const ROUNDS = 10;

/** @param {string} bits @param {number[]} numbers */
const right = (bits, numbers) => numbers.filter((i) => bits[i] === "1").length;

/**
 * How right answers change without a layer.
 * @param {Recorded} cell @param {number} layer @param {number[]} numbers
 */
export function change(cell, layer, numbers) {
  const after = cell.without[layer];
  const gained = numbers.filter((i) => after[i] === "1" && cell.base[i] === "0").length;
  const lost = numbers.filter((i) => after[i] === "0" && cell.base[i] === "1").length;
  return paired(gained, lost, numbers.length);
}

/**
 * TaLo's choice: the layer without which most of the probe questions are right, if that is more
 * than with every layer on; the first of equals. -1: none.
 * @param {Recorded} cell @param {number[]} probes
 */
export function taloChoice(cell, probes) {
  const counts = cell.without.map((bits) => right(bits, probes));
  const most = Math.max(...counts);
  return most > right(cell.base, probes) ? counts.indexOf(most) : -1;
}

/**
 * The mean change over all layers: what a layer drawn by lot gives.
 * @param {Recorded} cell @param {number[]} numbers
 */
export function luck(cell, numbers) {
  const changes = cell.without.map((_, layer) => change(cell, layer, numbers).delta);
  return changes.reduce((a, b) => a + b, 0) / changes.length;
}

class Game {
  /** @param {HTMLElement} root @param {Recorded[]} cells */
  constructor(root, cells) {
    this.root = root;
    this.cells = cells;
    this.round = 0;
    this.score = { you: 0, talo: 0, luck: 0 };
    /** @type {Recorded[]} */
    this.order = [];
    this.restart();
  }

  restart() {
    this.round = 0;
    this.score = { you: 0, talo: 0, luck: 0 };
    // a task in one of its forms, no task twice
    const tasks = new Map(shuffled(this.cells, Math.random).map((cell) => [cell.task, cell]));
    this.order = [...tasks.values()].slice(0, ROUNDS);
    this.ask();
  }

  ask() {
    const cell = this.order[this.round];
    const numbers = shuffled([...cell.base].map((_, i) => i), Math.random);
    const probes = numbers.slice(0, PROBES);
    const rest = numbers.slice(PROBES);
    const choose = (/** @type {number} */ layer) => this.tell(cell, probes, rest, layer);
    const buttons = cell.without.map((bits, layer) => element("td", {},
      button(String(right(bits, probes)), () => choose(layer),
        { "aria-label": `leave layer ${layer} out: ${right(bits, probes)} of ten are right` })));
    const layers = cell.without.map((_, layer) => element("th", { scope: "col" }, String(layer)));
    this.root.replaceChildren(
      element("p", {}, `Round ${this.round + 1} of ${this.order.length}. The task is `,
        element("strong", {}, cell.task.replaceAll("_", " ")),
        `, answered ${cell.form === "direct" ? "in words" : "by a letter"}. With every layer on, ` +
        `${right(cell.base, probes)} of ten probe questions are right. Without the attention of ` +
        "one layer, this many are. Which layer do you leave out?"),
      element("div", { class: "pg-wide" }, element("table", { class: "pg-luck" },
        element("thead", {}, element("tr", {}, element("th", { scope: "row" }, "layer"),
          ...layers)),
        element("tbody", {}, element("tr", {}, element("th", { scope: "row" }, "right of ten"),
          ...buttons)))),
      element("div", { class: "pg-row" }, button("Leave none out", () => choose(-1)),
        button("Let TaLo choose", () => choose(taloChoice(cell, probes)))),
      ...this.probes(cell, probes));
    this.root.dataset.round = String(this.round + 1);
    if (this.round) this.focus();
  }

  /**
   * The probe questions with their pictures, right answers, and which the model answers right.
   * @param {Recorded} cell @param {number[]} probes
   */
  probes(cell, probes) {
    const intro = element("p", {}, "The ten questions:");
    const figures = element("div", { class: "pg-flipped pg-probes" });
    loadShown("mini-worlds", cell.task).then((all) => {
      const texts = new Set(probes.map((i) => all[i].text));
      const one = texts.size === 1;
      intro.textContent = "The ten questions" + (one ? `, “${[...texts][0]}”` : "") +
        ": the right answers, and whether the whole model gives them.";
      figures.replaceChildren(...probes.map((i) => {
        const canvas = /** @type {HTMLCanvasElement} */ (
          element("canvas", { class: "pg-thumb", role: "img", "aria-label": "the picture" }));
        all[i].draw(canvas);
        const told = cell.base[i] === "1" ? "(answered right)" : "(answered wrong)";
        const asked = one ? "" : `${all[i].text} → `;
        return element("figure", {}, canvas,
          element("figcaption", {}, `${asked}${all[i].answer} ${told}`));
      }));
    }).catch(() => figures.replaceChildren("The pictures could not be loaded."));
    return [intro, figures];
  }

  /**
   * @param {Recorded} cell @param {number[]} probes @param {number[]} rest
   * @param {number} layer the reader's choice, -1: none
   */
  tell(cell, probes, rest, layer) {
    const of = (/** @type {number} */ own) =>
      own < 0 ? { delta: 0, low: 0, high: 0 } : change(cell, own, rest);
    const talo = taloChoice(cell, probes);
    const [yours, its, lot] = [of(layer), of(talo), luck(cell, rest)];
    const changes = cell.without.map((_, own) => of(own).delta);
    const most = Math.max(...changes);
    const best = most > 0 ? changes.indexOf(most) : -1;
    this.score.you += yours.delta;
    this.score.talo += its.delta;
    this.score.luck += lot;
    this.round++;
    const name = (/** @type {number} */ own) => (own < 0 ? "none" : `layer ${own}`);
    const interval = (/** @type {{ low: number, high: number }} */ { low, high }) =>
      low === high ? "" : ` [${points(low)}, ${points(high)}]`;
    const rows = [
      ["You", name(layer), points(yours.delta) + interval(yours), points(this.score.you)],
      ["TaLo", name(talo), points(its.delta) + interval(its), points(this.score.talo)],
      ["A layer drawn by lot", "any", points(lot), points(this.score.luck)],
      ["Nothing left out", "none", points(0), points(0)],
      ["The best, known afterwards", name(best), points(best < 0 ? 0 : changes[best]), ""],
    ].map(([who, ...cells]) => element("tr", {}, element("th", { scope: "row" }, who),
      ...cells.map((text) => element("td", {}, text))));
    const heads = ["", "left out", `points on ${rest.length} other questions`, "sum over rounds"];
    const over = this.round === this.order.length;
    this.root.replaceChildren(
      element("p", {}, `${cell.task.replaceAll("_", " ")}: with every layer on, ` +
        `${percent(right(cell.base, rest) / rest.length)} of the other questions are right.`),
      element("div", { class: "pg-wide" }, element("table", { class: "pg-luck" },
        element("thead", {}, element("tr", {},
          ...heads.map((head) => element("th", { scope: "col" }, head)))),
        element("tbody", {}, ...rows))),
      element("div", { class: "pg-row" }, over
        ? button("Play again", () => this.restart())
        : button("Next round", () => this.ask())),
      ...(over ? [element("p", {}, this.verdict())] : []));
    this.root.dataset.told = String(this.round);
    this.focus();
  }

  /** What is new is where the keyboard goes on, and what is read out. */
  focus() {
    const first = /** @type {HTMLElement | null} */ (this.root.querySelector("p"));
    first?.setAttribute("tabindex", "-1");
    first?.focus({ preventScroll: true });
  }

  verdict() {
    const { you, talo, luck: lot } = this.score;
    const ahead = you > talo ? "You beat TaLo" : "TaLo beat you";
    const word = you === talo ? "You and TaLo are even" : ahead;
    return `${word}, ${points(you)} to ${points(talo)} points in all; a layer drawn ` +
      `by lot gave ${points(lot)}, leaving nothing out +0.0. Ten probe questions tell little of ` +
      "layers that change little.";
  }
}

const root = globalThis.document?.getElementById("talo-luck");
if (root) {
  json(read, "questions/luck.json")
    .then((cells) => new Game(root, cells))
    .catch((error) => root.replaceChildren(
      element("p", { class: "pg-note" }, `The game could not be started (${error.message}).`)));
}
