/** Weights as the checkpoint ships them: a safetensors file of bfloat16, read as float32. */

/**
 * `held`: where the kernel holds a matrix, if it does.
 * @typedef {object} Tensor
 * @property {number[]} shape
 * @property {Float32Array} data
 * @property {{ kernel: import("./kernel.js").Kernel, address: number }} [held]
 */

/**
 * The tensors of a file by name, and what its header says beside them.
 * Raises an Error for a file that is cut off or holds something else than bfloat16.
 * @param {ArrayBuffer} buffer
 * @returns {{ tensors: Map<string, Tensor>, metadata: Record<string, string> }}
 */
export function readSafetensors(buffer) {
  if (buffer.byteLength < 8) throw new Error("this is no file of weights: it ends in its header");
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (8 + length > buffer.byteLength) {
    throw new Error("this is no file of weights: it ends in its header");
  }
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: [begin, end] }] of Object.entries(entries)) {
    if (dtype !== "BF16") throw new Error(`${name} is ${dtype}, not bfloat16`);
    if (8 + length + end > buffer.byteLength) throw new Error(`the file ends within ${name}`);
    tensors.set(name, { shape, data: widened(buffer, 8 + length + begin, (end - begin) / 2) });
  }
  return { tensors, metadata };
}

/**
 * bfloat16 is the upper half of a float32.
 * @param {ArrayBuffer} buffer
 * @param {number} offset
 * @param {number} count
 */
function widened(buffer, offset, count) {
  const halves = new Uint16Array(buffer.slice(offset, offset + 2 * count));
  const bits = new Uint32Array(count);
  for (let i = 0; i < count; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}
