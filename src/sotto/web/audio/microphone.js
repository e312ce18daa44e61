/** The microphone as a source. */

import { SourceError, newContext } from "./capture.js";
import { hear } from "./stream_source.js";

/** @typedef {import("./capture.js").Source} Source */

/** @type {Readonly<Record<string, string>>} */
const REFUSALS = {
  NotAllowedError:
    "The microphone is blocked for this page. Allow it beside the address, then press Start.",
  NotFoundError: "No microphone was found. Plug one in, or play a file instead.",
  NotReadableError: "The microphone is in use by another program.",
};

/**
 * Noise suppression stays off: it is made for ears, and costs a recognizer words.
 * Throws SourceError.
 * @param {{echoCancellation: boolean, perSecond?: number}} options how many messages of samples
 * @returns {Promise<Source & {stream: MediaStream}>}
 */
export async function openMicrophone({ echoCancellation, perSecond }) {
  const context = newContext();
  /** @type {MediaStreamTrack[]} */
  const tracks = [];
  const close = () => {
    for (const track of tracks) track.stop();
    context.close();
  };
  try {
    const stream = await ask(echoCancellation);
    tracks.push(...stream.getTracks());
    return { ...(await hear(context, stream, perSecond)), stream, close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * @param {boolean} echoCancellation
 * @returns {Promise<MediaStream>}
 */
async function ask(echoCancellation) {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation, noiseSuppression: false, autoGainControl: true, channelCount: 1 },
    });
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new SourceError(REFUSALS[error.name] ?? `The microphone cannot be opened: ${error.message}.`);
  }
}
