/** What went wrong, and how things stand, as calm sentences. */

/** @typedef {import("./types.js").LiveView} LiveView */

/** @type {Readonly<Record<string, string>>} */
const BY_CODE = {
  overloaded: "The server is busy",
  model_not_ready: "The server is loading the model",
  draining: "The server is restarting",
  too_slow: "The server closed the stream because this page was too slow",
  too_large: "This is larger than the server takes",
  engine_failed: "The server could not decode this",
  model_unavailable: "The server cannot load this model",
  bad_option: "The server does not take this setting",
  unknown_model: "The server does not take this setting",
  unknown_language: "The server does not take this setting",
  bad_audio: "The server cannot read this sound",
  unauthorized: "The server does not take this key",
  forbidden: "The server does not allow this",
  rate_limited: "The server lets you ask no more just now",
  superseded: "This stream goes on elsewhere",
  keys_unavailable: "The server cannot check keys just now",
};

const RETRY_CODES = new Set([1012, 1013]);
const DEFAULT_RETRY_SECONDS = 5;
const KEPT = "What was heard until then is kept.";

/**
 * A server's error for people; its own message follows the short form of the code.
 * @param {{code: string | null, message: string}} error
 */
export function sentenceOf({ code, message }) {
  const short = code === null ? undefined : BY_CODE[code];
  if (!short) return asSentence(message || "The server reports an error");
  return message ? `${short}: ${asSentence(message)}` : `${short}.`;
}

/**
 * Why a stream is tried again later, in a few words.
 * @param {string | null} code
 */
export function reasonOf(code) {
  return (code !== null && BY_CODE[code]) || "The server asks to wait";
}

/**
 * What to do after a socket closed that was never listened on: whole seconds to wait before another
 * try, or null for none.
 * @param {{closeCode: number, retryAfter: number | undefined}} end
 */
export function retryDelay({ closeCode, retryAfter }) {
  if (!RETRY_CODES.has(closeCode)) return null;
  return Math.max(1, Math.ceil(retryAfter ?? DEFAULT_RETRY_SECONDS));
}

/**
 * A sentence for a socket that closed although nobody asked; "" where an error event said it.
 * @param {{opened: boolean, ready: boolean, explained: boolean}} end
 */
export function lossSentence({ opened, ready, explained }) {
  if (explained) return "";
  if (!opened) return "The server cannot be reached.";
  return ready ? `The connection was lost. ${KEPT}` : "The server closed the connection.";
}

/**
 * How things stand, for the eye.
 * @param {LiveView} view
 */
export function statusOf(view) {
  switch (view.phase) {
    case "idle":
      return "Ready when you are";
    case "asking":
      return "Waiting for the sound";
    case "connecting":
      return "Connecting";
    case "waiting":
      return `${waitReason(view)}, retrying in ${view.retry?.seconds ?? 0} s`;
    case "listening":
      return view.speaking ? "Hearing speech" : "Listening";
    case "reconnecting":
      return "Reconnecting";
    case "finishing":
      return "Finishing";
    case "stopped":
      return "Stopped";
  }
}

/**
 * The same for the ear: nothing that ticks or flickers, so that a screen reader stays calm.
 * @param {LiveView} view
 */
export function statusAloud(view) {
  if (view.phase === "idle") return "";
  if (view.phase === "waiting") return `${waitReason(view)}, retrying soon`;
  return statusOf({ ...view, speaking: false });
}

/**
 * What to say of sound that waits for the network; "" when all is well.
 * @param {number} seconds
 */
export function behindSentence(seconds) {
  if (seconds <= 0) return "";
  return `The network is slower than the sound: ${seconds.toFixed(0)} s wait to be sent.`;
}

/** @param {LiveView} view */
function waitReason(view) {
  return view.retry?.reason ?? "The server asks to wait";
}

/** @param {string} text */
function asSentence(text) {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
