/** What is switched off, as text: "a0.m3.h0-3" in the address, and in words. */

/** @typedef {import("./llava.js").Switches} Switches */

export const KINDS = /** @type {const} */ (["attention", "mlp"]);

/** @returns {Switches} */
export const allOn = () => ({ attention: new Set(), mlp: new Set(), heads: new Map() });

/**
 * @param {Switches} off
 * @param {string} part "attention", "mlp" or "head 3"
 * @param {number} layer
 */
export function isOff(off, part, layer) {
  if (part === "attention" || part === "mlp") return off[part].has(layer);
  return off.heads.get(layer)?.has(headOf(part)) ?? false;
}

/**
 * The same with one part switched the other way.
 * @param {Switches} off
 * @param {string} part
 * @param {number} layer
 * @returns {Switches}
 */
export function switched(off, part, layer) {
  const found = {
    attention: new Set(off.attention),
    mlp: new Set(off.mlp),
    heads: new Map([...off.heads].map(([key, own]) => [key, new Set(own)])),
  };
  if (part === "attention" || part === "mlp") {
    turn(found[part], layer);
  } else {
    const own = found.heads.get(layer) ?? new Set();
    turn(own, headOf(part));
    if (own.size) found.heads.set(layer, own);
    else found.heads.delete(layer);
  }
  return found;
}

/** @param {Set<number>} set @param {number} item */
const turn = (set, item) => set.delete(item) || set.add(item);

/** @param {string} part */
const headOf = (part) => Number(part.split(" ")[1]);

/** @param {Switches} off */
export function written(off) {
  const heads = [...off.heads].flatMap(([layer, own]) => [...own].map((h) => `h${layer}-${h}`));
  const parts = [...[...off.attention].map((l) => `a${l}`), ...[...off.mlp].map((l) => `m${l}`)];
  return [...parts, ...heads].sort().join(".");
}

/**
 * What `written` wrote; what cannot be read, or names no layer or head there is, is left out.
 * @param {string} text
 * @param {number} layers
 * @param {number} heads
 */
export function readSwitches(text, layers, heads) {
  let off = allOn();
  for (const word of new Set(text.split("."))) {
    const found = /^(?:([am])(\d+)|h(\d+)-(\d+))$/.exec(word);
    if (!found) continue;
    const layer = Number(found[2] ?? found[3]);
    const head = Number(found[4] ?? 0);
    if (layer >= layers || head >= heads) continue;
    const part = found[1] === "a" ? "attention" : found[1] === "m" ? "mlp" : `head ${head}`;
    off = switched(off, part, layer);
  }
  return off;
}

/** @param {Switches} off */
export function inWords(off) {
  const parts = [
    ...[...off.attention].map((layer) => `attention of layer ${layer}`),
    ...[...off.mlp].map((layer) => `MLP of layer ${layer}`),
    ...[...off.heads].flatMap(([layer, own]) => [...own].map((h) => `head ${h} of layer ${layer}`)),
  ];
  return parts.length ? `without ${parts.join(", ")}` : "with every part on";
}
