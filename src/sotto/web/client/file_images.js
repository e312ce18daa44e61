/** A whole file as images of its spectrogram, made here: its sound does not leave the browser. */

import { SourceError } from "../audio/capture.js";
import { WHOLE_FILE } from "../mel/gate.js";
import { HOP, SAMPLE_RATE } from "../mel/log_mel.js";
import { MelWorker, WorkerError } from "./mel_worker.js";

/** @typedef {import("../mel/gate.js").Image} Image */

/** Seconds of sound that the worker is given at once. */
const PIECE_SECONDS = 10;

/**
 * @typedef {object} ImageOptions
 * @property {(progress: number) => void} [onProgress] 0..1 of what there is to do
 * @property {AbortSignal} [signal]
 * @property {boolean} [anonymize] disguise the voice in them
 */

/**
 * mel8 images in their order (docs/mel-image.md): their positions tell what was left out between
 * them, which is silence. The first begins with the file and the last ends with it. Rejects with
 * SourceError where the browser cannot read the file, and with the signal's reason.
 * @param {Blob} file
 * @param {number} bands 80 or 128
 * @param {ImageOptions} [options]
 * @returns {Promise<Blob[]>}
 */
export async function fileImages(file, bands, { onProgress = () => {}, signal, anonymize = false } = {}) {
  const samples = await decoded(file);
  signal?.throwIfAborted();
  /** @type {Image[]} */
  const images = [];
  const whole = samples.length / HOP;
  let frames = 0;
  const worker = new MelWorker({ rate: SAMPLE_RATE, bands, gate: WHOLE_FILE, anonymize }, (told) => {
    images.push(...told.images);
    frames += told.frames.sent.length;
    // Of the last, incomplete hop there is no frame.
    onProgress(told.last ? 1 : frames / whole);
  });
  const stop = () => worker.close();
  signal?.addEventListener("abort", stop);
  try {
    feed(worker, samples);
    await Promise.race([worker.finish(), aborted(signal)]);
  } catch (error) {
    throw error instanceof WorkerError ? new SourceError(error.message) : error;
  } finally {
    signal?.removeEventListener("abort", stop);
    worker.close();
  }
  if (!images.length) throw new SourceError("There is no sound in this file.");
  return images.map(({ data }) => new Blob([data], { type: "application/octet-stream" }));
}

/**
 * @param {MelWorker} worker
 * @param {Float32Array<ArrayBuffer>} samples
 */
function feed(worker, samples) {
  const length = PIECE_SECONDS * SAMPLE_RATE;
  for (let at = 0; at < samples.length; at += length) {
    const piece = samples.slice(at, at + length);
    worker.send(piece, [piece.buffer]);
  }
}

/**
 * Mono at 16 kHz.
 * @param {Blob} file
 * @returns {Promise<Float32Array<ArrayBuffer>>}
 */
async function decoded(file) {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  try {
    return mixed(await context.decodeAudioData(await file.arrayBuffer()));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new SourceError("This browser cannot read the sound of this file.");
  }
}

/**
 * All channels as one.
 * @param {AudioBuffer} sound
 */
function mixed(sound) {
  const mono = sound.getChannelData(0).slice();
  for (let channel = 1; channel < sound.numberOfChannels; channel += 1) {
    sound.getChannelData(channel).forEach((sample, i) => {
      mono[i] += sample;
    });
  }
  return sound.numberOfChannels > 1 ? mono.map((sample) => sample / sound.numberOfChannels) : mono;
}

/**
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<never>}
 */
function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}
