/** The level of what is heard, so that a dead microphone is seen at once. */

import { meterLevel } from "../core/pcm.js";

export class Meter {
  /** @param {HTMLElement} root role=meter */
  constructor(root) {
    this.#root = root;
  }

  #root;

  /** @param {Float32Array} samples */
  show(samples) {
    this.#set(meterLevel(samples));
  }

  rest() {
    this.#set(0);
  }

  /** @param {number} level 0..1 */
  #set(level) {
    this.#root.style.setProperty("--level", level.toFixed(3));
    this.#root.setAttribute("aria-valuenow", String(Math.round(level * 100)));
  }
}
