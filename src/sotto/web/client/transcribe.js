/** Whole files: the file itself to the server, or images of its spectrogram. */

import { SourceError } from "../audio/capture.js";
import { bandsOf } from "../core/models.js";
import { headersOf } from "../net/access_key.js";
import { fileRequest, refusalOf } from "../net/file_request.js";
import { SottoError } from "./failure.js";
import { fileImages } from "./file_images.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */
/** @typedef {{server: URL, key: string}} Where */

/**
 * @typedef {object} TranscribeOptions
 * @property {boolean} [silent] make images of its spectrogram here, and send those
 * @property {boolean} [anonymize] and disguise the voice in them
 * @property {string} [model]
 * @property {string} [language] a code; left out, or "auto", it is detected
 * @property {import("../core/types.js").Task} [task]
 * @property {(progress: number) => void} [onProgress] 0..1 of the images that are made
 * @property {AbortSignal} [signal]
 */

/**
 * Rejects with SottoError, and with the signal's reason.
 * @param {Blob} file
 * @param {TranscribeOptions & Where} options
 * @returns {Promise<Transcript>}
 */
export async function transcribe(file, options) {
  const { silent, signal } = options;
  const sent = silent ? { pictures: await picturesOf(file, options) } : { file };
  const { path, fields } = fileRequest(sent, options);
  return ask(path, options, { method: "POST", body: fields, signal });
}

/**
 * How many bands the images have to have.
 * @param {TranscribeOptions & Where} options
 */
async function bandsAsked({ model = "auto", signal, ...where }) {
  const { data } = await ask("v1/models", where, { signal });
  return bandsOf(data, model);
}

/**
 * @param {Blob} file
 * @param {TranscribeOptions & Where} options
 */
async function picturesOf(file, options) {
  const bands = await bandsAsked(options);
  try {
    return await fileImages(file, bands, options);
  } catch (error) {
    throw error instanceof SourceError ? new SottoError(error.message) : error;
  }
}

/**
 * @param {string} path
 * @param {Where} where
 * @param {RequestInit} init
 */
async function ask(path, { server, key }, init) {
  const response = await reached(new URL(path, server), { ...init, headers: headersOf(key) });
  if (response.ok) return response.json();
  const { sentence, trouble } = refusalOf(response.status, await response.text());
  throw new SottoError(sentence, trouble.code);
}

/**
 * @param {URL} url
 * @param {RequestInit} init
 */
async function reached(url, init) {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new SottoError("The server cannot be reached.");
  }
}
