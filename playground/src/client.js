/** The page's side of the worker: questions go out, promises come back. */

export class Client {
  constructor() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.next = 0;
    /** @type {Map<number, { resolve: (found: any) => void, reject: (error: Error) => void }>} */
    this.waiting = new Map();
    this.worker.onmessage = ({ data: { id, error, ...found } }) => {
      const promise = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) promise?.reject(new Error(error));
      else promise?.resolve(found);
    };
    /** @type {Error | null} why the worker cannot answer any more */
    this.broken = null;
    this.worker.onerror = () => {
      this.broken = new Error("the model cannot start");
      for (const { reject } of this.waiting.values()) reject(this.broken);
      this.waiting.clear();
    };
  }

  /**
   * @param {"load" | "answer" | "sweep"} kind
   * @param {object} data
   * @returns {Promise<any>}
   */
  ask(kind, data = {}) {
    if (this.broken) return Promise.reject(this.broken);
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, kind, ...data });
    });
  }
}

/** @param {string} name of a file beside this module */
export async function read(name) {
  const response = await fetch(new URL(name, import.meta.url));
  if (!response.ok) throw new Error(`${name} could not be loaded (${response.status})`);
  return response.arrayBuffer();
}
