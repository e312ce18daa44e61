/** A file as a source: played aloud, and heard by the server meanwhile. */

import { Capture, SourceError, newContext } from "./capture.js";

/** @typedef {import("./capture.js").Source} Source */

/**
 * Throws SourceError where the browser cannot play the file.
 * @param {Blob} file
 * @returns {Promise<Source>}
 */
export async function openFile(file) {
  const context = newContext();
  const url = URL.createObjectURL(file);
  const player = new Audio(url);
  const close = () => {
    player.pause();
    URL.revokeObjectURL(url);
    context.close();
  };
  try {
    await playable(player, file instanceof File ? file.name : "this file");
    const input = context.createMediaElementSource(player);
    input.connect(context.destination);
    return { ...playing(player, await Capture.open(context, input)), close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * @param {HTMLAudioElement} player
 * @param {Capture} capture
 * @returns {Omit<Source, "close">}
 */
function playing(player, capture) {
  let held = false;
  const { promise: ended, end } = ending(player);
  const play = () => player.play().catch(end);
  return {
    rate: capture.rate,
    ended,
    start: (onSamples) => {
      capture.start((samples) => {
        // A paused player is silent, exactly: nothing is lost when that is not sent.
        if (!held || samples.some((sample) => sample !== 0)) onSamples(samples);
      });
      play();
    },
    hold: (now) => {
      if (now === held) return;
      held = now;
      if (held) player.pause();
      else play();
    },
    finish: () => {
      player.pause();
      return capture.finish();
    },
  };
}

/**
 * @param {HTMLAudioElement} player
 * @param {string} name
 * @returns {Promise<void>}
 */
function playable(player, name) {
  return new Promise((resolve, reject) => {
    player.addEventListener("canplay", () => resolve(), { once: true });
    player.addEventListener("error", () =>
      reject(new SourceError(`This browser cannot play ${name}. Try the tab File Upload.`)),
    );
  });
}

/**
 * The end of a file: its last sample, or a player that is not allowed to begin. A play that a
 * pause overtook (AbortError) is no end.
 * @param {HTMLAudioElement} player
 */
function ending(player) {
  /** @type {(error: unknown) => void} */
  let end = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((resolve) => {
    player.addEventListener("ended", () => resolve());
    end = (error) => {
      if (!(error instanceof DOMException)) throw error;
      if (error.name !== "AbortError") resolve();
    };
  });
  return { promise, end };
}
