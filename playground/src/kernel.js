/**
 * The matrix product in WebAssembly (`kernel.wat`), eight times as fast as in plain JavaScript.
 *
 * Where a browser has no WebAssembly with 128-bit numbers, tensors stay as they are and the plain
 * product is used: the same answers, later.
 */

/** @typedef {import("./safetensors.js").Tensor} Tensor */

const PAGE = 65536;
const SCRATCH = 1 << 20; // bytes for rows and what becomes of them

export class Kernel {
  /**
   * @param {WebAssembly.Memory} memory
   * @param {(x: number, w: number, out: number, rows: number, outputs: number, inputs: number)
   *   => void} run addresses in bytes, then counts
   */
  constructor(memory, run) {
    this.memory = memory;
    this.run = run;
  }

  /**
   * Copy matrices into the kernel's memory, in place; gives false where there is no kernel.
   * @param {ArrayBuffer} bytes of `kernel.wasm`
   * @param {Iterable<Tensor>} tensors
   */
  static async hold(bytes, tensors) {
    const matrices = [...tensors].filter(fits);
    const floats = matrices.reduce((sum, { data }) => sum + data.length, 0);
    try {
      const { instance } = await WebAssembly.instantiate(bytes);
      const { memory, linear } = /** @type {any} */ (instance.exports);
      memory.grow(Math.ceil((4 * floats + SCRATCH) / PAGE));
      const kernel = new Kernel(memory, linear);
      let address = SCRATCH;
      for (const matrix of matrices) {
        const data = new Float32Array(memory.buffer, address, matrix.data.length);
        data.set(matrix.data);
        Object.assign(matrix, { data, held: { kernel, address } });
        address += 4 * data.length;
      }
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Rows of x times a matrix that is held.
   * @param {Float32Array} x [rows, inputs]
   * @param {number} address of the matrix
   * @param {number} outputs
   * @param {number} inputs
   * @returns {Float32Array} [rows, outputs]
   */
  linear(x, address, outputs, inputs) {
    const rows = x.length / inputs;
    const count = rows * outputs;
    if (4 * (x.length + count) > SCRATCH) throw new Error(`${rows} rows are too many at once`);
    const room = new Float32Array(this.memory.buffer, 0, x.length + count);
    room.set(x);
    this.run(0, address, 4 * x.length, rows, outputs, inputs);
    return room.slice(x.length);
  }
}

/** @param {Tensor} tensor whether it is a matrix whose rows the kernel takes */
const fits = ({ shape }) => shape.length > 1 && shape.slice(1).reduce((a, b) => a * b) % 4 === 0;
