/** From start to stop: one source, and one stream after the other until all is said. */

import { SourceError } from "../audio/capture.js";
import { lossSentence, reasonOf, retryDelay, sentenceOf } from "../core/sentences.js";
import { StreamSocket } from "../net/stream_socket.js";
import { SottoError } from "./failure.js";
import { Patience, mayResume } from "./resume.js";
import { Sending } from "./sending.js";
import { formatOf } from "./sound_line.js";

/** @typedef {import("../audio/capture.js").Source} Source */
/** @typedef {import("../core/types.js").Failure} Failure */
/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */
/** @typedef {import("./client.js").ClientEvent} ClientEvent */

/**
 * @typedef {object} RunSetup
 * @property {string | URL} server
 * @property {string} key "" for none
 * @property {() => Promise<Source>} open throws SourceError
 * @property {Readonly<Record<string, unknown>>} config what the server is told beside the format
 * @property {boolean} silent
 * @property {boolean} anonymize
 * @property {boolean} looks whether anybody wants frames
 * @property {(event: ClientEvent) => void} emit
 */

/** @typedef {{code: number, opened: boolean, lasted: number}} End how a socket ended; seconds */

export class Run {
  /** @param {RunSetup} setup */
  constructor(setup) {
    this.#setup = setup;
    this.listening = new Promise((resolve) => {
      this.#onListening = resolve;
    });
  }

  #setup;
  #patience = new Patience();
  #onListening = () => {};
  /** @type {Source | null} */
  #source = null;
  /** @type {StreamSocket | null} */
  #socket = null;
  /** From the first `ready` on. @type {Sending | null} */
  #sending = null;
  #stopping = false;
  #left = false;
  /** @type {Failure | null} */
  #failure = null;
  #wakeUp = () => {};

  /** @type {Promise<void>} when the server listens for the first time */
  listening;

  /**
   * The whole run; the last event is `stopped`.
   * @returns {Promise<SottoError>} why it ended; its message is "" where it was asked to
   */
  async run() {
    const { emit, open } = this.#setup;
    emit({ type: "asking" });
    let notice = "";
    try {
      this.#source = await open();
      notice = await this.#streamUntilDone(this.#source);
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      notice = error.message;
    } finally {
      this.#sending?.close();
      this.#source?.close();
      emit({ type: "stopped", notice });
    }
    const failure = this.#failure;
    return new SottoError(notice || (failure ? sentenceOf(failure) : ""), failure?.code ?? null);
  }

  /** The first call asks for the last words; a second one does not wait for them. */
  async stop() {
    if (this.#stopping || !this.#sending) {
      this.#stopping = this.#left = true;
      this.#wakeUp();
      this.#socket?.leave();
      return;
    }
    this.#stopping = true;
    this.#setup.emit({ type: "finishing" });
    await this.#source?.finish();
    await this.#sending.finish();
  }

  /**
   * @param {Source} source
   * @returns {Promise<string>} a sentence for an end that nobody asked for, or ""
   */
  async #streamUntilDone(source) {
    while (!this.#left) {
      const end = await this.#stream(source);
      if (this.#left || end.code === 1000) break;
      const again = this.#sending ? await this.#waitToResume(end) : await this.#waitToBegin(end);
      if (again) continue;
      if (this.#failure) this.#setup.emit(this.#failure);
      return lossSentence({ ...end, ready: this.#sending !== null, explained: this.#failure !== null });
    }
    return this.#sending?.fault ?? "";
  }

  /**
   * @param {Source} source
   * @returns {Promise<End>}
   */
  async #stream(source) {
    const { server, key, config, silent, emit } = this.#setup;
    this.#failure = null;
    if (!this.#sending) emit({ type: "connecting" });
    const began = performance.now();
    const first = () => ({
      ...config,
      ...this.#sending?.pinned,
      ...formatOf(source.rate, silent),
      ...(this.#sending?.carried() ?? { received: 0 }),
    });
    this.#socket = new StreamSocket(server, { config: first, key }, (event) =>
      this.#receive(event, source),
    );
    const { code, opened } = await this.#socket.closed;
    this.#sending?.detach();
    return { code, opened, lasted: (performance.now() - began) / 1_000 };
  }

  /**
   * @param {ServerEvent} event
   * @param {Source} source
   */
  #receive(event, source) {
    if (event.type === "error") {
      this.#failure = event;
    } else if (event.type === "ready") {
      this.#begin(event, source);
    } else {
      if (event.type === "final") this.#patience.progress();
      this.#sending?.receive(event);
    }
  }

  /**
   * Sound is taken from the first `ready` on: a stream that is put off has then accepted none.
   * @param {import("../core/types.js").Ready} ready
   * @param {Source} source
   */
  #begin(ready, source) {
    const { emit, silent, anonymize, looks } = this.#setup;
    if (!this.#socket) return;
    emit(ready);
    if (this.#sending) {
      this.#sending.attach(this.#socket, ready);
      if (this.#stopping) emit({ type: "finishing" });
      return;
    }
    const stop = () => {
      if (!this.#stopping) this.stop();
    };
    this.#sending = new Sending(source, ready, { emit, silent, anonymize, looks, stop });
    this.#sending.attach(this.#socket, ready);
    this.#sending.start();
    source.ended.then(stop);
    this.#onListening();
  }

  /**
   * The server asks to be waited for before it has taken any sound.
   * @param {End} end
   * @returns {Promise<boolean>} whether to try again
   */
  async #waitToBegin({ code }) {
    const delay = retryDelay({ closeCode: code, retryAfter: this.#failure?.retry_after });
    if (delay === null) return false;
    const reason = reasonOf(this.#failure?.code ?? null);
    for (let left = delay; left > 0 && !this.#left; left -= 1) {
      this.#setup.emit({ type: "waiting", seconds: left, reason });
      await this.#sleep(1);
    }
    return true;
  }

  /**
   * The line broke in the middle; the source goes on meanwhile.
   * @param {End} end
   * @returns {Promise<boolean>} whether to try again
   */
  async #waitToResume({ code, lasted }) {
    if (!mayResume(code, this.#failure)) return false;
    const seconds = this.#patience.next({ lasted, retryAfter: this.#failure?.retry_after });
    if (seconds === null) return false;
    const reason = this.#failure ? reasonOf(this.#failure.code) : "The connection was lost";
    this.#setup.emit({ type: "reconnecting", seconds, reason });
    await this.#sleep(seconds);
    return true;
  }

  /** @param {number} seconds */
  async #sleep(seconds) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1_000);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}
