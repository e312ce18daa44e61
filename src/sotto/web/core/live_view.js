/**
 * From events to what is shown: `reduce(view, event) -> view`. No socket, no page, no clock.
 * Committed words are only ever appended; a partial replaces the one before.
 */

import { sentenceOf } from "./sentences.js";

/** @typedef {import("./types.js").LiveView} LiveView */
/** @typedef {import("./types.js").Utterance} Utterance */
/** @typedef {import("./types.js").Word} Word */
/** @typedef {import("./types.js").ServerEvent | import("./types.js").LocalEvent} Event */

/** @type {LiveView} */
export const EMPTY = Object.freeze({
  phase: "idle",
  retry: null,
  speaking: false,
  behind: 0,
  notice: "",
  model: "",
  offset: 0,
  base: 0,
  dropped: 0,
  duration: 0,
  utterances: Object.freeze([]),
});

/** @type {{[K in Event["type"]]: (view: LiveView, event: Extract<Event, {type: K}>) => LiveView}} */
const STEPS = {
  asking: (view) => ({ ...view, phase: "asking", notice: "", behind: 0, retry: null }),
  connecting: (view) => ({ ...view, phase: "connecting", retry: null }),
  // The status line says why; a notice beside it would say it twice.
  waiting: (view, { seconds, reason }) => ({
    ...view,
    phase: "waiting",
    retry: { seconds, reason },
    notice: "",
  }),
  reconnecting: (view, { reason }) => ({
    ...view,
    phase: "reconnecting",
    speaking: false,
    behind: 0,
    notice: `${reason}. ${STILL_HEARD}`,
  }),
  // What nobody will finish is no utterance any more; the next ones stand behind it.
  resumed: (view, { utterance }) => {
    const first = view.base - view.dropped + utterance;
    const utterances = view.utterances.map((each, index) => (index < first ? each : emptied(each)));
    return { ...view, utterances, base: view.dropped + utterances.length - utterance, notice: "" };
  },
  begin: (view, { offset }) => ({ ...view, offset, base: view.dropped + view.utterances.length }),
  heard: (view, { seconds }) => ({ ...view, duration: Math.max(view.duration, seconds) }),
  behind: (view, { seconds }) => ({ ...view, behind: seconds }),
  finishing: (view) => ({ ...view, phase: "finishing" }),
  stopped: (view, { notice }) => ({
    ...closeAll(view),
    phase: "stopped",
    retry: null,
    speaking: false,
    behind: 0,
    notice: notice || view.notice,
  }),
  clear: (view) => clear(view),

  ready: (view, { model }) => ({ ...view, phase: "listening", model, notice: "" }),
  speech_started: (view, { utterance, at }) =>
    change({ ...view, speaking: true }, utterance, at, (open) => open),
  committed: (view, { utterance, words }) => {
    const added = shift(words, view.offset);
    return change(view, utterance, firstStart(words), (open) => commit(open, added));
  },
  partial: (view, { utterance, words, until }) => {
    const partial = shift(words, view.offset);
    return change(view, utterance, words.length ? firstStart(words) : until, (open) =>
      see({ ...open, partial }),
    );
  },
  speech_ended: (view, { utterance, at }) =>
    change({ ...view, speaking: false }, utterance, at, (open) => ({
      ...open,
      end: at + view.offset,
    })),
  final: (view, event) => {
    const { utterance, text, start, end, language } = event;
    const next = change(view, utterance, start, (open) => ({
      ...open,
      start: start + view.offset,
      end: end + view.offset,
      partial: [],
      final: true,
      language,
    }));
    const said = textOf(next.utterances[view.base - view.dropped + utterance]?.words ?? []);
    return said === text ? next : { ...next, notice: MISMATCH };
  },
  acknowledged: (view) => view,
  warning: (view, event) => ({ ...view, notice: event.message }),
  error: (view, event) => ({ ...view, notice: sentenceOf(event) }),
  closed: (view, { duration }) => ({
    ...view,
    duration: Math.max(view.duration, view.offset + duration),
  }),
};

const STILL_HEARD = "What is said meanwhile is heard later.";

export const MISMATCH = "The server's final text differs from the words that it committed.";

/**
 * The next view. An event of an unknown type changes nothing: servers may learn new ones.
 * @param {LiveView} view
 * @param {Event} event
 * @returns {LiveView}
 */
export function reduce(view, event) {
  if (!Object.hasOwn(STEPS, event.type)) return view;
  const step = /** @type {(view: LiveView, event: Event) => LiveView} */ (STEPS[event.type]);
  return step(view, event);
}

/**
 * Words as running text, without the outer spaces.
 * @param {readonly Word[]} words
 */
export function textOf(words) {
  return words
    .map((word) => word.word)
    .join("")
    .trim();
}

/**
 * The view with one utterance of the open stream changed, made first where it is new.
 * @param {LiveView} view
 * @param {number} number the server's own, from 0 in its stream
 * @param {number} start seconds of the stream, used where it is new
 * @param {(open: Utterance) => Utterance} how
 * @returns {LiveView}
 */
function change(view, number, start, how) {
  const index = view.base - view.dropped + number;
  const utterances = [...view.utterances];
  while (utterances.length <= index) {
    utterances.push(blank(view.dropped + utterances.length, start + view.offset));
  }
  utterances[index] = how(utterances[index]);
  return { ...view, utterances };
}

/**
 * @param {number} id
 * @param {number} start
 * @returns {Utterance}
 */
function blank(id, start) {
  return { id, start, end: null, words: [], partial: [], final: false, language: "", seen: 0 };
}

/**
 * Committed words join the others; of the partial stays what lies behind them, so that no
 * word is shown twice until the next partial comes.
 * @param {Utterance} open
 * @param {readonly Word[]} added
 */
function commit(open, added) {
  const words = [...open.words, ...added];
  const end = words.length ? words[words.length - 1].end : open.start;
  const partial = open.partial.filter((word) => (word.start + word.end) / 2 > end);
  return see({ ...open, words, partial });
}

/**
 * @param {Utterance} open
 * @returns {Utterance}
 */
function see(open) {
  return { ...open, seen: Math.max(open.seen, open.words.length + open.partial.length) };
}

/**
 * While a stream runs, its open utterance stays and its times go on; else all begins anew.
 * @param {LiveView} view
 * @returns {LiveView}
 */
function clear(view) {
  if (view.phase === "stopped" || view.phase === "idle") {
    return { ...EMPTY, dropped: view.dropped + view.utterances.length };
  }
  const utterances = view.utterances.filter((utterance) => !utterance.final);
  const dropped = view.dropped + view.utterances.length - utterances.length;
  return { ...view, utterances, dropped, notice: "" };
}

/**
 * A stream that ended leaves nothing half said: unstable words go, committed ones stay.
 * @param {LiveView} view
 * @returns {LiveView}
 */
function closeAll(view) {
  const utterances = view.utterances.map((utterance) =>
    utterance.final && utterance.end !== null
      ? utterance
      : { ...utterance, partial: [], final: true, end: utterance.end ?? lastEnd(utterance) },
  );
  return { ...view, utterances };
}

/**
 * @param {Utterance} utterance
 * @returns {Utterance}
 */
function emptied(utterance) {
  const end = utterance.end ?? utterance.start;
  return { ...utterance, words: [], partial: [], final: true, end };
}

/** @param {Utterance} utterance */
function lastEnd(utterance) {
  return utterance.words.length ? utterance.words[utterance.words.length - 1].end : utterance.start;
}

/** @param {readonly Word[]} words */
function firstStart(words) {
  return words.length ? words[0].start : 0;
}

/**
 * @param {readonly Word[]} words
 * @param {number} offset
 * @returns {Word[]}
 */
function shift(words, offset) {
  return words.map((word) => ({ ...word, start: word.start + offset, end: word.end + offset }));
}
