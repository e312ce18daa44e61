/** The socket of one stream, thin: JSON and sound out, events in. */

import { withToken } from "./access_key.js";

/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */

export class StreamSocket {
  /**
   * @param {string | URL} server where it is, with the path that it lies under
   * @param {{config: () => Readonly<Record<string, unknown>>, key: string}} how the first message,
   *   made when the line is open; "" for no key
   * @param {(event: ServerEvent) => void} onEvent
   */
  constructor(server, { config, key }, onEvent) {
    this.#socket = new WebSocket(withToken(streamUrl(server), key));
    this.#socket.binaryType = "arraybuffer";
    let opened = false;
    this.#socket.addEventListener("open", () => {
      opened = true;
      this.#socket.send(JSON.stringify(config()));
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

  /** Let the open utterance end here. */
  flush() {
    this.#tell("flush");
  }

  /** Ask for the last words; the server closes. */
  finish() {
    this.#tell("finish");
  }

  /** @param {"flush" | "finish"} type */
  #tell(type) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type }));
  }

  /** Leave without waiting for the last words. */
  leave() {
    // Said in so many words: the server need not keep what is open for another stream.
    this.#socket.close(1000);
  }
}

/** @param {string | URL} server */
function streamUrl(server) {
  const url = new URL("stream", server);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
