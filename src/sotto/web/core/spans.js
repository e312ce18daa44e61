/** Words laid over the text they belong to, whatever they say about spaces and punctuation. */

/** @typedef {import("./types.js").Word} Word */
/** @typedef {import("./types.js").Transcript} Transcript */

/**
 * The text cut into pieces, with the word that each piece speaks (null between words).
 * A word that the text does not hold is left out; the pieces joined are always the text.
 * @param {string} text
 * @param {readonly Word[]} words
 * @returns {{text: string, word: Word | null}[]}
 */
export function spansOf(text, words) {
  /** @type {{text: string, word: Word | null}[]} */
  const spans = [];
  let place = 0;
  for (const word of words) {
    const bare = word.word.trim();
    const found = bare ? text.indexOf(bare, place) : -1;
    if (found < 0) continue;
    if (found > place) spans.push({ text: text.slice(place, found), word: null });
    spans.push({ text: bare, word });
    place = found + bare.length;
  }
  if (place < text.length) spans.push({ text: text.slice(place), word: null });
  return spans;
}

/**
 * Segment id → its words: a word belongs to the last segment that begins before its middle.
 * @param {Transcript} transcript
 * @returns {Map<number, Word[]>}
 */
export function wordsBySegment(transcript) {
  /** @type {Map<number, Word[]>} */
  const owned = new Map(transcript.segments.map((segment) => [segment.id, []]));
  for (const word of transcript.words ?? []) {
    const index = lastStarted(transcript.segments, (word.start + word.end) / 2);
    const segment = transcript.segments[Math.max(0, index)];
    if (segment) owned.get(segment.id)?.push(word);
  }
  return owned;
}

/**
 * Index of the last item that starts at or before a time, -1 where there is none.
 * @param {readonly {start: number}[]} items sorted by start
 * @param {number} time
 */
export function lastStarted(items, time) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle].start <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Index of the item that is heard at a time, -1 in a gap.
 * @param {readonly {start: number, end: number}[]} items sorted by start
 * @param {number} time
 */
export function heardAt(items, time) {
  const index = lastStarted(items, time);
  return index >= 0 && time < items[index].end ? index : -1;
}
