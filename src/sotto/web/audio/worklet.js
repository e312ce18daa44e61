/** Runs on the audio thread: mixes down and hands out messages, of about 100 ms unless told otherwise. */

import { Chunker, messageLength } from "../core/pcm.js";

class CaptureProcessor extends AudioWorkletProcessor {
  /** @param {{processorOptions?: {perSecond?: number}}} options */
  constructor({ processorOptions }) {
    super();
    this.#chunker = new Chunker(messageLength(sampleRate, processorOptions?.perSecond));
    this.port.onmessage = () => this.#post(this.#chunker.rest(), true);
  }

  #chunker;

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    for (const samples of this.#chunker.push(inputs[0])) this.#post(samples, false);
    return true;
  }

  /**
   * @param {Float32Array<ArrayBuffer>} samples
   * @param {boolean} last
   */
  #post(samples, last) {
    this.port.postMessage({ samples, last }, [samples.buffer]);
  }
}

registerProcessor("capture", CaptureProcessor);
