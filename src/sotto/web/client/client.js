/** A Sotto server, for a page: sound or files in, words out. docs/browser-client.md tells how. */

import { openFile } from "../audio/file_source.js";
import { openMicrophone } from "../audio/microphone.js";
import { openStream } from "../audio/stream_source.js";
import { Emitter } from "./emitter.js";
import { SottoError } from "./failure.js";
import { Run } from "./run.js";
import { transcribe } from "./transcribe.js";

/** @typedef {import("../audio/capture.js").Source} Source */
/** @typedef {import("../core/types.js").Frames} Frames */

/**
 * What a client tells. All times are seconds of sound since the run began, however often the
 * connection was lost meanwhile; utterances count from 0, and each has one `final`.
 * @typedef {{type: "sound", samples: Float32Array, seconds: number}} Sound what was captured, and
 *   the place of its end
 * @typedef {{type: "frames", frames: Frames}} FramesTold
 * @typedef {Exclude<import("../core/types.js").LocalEvent, {type: "begin" | "clear"}>} OfHere
 * @typedef {import("../core/types.js").ServerEvent | OfHere | Sound | FramesTold} ClientEvent
 */

/**
 * What to listen to; a function opens a source of the page's own.
 * @typedef {"microphone" | Blob | MediaStream | (() => Promise<Source>)} SourceLike
 */

/**
 * @typedef {object} StartOptions
 * @property {boolean} [silent] send images of the spectrogram: the sound stays on the device
 * @property {boolean} [anonymize] and disguise the voice in them
 * @property {boolean} [echoCancellation] of the microphone
 * @property {string} [model]
 * @property {string} [language] a code; left out, or "auto", it is detected
 * @property {import("../core/types.js").Task} [task]
 * @property {Readonly<Record<string, unknown>>} [config] more of the configuration in
 *   docs/protocol.md
 */

/** @typedef {import("./transcribe.js").TranscribeOptions} TranscribeOptions */

export class SottoClient {
  /**
   * @param {string | URL} url of the server, with the path that it lies under
   * @param {{key?: string}} [options]
   */
  constructor(url, { key = "" } = {}) {
    const server = new URL(url, location.href);
    if (!server.pathname.endsWith("/")) server.pathname += "/";
    this.#server = server;
    this.#key = key;
  }

  #server;
  #key;
  /** @type {Emitter<ClientEvent>} */
  #events = new Emitter();
  /** @type {Run | null} */
  #run = null;

  /**
   * @template {ClientEvent["type"]} T
   * @param {T} type
   * @param {(event: Extract<ClientEvent, {type: T}>) => void} listener
   * @returns {() => void} ends it
   */
  on(type, listener) {
    return this.#events.on(type, listener);
  }

  /**
   * @param {(event: ClientEvent) => void} listener hears every event
   * @returns {() => void} ends it
   */
  onAny(listener) {
    return this.#events.onAny(listener);
  }

  /**
   * Listen, from a click on: browsers start sound on a gesture only. Done when the server listens;
   * whoever wants `frames` has asked for them before; or when it was stopped before that. Rejects
   * with SottoError.
   * @param {SourceLike} source
   * @param {StartOptions} [options]
   */
  async start(source, options = {}) {
    if (this.#run) throw new SottoError("This client listens already. Stop it first.");
    const run = new Run({
      server: this.#server,
      key: this.#key,
      open: () => opened(source, options.echoCancellation ?? false),
      config: configOf(options),
      silent: options.silent ?? false,
      anonymize: options.anonymize ?? false,
      looks: this.#events.hears("frames"),
      emit: (event) => this.#events.emit(event),
    });
    this.#run = run;
    const over = run.run().finally(() => {
      this.#run = null;
    });
    over.catch(reportError);
    const end = await Promise.race([run.listening.then(() => null), over]);
    if (end?.message) throw end;
  }

  /** The first call asks for the last words, a second one leaves at once; `stopped` ends both. */
  stop() {
    this.#run?.stop();
  }

  /**
   * A whole file. Rejects with SottoError, and with the signal's reason.
   * @param {Blob} file
   * @param {TranscribeOptions} [options]
   * @returns {Promise<import("../core/types.js").Transcript>}
   */
  transcribe(file, options = {}) {
    return transcribe(file, { ...options, server: this.#server, key: this.#key });
  }
}

/**
 * @param {SourceLike} source
 * @param {boolean} echoCancellation
 */
function opened(source, echoCancellation) {
  if (source === "microphone") return openMicrophone({ echoCancellation });
  if (source instanceof Blob) return openFile(source);
  if (source instanceof MediaStream) return openStream(source);
  return source();
}

/** @param {StartOptions} options */
function configOf({ model, language, task, config }) {
  return {
    ...config,
    ...(model && { model }),
    ...(language && language !== "auto" && { language }),
    ...(task && { task }),
  };
}
