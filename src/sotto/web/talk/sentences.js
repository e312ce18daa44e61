/** How a conversation stands, and what went wrong in it, as calm sentences. */

import { sentenceOf } from "../core/sentences.js";

/** @typedef {import("./types.js").WireError} WireError */
/** @typedef {import("./types.js").Phase} Phase */

/** What the page asks for by itself: that it comes too late is nobody's trouble. */
export const OWN = "page_";

/** @type {Readonly<Record<Phase, string>>} */
const STATES = {
  offline: "Offline",
  asking: "Waiting for the microphone",
  connecting: "Connecting",
  ready: "Ready",
  listening: "Listening",
  hearing: "Hearing you",
  thinking: "Thinking",
  speaking: "Speaking",
  paused: "Paused",
};

/** @type {Readonly<Partial<Record<Phase, string>>>} */
const HINTS = {
  offline: "Press to talk",
  ready: "Write, or press to talk",
  listening: "Just speak; press to end",
  speaking: "Speak to interrupt",
  paused: "Somebody speaks: it waits",
};

/** @type {Readonly<Record<string, string>>} */
const BY_CODE = {
  conversation_unavailable:
    "This server holds no conversations: it only writes down what it hears. Who runs it can let it answer, with a language model and a voice.",
  chat_unavailable: "The language model does not answer",
  voice_unavailable: "The voice cannot say this",
  superseded: "This conversation goes on in another tab. Press to go on with it here.",
  session_expired: "The conversation lasted as long as one may. Press to begin another.",
  invalid_api_key: "The server does not take this key",
};

/** @param {Phase} phase */
export function stateOf(phase) {
  return STATES[phase];
}

/** @param {Phase} phase */
export function hintOf(phase) {
  return HINTS[phase] ?? "";
}

/**
 * Whether an error answers what the page asked for by itself.
 * @param {WireError} error
 */
export function ours({ event_id }) {
  return event_id?.startsWith(OWN) ?? false;
}

/**
 * @param {WireError} error
 */
export function troubleSentence({ code = null, message = "" }) {
  const short = code === null ? undefined : BY_CODE[code];
  if (!short) return sentenceOf({ code, message });
  if (short.endsWith(".")) return short;
  return message ? `${short}: ${sentenceOf({ code: null, message })}` : `${short}.`;
}
