/** What the page asks of a conversation: its session, what was said before, what is written. */

import { OWN } from "./sentences.js";

/** @typedef {import("./types.js").Turn} Turn */
/** @typedef {import("./types.js").TalkChoice} TalkChoice */

/** Of the sound that is sent: what the server hears with. */
export const SENT_RATE = 16_000;
/** Of the sound that is answered with. */
export const SPOKEN_RATE = 24_000;
/** What the first thing that is said is called: how it is answered says that. */
export const OPENING = "opening";
/** Turns that a new line is told of what was said before. */
const MOST_REMEMBERED = 100;

/**
 * How it answers: what may change while it talks.
 * @param {TalkChoice} choice
 */
function manner({ language, voice }) {
  return { language: language || null, voice };
}

/**
 * The first thing that is said.
 * @param {TalkChoice} choice
 * @param {{speaks: boolean}} how false: answers are written
 */
export function opening(choice, { speaks }) {
  const detection = { type: "server_vad", create_response: true, interrupt_response: true };
  return {
    type: "session.update",
    event_id: OPENING,
    session: {
      type: "realtime",
      output_modalities: [speaks ? "audio" : "text"],
      audio: {
        input: {
          format: { type: "audio/pcm", rate: SENT_RATE },
          turn_detection: detection,
          // What was heard is told only where it is asked for.
          transcription: {},
        },
        output: { format: { type: "audio/pcm", rate: SPOKEN_RATE }, ...manner(choice) },
      },
      sotto: { holds: true },
    },
  };
}

/**
 * Another language or voice, from the next answer on.
 * @param {TalkChoice} choice
 */
export function mannerUpdate(choice) {
  return { type: "session.update", session: { type: "realtime", audio: { output: manner(choice) } } };
}

/**
 * What was said on lines before, for a server that kept nothing of it: of a cut answer what was
 * heard.
 * @param {readonly Turn[]} turns
 */
export function remembered(turns) {
  return turns
    .map((turn) => ({ ...turn, text: (turn.state === "cut" ? turn.text.slice(0, turn.heard) : turn.text).trim() }))
    .filter(({ text }) => text)
    .slice(-MOST_REMEMBERED)
    .map(({ id, side, text }) => created(id, side === "you" ? "user" : "assistant", text));
}

/**
 * Something that is written instead of spoken.
 * @param {string} id
 * @param {string} text
 */
export function written(id, text) {
  return created(id, "user", text);
}

/**
 * So much of an answer was heard: that is what the server is to remember.
 * @param {string} item
 * @param {number} ms
 */
export function truncation(item, ms) {
  return {
    type: "conversation.item.truncate",
    event_id: `${OWN}truncate`,
    item_id: item,
    content_index: 0,
    audio_end_ms: Math.max(0, Math.floor(ms)),
  };
}

/** @param {string} item */
export function retrieval(item) {
  return { type: "conversation.item.retrieve", event_id: `${OWN}retrieve`, item_id: item };
}

/** An id that no other item has. */
export function newId() {
  return `item_${crypto.getRandomValues(new Uint32Array(3)).join("")}`;
}

/**
 * @param {string} id
 * @param {"user" | "assistant"} role
 * @param {string} text
 */
function created(id, role, text) {
  const type = role === "user" ? "input_text" : "output_text";
  return {
    type: "conversation.item.create",
    item: { id, type: "message", role, content: [{ type, text }] },
  };
}
