/** What a file's transcript is asked for with, however it is sent, and what a refusal says. */

import { troubleOf } from "../core/failure.js";
import { sentenceOf } from "../core/sentences.js";

/** @typedef {import("../core/failure.js").Trouble} Trouble */

/**
 * @typedef {object} Asked
 * @property {string} [model]
 * @property {string} [language] a code; left out, or "auto", it is detected
 * @property {import("../core/types.js").Task} [task]
 */

/**
 * The path, from the server's root on, and the form. Pictures of a file's sound go in its place, in
 * order; of the file not even its name is sent.
 * @param {{file: Blob} | {pictures: readonly Blob[]}} sent
 * @param {Asked} asked
 * @returns {{path: string, fields: FormData}}
 */
export function fileRequest(sent, { model, language, task = "transcribe" }) {
  const fields = new FormData();
  // The server takes no empty name here, and "auto" is its own.
  fields.append("model", model || "auto");
  if (language && language !== "auto") fields.append("language", language);
  fields.append("response_format", "verbose_json");
  fields.append("timestamp_granularities[]", "segment");
  fields.append("timestamp_granularities[]", "word");
  if ("file" in sent) {
    fields.append("file", sent.file);
    const path = task === "translate" ? "v1/audio/translations" : "v1/audio/transcriptions";
    return { path, fields };
  }
  fields.append("task", task);
  sent.pictures.forEach((picture, index) => fields.append("file", picture, `${index}`));
  return { path: "v1/mel", fields };
}

/**
 * @param {number} status
 * @param {string} body
 * @returns {{sentence: string, trouble: Trouble}}
 */
export function refusalOf(status, body) {
  const trouble = troubleOf(status, body);
  const known = trouble.code !== null || trouble.message !== "";
  return { sentence: known ? sentenceOf(trouble) : `The server answered ${status}.`, trouble };
}
