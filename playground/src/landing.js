/** The switch on the first page: one question, one head, on or off. */

import { Client, read } from "./client.js";
import { json, loadTask } from "./loading.js";
import { inForm } from "./questions.js";
import { allOn, readSwitches } from "./switches.js";
import { bars, button, element, paint } from "./view.js";

/** @param {HTMLElement} root */
async function start(root) {
  const client = new Client();
  const [size, { task, form, off, numbers, words }] = await Promise.all([
    client.ask("load"), json(read, "questions/landing.json")]);
  const all = await loadTask(read, task);
  const without = readSwitches(off, size.layers, size.heads);
  let [place, isOff] = [0, false];
  const canvas = /** @type {HTMLCanvasElement} */ (
    element("canvas", { class: "pg-picture", role: "img", "aria-label": "a map" }));
  const text = element("p", { class: "pg-question" });
  const answers = element("div");
  const verdict = element("p", { class: "pg-verdict", "aria-live": "polite" });
  const toggle = button(words, () => { isOff = !isOff; show(); },
    { class: "pg-button pg-toggle", "aria-pressed": true });

  async function show() {
    const asked = all[numbers[place]];
    const question = inForm(asked, form);
    const told = { pixels: asked.pixels, question };
    const before = await client.ask("answer", { ...told, off: allOn() });
    const now = isOff ? await client.ask("answer", { ...told, off: without }) : before;
    paint(canvas, asked.pixels);
    text.textContent = asked.text;
    answers.replaceChildren(bars(asked, question, now.logs, before.logs));
    const right = now.chosen === question.answer;
    const said = question.options[now.chosen];
    verdict.textContent = `It says “${said}”: ${right ? "right" : "wrong"}.`;
    toggle.setAttribute("aria-pressed", String(!isOff));
    toggle.textContent = `${words}: ${isOff ? "off" : "on"}`;
    root.dataset.answer = said;
    root.dataset.right = String(right);
  }

  await show();
  const next = button("Another map", () => { place = (place + 1) % numbers.length; show(); });
  root.replaceChildren(element("div", { class: "pg-grid pg-small" },
    element("div", {}, canvas, text),
    element("div", {}, element("div", { class: "pg-row" }, toggle, next), answers, verdict)));
  root.dataset.ready = "true";
}

const root = document.getElementById("talo-switch");
if (root) {
  start(root).catch((error) => {
    root.append(element("p", { class: "pg-note" },
      `The model could not be started here (${error.message}); these are its recorded answers.`));
  });
}
