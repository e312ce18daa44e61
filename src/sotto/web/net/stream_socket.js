/** The socket of one stream, thin: JSON and sound out, events in. */

import { withToken } from "./access_key.js";

/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */

export class StreamSocket {
  /**
   * @param {string | URL} server where it is, with the path that it lies under
   * @param {{config: Readonly<Record<string, unknown>>, key: string}} how the first message; "" for
   *   no key
   * @param {(event: ServerEvent) => void} onEvent
   */
  constructor(server, { config, key }, onEvent) {
    this.#socket = new WebSocket(withToken(streamUrl(server), key));
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

/** @param {string | URL} server */
function streamUrl(server) {
  const url = new URL("stream", server);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
