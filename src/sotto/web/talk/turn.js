/** What happens to one turn: more of it comes, it sounds, it is cut. */

import { heardOf } from "./karaoke.js";

/** @typedef {import("./types.js").Turn} Turn */
/** @typedef {import("./types.js").Item} Item */

/** Of sound: pcm_s16le at 24 kHz. */
const BYTES_PER_MS = 48;

/**
 * Milliseconds of sound in base64.
 * @param {string} delta
 */
export function msOf(delta) {
  const padding = delta.endsWith("==") ? 2 : delta.endsWith("=") ? 1 : 0;
  return ((delta.length / 4) * 3 - padding) / BYTES_PER_MS;
}

/**
 * The words of an item.
 * @param {Item} item
 */
export function textOf({ content = [] }) {
  return content.map((part) => part.transcript ?? part.text ?? "").join("");
}

/**
 * @param {string} id
 * @param {Turn["side"]} side
 * @returns {Turn}
 */
export function blank(id, side) {
  return { id, side, text: "", state: "open", response: "", spoken: false, heard: 0, sound: 0, whole: false };
}

/**
 * More of an answer. What comes of one that was cut is nobody's.
 * @param {Turn} turn
 * @param {Partial<Turn>} more
 * @returns {Turn}
 */
export function say(turn, more) {
  if (turn.state === "cut") return turn;
  const next = { ...turn, ...more };
  return next.spoken ? next : { ...next, heard: next.text.length };
}

/**
 * What was heard stays heard, also where more of the sound shows that the pace is slower.
 * @param {Turn} turn
 * @param {number} ms
 * @returns {Turn}
 */
export function play(turn, ms) {
  if (turn.state === "cut") return turn;
  const heard = Math.max(turn.heard, heardOf(turn.text, { ...turn, ms }));
  return heard === turn.heard ? turn : { ...turn, heard };
}

/**
 * Until the server tells the words that stay, what they are is estimated.
 * @param {Turn} turn
 * @param {number} ms
 * @returns {Turn}
 */
export function cut(turn, ms) {
  if (turn.side !== "answer") return turn;
  const heard = Math.min(turn.text.length, heardOf(turn.text, { ...turn, ms }));
  return { ...turn, heard, state: "cut" };
}

/**
 * An answer as the server remembers it. Where that is its beginning, the rest is known as unheard.
 * @param {Turn} turn
 * @param {string} remembered
 * @returns {Turn}
 */
export function trim(turn, remembered) {
  const kept = remembered.trim();
  const before = turn.text.length - turn.text.trimStart().length;
  if (turn.text.startsWith(kept, before)) return { ...turn, heard: before + kept.length };
  return { ...turn, text: kept, heard: kept.length };
}

/**
 * A turn as a server kept it: of an answer that is what was heard.
 * @param {Turn} turn
 * @param {string} text
 * @returns {Turn}
 */
export function recalled(turn, text) {
  if (turn.side === "you") return { ...turn, text, state: "done" };
  const isWhole = turn.text.trim() === text.trim();
  return isWhole ? { ...turn, heard: turn.text.length, state: "done" } : ended(trim(turn, text));
}

/**
 * No more of an answer comes.
 * @param {Turn} turn
 * @param {{isMute: boolean, isCut: boolean}} how whether it was not to sound; whether it was to, and
 *   does not any more
 * @returns {Turn}
 */
export function finished(turn, { isMute, isCut }) {
  if (turn.state !== "open") return turn;
  if (isCut) return { ...turn, state: "cut" };
  return { ...turn, whole: true, state: "done", heard: isMute ? turn.text.length : turn.heard };
}

/**
 * The line is closed: what did not sound will not.
 * @param {Turn} turn
 * @returns {Turn}
 */
export function ended(turn) {
  const isCut = turn.side === "answer" && turn.heard < turn.text.length;
  return { ...turn, state: isCut ? "cut" : turn.state === "open" ? "done" : turn.state };
}
