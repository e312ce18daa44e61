/** From Start to Stopped: one source, one stream, tried again while the server asks to wait. */

import { SourceError } from "../audio/capture.js";
import { BYTES_PER_SAMPLE, toS16 } from "../core/pcm.js";
import { FULL_SECONDS, pressure } from "../core/pressure.js";
import { lossSentence, reasonOf, retryDelay } from "../core/sentences.js";
import { StreamSocket } from "../net/stream_socket.js";

/** @typedef {import("../audio/capture.js").Source} Source */
/** @typedef {import("../core/types.js").ServerEvent | import("../core/types.js").LocalEvent} Event */
/** @typedef {import("../core/types.js").Failure} Failure */
/** @typedef {import("../net/access_key.js").AccessKey} AccessKey */

/**
 * @typedef {object} Setup
 * @property {() => Promise<Source>} openSource
 * @property {Readonly<Record<string, unknown>>} config what the server is told beside the rate
 * @property {AccessKey} access
 * @property {number} offset seconds that were heard before
 * @property {(event: Event) => void} dispatch
 * @property {(samples: Float32Array, seconds: number) => void} onSound with the place of its end
 */

export class LiveRun {
  /** @param {Setup} setup */
  constructor(setup) {
    this.#setup = setup;
  }

  #setup;
  /** @type {Source | null} */
  #source = null;
  /** @type {StreamSocket | null} */
  #socket = null;
  #ready = false;
  #refused = false;
  #stopping = false;
  #samples = 0;
  #behind = 0;
  /** @type {Failure | null} */
  #failure = null;
  #wakeUp = () => {};

  /** Whether the server wanted a key, or another one. */
  get refused() {
    return this.#refused;
  }

  /** The whole run; it ends with the event `stopped`. */
  async run() {
    const { dispatch, openSource } = this.#setup;
    dispatch({ type: "asking" });
    try {
      this.#source = await openSource();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      dispatch({ type: "stopped", notice: error.message });
      return;
    }
    try {
      const notice = await this.#streamUntilDone(this.#source);
      dispatch({ type: "stopped", notice });
    } finally {
      this.#source.close();
    }
  }

  /** The first call asks for the last words; a second one does not wait for them. */
  async stop() {
    if (this.#stopping || !this.#ready) {
      this.#stopping = true;
      this.#wakeUp();
      this.#socket?.leave();
      return;
    }
    this.#stopping = true;
    this.#setup.dispatch({ type: "finishing" });
    await this.#source?.finish();
    this.#socket?.finish();
  }

  /**
   * @param {Source} source
   * @returns {Promise<string>} a sentence for an end that nobody asked for, or ""
   */
  async #streamUntilDone(source) {
    while (!this.#stopping) {
      const { code, opened } = await this.#stream(source);
      const retryAfter = this.#failure?.retry_after;
      const delay = retryDelay({ closeCode: code, ready: this.#ready, retryAfter });
      if (this.#stopping || code === 1000) break;
      if (delay === null) {
        return lossSentence({ opened, ready: this.#ready, explained: this.#failure !== null });
      }
      await this.#countDown(delay, reasonOf(this.#failure?.code ?? null));
    }
    return "";
  }

  /** @param {Source} source */
  #stream(source) {
    const { config, access, offset, dispatch } = this.#setup;
    const { key } = access;
    this.#failure = null;
    dispatch({ type: "connecting" });
    dispatch({ type: "begin", offset });
    const first = { ...config, sample_rate: source.rate, encoding: "pcm_s16le", channels: 1 };
    this.#socket = new StreamSocket(first, key, (event) => {
      if (event.type === "error") this.#fail(event, key);
      else this.#receive(event, source);
    });
    return this.#socket.closed;
  }

  /**
   * The field for the key tells itself why it is there.
   * @param {Failure} failure
   * @param {string} sent the key
   */
  #fail(failure, sent) {
    this.#failure = failure;
    this.#refused = this.#setup.access.refused(failure, { right: "streams", sent });
    if (!this.#refused) this.#setup.dispatch(failure);
  }

  /**
   * Sound is sent from `ready` on: a stream that is put off has then accepted none.
   * @param {import("../core/types.js").ServerEvent} event
   * @param {Source} source
   */
  #receive(event, source) {
    this.#setup.dispatch(event);
    if (event.type !== "ready" || this.#ready) return;
    this.#setup.access.admitted("streams");
    this.#ready = true;
    source.start((samples) => this.#send(samples, source));
    source.ended.then(() => {
      if (!this.#stopping) this.stop();
    });
  }

  /**
   * @param {Float32Array} samples
   * @param {Source} source
   */
  #send(samples, source) {
    const { offset, dispatch, onSound } = this.#setup;
    this.#socket?.send(toS16(samples));
    this.#samples += samples.length;
    const heard = offset + this.#samples / source.rate;
    onSound(samples, heard);
    dispatch({ type: "heard", seconds: heard });
    this.#watchPressure(source);
  }

  /** @param {Source} source */
  #watchPressure(source) {
    const bytesPerSecond = source.rate * BYTES_PER_SAMPLE;
    const { level, seconds } = pressure(this.#socket?.waiting ?? 0, bytesPerSecond);
    source.hold(level !== "fine");
    const behind = level === "fine" ? 0 : Math.round(seconds);
    if (behind !== this.#behind) this.#setup.dispatch({ type: "behind", seconds: behind });
    this.#behind = behind;
    if (level === "full" && !this.#stopping) {
      const message = `Stopped listening: more than ${FULL_SECONDS} s of sound wait for the network.`;
      this.#setup.dispatch({ type: "warning", code: "network_too_slow", message });
      this.stop();
    }
  }

  /**
   * @param {number} seconds
   * @param {string} reason
   */
  async #countDown(seconds, reason) {
    for (let left = seconds; left > 0 && !this.#stopping; left -= 1) {
      this.#setup.dispatch({ type: "waiting", seconds: left, reason });
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, 1000);
        this.#wakeUp = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
  }
}
