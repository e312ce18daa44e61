/**
 * One run over several streams: when to try again, and what the streams' events mean for the run.
 * Pure: no socket, no clock.
 */

/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */
/** @typedef {import("../core/types.js").Failure} Failure */
/** @typedef {import("../core/types.js").Word} Word */

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

/** The streams' times and utterances as those of the run. */
export class Timeline {
  /** Where the open stream's second 0 lies. */
  #origin = 0;
  /** The run's number of the open stream's first utterance. */
  #base = 0;
  /** Utterances that have begun, and whose final came. */
  #begun = 0;
  #finals = 0;
  /** Seconds up to which all is said and stored. */
  #settled = 0;

  /** Whether an utterance has begun whose final did not come. */
  get isOpen() {
    return this.#begun > this.#finals;
  }

  get settled() {
    return this.#settled;
  }

  /**
   * An event of the open stream in the run's own terms.
   * @param {ServerEvent} event
   * @returns {ServerEvent}
   */
  receive(event) {
    const told = this.#shifted(event);
    if ("utterance" in told) this.#begun = Math.max(this.#begun, told.utterance + 1);
    if (told.type === "final") {
      this.#finals = told.utterance + 1;
      this.#settled = Math.max(this.#settled, told.end);
    }
    if (told.type === "acknowledged") this.#settled = Math.max(this.#settled, told.until);
    return told;
  }

  /**
   * Another stream carries on from a second of the run. What was said of utterances without a
   * final is void: they are heard again.
   * @param {number} at
   * @returns {import("../core/types.js").Resumed}
   */
  resume(at) {
    this.#origin = at;
    this.#base = this.#begun = this.#finals;
    return { type: "resumed", at, utterance: this.#finals };
  }

  /**
   * @param {ServerEvent} event
   * @returns {ServerEvent}
   */
  #shifted(event) {
    switch (event.type) {
      case "speech_started":
      case "speech_ended":
        return { ...event, utterance: this.#number(event), at: this.#time(event.at) };
      case "committed":
        return { ...event, utterance: this.#number(event), words: this.#words(event.words) };
      case "partial":
        return {
          ...event,
          utterance: this.#number(event),
          words: this.#words(event.words),
          until: this.#time(event.until),
        };
      case "final":
        return this.#final(event);
      case "acknowledged":
        return { ...event, until: this.#time(event.until) };
      case "closed":
        return {
          ...event,
          duration: this.#time(event.duration),
          utterances: this.#base + event.utterances,
        };
      default:
        return event;
    }
  }

  /** @param {import("../core/types.js").Final} event */
  #final(event) {
    const [start, end] = [this.#time(event.start), this.#time(event.end)];
    const words = event.words && { words: this.#words(event.words) };
    return { ...event, ...words, utterance: this.#number(event), start, end };
  }

  /** @param {{utterance: number}} event */
  #number({ utterance }) {
    return this.#base + utterance;
  }

  /** @param {number} seconds */
  #time(seconds) {
    // To the millisecond: sums of hundredths are none.
    return Math.round((this.#origin + seconds) * 1_000) / 1_000;
  }

  /**
   * @param {readonly Word[]} words
   * @returns {Word[]}
   */
  #words(words) {
    return words.map((word) => ({
      ...word,
      start: this.#time(word.start),
      end: this.#time(word.end),
    }));
  }
}
