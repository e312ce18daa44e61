/** From samples to what is sent: the sound itself, or images of its spectrogram. */

import { BYTES_PER_SAMPLE, toS16 } from "../core/pcm.js";
import { LIVE } from "../mel/gate.js";
import { without } from "../mel/mel8.js";
import { MelWorker, WorkerError } from "./mel_worker.js";

/** @typedef {import("./tape.js").Piece} Piece */
/** @typedef {import("../core/types.js").Frames} Frames */

const FRAMES_PER_SECOND = 100;

/**
 * What becomes of the sound of a run. Places are in units: samples or frames.
 * @typedef {object} SoundLine
 * @property {number} rate units a second
 * @property {number} bytesPerSecond of what is sent while somebody speaks
 * @property {(piece: Piece, at: number) => Piece} cut a piece from a place within it on
 * @property {(samples: Float32Array<ArrayBuffer>) => void} receive
 * @property {() => Promise<void>} finish the last pieces are out when this is done
 * @property {() => void} close
 */

/**
 * @typedef {object} LineOptions
 * @property {number} rate samples a second of the source
 * @property {number} bands that the server reads
 * @property {boolean} anonymize
 * @property {(piece: Piece) => void} onPiece
 * @property {((frames: Frames) => void) | null} onFrames null where nobody looks
 * @property {(error: Error) => void} onFailed no images can be made
 */

/**
 * Sound as it is. A browser that cannot show its spectrogram sends it all the same.
 * @param {LineOptions} options
 * @returns {SoundLine}
 */
export function audioLine({ rate, bands, onPiece, onFrames }) {
  const looked = { rate, bands, gate: null, anonymize: false };
  const eye = onFrames && new MelWorker(looked, ({ frames }) => onFrames(frames));
  let place = 0;
  return {
    rate,
    bytesPerSecond: rate * BYTES_PER_SAMPLE,
    cut: ({ end, at: first, data }, at) => {
      return { at, end, data: data.slice((at - first) * BYTES_PER_SAMPLE) };
    },
    receive: (samples) => {
      const at = place;
      place += samples.length;
      onPiece({ at, end: place, data: toS16(samples) });
      eye?.send(samples);
    },
    finish: async () => {
      await eye?.finish().catch(unseen);
    },
    close: () => eye?.close(),
  };
}

/** @param {unknown} error */
function unseen(error) {
  if (!(error instanceof WorkerError)) throw error;
}

/**
 * Images of it, of the frames in which somebody speaks; sound does not get further than this.
 * @param {LineOptions} options
 * @returns {SoundLine}
 */
export function imageLine({ rate, bands, anonymize, onPiece, onFrames, onFailed }) {
  const maker = new MelWorker({ rate, bands, gate: LIVE, anonymize }, ({ frames, images }) => {
    images.forEach(onPiece);
    if (frames.sent.length) onFrames?.(frames);
  });
  maker.failed.catch(onFailed);
  return {
    rate: FRAMES_PER_SECOND,
    bytesPerSecond: FRAMES_PER_SECOND * (bands + 1),
    cut: ({ at: first, end, data }, at) => ({ at, end, data: without(data, at - first) }),
    receive: (samples) => maker.send(samples),
    finish: () => maker.finish(),
    close: () => maker.close(),
  };
}

/**
 * What the server is told of the sound.
 * @param {number} rate samples a second
 * @param {boolean} silent
 */
export function formatOf(rate, silent) {
  return silent ? { encoding: "mel8" } : { encoding: "pcm_s16le", sample_rate: rate, channels: 1 };
}
