/**
 * From events to what the tab Talk shows: `reduce(view, event) -> view`. No socket, no page, no
 * clock. What the server says of a cut answer is what stays of it.
 */

import { ours, troubleSentence } from "./sentences.js";
import { blank, cut, ended, finished, msOf, play, recalled, say, textOf, trim } from "./turn.js";

/** @typedef {import("./types.js").TalkView} TalkView */
/** @typedef {import("./types.js").Turn} Turn */
/** @typedef {import("./types.js").ServerEvent | import("./types.js").LocalEvent} Event */

/** Turns that are kept; an older one leaves the page. */
export const MOST_TURNS = 200;

/** @type {TalkView} */
export const EMPTY = Object.freeze({
  line: "offline",
  microphone: false,
  hearing: "",
  awaited: false,
  response: "",
  sounding: "",
  held: false,
  turns: Object.freeze([]),
  notice: "",
  plays: false,
  place: -1,
});

/** What ends with a line. */
const REST = Object.freeze({
  microphone: false,
  hearing: "",
  awaited: false,
  response: "",
  sounding: "",
  held: false,
  place: -1,
});

/**
 * @template {string} K
 * @typedef {Event extends infer E ? E extends {type: infer T} ? K extends T ? E : never : never : never} EventOf
 */
/**
 * @template {string} K
 * @typedef {(view: TalkView, event: EventOf<K>) => TalkView} Step
 */
/** @type {{[K in Event["type"]]?: Step<K>}} */
const STEPS = {
  asking: (view) => ({ ...view, line: "asking", notice: "" }),
  line: (view, { plays }) => ({ ...view, line: "connecting", plays }),
  microphone: (view, { on }) => ({ ...view, microphone: on }),
  asked: (view) => ({ ...view, awaited: true, notice: "" }),
  played: (view, { item, ms }) => {
    const sounding = view.sounding === item ? view : { ...view, sounding: item, awaited: false };
    return change(sounding, item, (turn) => play(turn, ms));
  },
  silent: (view) => ({ ...settled(view), sounding: "", held: false }),
  stopped: (view, { cuts }) => stop({ ...view, sounding: "", held: false }, cuts),
  notice: (view, { notice }) => ({ ...view, notice }),
  over: (view, { notice }) => {
    const turns = view.turns.filter((turn) => turn.text || turn.state !== "open").map(ended);
    return { ...view, ...REST, line: "offline", turns, notice: notice || view.notice };
  },
  cleared: (view) => ({ ...EMPTY, line: view.line, microphone: view.microphone, plays: view.plays }),

  "session.created": (view) => ({ ...view, line: "open", place: 0 }),
  "session.updated": (view) => (view.place < 0 ? view : { ...view, place: -1 }),
  "input_audio_buffer.speech_started": (view, { item_id }) => {
    const next = { ...view, hearing: item_id, notice: "" };
    return find(view, item_id) ? next : add(next, blank(item_id, "you"));
  },
  "input_audio_buffer.speech_stopped": (view, { item_id }) => ({
    ...view,
    hearing: view.hearing === item_id ? "" : view.hearing,
    awaited: true,
  }),
  "conversation.item.input_audio_transcription.delta": (view, { item_id, delta }) =>
    change(view, item_id, (turn) => ({ ...turn, text: turn.text + delta })),
  "conversation.item.input_audio_transcription.completed": (view, { item_id, transcript }) => {
    const next = change(view, item_id, (turn) => ({ ...turn, text: transcript, state: "done" }));
    // Where nothing was said nothing is answered.
    return transcript || view.response ? next : { ...without(next, item_id), awaited: false };
  },
  "conversation.item.input_audio_transcription.failed": (view, { item_id, error }) => ({
    ...without(view, item_id),
    awaited: false,
    notice: troubleSentence(error),
  }),
  "conversation.item.added": (view, { item }) => {
    if (item.type !== "message" || item.role === "system") return view;
    const side = item.role === "assistant" ? "answer" : "you";
    const text = textOf(item);
    if (text && view.place >= 0) return recall(view, blank(item.id, side), text);
    if (find(view, item.id)) return view;
    const state = side === "you" && text ? "done" : "open";
    return add(view, { ...blank(item.id, side), text, state });
  },
  "conversation.item.retrieved": (view, { item }) =>
    change(view, item.id, (turn) => (turn.side === "answer" ? trim(turn, textOf(item)) : turn)),
  "conversation.item.truncated": (view, { item_id, audio_end_ms }) =>
    change(view, item_id, (turn) => cut(turn, audio_end_ms)),
  "conversation.item.deleted": (view, { item_id }) => without(view, item_id),

  "response.created": (view, { response }) => ({ ...view, response: response.id, awaited: true }),
  "response.output_item.added": (view, { response_id, item }) => {
    if (item.type !== "message") return view;
    const known = find(view, item.id) ? view : add(view, blank(item.id, "answer"));
    return change(known, item.id, (turn) => ({ ...turn, response: response_id }));
  },
  "response.output_audio_transcript.delta": (view, { item_id, delta }) =>
    change(view, item_id, (turn) => say(turn, { text: turn.text + delta, spoken: true })),
  "response.output_audio_transcript.done": (view, { item_id, transcript }) =>
    change(view, item_id, (turn) => say(turn, { text: transcript, spoken: true })),
  "response.output_text.delta": (view, { item_id, delta }) =>
    change({ ...view, awaited: false }, item_id, (turn) => say(turn, { text: turn.text + delta })),
  "response.output_text.done": (view, { item_id, text }) =>
    change({ ...view, awaited: false }, item_id, (turn) => say(turn, { text })),
  "response.output_audio.delta": (view, { item_id, delta }) =>
    change(view, item_id, (turn) => say(turn, { spoken: true, sound: turn.sound + msOf(delta) })),
  "response.output_audio.done": (view, { item_id }) =>
    change(view, item_id, (turn) => ({ ...turn, whole: true })),
  "response.done": (view, { response }) => done(view, response),
  "output_audio_buffer.paused": (view) => ({ ...view, held: true }),
  "output_audio_buffer.resumed": (view) => ({ ...view, held: false }),
  error: (view, { error }) => (ours(error) ? view : { ...view, place: -1, notice: troubleSentence(error) }),
};

/**
 * The next view. An event of an unknown type changes nothing: servers may learn new ones.
 * @param {TalkView} view
 * @param {{type: string}} event
 * @returns {TalkView}
 */
export function reduce(view, event) {
  if (!Object.hasOwn(STEPS, event.type)) return view;
  const step = /** @type {Step<any>} */ (STEPS[/** @type {Event["type"]} */ (event.type)]);
  return step(view, /** @type {any} */ (event));
}

/**
 * How things stand.
 * @param {TalkView} view
 * @returns {import("./types.js").Phase}
 */
export function phaseOf(view) {
  if (view.line !== "open") return view.line;
  if (view.hearing) return "hearing";
  if (view.held && view.sounding) return "paused";
  if (view.sounding) return "speaking";
  if (view.awaited) return "thinking";
  return view.microphone ? "listening" : "ready";
}

/**
 * @param {TalkView} view
 * @param {string} id
 */
function find(view, id) {
  return view.turns.find((turn) => turn.id === id);
}

/**
 * @param {TalkView} view
 * @param {Turn} turn
 * @returns {TalkView}
 */
function add(view, turn) {
  return { ...view, turns: [...view.turns, turn].slice(-MOST_TURNS) };
}

/**
 * Something that was said before, in the order in which it was: before what is said now, and once.
 * @param {TalkView} view
 * @param {Turn} turn
 * @param {string} text
 * @returns {TalkView}
 */
function recall(view, turn, text) {
  const index = view.turns.findIndex(({ id }) => id === turn.id);
  if (index >= 0) return { ...change(view, turn.id, (known) => recalled(known, text)), place: index + 1 };
  const [before, after] = [view.turns.slice(0, view.place), view.turns.slice(view.place)];
  const turns = [...before, recalled(turn, text), ...after];
  const gone = Math.max(0, turns.length - MOST_TURNS);
  return { ...view, turns: turns.slice(gone), place: Math.max(0, view.place + 1 - gone) };
}

/**
 * @param {TalkView} view
 * @param {string} id
 * @returns {TalkView}
 */
function without(view, id) {
  return { ...view, turns: view.turns.filter((turn) => turn.id !== id) };
}

/**
 * The view with one turn changed, where it has it.
 * @param {TalkView} view
 * @param {string} id
 * @param {(turn: Turn) => Turn} how
 * @returns {TalkView}
 */
function change(view, id, how) {
  const index = view.turns.findIndex((turn) => turn.id === id);
  if (index < 0) return view;
  const turn = how(view.turns[index]);
  if (turn === view.turns[index]) return view;
  return { ...view, turns: view.turns.map((each, i) => (i === index ? turn : each)) };
}

/**
 * @param {TalkView} view
 * @param {readonly {item: string, ms: number}[]} cuts
 * @returns {TalkView}
 */
function stop(view, cuts) {
  let next = view;
  for (const { item, ms } of cuts) next = change(next, item, (turn) => cut(turn, ms));
  return next;
}

/**
 * @param {TalkView} view
 * @param {import("./types.js").Response} response
 * @returns {TalkView}
 */
function done(view, response) {
  const error = response.status === "failed" ? (response.status_details?.error ?? {}) : null;
  const mine = (/** @type {Turn} */ turn) => turn.response === response.id;
  const finish = (/** @type {Turn} */ turn) => {
    // What is not spoken, as it should have been, is there to be read.
    const isMute = error !== null || (!view.plays && turn.sound === 0);
    return finished(turn, { isMute, isCut: response.status === "cancelled" });
  };
  const turns = view.turns
    .filter((turn) => !mine(turn) || turn.text)
    .map((turn) => (mine(turn) ? finish(turn) : turn));
  const isLast = view.response === response.id;
  const sounds = turns.some((turn) => mine(turn) && turn.spoken && turn.heard < turn.text.length);
  return {
    ...view,
    turns,
    response: isLast ? "" : view.response,
    awaited: isLast ? sounds && view.awaited && response.status === "completed" : view.awaited,
    notice: error ? troubleSentence(error) : view.notice,
  };
}

/**
 * Nothing sounds any more: what was to be heard was.
 * @param {TalkView} view
 * @returns {TalkView}
 */
function settled(view) {
  return change(view, view.sounding, (turn) =>
    turn.state === "done" ? { ...turn, heard: turn.text.length } : turn,
  );
}
