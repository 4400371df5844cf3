/** Intervals of what the page counts. */

const Z = 1.959964; // 95%

/**
 * Wilson's 95% interval of a share.
 * @param {number} right
 * @param {number} asked
 * @returns {[number, number]}
 */
export function wilson(right, asked) {
  const share = right / asked;
  const middle = share + Z * Z / (2 * asked);
  const half = Z * Math.sqrt(share * (1 - share) / asked + Z * Z / (4 * asked * asked));
  const scale = 1 + Z * Z / asked;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}

/**
 * The difference of two shares of the same questions, with its 95% interval: two questions are made
 * up, one gained and one lost (Bonett and Price 2012).
 * @param {number} gained questions that only the second answers
 * @param {number} lost questions that only the first answers
 * @param {number} asked
 * @returns {{ delta: number, low: number, high: number }}
 */
export function paired(gained, lost, asked) {
  const count = asked + 2;
  const delta = (gained - lost) / count;
  const spread = Math.sqrt(((gained + lost + 2) / count - delta ** 2) / count);
  return {
    delta: (gained - lost) / asked,
    low: Math.max(-1, delta - Z * spread),
    high: Math.min(1, delta + Z * spread),
  };
}

/**
 * Points of a share or a difference, as text: "+5.2".
 * @param {number} share
 */
export const points = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;
