/** The socket of one stream, thin: JSON and sound out, events in. */

import { withToken } from "./access_key.js";

/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */

export class StreamSocket {
  /**
   * @param {Readonly<Record<string, unknown>>} config the first message
   * @param {string} key "" for none
   * @param {(event: ServerEvent) => void} onEvent
   */
  constructor(config, key, onEvent) {
    this.#socket = new WebSocket(withToken(streamUrl(location), key));
    this.#socket.binaryType = "arraybuffer";
    let opened = false;
    this.#socket.addEventListener("open", () => {
      opened = true;
      this.#socket.send(JSON.stringify(config));
    });
    this.#socket.addEventListener("message", ({ data }) => onEvent(JSON.parse(data)));
    this.closed = new Promise((resolve) => {
      this.#socket.addEventListener("close", ({ code }) => resolve({ code, opened }));
    });
  }

  #socket;

  /** @type {Promise<{code: number, opened: boolean}>} */
  closed;

  /** Bytes that the network has not taken yet. */
  get waiting() {
    return this.#socket.bufferedAmount;
  }

  /** @param {ArrayBuffer} sound */
  send(sound) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(sound);
  }

  /** Ask for the last words; the server closes. */
  finish() {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ type: "finish" }));
    }
  }

  /** Leave without waiting for the last words. */
  leave() {
    this.#socket.close();
  }
}

/** @param {Location} location */
function streamUrl({ protocol, host }) {
  return `${protocol === "https:" ? "wss:" : "ws:"}//${host}/stream`;
}
