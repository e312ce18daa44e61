/**
 * How long a word takes from the end of its sound until it is seen, and until it is committed.
 * Clocks are arguments: `at` is milliseconds of one monotonic clock.
 */

/** @typedef {import("./types.js").Word} Word */
/** @typedef {import("./types.js").LiveView} LiveView */

/** One message is 100 ms: these are the last 60 s. */
const MARKS_KEPT = 600;
/** Words over which a figure is taken. */
export const WORDS_KEPT = 20;

/** When which second of sound was captured. */
export class CaptureClock {
  /** @type {{seconds: number, at: number}[]} */
  #marks = [];

  /**
   * Sound up to `seconds` was captured at `at`.
   * @param {number} seconds
   * @param {number} at
   */
  mark(seconds, at) {
    this.#marks.push({ seconds, at });
    if (this.#marks.length > MARKS_KEPT) this.#marks.shift();
  }

  /**
   * Milliseconds at which this second was captured, null where that is not known (any more).
   * @param {number} seconds
   * @returns {number | null}
   */
  at(seconds) {
    const mark = this.#marks.find((each) => each.seconds >= seconds);
    if (!mark || (mark === this.#marks[0] && mark.seconds - seconds > 1)) return null;
    return mark.at - (mark.seconds - seconds) * 1000;
  }
}

/** The last words' waits. */
export class Waits {
  /** @type {number[]} */
  #seconds = [];

  /**
   * @param {CaptureClock} clock
   * @param {readonly Word[]} words
   * @param {number} now
   */
  add(clock, words, now) {
    for (const word of words) {
      const captured = clock.at(word.end);
      if (captured !== null) this.#seconds.push(Math.max(0, now - captured) / 1000);
    }
    this.#seconds = this.#seconds.slice(-WORDS_KEPT);
  }

  /** Seconds, null before the first word. */
  get median() {
    return median(this.#seconds);
  }
}

/**
 * @param {readonly number[]} values
 * @returns {number | null} null of nothing
 */
export function median(values) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Words that were committed between two views.
 * @param {LiveView} before
 * @param {LiveView} after
 * @returns {Word[]}
 */
export function newlyCommitted(before, after) {
  return changed(before, after).flatMap(({ old, now }) => now.words.slice(old?.words.length ?? 0));
}

/**
 * Words that came into sight between two views, committed or not.
 * @param {LiveView} before
 * @param {LiveView} after
 * @returns {Word[]}
 */
export function newlySeen(before, after) {
  return changed(before, after).flatMap(({ old, now }) =>
    [...now.words, ...now.partial].slice(old?.seen ?? 0),
  );
}

/**
 * @param {LiveView} before
 * @param {LiveView} after
 */
function changed(before, after) {
  return after.utterances
    .map((now) => ({ old: before.utterances[now.id - before.dropped], now }))
    .filter(({ old, now }) => old !== now);
}
