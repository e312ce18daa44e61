/** How much of a text was heard, from how much of its sound was. */

/** Of one unit of text, at an ordinary pace: 15 letters a second. */
const UNIT_MS = 65;
/** A letter is 1; what stands for a whole syllable takes as long as three. */
const SYLLABLE = 3;
const PAUSE = 3;
const SPACE = 0.2;

const PAUSES = /[.,;:!?…。、，！？；：]/u;
const SYLLABLES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/**
 * Characters that sounded, up to the end of the word that sounds now.
 *
 * Nobody tells which word lies where, so the text is laid over its sound by how long its letters
 * take; while more of the sound is to come, at an ordinary pace.
 * @param {string} text
 * @param {{ms: number, sound: number, whole: boolean}} played so much of the sound that came; whether
 *   that is all of it. Over a call none comes that is seen here
 */
export function heardOf(text, { ms, sound, whole }) {
  if (ms <= 0) return 0;
  const isKnown = whole && sound > 0;
  if (isKnown && ms >= sound) return text.length;
  const letters = [...text];
  const weights = letters.map(weightOf);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = isKnown ? (ms / sound) * total : ms / UNIT_MS;
  let heard = 0;
  for (let i = 0; i < letters.length && left > 0; i += 1) {
    left -= weights[i];
    heard += letters[i].length;
  }
  return endOfWord(text, heard);
}

/** @param {string} letter */
function weightOf(letter) {
  if (/\s/u.test(letter)) return SPACE;
  if (PAUSES.test(letter)) return PAUSE;
  return SYLLABLES.test(letter) ? SYLLABLE : 1;
}

/**
 * The end of the word that a place lies in; where words are not parted by spaces, the place itself.
 * @param {string} text
 * @param {number} place
 */
function endOfWord(text, place) {
  const before = text.slice(0, place);
  if (/\s$/u.test(before) || SYLLABLES.test(before.slice(-1))) return place;
  const rest = /^[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]*/u.exec(text.slice(place));
  return place + (rest?.[0].length ?? 0);
}
