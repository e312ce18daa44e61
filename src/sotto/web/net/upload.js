/** One file to the server, its transcript back. */

import { headersOf } from "./access_key.js";
import { fileRequest, refusalOf } from "./file_request.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */
/** @typedef {import("../core/types.js").Choice} Choice */
/** @typedef {import("../core/failure.js").Trouble} Trouble */

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
  return post(fileRequest({ file }, choice), how);
}

/**
 * Pictures of a file's sound in its place.
 * Rejects with UploadError or UploadCanceled.
 * @param {readonly Blob[]} pictures
 * @param {Choice} choice
 * @param {How} how
 * @returns {Promise<Transcript>}
 */
export function uploadPictures(pictures, choice, how) {
  return post(fileRequest({ pictures }, choice), how);
}

/**
 * XMLHttpRequest, because fetch does not tell how much was sent.
 * @param {{path: string, fields: FormData}} asked
 * @param {How} how
 * @returns {Promise<Transcript>}
 */
function post({ path, fields }, { key, onProgress, signal }) {
  const request = new XMLHttpRequest();
  request.open("POST", `/${path}`);
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

/** @param {XMLHttpRequest} request */
function errorOf({ status, responseText }) {
  const { sentence, trouble } = refusalOf(status, responseText);
  return new UploadError(sentence, trouble);
}
