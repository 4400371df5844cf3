/** Two figures that react: what TaLo does with planted interference, and what a study can see. */

import { chooser, draw, onTheme, slider } from "./charts.js";
import { read } from "./client.js";
import { element, percent } from "./view.js";

/**
 * @typedef {object} Mark what a rule does, as shares of draws with their 95% intervals
 * @property {number} strength @property {string} rule @property {number} shots
 * @property {number} damage @property {number} recovered
 * @property {number} found
 * @property {number | null} found_low @property {number | null} found_high
 * @property {number} innocent
 * @property {number | null} innocent_low @property {number | null} innocent_high
 * @property {number} accused
 * @property {number | null} accused_low @property {number | null} accused_high
 */
/** @typedef {{ questions: number, gain: number, compared: number, power: number }} Seen */

const WANTED = 0.8; // the power that studies usually aim at
const WIDTH = 420; // at most
const BESIDE = 190; // labels and axes
const LEFT_OUT = /** @type {const} */ ([
  ["found", "the planted layer"],
  ["innocent", "another layer instead"],
  ["accused", "a layer, where none is planted"],
]);

/** The different values of a field, in order. @param {any[]} rows @param {string} field */
const valuesOf = (rows, field) =>
  [...new Set(rows.map((row) => row[field]))].sort((a, b) => a - b);

/** @param {any[]} rows @param {Record<string, any>} wanted */
export const rowOf = (rows, wanted) => rows.find((row) =>
  Object.entries(wanted).every(([field, value]) => row[field] === value));

/** What a rule does, in a sentence. @param {Mark} mark */
export function markInWords(mark) {
  const share = (/** @type {"found" | "innocent" | "accused"} */ name) => {
    const [low, high] = [mark[`${name}_low`], mark[`${name}_high`]];
    // plants that are all alike show no spread to tell an interval by
    const interval = low === null || high === null ? "" : ` [${percent(low)}, ${percent(high)}]`;
    return `${percent(mark[name])}${interval}`;
  };
  return `With ${mark.shots} shots the ${mark.rule} rule leaves out the planted layer in ` +
    `${share("found")} of draws and another one in ${share("innocent")}; of the model without a ` +
    `plant it leaves out a layer in ${share("accused")}. The plant costs ` +
    `${(100 * mark.damage).toFixed(1)} points, of which TaLo wins ${percent(mark.recovered)} back.`;
}

/** What a study sees, in a sentence. @param {Seen} at @param {number} needed questions */
export function powerInWords(at, needed) {
  const gain = Math.round(100 * at.gain);
  return `${at.questions} questions find a true gain of ${gain} point${gain === 1 ? "" : "s"} in ` +
    `${percent(at.power)} of studies; ${percent(WANTED)} need about ${needed} questions.`;
}

/** @param {Mark} mark */
const markChart = (mark) => ({
  height: { step: 34 },
  data: { values: LEFT_OUT.map(([name, label]) => ({
    label, share: mark[name], low: mark[`${name}_low`], high: mark[`${name}_high`],
  })) },
  encoding: { y: { field: "label", type: "nominal", sort: null, title: null } },
  layer: [
    { mark: "bar", encoding: {
      x: { field: "share", type: "quantitative", scale: { domain: [0, 1] },
        axis: { format: "%" }, title: "share of draws" },
      color: { field: "label", type: "nominal", sort: null, legend: null,
        scale: { range: ["#0072B2", "#E69F00", "#D55E00"] } },
    } },
    { mark: { type: "rule", color: "#888", strokeWidth: 3 },
      encoding: { x: { field: "low", type: "quantitative" }, x2: { field: "high" } } },
  ],
});

/** @param {Seen[]} rows @param {Seen} at */
const powerChart = (rows, at) => ({
  height: 220,
  layer: [
    { data: { values: rows }, mark: { type: "line", color: "#0072B2" }, encoding: {
      x: { field: "questions", type: "quantitative", scale: { type: "log" },
        title: "questions" },
      y: { field: "power", type: "quantitative", scale: { domain: [0, 1] },
        axis: { format: "%" }, title: "studies that find it" },
    } },
    { data: { values: [{ y: WANTED }] }, mark: { type: "rule", color: "#888", strokeDash: [4, 4] },
      encoding: { y: { field: "y", type: "quantitative" } } },
    { data: { values: [at] }, mark: { type: "point", filled: true, size: 120, color: "#D55E00" },
      encoding: { x: { field: "questions", type: "quantitative" },
        y: { field: "power", type: "quantitative" } } },
  ],
});

/**
 * A figure with its controls and the sentence that tells what it shows.
 * @param {HTMLElement} root
 * @param {HTMLElement[]} controls
 * @param {() => { words: string, chart: object }} shown now
 */
function figure(root, controls, shown) {
  const words = element("p", { "aria-live": "polite" });
  const holder = element("div", { class: "pg-wide" });
  root.replaceChildren(element("div", { class: "pg-row" }, ...controls), words, holder);
  const show = async () => {
    const now = shown();
    words.textContent = now.words;
    const width = Math.max(120, Math.min(WIDTH, root.clientWidth - BESIDE));
    await draw(holder, { width, ...now.chart });
    root.dataset.ready = now.words;
  };
  onTheme(show);
  return show;
}

/** @param {HTMLElement} root @param {Mark[]} marks */
function planted(root, marks) {
  const [strengths, shots] = [valuesOf(marks, "strength"), valuesOf(marks, "shots")];
  const rules = [...new Set(marks.map(({ rule }) => rule))];
  const state = { strength: strengths[strengths.length - 1], shots: shots[1], rule: rules[0] };
  const turn = (/** @type {Partial<typeof state>} */ change) => {
    Object.assign(state, change);
    return show();
  };
  const show = figure(root, [
    slider("Strength of the plant", strengths, state.strength, String,
      (strength) => turn({ strength })),
    slider("Shots", shots, state.shots, String, (own) => turn({ shots: own })),
    chooser("Rule", Object.fromEntries(rules.map((rule) => [rule, rule])), state.rule,
      (rule) => turn({ rule })),
  ], () => {
    const mark = rowOf(marks, state);
    return { words: markInWords(mark), chart: markChart(mark) };
  });
  return show();
}

/** @typedef {{ gain: number, compared: number, questions: number }} Needed */

/**
 * @param {HTMLElement} root @param {Seen[]} seen @param {Needed[]} needed
 * @param {Record<string, string>} corrections
 */
function power(root, seen, needed, corrections) {
  const [questions, gains] = [valuesOf(seen, "questions"), valuesOf(seen, "gain")];
  const state = { questions: 200, gain: 0.1, compared: 1 };
  const turn = (/** @type {Partial<typeof state>} */ change) => {
    Object.assign(state, change);
    return show();
  };
  const show = figure(root, [
    slider("Questions", questions, state.questions, String, (own) => turn({ questions: own })),
    slider("True gain", gains, state.gain, (gain) => `${(100 * gain).toFixed(0)} points`,
      (gain) => turn({ gain })),
    chooser("Corrected for", corrections, String(state.compared),
      (compared) => turn({ compared: Number(compared) })),
  ], () => {
    const { gain, compared } = state;
    const rows = seen.filter((row) => row.gain === gain && row.compared === compared);
    const at = rowOf(rows, { questions: state.questions });
    const { questions } = rowOf(needed, { gain, compared });
    return { words: powerInWords(at, questions), chart: powerChart(rows, at) };
  });
  return show();
}

async function start(/** @type {HTMLElement} */ plants, /** @type {HTMLElement} */ studies) {
  const told = JSON.parse(new TextDecoder().decode(await read("sliders.json")));
  await planted(plants, told.planted);
  await power(studies, told.power, told.needed, told.corrections);
}

const [plants, studies] = ["talo-planted", "talo-power"].map((name) =>
  globalThis.document?.getElementById(name));
if (plants && studies) {
  start(plants, studies).catch((error) => {
    for (const root of [plants, studies]) {
      root.prepend(element("p", { class: "pg-error", role: "alert" },
        `This figure could not be started (${error.message}).`));
    }
  });
}
