/** The arithmetic of a transformer on float32 arrays, row by row. */

/**
 * Rows of x times a matrix that is kept as PyTorch keeps it, [outputs, inputs], plus a bias.
 * @param {Float32Array} x [rows, inputs]
 * @param {import("./safetensors.js").Tensor} weight [outputs, inputs]
 * @param {Float32Array | null} bias [outputs]
 * @returns {Float32Array} [rows, outputs]
 */
export function linear(x, weight, bias = null) {
  const outputs = weight.shape[0];
  const inputs = weight.data.length / outputs;
  const { held } = weight;
  const out = held
    ? held.kernel.linear(x, held.address, outputs, inputs)
    : product(x, weight.data, outputs, inputs);
  if (bias) for (let i = 0; i < out.length; i++) out[i] += bias[i % outputs];
  return out;
}

/**
 * @param {Float32Array} x @param {Float32Array} w @param {number} outputs @param {number} inputs
 */
function product(x, w, outputs, inputs) {
  const rows = x.length / inputs;
  const out = new Float32Array(rows * outputs);
  const whole = rows - (rows % 4);
  for (let row = 0; row < whole; row += 4) fourRows(x, w, out, row, outputs, inputs);
  for (let row = whole; row < rows; row++) oneRow(x, w, out, row, outputs, inputs);
  return out;
}

/**
 * Four rows at once: each weight is read once for them.
 * @param {Float32Array} x @param {Float32Array} w @param {Float32Array} out
 * @param {number} row @param {number} outputs @param {number} inputs
 */
function fourRows(x, w, out, row, outputs, inputs) {
  const a = row * inputs;
  const b = a + inputs;
  const c = b + inputs;
  const d = c + inputs;
  for (let o = 0; o < outputs; o++) {
    const at = o * inputs;
    let sumA = 0;
    let sumB = 0;
    let sumC = 0;
    let sumD = 0;
    for (let i = 0; i < inputs; i++) {
      const value = w[at + i];
      sumA += value * x[a + i];
      sumB += value * x[b + i];
      sumC += value * x[c + i];
      sumD += value * x[d + i];
    }
    const to = row * outputs + o;
    out[to] = sumA;
    out[to + outputs] = sumB;
    out[to + 2 * outputs] = sumC;
    out[to + 3 * outputs] = sumD;
  }
}

/**
 * @param {Float32Array} x @param {Float32Array} w @param {Float32Array} out
 * @param {number} row @param {number} outputs @param {number} inputs
 */
function oneRow(x, w, out, row, outputs, inputs) {
  for (let o = 0; o < outputs; o++) {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += w[o * inputs + i] * x[row * inputs + i];
    out[row * outputs + o] = sum;
  }
}

/**
 * @param {Float32Array} x [rows, weight.length]
 * @param {Float32Array} weight
 * @param {number} epsilon
 * @returns {Float32Array} the same shape
 */
export function rmsNorm(x, weight, epsilon) {
  const width = weight.length;
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[at + i] * x[at + i];
    const scale = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i++) out[at + i] = x[at + i] * scale * weight[i];
  }
  return out;
}

/**
 * @param {Float32Array} x [rows, weight.length]
 * @param {Float32Array} weight
 * @param {Float32Array} bias
 * @param {number} epsilon
 * @returns {Float32Array} the same shape
 */
export function layerNorm(x, weight, bias, epsilon) {
  const width = weight.length;
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let mean = 0;
    for (let i = 0; i < width; i++) mean += x[at + i];
    mean /= width;
    let squares = 0;
    for (let i = 0; i < width; i++) squares += (x[at + i] - mean) ** 2;
    const scale = 1 / Math.sqrt(squares / width + epsilon);
    for (let i = 0; i < width; i++) out[at + i] = (x[at + i] - mean) * scale * weight[i] + bias[i];
  }
  return out;
}

/**
 * Attention of several heads; `causal`: a row sees those up to itself only.
 * @param {Float32Array} q [rows, heads * size]
 * @param {Float32Array} k the same
 * @param {Float32Array} v the same
 * @param {number} heads
 * @param {boolean} causal
 * @param {number} width heads * size
 * @returns {{ out: Float32Array, last: Float32Array }} what each head gives, [rows, heads * size],
 *   and how much the last row looks at each, [heads, rows]
 */
export function attention(q, k, v, heads, causal, width) {
  const size = width / heads;
  const rows = q.length / width;
  const out = new Float32Array(q.length);
  const last = new Float32Array(heads * rows);
  const weights = new Float64Array(rows);
  for (let head = 0; head < heads; head++) {
    for (let row = 0; row < rows; row++) {
      const seen = causal ? row + 1 : rows;
      const from = row * width + head * size;
      let most = -Infinity;
      for (let other = 0; other < seen; other++) {
        const at = other * width + head * size;
        let sum = 0;
        for (let i = 0; i < size; i++) sum += q[from + i] * k[at + i];
        weights[other] = sum / Math.sqrt(size);
        if (weights[other] > most) most = weights[other];
      }
      let total = 0;
      for (let other = 0; other < seen; other++) {
        weights[other] = Math.exp(weights[other] - most);
        total += weights[other];
      }
      for (let other = 0; other < seen; other++) {
        const share = weights[other] / total;
        const at = other * width + head * size;
        for (let i = 0; i < size; i++) out[from + i] += share * v[at + i];
        if (row === rows - 1) last[head * rows + other] = share;
      }
    }
  }
  return { out, last };
}

/**
 * Rotary positions, in place: row r of each head is turned by r (the two halves of a head are
 * pairs).
 * @param {Float32Array} x [rows, heads * size]
 * @param {number} heads
 * @param {number} width heads * size
 * @param {number} theta
 */
export function rotate(x, heads, width, theta) {
  const size = width / heads;
  const half = size / 2;
  for (let row = 0; row < x.length / width; row++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(row * Math.fround(theta ** (-i / half)));
      const cos = Math.cos(angle);
      const sin = Math.sin(angle);
      for (let head = 0; head < heads; head++) {
        const at = row * width + head * size + i;
        const one = x[at];
        const other = x[at + half];
        x[at] = one * cos - other * sin;
        x[at + half] = other * cos + one * sin;
      }
    }
  }
}

/** @param {number} x */
export const silu = (x) => x / (1 + Math.exp(-x));

/** @param {number} x */
export const quickGelu = (x) => x / (1 + Math.exp(-1.702 * x));

/** @param {number} x */
export const gelu = (x) => 0.5 * x * (1 + erf(x / Math.SQRT2));

/**
 * The error function, to 1.5e-7 (Abramowitz and Stegun 7.1.26).
 * @param {number} x
 */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const terms = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const sum = terms.reduce((found, term) => found * t + term, 0) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

/**
 * The sum of two arrays of one length.
 * @param {Float32Array} one
 * @param {Float32Array} other
 * @returns {Float32Array}
 */
export const added = (one, other) => one.map((value, i) => value + other[i]);

/**
 * Logarithms of probabilities from logits.
 * @param {Float32Array} logits
 */
export function logSoftmax(logits) {
  let most = -Infinity;
  for (const logit of logits) if (logit > most) most = logit;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - most);
  const norm = most + Math.log(total);
  return logits.map((logit) => logit - norm);
}
