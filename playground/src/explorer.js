/** The explorer: each published table of knockouts as a map, and the questions behind each cell. */

import { chooser, draw, onTheme } from "./charts.js";
import { read } from "./client.js";
import { json } from "./loading.js";
import { loadShown } from "./shown.js";
import { points } from "./statistics.js";
import { button, element, percent } from "./view.js";

/**
 * @typedef {object} Cell
 * @property {string} task @property {string} ability @property {string} form
 * @property {string} part @property {number} layer @property {number} questions
 * @property {number} base @property {number} accuracy @property {number} delta
 * @property {number} low @property {number} high @property {number} q
 * @property {number} blind @property {number} informed @property {boolean} room
 * @property {boolean} above whether it helps to above a guess that looks, by the whole interval
 */

/**
 * A published table: the testbed in words, and as `pictures` its name; whether it is `live` in the
 * playground.
 * @typedef {object} Table
 * @property {string} name @property {string} group @property {string} model
 * @property {string} testbed @property {string} pictures @property {boolean} live
 */

/** @typedef {{ cells: Cell[], right: Record<string, Record<string, string>> }} Evidence */

/** @type {Record<string, string>} */
const NAMES = {
  "self-attention": "attention", "cross-attention": "cross-attention", mlp: "MLP",
  layer: "whole layer",
};
const FORMS = { "in its own words": "direct", "by a letter": "choice" };
const wordsOf = (/** @type {string} */ form) =>
  Object.entries(FORMS).find(([, name]) => name === form)?.[0] ?? form;
const SORTS = /** @type {const} */ ({
  "by ability": "ability", "by accuracy": "base", "by largest gain": "best",
});
const COLOURS = ["#b35806", "#f7f7f7", "#542788"]; // orange: worse, purple: better
const SHOWN = 12; // flipped questions at once
const WIDE = 12; // layers that are drawn with broad cells; thirty fit beside their legend

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

/** What else a cell holds, in words. @param {Cell} cell */
export const moreInWords = ({ q, blind, informed, room }) =>
  `q ${q < 0.001 ? "< 0.001" : `= ${q.toFixed(3)}`}; chance ${percent(blind)} for a blind guess, ${percent(informed)} for one ` +
  `that looks; ${room ? "room" : "no room"} to gain`;

/** What is left out, in words. @param {string} part @param {number} layer */
export const without = (part, layer) => part === "layer"
  ? `without layer ${layer}`
  : `without ${/\d$/.test(part) ? "" : "the "}${NAMES[part] ?? part} of layer ${layer}`;

/** The playground's switches that leave the same out. @param {string} part @param {number} layer */
export function switches(part, layer) {
  if (part === "layer") return `a${layer}.m${layer}`;
  if (part === "self-attention") return `a${layer}`;
  return part === "mlp" ? `m${layer}` : `h${layer}-${part.split(" ")[1]}`;
}

/** What there is in a table, in words. @param {Table} table @param {Evidence} evidence */
export function told({ model, testbed }, { cells }) {
  const of = (/** @type {(cell: Cell) => any} */ value) => [...new Set(cells.map(value))];
  return `${model} on the ${testbed}: ${of(({ task }) => task).length} tasks, ` +
    `${Math.max(...of(({ layer }) => layer)) + 1} layers, ` +
    `${of(({ questions }) => questions).join(" or ")} questions of each task and form.`;
}

/** What Vega-Lite draws. @param {any[]} values @param {number} layers */
function specification(values, layers) {
  const tasks = [...new Set(values.map(({ name }) => name))];
  const domain = Array.from({ length: layers }, (_, layer) => layer);
  const many = layers > WIDE;
  return {
    data: { values },
    width: { step: many ? 16 : 34 },
    height: { step: 16 },
    encoding: {
      x: {
        field: "layer", type: "ordinal", title: "layer knocked out", scale: { domain },
        axis: { labelAngle: 0, labelFontSize: many ? 10 : 12 },
      },
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
            { field: "roomInWords", title: "room to gain" },
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

/** What went wrong. @param {string} what @param {any} error */
const alert = (what, error) =>
  element("p", { class: "pg-error", role: "alert" }, `${what} (${error.message}).`);

/** What stands out, in words. @param {Cell[]} cells */
export function clearly(cells) {
  const clear = cells.filter(({ q }) => q < 0.05);
  const helping = clear.filter(({ delta }) => delta > 0);
  const above = helping.filter((cell) => cell.above).length;
  const how = helping.length ? ` (${above} of them to above a guess that looks)` : "";
  return `${verb(helping.length, "help")}${how} and ` +
    verb(clear.length - helping.length, "hurt");
}

/** @param {number} count @param {string} word such as "help": "1 clearly helps" */
const verb = (count, word) => `${count} clearly ${word}${count === 1 ? "s" : ""}`;

class Explorer {
  /** @param {HTMLElement} root @param {Table[]} tables */
  constructor(root, tables) {
    this.root = root;
    this.tables = tables;
    this.table = this.wanted = tables[0];
    /** @type {Evidence} */
    this.evidence = { cells: [], right: {} };
    this.state = { part: "head 3", form: "direct", sort: "ability", roomOnly: false };
    this.map = element("div", { class: "pg-wide" });
    this.flipped = element("div", { "aria-live": "polite" });
    this.turn = 0; // of the cell that is told of
    this.one = element("div", { class: "pg-row pg-one" });
    this.count = element("div", { class: "pg-note", "aria-live": "polite" });
    this.choosers = ["model", "testbed", "part", "others"].map(() =>
      element("span", { class: "pg-inline" }));
  }

  async start() {
    this.readAddress();
    await this.load(this.wanted);
    this.root.replaceChildren(
      element("div", { class: "pg-row" }, ...this.choosers), this.count, this.map, this.one,
      this.flipped);
    window.addEventListener("hashchange", () => {
      if (location.hash.slice(1) === this.address() || !this.named()) return;
      this.readAddress();
      this.choose(this.wanted);
    });
    await this.show();
    onTheme(() => this.show());
  }

  // -------------------------------------------------------------- the address keeps the state

  address() {
    const { part, form, sort } = this.state;
    return new URLSearchParams({ table: this.table.name, part, form, sort }).toString();
  }

  /** Whether the address names a state, and no heading of the page. */
  named() {
    return new URLSearchParams(location.hash.slice(1)).has("table");
  }

  readAddress() {
    if (!this.named()) return;
    const words = new URLSearchParams(location.hash.slice(1));
    this.wanted = this.tables.find(({ name }) => name === words.get("table")) ?? this.table;
    this.state.part = words.get("part") ?? this.state.part; // `load` looks whether there is one
    this.state.form = words.get("form") === "choice" ? "choice" : "direct";
    this.state.sort = Object.values(SORTS).find((sort) => sort === words.get("sort")) ?? "ability";
  }

  // -------------------------------------------------------------- what is chosen

  /** Read a table's evidence, unless another was chosen meanwhile. @param {Table} table */
  async load(table) {
    this.wanted = table;
    const stream = new Blob([await read(`evidence/${table.name}.pack`)]).stream()
      .pipeThrough(new DecompressionStream("gzip"));
    const evidence = await new Response(stream).json();
    if (this.wanted !== table) return false;
    this.table = table;
    this.evidence = evidence;
    const [parts, forms] = [this.partsOf(), this.formsOf()];
    if (!parts.includes(this.state.part)) this.state.part = parts[0];
    if (!forms.includes(this.state.form)) this.state.form = forms[0];
    this.build();
    return true;
  }

  /** Show another table, and keep that in the address. @param {Table} table */
  async choose(table) {
    try {
      if (!await this.load(table)) return;
    } catch (error) {
      if (this.wanted !== table) return;
      this.build(); // the choosers name what is shown
      this.count.replaceChildren(alert("This table could not be loaded", error));
      return;
    }
    await this.changed();
  }

  async changed() {
    this.close();
    history.replaceState(null, "", `#${this.address()}`);
    await this.show();
  }

  partsOf() {
    return [...new Set(this.evidence.cells.map(({ part }) => part))];
  }

  formsOf() {
    return [...new Set(this.evidence.cells.map(({ form }) => form))];
  }

  /** What is told of a cell goes, and whatever is still being loaded for one. */
  close() {
    this.turn++;
    this.flipped.replaceChildren();
    delete this.root.dataset.told;
  }

  /** The choosers; the focus stays on that which a reader holds. */
  build() {
    const of = (/** @type {string} */ name, /** @type {any} */ options,
      /** @type {"part" | "form" | "sort"} */ key) =>
      chooser(name, options, this.state[key], (value) => {
        this.state[key] = value;
        this.changed();
      });
    const { model } = this.table;
    /** @type {Record<string, Record<string, string>>} */
    const groups = {};
    for (const { group, model: name } of this.tables) (groups[group] ??= {})[name] = name;
    const own = this.tables.filter((table) => table.model === model);
    const testbeds = Object.fromEntries(own.map(({ testbed }) => [testbed, testbed]));
    const parts = Object.fromEntries(this.partsOf().map((part) => [NAMES[part] ?? part, part]));
    const asked = this.formsOf();
    const forms = Object.fromEntries(
      Object.entries(FORMS).filter(([, form]) => asked.includes(form)));
    const room = element("input", { type: "checkbox", onchange: (/** @type {any} */ event) => {
      this.state.roomOnly = event.target.checked;
      this.show();
    }, checked: this.state.roomOnly });
    const controls = [
      [chooser("Model", groups, model, (name) => {
        const known = this.tables.filter((table) => table.model === name);
        const same = known.find(({ testbed }) => testbed === this.table.testbed);
        this.choose(same ?? known[0]);
      })],
      [chooser("Testbed", testbeds, this.table.testbed, (name) => {
        this.choose(own.find(({ testbed }) => testbed === name) ?? this.table);
      })],
      [of("Part", parts, "part")],
      [of("Form", forms, "form"), of("Order", SORTS, "sort"),
        element("label", { class: "pg-chooser" }, room, " only tasks with room to gain")],
    ];
    this.choosers.forEach((place, i) => {
      const held = place.contains(document.activeElement);
      place.replaceChildren(...controls[i]);
      if (held) place.querySelector("select")?.focus();
    });
  }

  // -------------------------------------------------------------- what is shown

  async show() {
    const { cells } = this.evidence;
    const { part, form, sort, roomOnly } = this.state;
    const own = cells.filter((cell) => cell.part === part && cell.form === form);
    const values = arranged(own, sort, roomOnly).map((cell) => ({
      ...cell, points: 100 * cell.delta, words: inWords(cell),
      chances: `${percent(cell.blind)}, ${percent(cell.informed)}`,
      roomInWords: cell.room ? "yes" : "no",
    }));
    this.count.textContent = `${told(this.table, this.evidence)} Of the ${values.length} ` +
      `knockouts below, ${clearly(values)} (dots: q is below 5%, over all ${cells.length.toLocaleString("en")} cells of ` +
      "this model and testbed, every part and form). Purple: better without. Click a cell for " +
      "the questions behind it.";
    const layers = Math.max(...cells.map(({ layer }) => layer)) + 1;
    const view = await draw(this.map, specification(values, layers));
    view.addEventListener("click", (/** @type {any} */ _, /** @type {any} */ item) => {
      if (item?.datum?.task) this.tellOf(item.datum);
    });
    this.showOne(values);
    this.root.dataset.ready = `${this.table.name}, ${part}, ${form}, ${sort}, ${roomOnly}`;
    this.root.dataset.first = values[0]?.task ?? "";
  }

  /** A cell by its names, for those who cannot point at it. @param {any[]} values */
  showOne(values) {
    const names = (/** @type {string} */ key) => Object.fromEntries(
      [...new Set(values.map((cell) => String(cell[key])))].map((name) => [name, name]));
    const layers = Object.entries(names("layer")).sort(([a], [b]) => Number(a) - Number(b));
    const wanted = { name: values[0]?.name ?? "", layer: layers[0]?.[0] ?? "" };
    this.one.replaceChildren(
      chooser("Task", names("name"), wanted.name, (name) => { wanted.name = name; }),
      chooser("layer", Object.fromEntries(layers.map(([name]) => [`${name}`, name])), wanted.layer,
        (layer) => { wanted.layer = layer; }),
      button("Show its numbers and questions", () => {
        const found = values.find((cell) =>
          cell.name === wanted.name && String(cell.layer) === wanted.layer);
        if (found) this.tellOf(found);
      }));
  }

  /** @param {Cell} cell */
  tellOf(cell) {
    const turn = ++this.turn;
    return this.tell(cell, turn).catch((error) => {
      if (turn !== this.turn) return;
      this.flipped.replaceChildren(alert("The questions could not be loaded", error));
    });
  }

  /** The questions that a knockout flips. @param {Cell} cell @param {number} turn */
  async tell(cell, turn) {
    const { table } = this;
    const { task, form, part, layer } = cell;
    const right = this.evidence.right[`${task}, ${form}`];
    const [base, after] = [right.base, right[`${part}, ${layer}`]];
    const numbers = [...base].map((_, i) => i);
    const gained = numbers.filter((i) => base[i] === "0" && after[i] === "1");
    const lost = numbers.filter((i) => base[i] === "1" && after[i] === "0");
    const all = await loadShown(table.pictures, task);
    if (turn !== this.turn) return; // another was chosen meanwhile
    const picture = (/** @type {number} */ i) => {
      const canvas = /** @type {HTMLCanvasElement} */ (
        element("canvas", { class: "pg-thumb", role: "img", "aria-label": "the picture" }));
      all[i].draw(canvas);
      const address = `playground.html#task=${task}&form=${form}&n=${i}&off=`;
      return table.live
        ? element("a", { href: address + switches(part, layer) }, canvas)
        : canvas;
    };
    const shown = (/** @type {string} */ title, /** @type {number[]} */ list) => [
      element("p", {}, `${title}: ${list.length}` +
        (list.length > SHOWN ? `, of which ${SHOWN} are shown` : "")),
      element("div", { class: "pg-flipped" }, ...list.slice(0, SHOWN).map((i) =>
        element("figure", {}, picture(i),
          element("figcaption", {}, `${all[i].text} → ${all[i].answer}`)))),
    ];
    this.flipped.replaceChildren(
      element("h3", {}, `${task.replaceAll("_", " ")} ${without(part, layer)}`),
      element("p", {}, `${table.model} on the ${table.testbed}, asked ${wordsOf(form)}: ` +
        `${inWords(cell)}. ` +
        `${moreInWords(cell)}.` +
        (table.live ? " A picture leads to the playground, with the same part off." : "")),
      ...shown("Right only without it", gained), ...shown("Right only with it", lost),
      button("Close", () => {
        this.close();
        this.one.querySelector("button")?.focus();
      }));
    this.root.dataset.told = `${task}, ${part}, ${layer}`;
    this.flipped.scrollIntoView({ block: "nearest" });
  }
}

const root = globalThis.document?.getElementById("talo-explorer");
if (root) {
  json(read, "evidence/tables.json").then((tables) => new Explorer(root, tables).start())
    .catch((error) => root.prepend(
      alert("The explorer could not be started, and the map below is a picture", error)));
}
