/** Sound from any node of a Web Audio graph, as messages of samples at the graph's own rate. */

/** Why there is no sound, as a sentence. */
export class SourceError extends Error {}

/**
 * What the Live tab listens to.
 * @typedef {object} Source
 * @property {number} rate samples a second
 * @property {Promise<void>} ended when the sound is over by itself
 * @property {(onSamples: (samples: Float32Array<ArrayBuffer>) => void) => void} start
 * @property {(held: boolean) => void} hold let it wait, where it can
 * @property {() => Promise<void>} finish the last samples are out when this is done
 * @property {() => void} close
 */

/**
 * To be made in the handler of a click: browsers start sound on a gesture only.
 * Throws SourceError where the page may not capture at all.
 */
export function newContext() {
  if (!window.isSecureContext) {
    throw new SourceError(
      "Browsers let a page listen only over https or on localhost. Open Sotto there.",
    );
  }
  return new AudioContext();
}

export class Capture {
  /**
   * Throws SourceError where its worklet cannot be fetched.
   * @param {AudioContext} context
   * @param {AudioNode} input
   * @param {number} [perSecond] messages; 10 where nobody says
   */
  static async open(context, input, perSecond) {
    try {
      await context.audioWorklet.addModule(new URL("./worklet.js", import.meta.url));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      throw new SourceError("The server cannot be reached.");
    }
    await context.resume();
    return new Capture(context, input, perSecond);
  }

  /**
   * @param {AudioContext} context
   * @param {AudioNode} input
   * @param {number} [perSecond]
   */
  constructor(context, input, perSecond) {
    this.rate = context.sampleRate;
    this.#node = new AudioWorkletNode(context, "capture", { processorOptions: { perSecond } });
    this.#node.port.onmessage = ({ data }) => this.#receive(data);
    // It writes nothing to its output; the connection is what makes every browser run it.
    input.connect(this.#node).connect(context.destination);
  }

  #node;
  /** @type {((samples: Float32Array<ArrayBuffer>) => void) | null} */
  #onSamples = null;
  #onDrained = () => {};

  /** @param {(samples: Float32Array<ArrayBuffer>) => void} onSamples */
  start(onSamples) {
    this.#onSamples = onSamples;
  }

  /** @returns {Promise<void>} when the last samples were handed out */
  finish() {
    return new Promise((resolve) => {
      this.#onDrained = resolve;
      this.#node.port.postMessage("finish");
    });
  }

  /** @param {{samples: Float32Array<ArrayBuffer>, last: boolean}} message */
  #receive({ samples, last }) {
    if (samples.length) this.#onSamples?.(samples);
    if (!last) return;
    this.#onSamples = null;
    this.#onDrained();
  }
}
