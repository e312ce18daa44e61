/** Over which line a conversation goes. */

import { NoCalls, RealtimeCall } from "../net/realtime_call.js";
import { RealtimeSocket } from "../net/realtime_socket.js";

/** @typedef {import("../net/realtime_socket.js").Line} Line */

/**
 * A call where it is wanted, there is a microphone to call with, and the server takes calls; else a
 * socket.
 * @param {"socket" | "call"} wanted
 * @param {MediaStream | null} microphone
 * @param {object} how
 * @param {string} how.key "" for none
 * @param {string} how.conversation by which name it is kept; "" where it is not
 * @param {unknown} how.session what a call begins with
 * @param {import("../net/realtime_socket.js").Listener} how.listener
 * @param {() => Promise<void>} how.onSocket before a socket is tried
 * @param {(line: Line) => void} how.onLine before its first event
 * @returns {Promise<Line>}
 */
export async function openLine(wanted, microphone, how) {
  const { key, conversation, session, listener, onSocket, onLine } = how;
  if (wanted === "call" && microphone) {
    const call = await tryCall({ key, conversation, microphone, session }, listener, onLine);
    if (call) return call;
  }
  await onSocket();
  const socket = new RealtimeSocket(location.origin, { key, conversation }, listener);
  onLine(socket);
  return socket;
}

/**
 * @param {{key: string, conversation: string, microphone: MediaStream, session: unknown}} how
 * @param {import("../net/realtime_socket.js").Listener} listener
 * @param {(line: Line) => void} onLine
 * @returns {Promise<Line | null>} null where the server takes no calls
 */
async function tryCall(how, listener, onLine) {
  try {
    return await RealtimeCall.open(location.origin, how, listener, onLine);
  } catch (error) {
    if (error instanceof NoCalls) return null;
    throw error;
  }
}
