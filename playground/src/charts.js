/** What the book's reacting figures share: Vega-Lite in the page's colours, and its controls. */

import { element } from "./view.js";

/**
 * Draw a specification of Vega-Lite in the colours of the page around it.
 * @param {HTMLElement} holder
 * @param {object} specification
 */
export async function draw(holder, specification) {
  const ink = getComputedStyle(holder).color;
  const words = { labelColor: ink, titleColor: ink };
  const config = {
    axis: { ...words, labelFontSize: 12, titleFontSize: 13, labelLimit: 220 },
    legend: words,
    view: { stroke: null },
  };
  const embed = /** @type {any} */ (globalThis).vegaEmbed;
  const { view } = await embed(holder, {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "transparent",
    config,
    ...specification,
  }, { actions: false, renderer: "svg" });
  return view;
}

/** Call whenever the reader changes between light and dark. @param {() => void} redraw */
export function onTheme(redraw) {
  new MutationObserver(redraw).observe(
    document.documentElement, { attributeFilter: ["data-theme"] });
}

/** @typedef {Record<string, string | Record<string, string>>} Options */

/**
 * A list to choose from: names and what each stands for, or names of groups of such.
 * @param {string} name
 * @param {Options} options
 * @param {string} start
 * @param {(value: string) => void} chosen
 */
export function chooser(name, options, start, chosen) {
  const onchange = (/** @type {any} */ event) => chosen(event.target.value);
  /** @param {Options} own @returns {HTMLElement[]} */
  const entries = (own) => Object.entries(own).map(([label, value]) =>
    typeof value === "string"
      ? element("option", { value, selected: value === start }, label)
      : element("optgroup", { label }, ...entries(value)));
  return element("label", { class: "pg-chooser" }, `${name} `,
    element("select", { onchange }, ...entries(options)));
}

/**
 * A slider over given values.
 * @param {string} name
 * @param {number[]} values
 * @param {number} start
 * @param {(value: number) => string} inWords
 * @param {(value: number) => void} moved
 */
export function slider(name, values, start, inWords, moved) {
  const shown = element("span", { class: "pg-value", "aria-hidden": "true" }, inWords(start));
  const oninput = (/** @type {any} */ event) => {
    const value = values[Number(event.target.value)];
    shown.textContent = inWords(value);
    event.target.setAttribute("aria-valuetext", inWords(value));
    moved(value);
  };
  return element("label", { class: "pg-slider" }, `${name}: `, shown, element("input", {
    type: "range", min: 0, max: values.length - 1, value: values.indexOf(start), oninput,
    "aria-label": name, "aria-valuetext": inWords(start),
  }));
}
