/** Asks again and again while the page is seen. */

export const EVERY_MS = 2000;

/** The part of a document that is needed here. */
/** @typedef {Pick<Document, "hidden" | "addEventListener">} Seen */

export class Poll {
  /**
   * @param {() => Promise<boolean>} ask says whether to ask again without being told to
   * @param {Seen} seen
   */
  constructor(ask, seen) {
    this.#ask = ask;
    this.#seen = seen;
    seen.addEventListener("visibilitychange", () => this.#turn());
  }

  #ask;
  #seen;
  #asking = false;
  #again = false;
  #goesOn = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Ask at once, or as soon as the question that is out is answered. */
  async now() {
    clearTimeout(this.#timer);
    if (this.#asking) {
      this.#again = true;
      return;
    }
    this.#asking = true;
    try {
      do {
        this.#again = false;
        this.#goesOn = await this.#ask();
      } while (this.#again);
    } finally {
      this.#asking = false;
    }
    this.#wait();
  }

  #wait() {
    clearTimeout(this.#timer);
    if (this.#goesOn && !this.#seen.hidden) this.#timer = setTimeout(() => this.now(), EVERY_MS);
  }

  #turn() {
    if (this.#seen.hidden) clearTimeout(this.#timer);
    else if (this.#goesOn) this.now();
  }
}
