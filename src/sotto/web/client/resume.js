/**
 * One run over several streams: when to try again, and from where on the next stream hears.
 * Pure: no socket, no clock.
 */

/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */
/** @typedef {import("../core/types.js").Failure} Failure */

/** Seconds before each further try. */
const WAITS = [0.5, 1, 2, 4, 8, 15];
/** Tries without any progress before the run is given up. */
const TRIES = 10;
/** Seconds that a stream lasts which is not the same trouble again. */
const LASTING = 10;
/** Added to a wait, at random, so that not all clients of a server come back at once. */
const SPREAD = 0.3;

/** Close codes that another try would meet again; and 1000, at which all was said. */
const FINAL_CODES = new Set([1000, 1002, 1003, 1007, 1008, 1009, 1010]);

/**
 * Whether the same stream may be carried on after its socket closed.
 * @param {number} code
 * @param {Failure | null} failure
 */
export function mayResume(code, failure) {
  return failure?.retryable === true || !FINAL_CODES.has(code);
}

/** How long to wait, and when to give up. */
export class Patience {
  /** @param {() => number} random 0..1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  #random;
  #tries = 0;

  /** Something was achieved: the next trouble is a new one. */
  progress() {
    this.#tries = 0;
  }

  /**
   * Seconds until the next try, null for no more.
   * @param {{lasted: number, retryAfter: number | undefined}} end seconds that the stream lasted
   * @returns {number | null}
   */
  next({ lasted, retryAfter }) {
    if (lasted >= LASTING) this.#tries = 0;
    if (this.#tries === TRIES) return null;
    const wait = Math.max(retryAfter ?? 0, WAITS[Math.min(this.#tries, WAITS.length - 1)]);
    this.#tries += 1;
    return wait * (1 + SPREAD * this.#random());
  }
}

/** How far the server has come with a run, by what it says. */
export class Heard {
  #session = "";
  /** Utterances whose final came. */
  #received = 0;
  /** Seconds up to which all is said and stored. */
  #settled = 0;

  get received() {
    return this.#received;
  }

  get settled() {
    return this.#settled;
  }

  /** @param {ServerEvent} event */
  receive(event) {
    if (event.type === "ready") this.#session = event.session;
    if (event.type === "final") {
      this.#received = event.utterance + 1;
      // It is stored before it is told, and must not be told again.
      this.#settled = Math.max(this.#settled, event.end);
    }
    if (event.type === "acknowledged") this.#settled = Math.max(this.#settled, event.until);
  }

  /**
   * What another stream is told that carries on.
   * @param {number} at seconds at which the sound begins that is sent
   */
  place(at) {
    return { session: this.#session, at, heard: this.#settled, received: this.#received };
  }
}
