/**
 * A transcript as txt, srt, vtt or json.
 * Sources of the forms: the W3C's WebVTT (cue text escapes & < >), and SubRip as players read it.
 */

import { spansOf, wordsBySegment } from "./spans.js";
import { stamp } from "./times.js";

/** @typedef {import("./types.js").Transcript} Transcript */
/** @typedef {import("./types.js").Word} Word */
/** @typedef {{start: number, end: number, text: string}} Cue */
/** @typedef {"txt" | "srt" | "vtt" | "json"} Format */

/** Two lines of 42 characters, the usual bound of subtitles. */
export const CUE_CHARACTERS = 84;
/** Seconds; longer cues are hard to follow. */
export const CUE_SECONDS = 7;

/** @type {Readonly<Record<Format, {type: string, write: (transcript: Transcript) => string}>>} */
export const FORMATS = {
  txt: { type: "text/plain", write: toText },
  srt: { type: "application/x-subrip", write: toSrt },
  vtt: { type: "text/vtt", write: toVtt },
  json: { type: "application/json", write: (given) => `${JSON.stringify(given, null, 2)}\n` },
};

/**
 * One line for each segment.
 * @param {Transcript} transcript
 */
export function toText(transcript) {
  return transcript.segments
    .map((segment) => segment.text.trim())
    .filter(Boolean)
    .map((line) => `${line}\n`)
    .join("");
}

/** @param {Transcript} transcript */
export function toSrt(transcript) {
  return cues(transcript)
    .map(({ start, end, text }, index) => {
      const times = `${stamp(start, ",")} --> ${stamp(end, ",")}`;
      return `${index + 1}\n${times}\n${text.replaceAll("-->", "→")}\n`;
    })
    .join("\n");
}

/** @param {Transcript} transcript */
export function toVtt(transcript) {
  const blocks = cues(transcript).map(
    ({ start, end, text }) => `${stamp(start, ".")} --> ${stamp(end, ".")}\n${escaped(text)}\n`,
  );
  return ["WEBVTT\n", ...blocks].join("\n");
}

/**
 * What is shown at one time: a segment, or parts of it where it is long and its words are known.
 * @param {Transcript} transcript
 * @returns {Cue[]}
 */
export function cues(transcript) {
  const words = wordsBySegment(transcript);
  return transcript.segments
    .filter((segment) => segment.text.trim())
    .flatMap((segment) => {
      const text = segment.text.trim();
      const whole = { start: segment.start, end: segment.end, text };
      const own = words.get(segment.id) ?? [];
      const long = text.length > CUE_CHARACTERS || segment.end - segment.start > CUE_SECONDS;
      return long && own.length > 1 ? split(text, own) : [whole];
    });
}

/**
 * @param {string} text
 * @param {readonly Word[]} words
 * @returns {Cue[]}
 */
function split(text, words) {
  /** @type {Cue[]} */
  const parts = [];
  for (const { text: piece, word } of spansOf(text, words)) {
    const open = parts.at(-1);
    if (!word) {
      if (open) open.text += piece;
    } else if (!open || !fits(open, piece, word.end)) {
      parts.push({ start: word.start, end: word.end, text: piece });
    } else {
      open.text += piece;
      open.end = word.end;
    }
  }
  return parts.map((part) => ({ ...part, text: part.text.trim() }));
}

/**
 * @param {Cue} open
 * @param {string} piece
 * @param {number} end
 */
function fits(open, piece, end) {
  return open.text.length + piece.length <= CUE_CHARACTERS && end - open.start <= CUE_SECONDS;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
