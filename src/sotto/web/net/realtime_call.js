/**
 * A conversation over WebRTC: OpenAI's Realtime events on a data channel, the sound on two tracks.
 * The server plays its answers as they are heard, so it knows by itself what was.
 */

import { headersOf } from "./access_key.js";
import { inConversation } from "./conversations.js";

/** @typedef {import("./realtime_socket.js").Line} Line */
/** @typedef {import("./realtime_socket.js").Listener} Listener */

/** How long addresses of this device are looked for, before those that were found are sent. */
const GATHER_MS = 1_000;
/** How long the two sides may take to find each other. */
const CONNECT_MS = 10_000;

/** The server takes no calls: another line may do. */
export class NoCalls extends Error {}

/** @implements {Line} */
export class RealtimeCall {
  plays = true;

  /**
   * Throws NoCalls where the server takes none, or cannot be found by one.
   * @param {string | URL} server where it is
   * @param {{key: string, conversation: string, microphone: MediaStream, session: unknown}} how "" for no
   *   key; for a conversation that is not kept
   * @param {Listener} listener
   * @param {(call: RealtimeCall) => void} onLine before its first event
   */
  static async open(server, { key, conversation, microphone, session }, listener, onLine) {
    const connection = new RTCPeerConnection();
    try {
      const call = new RealtimeCall(connection, microphone, listener);
      onLine(call);
      await connection.setLocalDescription(await connection.createOffer());
      await gathered(connection);
      const form = new FormData();
      form.append("sdp", connection.localDescription?.sdp ?? "");
      form.append("session", JSON.stringify(session));
      const url = inConversation(new URL("v1/realtime/calls", server), conversation);
      const answer = await post(url, headersOf(key), form);
      await connection.setRemoteDescription({ type: "answer", sdp: answer });
      await call.#opened();
      return call;
    } catch (error) {
      connection.close();
      // What a browser cannot make of an answer it says with a DOMException.
      if (error instanceof DOMException) throw new NoCalls(error.message);
      throw error;
    }
  }

  /**
   * @param {RTCPeerConnection} connection
   * @param {MediaStream} microphone
   * @param {Listener} listener
   */
  constructor(connection, microphone, { onEvent }) {
    this.#connection = connection;
    for (const track of microphone.getAudioTracks()) connection.addTrack(track, microphone);
    connection.addEventListener("track", ({ track }) => {
      this.#element.srcObject = new MediaStream([track]);
      this.#element.play();
    });
    this.#channel = connection.createDataChannel("oai-events");
    this.#channel.addEventListener("message", ({ data }) => onEvent(JSON.parse(data)));
    this.closed = new Promise((resolve) => {
      const over = () => resolve({ opened: true, reason: "" });
      this.#channel.addEventListener("close", over);
      connection.addEventListener("connectionstatechange", () => {
        if (["failed", "closed"].includes(connection.connectionState)) over();
      });
    });
  }

  #connection;
  #channel;
  #element = new Audio();
  /** @type {Promise<{opened: boolean, reason: string}>} */
  closed;

  /** @param {Readonly<Record<string, unknown>>} event */
  tell(event) {
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify(event));
  }

  /** The track sends it. */
  send() {
    return true;
  }

  leave() {
    this.#element.srcObject = null;
    this.#channel.close();
    this.#connection.close();
  }

  /** @returns {Promise<void>} */
  #opened() {
    if (this.#channel.readyState === "open") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = () => reject(new NoCalls("The server cannot be reached by WebRTC."));
      const timer = setTimeout(late, CONNECT_MS);
      this.#channel.addEventListener("open", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/**
 * @param {RTCPeerConnection} connection
 * @returns {Promise<void>} once all addresses are found, or those that come soon
 */
function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_MS);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState === "complete") resolve();
    });
  });
}

/**
 * Throws NoCalls.
 * @param {URL} url
 * @param {Record<string, string>} headers
 * @param {FormData} body
 */
async function post(url, headers, body) {
  try {
    const response = await fetch(url, { method: "POST", headers, body });
    if (response.ok) return await response.text();
    throw new NoCalls(`The server answered ${response.status}.`);
  } catch (error) {
    if (error instanceof TypeError) throw new NoCalls("The server cannot be reached.");
    throw error;
  }
}
