/** One file to the server, its transcript back. */

import { troubleOf } from "../core/failure.js";
import { sentenceOf } from "../core/sentences.js";
import { headersOf } from "./access_key.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */
/** @typedef {import("../core/types.js").Choice} Choice */
/** @typedef {import("../core/failure.js").Trouble} Trouble */

const TRANSCRIPTIONS = "/v1/audio/transcriptions";
const TRANSLATIONS = "/v1/audio/translations";
const PICTURES = "/v1/mel";

/** What went wrong, as a sentence, and as the server said it. */
export class UploadError extends Error {
  /**
   * @param {string} sentence
   * @param {Trouble} trouble
   */
  constructor(sentence, trouble = { code: null, message: "" }) {
    super(sentence);
    this.trouble = trouble;
  }
}

/** The user called it off. */
export class UploadCanceled extends Error {}

/** @typedef {{key: string, onProgress: (progress: number) => void, signal: AbortSignal}} How key "" for none */

/**
 * Rejects with UploadError or UploadCanceled.
 * @param {File} file
 * @param {Choice} choice
 * @param {How} how
 * @returns {Promise<Transcript>}
 */
export function upload(file, choice, how) {
  const fields = form(choice);
  fields.append("file", file);
  return post(choice.task === "translate" ? TRANSLATIONS : TRANSCRIPTIONS, fields, how);
}

/**
 * Pictures of a file's sound in its place, in order; of the file not even its name is sent.
 * Rejects with UploadError or UploadCanceled.
 * @param {readonly Blob[]} pictures
 * @param {Choice} choice
 * @param {How} how
 * @returns {Promise<Transcript>}
 */
export function uploadPictures(pictures, choice, how) {
  const fields = form(choice);
  fields.append("task", choice.task);
  pictures.forEach((picture, index) => fields.append("file", picture, `${index}`));
  return post(PICTURES, fields, how);
}

/**
 * XMLHttpRequest, because fetch does not tell how much was sent.
 * @param {string} path
 * @param {FormData} fields
 * @param {How} how
 * @returns {Promise<Transcript>}
 */
function post(path, fields, { key, onProgress, signal }) {
  const request = new XMLHttpRequest();
  request.open("POST", path);
  for (const [name, value] of Object.entries(headersOf(key))) request.setRequestHeader(name, value);
  request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
  request.upload.addEventListener("load", () => onProgress(1));
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText));
      else reject(errorOf(request));
    });
    request.addEventListener("error", () => reject(new UploadError("The server cannot be reached.")));
    request.addEventListener("abort", () => reject(new UploadCanceled()));
    request.send(fields);
  });
}

/** @param {Choice} choice */
function form({ model, language }) {
  const fields = new FormData();
  fields.append("model", model);
  if (language !== "auto") fields.append("language", language);
  fields.append("response_format", "verbose_json");
  fields.append("timestamp_granularities[]", "segment");
  fields.append("timestamp_granularities[]", "word");
  return fields;
}

/** @param {XMLHttpRequest} request */
function errorOf({ status, responseText }) {
  const trouble = troubleOf(status, responseText);
  const known = trouble.code !== null || trouble.message !== "";
  return new UploadError(known ? sentenceOf(trouble) : `The server answered ${status}.`, trouble);
}
