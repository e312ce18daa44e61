/** Words for the tests. */

/**
 * A word of one second.
 * @param {string} text
 * @param {number} start
 */
export function word(text, start) {
  return { word: text, start, end: start + 1, probability: 0.9 };
}

/**
 * Words of one second each, as the stream has them.
 * @param {string} text
 * @param {number} start
 */
export function words(text, start) {
  return text.split(" ").map((part, index) => word(` ${part}`, start + index));
}
