/** The whole way of a sound that stays here: samples in, images out, and frames for the eye. */

import { Anonymizer, drawDisguise } from "./anonymize.js";
import { Ear } from "./ear.js";
import { Gate } from "./gate.js";

/** @typedef {import("./ear.js").Heard} Heard */
/** @typedef {import("./gate.js").Decided} Decided */
/** @typedef {import("./gate.js").GateOptions} GateOptions */

/**
 * @typedef {object} RoadOptions
 * @property {number} rate samples a second
 * @property {number} bands 80 or 128
 * @property {Readonly<GateOptions> | null} gate null: the frames are only looked at
 * @property {boolean} anonymize every stream in a disguise of its own
 */

export class MelRoad {
  /** @param {RoadOptions} options throws RangeError for a rate or a number of bands that is none */
  constructor({ rate, bands, gate, anonymize }) {
    this.#ear = new Ear(rate, bands);
    this.#anonymizer = anonymize ? new Anonymizer(bands, drawDisguise()) : null;
    this.#gate = gate && new Gate(bands, gate);
  }

  #ear;
  #anonymizer;
  #gate;

  /**
   * @param {Float32Array} samples
   * @returns {Decided}
   */
  receive(samples) {
    return this.#pass(this.#ear.receive(samples));
  }

  /**
   * The rest.
   * @returns {Decided[]}
   */
  finish() {
    const last = this.#pass(this.#ear.finish());
    return this.#gate ? [last, this.#gate.finish()] : [last];
  }

  /**
   * Speech is judged by what was heard; what leaves, and is looked at, may be in disguise.
   * @param {Heard} heard
   */
  #pass(heard) {
    const mel = this.#anonymizer?.frames(heard.mel) ?? heard.mel;
    const passed = { ...heard, mel };
    return this.#gate ? this.#gate.receive(passed) : seen(passed);
  }
}

/**
 * Where sound itself is sent, all of it leaves.
 * @param {Heard} heard
 * @returns {Decided}
 */
function seen(heard) {
  return { frames: { ...heard, sent: new Uint8Array(heard.speech.length).fill(1), cuts: [] }, images: [] };
}
