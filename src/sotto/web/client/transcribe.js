/** Whole files: the file itself to the server, or images of its spectrogram. */

import { SourceError } from "../audio/capture.js";
import { troubleOf } from "../core/failure.js";
import { bandsOf } from "../core/models.js";
import { sentenceOf } from "../core/sentences.js";
import { headersOf } from "../net/access_key.js";
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
  const { silent, task, signal } = options;
  if (!silent) {
    const path = task === "translate" ? "v1/audio/translations" : "v1/audio/transcriptions";
    return ask(path, options, { method: "POST", body: form([file], options), signal });
  }
  const bands = await bandsAsked(options);
  const body = form(await imagesOf(file, bands, options), options);
  if (task) body.append("task", task);
  return ask("v1/mel", options, { method: "POST", body, signal });
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
 * @param {number} bands
 * @param {TranscribeOptions} options
 */
async function imagesOf(file, bands, options) {
  try {
    return await fileImages(file, bands, options);
  } catch (error) {
    throw error instanceof SourceError ? new SottoError(error.message) : error;
  }
}

/**
 * @param {readonly Blob[]} files
 * @param {TranscribeOptions} options
 */
function form(files, { model, language }) {
  const fields = new FormData();
  for (const file of files) fields.append("file", file);
  // The server takes no empty name here, and "auto" is its own.
  fields.append("model", model || "auto");
  if (language && language !== "auto") fields.append("language", language);
  fields.append("response_format", "verbose_json");
  fields.append("timestamp_granularities[]", "segment");
  fields.append("timestamp_granularities[]", "word");
  return fields;
}

/**
 * @param {string} path
 * @param {Where} where
 * @param {RequestInit} init
 */
async function ask(path, { server, key }, init) {
  const response = await reached(new URL(path, server), { ...init, headers: headersOf(key) });
  if (response.ok) return response.json();
  const trouble = troubleOf(response.status, await response.text());
  const known = trouble.code !== null || trouble.message !== "";
  const sentence = known ? sentenceOf(trouble) : `The server answered ${response.status}.`;
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
