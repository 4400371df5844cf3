/** The explorer: every knockout of llava-mini as a map, and the questions behind each cell. */

import { chooser, draw, onTheme } from "./charts.js";
import { read } from "./client.js";
import { loadTask } from "./loading.js";
import { points } from "./statistics.js";
import { button, element, paint, percent } from "./view.js";

/**
 * @typedef {object} Cell
 * @property {string} task @property {string} ability @property {string} form
 * @property {string} part @property {number} layer @property {number} questions
 * @property {number} base @property {number} accuracy @property {number} delta
 * @property {number} low @property {number} high @property {number} q
 * @property {number} blind @property {number} informed @property {boolean} room
 */

const PARTS = ["self-attention", "mlp", "head 0", "head 1", "head 2", "head 3"];
const SORTS = /** @type {const} */ ({
  "by ability": "ability", "by accuracy": "base", "by largest gain": "best",
});
const COLOURS = ["#b35806", "#f7f7f7", "#542788"]; // orange: worse, purple: better
const SHOWN = 12; // flipped questions at once

/** @param {Cell[]} cells of one part and form @param {string} sort @param {boolean} roomOnly */
export function arranged(cells, sort, roomOnly) {
  const best = new Map();
  for (const { task, delta } of cells) {
    best.set(task, Math.max(best.get(task) ?? -1, delta));
  }
  const kept = cells.filter(({ room }) => room || !roomOnly)
    .map((cell) => ({ ...cell, best: best.get(cell.task), name: cell.task.replaceAll("_", " ") }));
  const order = sort === "ability"
    ? (/** @type {any} */ a, /** @type {any} */ b) => a.ability.localeCompare(b.ability)
    : (/** @type {any} */ a, /** @type {any} */ b) => b[sort] - a[sort];
  return kept.sort((a, b) => order(a, b) || a.task.localeCompare(b.task));
}

/** A cell in words, for its tooltip. @param {Cell} cell */
export const inWords = (cell) =>
  `${points(cell.delta)} points [${points(cell.low)}, ${points(cell.high)}], ` +
  `${percent(cell.base)} → ${percent(cell.accuracy)} of ${cell.questions}`;

/** What Vega-Lite draws. @param {any[]} values */
function specification(values) {
  const tasks = [...new Set(values.map(({ name }) => name))];
  return {
    data: { values },
    width: { step: 34 },
    height: { step: 16 },
    encoding: {
      x: { field: "layer", type: "ordinal", title: "layer knocked out", axis: { labelAngle: 0 } },
      y: { field: "name", type: "nominal", sort: tasks, title: null },
    },
    layer: [
      {
        mark: { type: "rect", cursor: "pointer", stroke: "#8885" },
        encoding: {
          color: {
            field: "points", type: "quantitative", title: ["change", "(points)"],
            scale: { domain: [-60, 0, 60], range: COLOURS, clamp: true },
          },
          tooltip: [
            { field: "name", title: "task" }, { field: "layer" },
            { field: "words", title: "change" }, { field: "q", format: ".3f" },
            { field: "chances", title: "chance (blind, looking)" },
            { field: "room", title: "room to gain" },
          ],
        },
      },
      {
        transform: [{ filter: "datum.q < 0.05" }],
        mark: { type: "point", filled: true, size: 16, color: "#111", cursor: "pointer" },
      },
    ],
  };
}

class Explorer {
  /** @param {HTMLElement} root @param {{ cells: Cell[], right: any }} told */
  constructor(root, told) {
    this.root = root;
    this.told = told;
    this.state = { part: "head 3", form: "direct", sort: "ability", roomOnly: false };
    this.map = element("div", { class: "pg-wide" });
    this.flipped = element("div", { "aria-live": "polite" });
    this.count = element("p", { class: "pg-note" });
    const of = (/** @type {string} */ name, /** @type {any} */ options,
      /** @type {"part" | "form" | "sort"} */ key) =>
      chooser(name, options, this.state[key], (value) => {
        this.state[key] = value;
        this.show();
      });
    const named = (/** @type {string[]} */ list) => Object.fromEntries(list.map((x) => [x, x]));
    const room = element("input", { type: "checkbox", onchange: (/** @type {any} */ event) => {
      this.state.roomOnly = event.target.checked;
      this.show();
    } });
    root.replaceChildren(
      element("div", { class: "pg-row" }, of("Part", named(PARTS), "part"),
        of("Form", { "in its own words": "direct", "by a letter": "choice" }, "form"),
        of("Order", SORTS, "sort"),
        element("label", { class: "pg-chooser" }, room, " only tasks with room to gain")),
      this.count, this.map, this.flipped);
  }

  async show() {
    const { part, form, sort, roomOnly } = this.state;
    const own = this.told.cells.filter((cell) => cell.part === part && cell.form === form);
    const values = arranged(own, sort, roomOnly).map((cell) => ({
      ...cell, points: 100 * cell.delta, words: inWords(cell),
      chances: `${percent(cell.blind)}, ${percent(cell.informed)}`,
      room: cell.room ? "yes" : "no",
    }));
    const clear = values.filter(({ q }) => q < 0.05);
    const helping = clear.filter(({ delta }) => delta > 0);
    const many = values.length;
    this.count.textContent = `${many} knockouts: ${helping.length} clearly help, ` +
      `${clear.length - helping.length} clearly hurt (dots; of all dots of all parts and forms ` +
      "5% may be luck). Purple: better without. Click a cell for the questions behind it.";
    const view = await draw(this.map, specification(values));
    view.addEventListener("click", (/** @type {any} */ _, /** @type {any} */ item) => {
      if (item?.datum?.task) this.tell(item.datum);
    });
    this.root.dataset.ready = `${part}, ${form}, ${sort}, ${roomOnly}`;
    this.root.dataset.first = values[0]?.task ?? "";
  }

  /** The questions that a knockout flips. @param {Cell} cell */
  async tell(cell) {
    const { task, form, part, layer } = cell;
    const right = this.told.right[`${task}, ${form}`];
    const [base, after] = [right.base, right[`${part}, ${layer}`]];
    const numbers = [...base].map((_, i) => i);
    const gained = numbers.filter((i) => base[i] === "0" && after[i] === "1");
    const lost = numbers.filter((i) => base[i] === "1" && after[i] === "0");
    const all = await loadTask(read, task);
    const off = part === "self-attention" ? `a${layer}` : part === "mlp" ? `m${layer}`
      : `h${layer}-${part.split(" ")[1]}`;
    const shown = (/** @type {string} */ title, /** @type {number[]} */ list) => [
      element("p", {}, `${title}: ${list.length}` +
        (list.length > SHOWN ? `, of which ${SHOWN} are shown` : "")),
      element("div", { class: "pg-flipped" }, ...list.slice(0, SHOWN).map((i) => {
        const asked = all[i];
        const { options, answer } = asked[/** @type {"choice" | "direct"} */ (form)];
        const canvas = /** @type {HTMLCanvasElement} */ (
          element("canvas", { class: "pg-thumb", role: "img", "aria-label": "the picture" }));
        paint(canvas, asked.pixels);
        const address = `playground.html#task=${task}&form=${form}&n=${i}&off=${off}`;
        return element("figure", {}, element("a", { href: address }, canvas),
          element("figcaption", {}, `${asked.text} → ${options[answer]}`));
      })),
    ];
    this.flipped.replaceChildren(
      element("h3", {}, `${task.replaceAll("_", " ")} without ${part} of layer ${layer}`),
      element("p", {}, `${inWords(cell)}.`),
      ...shown("Right only without it", gained), ...shown("Right only with it", lost),
      button("Close", () => this.flipped.replaceChildren()));
    this.root.dataset.told = `${task}, ${part}, ${layer}`;
    this.flipped.scrollIntoView({ block: "nearest" });
  }
}

async function start(/** @type {HTMLElement} */ root) {
  const stream = new Blob([await read("evidence.pack")]).stream()
    .pipeThrough(new DecompressionStream("gzip"));
  const told = await new Response(stream).json();
  const explorer = new Explorer(root, told);
  await explorer.show();
  onTheme(() => explorer.show());
}

const root = globalThis.document?.getElementById("talo-explorer");
if (root) {
  start(root).catch((error) => root.prepend(element("p", { class: "pg-error", role: "alert" },
    `The explorer could not be started (${error.message}); the map below is a picture.`)));
}
