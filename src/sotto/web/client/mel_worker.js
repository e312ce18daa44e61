/** The worker that makes frames and images, seen from the page. */

/** @typedef {import("../mel/worker.js").Order} Order */
/** @typedef {import("../mel/worker.js").Told} Told */

const SCRIPT = new URL("../mel/worker.js", import.meta.url);

/** Why no images can be made, as a sentence. */
export class WorkerError extends Error {}

export class MelWorker {
  /**
   * @param {import("../mel/road.js").RoadOptions} options
   * @param {(told: Told) => void} onTold
   */
  constructor(options, onTold) {
    const { url, release } = scriptUrl();
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.addEventListener("message", ({ data }) => {
      onTold(data);
      if (data.last) this.#onLast();
    });
    this.failed = new Promise((_, reject) => {
      this.#worker.addEventListener("error", ({ message }) => {
        const why = message ? `: ${message}` : "";
        reject(new WorkerError(`This browser cannot make images of the sound${why}.`));
      });
    });
    // Whoever waits for something of it hears of a failure; nobody has to.
    this.failed.catch(() => {});
    this.#release = release;
    this.#order({ type: "open", ...options });
  }

  #worker;
  #release;
  #onLast = () => {};

  /** @type {Promise<never>} rejects with WorkerError */
  failed;

  /**
   * @param {Float32Array<ArrayBuffer>} samples
   * @param {Transferable[]} [transfer] their memory, where nobody else needs it
   */
  send(samples, transfer = []) {
    this.#order({ type: "samples", samples }, transfer);
  }

  /**
   * The last images and frames were told when this is done. Rejects with WorkerError.
   * @returns {Promise<void>}
   */
  finish() {
    /** @type {Promise<void>} */
    const last = new Promise((resolve) => {
      this.#onLast = resolve;
    });
    this.#order({ type: "finish" });
    return Promise.race([last, this.failed]);
  }

  close() {
    this.#worker.terminate();
    this.#release();
  }

  /**
   * @param {Order} order
   * @param {Transferable[]} [transfer]
   */
  #order(order, transfer = []) {
    this.#worker.postMessage(order, transfer);
  }
}

/**
 * Browsers start a worker from the page's own origin only. To a page of another one a script of one
 * line is its own, and may import; its policy has to allow workers from blob: then.
 * @returns {{url: string | URL, release: () => void}}
 */
function scriptUrl() {
  if (SCRIPT.origin === location.origin) return { url: SCRIPT, release: () => {} };
  const script = new Blob([`import ${JSON.stringify(SCRIPT.href)};`], { type: "text/javascript" });
  const url = URL.createObjectURL(script);
  return { url, release: () => URL.revokeObjectURL(url) };
}
