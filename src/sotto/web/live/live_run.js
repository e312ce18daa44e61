/** From Start to Stopped on the page: one run of the client, with the page's key and clock. */

import { SottoClient } from "../sotto-client.js";

/** @typedef {import("../audio/capture.js").Source} Source */
/** @typedef {import("../core/types.js").ServerEvent | import("../core/types.js").LocalEvent} Event */
/** @typedef {import("../client/client.js").ClientEvent} ClientEvent */
/** @typedef {import("../net/access_key.js").AccessKey} AccessKey */

/**
 * @typedef {object} Setup
 * @property {() => Promise<Source>} openSource
 * @property {Readonly<Record<string, unknown>>} config what the server is told beside the format
 * @property {AccessKey} access
 * @property {number} offset seconds that were heard before
 * @property {(event: Event) => void} dispatch
 * @property {(samples: Float32Array, seconds: number) => void} onSound with the place of its end
 * @property {boolean} silent images of the spectrogram are sent instead of sound
 * @property {boolean} anonymize and the voice is disguised in them
 * @property {(frames: import("../core/types.js").Frames) => void} onFrames for the eye
 */

export class LiveRun {
  /** @param {Setup} setup */
  constructor(setup) {
    this.#setup = setup;
    this.#sent = setup.access.key;
    this.#client = new SottoClient(location.origin, { key: this.#sent });
    this.#client.on("frames", ({ frames }) => setup.onFrames(frames));
    this.#client.onAny((event) => this.#receive(event));
  }

  #setup;
  #client;
  /** The key. */
  #sent;
  #refused = false;

  /** Whether the server wanted a key, or another one. */
  get refused() {
    return this.#refused;
  }

  /** The whole run; it ends with the event `stopped`. */
  async run() {
    const { openSource, config, silent, anonymize, offset, dispatch } = this.#setup;
    const stopped = new Promise((resolve) => this.#client.on("stopped", resolve));
    dispatch({ type: "begin", offset });
    // What goes wrong is told by events.
    this.#client.start(openSource, { config, silent, anonymize }).catch(() => {});
    await stopped;
  }

  /** The first call asks for the last words; a second one does not wait for them. */
  stop() {
    this.#client.stop();
  }

  /** @param {ClientEvent} event */
  #receive(event) {
    const { access, offset, dispatch, onSound } = this.#setup;
    switch (event.type) {
      case "frames":
        return;
      case "sound":
        onSound(event.samples, offset + event.seconds);
        return;
      case "heard":
        dispatch({ type: "heard", seconds: offset + event.seconds });
        return;
      case "error":
        // The field for the key tells itself why it is there.
        this.#refused = access.refused(event, { right: "streams", sent: this.#sent });
        if (!this.#refused) dispatch(event);
        return;
      case "ready":
        access.admitted("streams");
        dispatch(event);
        return;
      default:
        dispatch(event);
    }
  }
}
