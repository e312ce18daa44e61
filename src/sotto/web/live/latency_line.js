/** How fast words come, in a short line. */

import { CaptureClock, Waits, newlyCommitted, newlySeen } from "../core/latency.js";

/** @typedef {import("../core/types.js").LiveView} LiveView */

/** A page in the background paints late; what it paints then says nothing about the server. */
const STALE_MS = 1000;

export class LatencyLine {
  #clock = new CaptureClock();
  #seen = new Waits();
  #committed = new Waits();

  /**
   * @param {number} seconds
   * @param {number} at
   */
  captured(seconds, at) {
    this.#clock.mark(seconds, at);
  }

  /**
   * @param {LiveView} before
   * @param {LiveView} after
   * @param {number} at when the message came
   */
  received(before, after, at) {
    this.#committed.add(this.#clock, newlyCommitted(before, after), at);
  }

  /**
   * @param {LiveView} before
   * @param {LiveView} after
   * @param {{asked: number, at: number}} when asked for and painted
   */
  painted(before, after, { asked, at }) {
    if (at - asked < STALE_MS) this.#seen.add(this.#clock, newlySeen(before, after), at);
  }

  /** "" before the first word. */
  get text() {
    const [seen, committed] = [this.#seen.median, this.#committed.median];
    if (seen === null || committed === null) return "";
    return `Words seen after ${seen.toFixed(1)} s, settled after ${committed.toFixed(1)} s`;
  }
}
