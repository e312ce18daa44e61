/** A MediaStream as a source: of a microphone, a call, a tab. */

import { Capture, newContext } from "./capture.js";

/** @typedef {import("./capture.js").Source} Source */

/**
 * The stream stays its owner's: nothing here stops its tracks. Throws SourceError.
 * @param {MediaStream} stream
 * @returns {Promise<Source>}
 */
export async function openStream(stream) {
  const context = newContext();
  try {
    return await hear(context, stream);
  } catch (error) {
    context.close();
    throw error;
  }
}

/**
 * Throws SourceError; the context is the caller's until it is heard.
 * @param {AudioContext} context
 * @param {MediaStream} stream
 * @param {number} [perSecond] messages of samples; 10 where nobody says
 * @returns {Promise<Source>}
 */
export async function hear(context, stream, perSecond) {
  const input = context.createMediaStreamSource(stream);
  const capture = await Capture.open(context, input, perSecond);
  const [track] = stream.getAudioTracks();
  return {
    rate: capture.rate,
    ended: new Promise((resolve) => track.addEventListener("ended", () => resolve())),
    start: (onSamples) => capture.start(onSamples),
    hold: () => {},
    finish: () => capture.finish(),
    close: () => {
      context.close();
    },
  };
}
