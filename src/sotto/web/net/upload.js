/** One file to the server, its transcript back. */

import { sentenceOf } from "../core/sentences.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */

/** What went wrong, as a sentence. */
export class UploadError extends Error {}

/** The user called it off. */
export class UploadCanceled extends Error {}

/**
 * XMLHttpRequest, because fetch does not tell how much was sent.
 * Rejects with UploadError or UploadCanceled.
 * @param {File} file
 * @param {import("../core/types.js").Choice} choice
 * @param {{onProgress: (progress: number) => void, signal: AbortSignal}} handlers
 * @returns {Promise<Transcript>}
 */
export function upload(file, choice, { onProgress, signal }) {
  const request = new XMLHttpRequest();
  request.open("POST", pathOf(choice));
  request.upload.addEventListener("progress", ({ loaded, total }) => onProgress(loaded / total));
  request.upload.addEventListener("load", () => onProgress(1));
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.addEventListener("load", () => {
      if (request.status === 200) resolve(JSON.parse(request.responseText));
      else reject(new UploadError(errorSentence(request)));
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

/**
 * The body is OpenAI's {"error": {…}} where the server itself answers, anything where a proxy does.
 * @param {XMLHttpRequest} request
 */
function errorSentence(request) {
  try {
    const { message, code } = JSON.parse(request.responseText).error;
    return sentenceOf({ code, message });
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) {
      return `The server answered ${request.status}.`;
    }
    throw error;
  }
}
