/** Many questions one after the other, with results that grow. */

import { chances } from "./questions.js";
import { paired, points, wilson } from "./statistics.js";
import { allOn, inWords } from "./switches.js";
import { element, percent } from "./view.js";

/** @typedef {import("./questions.js").Asked} Asked */
/** @typedef {import("./switches.js").Switches} Switches */

const FEW = 40; // questions of a sweep over a task
const FAULT = "with the fault";

/**
 * Ask all questions with every part on and with the present switches, and show both accuracies;
 * beside a planted fault also that of the model before it was planted.
 * @param {Asked[]} all
 * @param {"choice" | "direct"} form
 * @param {Switches} off
 * @param {(asked: Asked, off: Switches) => Promise<{ chosen: number }>} ask
 * @param {((asked: Asked) => Promise<{ chosen: number }>) | null} healthy
 * @param {() => boolean} goesOn
 * @param {HTMLElement} place
 */
export async function countAll(all, form, off, ask, healthy, goesOn, place) {
  const turned = inWords(off) !== inWords(allOn());
  if (!turned && !healthy) {
    place.replaceChildren(element("p", {}, "Every part is on: switch one off, to compare."));
    return;
  }
  const counts = { asked: 0, base: 0, now: 0, gained: 0, lost: 0, healthy: healthy ? 0 : null };
  const mean = { blind: 0, informed: 0 };
  for (const asked of all) {
    const [base, now, before] = await Promise.all(
      [ask(asked, allOn()), ask(asked, off), healthy && healthy(asked)]);
    if (!goesOn()) break;
    const right = (/** @type {{ chosen: number }} */ { chosen }) => chosen === asked[form].answer;
    // with every part on a fault is compared with the model before it
    const [was, is] = [turned ? base : before ?? base, now].map(right);
    if (before) counts.healthy = (counts.healthy ?? 0) + Number(right(before));
    const { blind, informed } = chances(asked, form);
    counts.asked++;
    counts.base += Number(was);
    counts.now += Number(is);
    counts.gained += Number(is && !was);
    counts.lost += Number(was && !is);
    mean.blind += (blind - mean.blind) / counts.asked;
    mean.informed += (informed - mean.informed) / counts.asked;
    place.replaceChildren(...told(counts, mean, turned ? inWords(off) : FAULT, all.length));
  }
}

/**
 * @param {{ asked: number, base: number, now: number, gained: number, lost: number,
 *   healthy: number | null }} counts
 * @param {{ blind: number, informed: number }} mean
 * @param {string} words what is compared with what was before
 * @param {number} of
 */
function told({ asked, base, now, gained, lost, healthy }, mean, words, of) {
  const { delta, low, high } = paired(gained, lost, asked);
  const line = (/** @type {string} */ name, /** @type {number} */ right) => {
    const [from, to] = wilson(right, asked);
    return element("div", { class: "pg-accuracy" }, element("span", { class: "pg-name" }, name),
      element("span", { class: "pg-track" },
        element("span", { class: "pg-range",
          style: `left: ${100 * from}%; width: ${100 * (to - from)}%` }),
        element("span", { class: "pg-point", style: `left: ${100 * right / asked}%` }),
        element("span", { class: "pg-chance", style: `left: ${100 * mean.informed}%` })),
      element("span", { class: "pg-value" },
        `${percent1(right / asked)}% [${percent1(from)}, ${percent1(to)}]`));
  };
  const chance = mean.informed > mean.blind
    ? `${percent(mean.blind)} by a blind guess, ${percent(mean.informed)} by one that looks`
    : percent(mean.blind);
  return [
    element("p", { "data-asked": asked, "data-base": base, "data-now": now },
      `${asked} of ${of} questions: ${words} ${points(delta)} points ` +
      `[${points(low)}, ${points(high)}]. It gains ${gained} questions and loses ${lost}.`),
    ...(healthy === null ? [] : [line("before the fault", healthy)]),
    ...(words === FAULT ? [line(FAULT, now)] :
      [line("every part on", base), line("with these switches", now)]),
    element("p", { class: "pg-note" }, `Dashed: chance (${chance}). Brackets: 95% intervals.`),
  ];
}

/**
 * Sweep a task question by question; shows how accuracy changes without each part.
 * @param {Asked[]} all
 * @param {"choice" | "direct"} form
 * @param {(asked: Asked) => Promise<{ logs: number[][][] }>} sweep
 * @param {(asked: Asked) => Promise<{ chosen: number }>} base
 * @param {() => boolean} goesOn
 * @param {HTMLElement} place
 * @param {(swept: number[][]) => void} show changes of accuracy, [layers][parts]
 */
export async function sweepTask(all, form, sweep, base, goesOn, place, show) {
  /** @type {number[][]} */
  let total = [];
  let asked = 0;
  const few = all.slice(0, FEW);
  for (const one of few) {
    const [{ logs }, { chosen }] = await Promise.all([sweep(one), base(one)]);
    if (!goesOn()) break;
    const { answer } = one[form];
    const was = Number(chosen === answer);
    const change = logs.map((parts) =>
      parts.map((own) => Number(own.indexOf(Math.max(...own)) === answer) - was));
    total = asked ? total.map((row, i) => row.map((sum, j) => sum + change[i][j])) : change;
    asked++;
    show(total.map((row) => row.map((sum) => sum / asked)));
    const parts = total.length * total[0].length;
    place.replaceChildren(element("p", {}, `${asked} of ${few.length} questions. Each switch ` +
      "shows how accuracy changes without its part: purple, it rises; orange, it falls. The " +
      `best of ${parts} was chosen by these very questions and looks better than it is; the ` +
      "explorer has all parts on 200."));
  }
}

/** @param {number} share */
const percent1 = (share) => (100 * share).toFixed(1);
