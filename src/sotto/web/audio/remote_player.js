/**
 * Answers that the server plays by itself, over a call: how far one is, by when it began. Clocks and
 * timers are arguments.
 */

/** @typedef {import("./speaker.js").Hearer} Hearer */
/** @typedef {import("./speaker.js").Player} Player */

const REPORT_MS = 40;

/** @implements {Player} */
export class RemotePlayer {
  /**
   * @param {Hearer} hearer
   * @param {() => number} clock milliseconds
   */
  constructor(hearer, clock) {
    this.#hearer = hearer;
    this.#clock = clock;
  }

  #hearer;
  #clock;
  #item = "";
  /** Milliseconds of it that were played before `#since`. */
  #before = 0;
  /** @type {number | null} null while it pauses */
  #since = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  push() {}

  end() {}

  /** Its first sound leaves the server. @param {string} item */
  started(item) {
    this.stopped();
    this.#item = item;
    this.#before = 0;
    this.#since = this.#clock();
    this.#timer = setInterval(() => this.#report(), REPORT_MS);
    this.#report();
  }

  /** Its last did, or it was cut. */
  stopped() {
    clearInterval(this.#timer);
    const item = this.#item;
    this.#item = "";
    if (item) this.#hearer.onOver(item);
  }

  hold() {
    this.#before = this.#played();
    this.#since = null;
  }

  resume() {
    this.#since ??= this.#clock();
  }

  async clear() {
    clearInterval(this.#timer);
    const [item, ms] = [this.#item, this.#played()];
    this.#item = "";
    return item ? [{ item, ms, received: ms }] : [];
  }

  close() {
    clearInterval(this.#timer);
  }

  #played() {
    return this.#before + (this.#since === null ? 0 : this.#clock() - this.#since);
  }

  #report() {
    const ms = this.#played();
    // Its first report is that it sounds at all.
    this.#hearer.onPlayed({ item: this.#item, ms: Math.max(ms, 1), received: Infinity });
  }
}
