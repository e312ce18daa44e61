/** The live captions as a transcript, so that they are written out as files are. */

import { textOf } from "./live_view.js";

/** @typedef {import("./types.js").LiveView} LiveView */
/** @typedef {import("./types.js").Transcript} Transcript */

/**
 * Committed words alone; what may still change is no transcript yet.
 * @param {LiveView} view
 * @param {import("./types.js").Task} task
 * @returns {Transcript}
 */
export function liveTranscript(view, task) {
  const spoken = view.utterances.filter((utterance) => utterance.words.length);
  const segments = spoken.map(({ start, end, words }, id) => ({
    id,
    start,
    end: end ?? words[words.length - 1].end,
    text: textOf(words),
  }));
  return {
    task,
    language: spoken.find((utterance) => utterance.language)?.language ?? "",
    duration: view.duration,
    text: segments.map((segment) => segment.text).join(" "),
    segments,
    words: spoken.flatMap((utterance) => utterance.words),
  };
}
