/** One file to the server, its transcript back. */

import { troubleOf } from "../core/failure.js";
import { sentenceOf } from "../core/sentences.js";
import { headersOf } from "./access_key.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */
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

/**
 * XMLHttpRequest, because fetch does not tell how much was sent.
 * Rejects with UploadError or UploadCanceled.
 * @param {File} file
 * @param {import("../core/types.js").Choice} choice
 * @param {{key: string, onProgress: (progress: number) => void, signal: AbortSignal}} how key "" for none
 * @returns {Promise<Transcript>}
 */
export function upload(file, choice, { key, onProgress, signal }) {
  const request = new XMLHttpRequest();
  request.open("POST", pathOf(choice));
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
    request.send(form(file, choice));
  });
}

/** @param {import("../core/types.js").Choice} choice */
function pathOf({ task }) {
  return task === "translate" ? "/v1/audio/translations" : "/v1/audio/transcriptions";
}

/**
 * @param {File} file
 * @param {import("../core/types.js").Choice} choice
 */
function form(file, { model, language }) {
  const fields = new FormData();
  fields.append("file", file);
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
