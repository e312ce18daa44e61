/** A conversation over a WebSocket: OpenAI's Realtime events, with the sound among them. */

import { samplesOf, toBase64 } from "../core/base64.js";
import { toS16 } from "../core/pcm.js";
import { inConversation } from "./conversations.js";

/** What a subprotocol may be made of; a key with other signs goes into the address. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** Bytes that wait for the network: 5 s of sound. */
const MOST_WAITING = 240_000;

/** @typedef {import("../talk/types.js").ServerEvent} ServerEvent */
/**
 * One conversation's line, whatever it goes over.
 * @typedef {object} Line
 * @property {boolean} plays whether the server plays its answers by itself, and knows what was heard
 * @property {Promise<{opened: boolean, reason: string}>} closed
 * @property {(event: Readonly<Record<string, unknown>>) => void} tell
 * @property {(samples: Float32Array) => boolean} send sound of the microphone; false where the network
 *   is too slow for it
 * @property {() => void} leave
 */
/**
 * @typedef {object} Listener
 * @property {(event: ServerEvent) => void} onEvent
 * @property {(item: string, samples: Int16Array) => void} onSound
 */

/** @implements {Line} */
export class RealtimeSocket {
  plays = false;

  /**
   * @param {string | URL} server where it is
   * @param {{key: string, conversation: string}} how "" for no key; for a conversation that is not kept
   * @param {Listener} listener
   */
  constructor(server, { key, conversation }, { onEvent, onSound }) {
    const isToken = TOKEN.test(key);
    const url = inConversation(new URL("v1/realtime", server), conversation);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (key && !isToken) url.searchParams.set("token", key);
    const protocols = ["realtime", ...(isToken ? [`openai-insecure-api-key.${key}`] : [])];
    this.#socket = new WebSocket(url, protocols);
    let opened = false;
    this.#socket.addEventListener("open", () => (opened = true));
    this.#socket.addEventListener("message", ({ data }) => {
      const event = JSON.parse(data);
      onEvent(event);
      if (event.type === "response.output_audio.delta") onSound(event.item_id, samplesOf(event.delta));
    });
    this.closed = new Promise((resolve) => {
      this.#socket.addEventListener("close", ({ reason }) => resolve({ opened, reason }));
    });
  }

  #socket;
  /** @type {Promise<{opened: boolean, reason: string}>} */
  closed;

  /** @param {Readonly<Record<string, unknown>>} event */
  tell(event) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event));
  }

  /** @param {Float32Array} samples */
  send(samples) {
    if (this.#socket.bufferedAmount > MOST_WAITING) return false;
    this.tell({ type: "input_audio_buffer.append", audio: toBase64(toS16(samples)) });
    return true;
  }

  leave() {
    this.#socket.close(1000);
  }
}
