/** The playground: a question, its answer, and a switch for every part of the model. */

import { Client, read } from "./client.js";
import { json, loadTask } from "./loading.js";
import { inForm } from "./questions.js";
import { countAll, sweepTask } from "./runs.js";
import { points } from "./statistics.js";
import { allOn, inWords, KINDS, readSwitches, switched, written } from "./switches.js";
import { bars, board, button, element, normal, paint, percent } from "./view.js";
import { DRAWN } from "./worlds.js";

/** @typedef {import("./questions.js").Asked} Asked */
/** @typedef {import("./switches.js").Switches} Switches */

const FORMS = /** @type {const} */ (["direct", "choice"]);
// questions whose answer turns, and what there is to see
const PRESETS = [
  ["A head in the way", { task: "map_west", form: "direct", number: 1, off: "h0-3" }],
  ["A head that helps one task", { task: "right_parity", form: "direct", number: 0, off: "h0-2" }],
  ["... and is needed by another",
    { task: "leftmost_shape", form: "choice", number: 0, off: "h0-2" }],
  ["A layer that is needed", { task: "object_colour", form: "direct", number: 0, off: "a0" }],
  ["A planted fault",
    { task: "chart_tallest", form: "direct", number: 1, off: "", plant: "chart_tallest@5" }],
  ["... and its cure",
    { task: "chart_tallest", form: "direct", number: 1, off: "a5", plant: "chart_tallest@5" }],
];

class Playground {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.client = new Client();
    /** @type {Map<string, Promise<Asked[]>>} */
    this.tasks = new Map();
    this.state = { task: "map_west", form: "direct", number: 0, plant: "" };
    /** @type {Switches} */
    this.off = allOn();
    /** @type {Asked | null} a picture drawn here, in the place of a test question */
    this.drawn = null;
    /** @type {number[][] | null} what a sweep found: a change for [layers][parts] */
    this.swept = null;
    /** @type {any} what the worker tells of the model */
    this.size = null;
    /** @type {any[]} */
    this.known = [];
    /** @type {any} the question that is shown, and what the model says to it */
    this.found = null;
    this.canvas = /** @type {HTMLCanvasElement} */ (
      element("canvas", { class: "pg-picture", role: "img", "aria-label": "the picture" }));
    this.text = element("p", { class: "pg-question" });
    this.verdict = element("p", { class: "pg-verdict", "aria-live": "polite" });
    this.result = element("div", { class: "pg-result", "aria-live": "polite" });
    this.boardPlace = element("div");
    this.barsPlace = element("div");
    this.lensPlace = element("div");
    this.drawing = button("Draw a new picture", () => this.draw());
    this.lensShown = -1;
    this.turn = 0; // of what is shown
    /** @type {Promise<void> | null} until the question of the state is shown */
    this.showing = null;
    this.run = 0; // of what goes on over many questions
  }

  async start() {
    const [size, known] = await Promise.all([
      this.client.ask("load"), json(read, "questions/tasks.json")]);
    this.size = size;
    this.known = known;
    this.readAddress();
    window.addEventListener("hashchange", () => {
      if (location.hash.slice(1) === this.address() || !this.named()) return;
      this.forget();
      this.readAddress();
      this.show();
    });
    await this.show();
    this.root.dataset.ready = "true";
  }

  /** @param {string} task */
  loaded(task) {
    if (!this.tasks.has(task)) {
      const loading = loadTask(read, task);
      loading.catch(() => this.tasks.delete(task)); // to be tried again
      this.tasks.set(task, loading);
    }
    return /** @type {Promise<Asked[]>} */ (this.tasks.get(task));
  }

  // -------------------------------------------------------------- the address keeps the state

  address() {
    const { task, form, number, plant } = this.state;
    const words = new URLSearchParams({ task, form, n: String(number), off: written(this.off) });
    if (plant) words.set("plant", plant);
    return words.toString();
  }

  /** Whether the address names a state, and no heading of the page. */
  named() {
    return new URLSearchParams(location.hash.slice(1)).has("task");
  }

  readAddress() {
    if (!this.named()) return;
    const words = new URLSearchParams(location.hash.slice(1));
    const task = words.get("task") ?? "";
    if (this.known.some((/** @type {any} */ one) => one.name === task)) this.state.task = task;
    this.state.form = words.get("form") === "choice" ? "choice" : "direct";
    this.state.number = Math.max(0, Number.parseInt(words.get("n") ?? "0", 10) || 0);
    const plant = words.get("plant") ?? "";
    this.state.plant = Object.hasOwn(this.size.planted, plant) ? plant : "";
    this.off = readSwitches(words.get("off") ?? "", this.size.layers, this.size.heads);
  }

  // ------------------------------------------------------------------------------- the frame

  build() {
    const { tasks, forms, plants } = this.choosers();
    const step = (/** @type {number} */ by) => () => this.go({ number: this.state.number + by });
    const about = element("section", { class: "pg-about", "aria-label": "Question" },
      element("div", { class: "pg-row" }, tasks, forms),
      this.canvas, this.text,
      element("div", { class: "pg-row" },
        button("← Previous", step(-1)), button("Next →", step(1)), this.drawing),
      this.barsPlace, this.verdict);
    const presets = PRESETS.map(([label, state]) =>
      button(/** @type {string} */ (label), () => this.preset(state)));
    const switches = element("section", { class: "pg-model", "aria-label": "Model" },
      element("div", { class: "pg-row" }, plants,
        button("Everything on", () => this.go({ off: allOn(), plant: "" }))),
      this.boardPlace);
    const start = (/** @type {(goesOn: () => boolean) => Promise<void>} */ work) =>
      () => this.during(work);
    const actions = element("div", { class: "pg-row pg-actions" },
      button("Run 200 questions", start((goesOn) => this.countTask(goesOn)),
        { "data-action": "run" }),
      button("Sweep this question", start((goesOn) => this.sweepOne(goesOn)),
        { "data-action": "sweep" }),
      button("Sweep the task", start((goesOn) => this.sweepMany(goesOn)),
        { "data-action": "sweep-task" }),
      button("Stop", () => {
        if (this.result.getAttribute("aria-busy") !== "true") return;
        this.run++;
        this.result.append(element("p", {}, "Stopped."));
        this.result.setAttribute("aria-busy", "false");
      }, { "data-action": "stop" }));
    const slow = "This browser has no WebAssembly, so that the model runs in plain JavaScript: " +
      "it answers the same, about eight times slower.";
    this.root.replaceChildren(
      ...(this.size.fast ? [] : [element("p", { class: "pg-note", role: "status" }, slow)]),
      element("div", { class: "pg-row", "aria-label": "Examples" }, "Try: ", ...presets),
      element("div", { class: "pg-grid" }, about, switches), actions, this.result, this.lensPlace);
  }

  choosers() {
    const abilities = [...new Set(this.known.map((/** @type {any} */ task) => task.ability))];
    const groups = abilities.map((ability) => element("optgroup", { label: ability },
      ...this.known.filter((/** @type {any} */ task) => task.ability === ability)
        .map((/** @type {any} */ task) => element("option", { value: task.name },
          task.name.replaceAll("_", " ") + (task.trained ? "" : " (never taught)")))));
    this.tasksChooser = this.chooser("Task", groups,
      (task) => this.go({ task, number: 0 }));
    this.formsChooser = this.chooser("Form",
      FORMS.map((form) => element("option", { value: form },
        form === "direct" ? "in its own words" : "by a letter")), (form) => this.go({ form }));
    const none = element("option", { value: "" }, "none");
    this.plantsChooser = this.chooser("Planted fault", [none, ...Object.keys(this.size.planted)
      .map((name) => element("option", { value: name }, name.replace("@", ", layer ")))],
    (plant) => this.go(plant
      ? { plant, task: this.size.planted[plant].task, number: 0 } : { plant }));
    return { tasks: this.tasksChooser, forms: this.formsChooser, plants: this.plantsChooser };
  }

  /** @param {string} name @param {Node[]} options @param {(value: string) => void} chosen */
  chooser(name, options, chosen) {
    const select = /** @type {HTMLSelectElement} */ (element("select", {}, ...options));
    select.addEventListener("change", () => chosen(select.value));
    return element("label", { class: "pg-chooser" }, `${name} `, select);
  }

  // ------------------------------------------------------------------------------ what happens

  /** Change the state and show it. @param {any} change */
  go({ off = this.off, ...change }) {
    const { task, number } = this.state;
    Object.assign(this.state, change);
    const { drawn, swept } = this;
    this.forget();
    this.off = off;
    const same = this.state.task === task && this.state.number === number;
    if (same) this.drawn = drawn; // in another form
    if (same && !Object.keys(change).length) this.swept = swept; // only switches were turned
    return this.show();
  }

  /** What was found of the question and task that were shown, and what goes on with them. */
  forget() {
    this.drawn = null;
    this.swept = null;
    this.result.replaceChildren();
    this.result.setAttribute("aria-busy", "false");
    this.run++;
  }

  /** @param {any} state */
  preset({ off, plant = "", ...state }) {
    return this.go({ plant, ...state,
      off: readSwitches(off, this.size.layers, this.size.heads) });
  }

  draw() {
    const make = DRAWN[/** @type {keyof typeof DRAWN} */ (this.state.task)] ?? DRAWN.object_colour;
    if (!Object.hasOwn(DRAWN, this.state.task)) this.state.task = "object_colour";
    this.forget();
    this.drawn = make(Math.random);
    return this.show();
  }

  /** The question that is shown. @returns {Promise<Asked>} */
  async asked() {
    if (this.drawn) return this.drawn;
    const all = await this.loaded(this.state.task);
    this.state.number = ((this.state.number % all.length) + all.length) % all.length;
    return all[this.state.number];
  }

  /** What the worker is told of a question. @param {Asked} asked */
  request(asked) {
    const form = /** @type {"choice" | "direct"} */ (this.state.form);
    return { pixels: asked.pixels, question: inForm(asked, form), plant: this.state.plant };
  }

  async show() {
    this.showing = this.shown();
    try {
      await this.showing;
    } catch (error) {
      if (!this.found) throw error; // nothing was ever shown: what is recorded stays
      this.fail(error);
    }
  }

  /** Say what went wrong where a result would stand. @param {unknown} error */
  fail(error) {
    const told = error instanceof Error ? error.message : String(error);
    this.result.replaceChildren(element("p", { class: "pg-error", role: "alert" }, `${told}.`));
  }

  async shown() {
    const turn = ++this.turn;
    const asked = await this.asked();
    const told = this.request(asked);
    const { form, plant } = this.state;
    const same = this.found && this.found.asked === asked && this.found.form === form
      && this.found.told.plant === plant; // a switch changes only what it answers now
    const [now, before] = await Promise.all([
      this.client.ask("answer", { ...told, off: this.off }),
      same ? this.found.before : this.client.ask("answer", { ...told, off: allOn() })]);
    if (turn !== this.turn) return;
    if (!this.found) this.build();
    const anchor = !this.found && location.hash && !this.named(); // a heading of this page
    if (!anchor) history.replaceState(null, "", `#${this.address()}`);
    this.syncChoosers();
    this.found = { asked, form, told, now, before };
    this.text.textContent = asked.text;
    this.barsPlace.replaceChildren(bars(asked, told.question, now.logs, before.logs));
    this.verdict.textContent = this.said();
    this.paint();
    this.showBoard();
    this.showLens();
    this.root.dataset.answer = told.question.options[now.chosen];
  }

  syncChoosers() {
    const choosers = [[this.tasksChooser, this.state.task], [this.formsChooser, this.state.form],
      [this.plantsChooser, this.state.plant]];
    for (const [chooser, value] of choosers) {
      const select = /** @type {HTMLElement} */ (chooser).querySelector("select");
      if (select) select.value = String(value);
    }
    this.drawing.textContent = Object.hasOwn(DRAWN, this.state.task)
      ? "Draw a new picture" : "Draw a new picture (of objects)";
  }

  said() {
    const { told: { question }, now, before } = this.found;
    const right = (/** @type {any} */ found) => found.chosen === question.answer;
    const word = question.options[now.chosen];
    const verdict = right(now) ? "right" : "wrong";
    const told = `It answers “${word}” ${inWords(this.off)}: ${verdict}`;
    if (!written(this.off)) return `${told}.`;
    const change = right(now) === right(before)
      ? (now.chosen === before.chosen ? "as with every part on" : "another answer than before")
      : right(now) ? "before, it was wrong" : "before, it was right";
    return `${told} (${change}).`;
  }

  paint() {
    const looks = this.lensShown < 0 ? null : this.found.now.looks[this.lensShown];
    paint(this.canvas, this.found.asked.pixels, looks);
  }

  showBoard() {
    const parts = ["attention", "mlp"];
    const found = (/** @type {string} */ part, /** @type {number} */ layer) => {
      if (!this.swept) return null;
      const place = parts.includes(part) ? parts.indexOf(part) : 2 + Number(part.split(" ")[1]);
      const value = this.swept[layer]?.[place];
      return value === undefined ? null : { value, text: `${points(value)} points without it` };
    };
    const turn = (/** @type {string} */ part, /** @type {number} */ layer) =>
      this.go({ off: switched(this.off, part, layer) });
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const { part, layer } = focused?.dataset ?? {};
    this.boardPlace.replaceChildren(board(this.size, this.off, turn, found));
    if (part) { // the board is new: the focus stays on its switch
      const own = `[data-part="${part}"][data-layer="${layer}"]`;
      /** @type {HTMLElement | null} */ (this.boardPlace.querySelector(own))?.focus();
    }
  }

  showLens() {
    const { told: { question }, now, asked } = this.found;
    const shares = now.lens.map((/** @type {number[]} */ logs) => normal(logs));
    const rows = shares.map((/** @type {number[]} */ own, /** @type {number} */ layer) => {
      const top = own.indexOf(Math.max(...own));
      const right = own[question.answer];
      const look = button(this.lensShown === layer ? "hide" : "show", () => {
        this.lensShown = this.lensShown === layer ? -1 : layer;
        this.paint();
        this.showLens();
        /** @type {HTMLElement | null} */ (
          this.lensPlace.querySelector(`[data-look="${layer}"]`))?.focus();
      }, { "aria-label": `where it looks in layer ${layer}`, "data-look": layer });
      const onPicture = now.looks[layer].reduce(
        (/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
      return element("tr", {}, element("th", { scope: "row" }, String(layer)),
        element("td", {}, look), element("td", {}, question.options[top]),
        element("td", {}, percent(own[top])),
        element("td", {}, percent(right)),
        element("td", {}, percent(onPicture)));
    });
    const heads = ["layer", "where it looks", "would answer", "sure by", "right answer gets",
      "attention on picture"].map((title) => element("th", { scope: "col" }, title));
    const table = element("table", { class: "pg-lens" },
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
    const open = this.lensPlace.querySelector("details")?.open ?? false;
    this.lensPlace.replaceChildren(element("details", { open },
      element("summary", {}, "What each layer would answer, and where it looks"),
      element("p", {}, "If the model had to answer after a layer (the logit lens), it would say " +
        `this of the question “${asked.text}”.`),
      element("div", { class: "pg-wide" }, table)));
  }

  // ------------------------------------------------------------------------ many questions

  /**
   * Do something that takes a while, until another begins or the question changes.
   * @param {(goesOn: () => boolean) => Promise<void>} work
   */
  async during(work) {
    const own = ++this.run;
    this.result.setAttribute("aria-busy", "true"); // what grows is read out once, at its end
    try {
      await work(() => own === this.run);
    } catch (error) {
      this.fail(error);
    }
    if (own === this.run) this.result.setAttribute("aria-busy", "false");
  }

  /** @param {() => boolean} goesOn */
  async countTask(goesOn) {
    const all = await this.loaded(this.state.task);
    const ask = (/** @type {Asked} */ asked, /** @type {Switches} */ off) =>
      this.client.ask("answer", { ...this.request(asked), off });
    const healthy = (/** @type {Asked} */ asked) =>
      this.client.ask("answer", { ...this.request(asked), plant: "", off: allOn() });
    const form = /** @type {"choice" | "direct"} */ (this.state.form);
    await countAll(all, form, this.off, ask, this.state.plant ? healthy : null, goesOn,
      this.result);
  }

  /** @param {() => boolean} goesOn */
  async sweepOne(goesOn) {
    await this.showing; // the question that was just chosen may be on its way
    if (!goesOn()) return;
    const { told, before } = this.found;
    const { logs } = await this.client.ask("sweep", { ...told, off: allOn() });
    if (!goesOn()) return;
    const share = (/** @type {number[]} */ own) => normal(own)[told.question.answer];
    const base = share(before.logs);
    this.swept = logs.map((/** @type {number[][]} */ parts) =>
      parts.map((own) => share(own) - base));
    this.result.replaceChildren(element("p", {}, "Each switch now shows what its part does to " +
      "the probability of the right answer: purple, the answer becomes more probable without it; " +
      "orange, less. The three largest:"), this.largest());
    this.showBoard();
  }

  /** The three parts of the sweep with the largest changes, as a list. */
  largest() {
    const parts = [...KINDS, ...Array.from({ length: this.size.heads }, (_, h) => `head ${h}`)];
    const all = /** @type {number[][]} */ (this.swept).flatMap((row, layer) =>
      row.map((value, i) => ({ value, words: `${parts[i]} of layer ${layer}` })));
    const top = all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, 3);
    return element("ul", {}, ...top.map(({ value, words }) =>
      element("li", {}, `${words}: ${points(value)} points`)));
  }

  /** @param {() => boolean} goesOn */
  async sweepMany(goesOn) {
    const all = await this.loaded(this.state.task);
    const ask = (/** @type {Asked} */ asked) =>
      this.client.ask("sweep", { ...this.request(asked), off: allOn() });
    const base = (/** @type {Asked} */ asked) =>
      this.client.ask("answer", { ...this.request(asked), off: allOn() });
    const form = /** @type {"choice" | "direct"} */ (this.state.form);
    await sweepTask(all, form, ask, base, goesOn, this.result, (swept) => {
      this.swept = swept;
      this.showBoard();
    });
  }
}

const root = document.getElementById("talo-playground");
if (root) {
  const refused = (/** @type {Error} */ error) => root.prepend(
    element("p", { class: "pg-error", role: "alert" },
      `The model could not be started here (${error.message}); below are recorded answers.`));
  try {
    new Playground(root).start().catch(refused);
  } catch (error) { // no workers
    refused(/** @type {Error} */ (error));
  }
}
