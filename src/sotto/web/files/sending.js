/** One file to the server: as it is, or as pictures of its sound. */

import { SourceError } from "../audio/capture.js";
import { UploadCanceled, UploadError, upload, uploadPictures } from "../net/upload.js";

/** @typedef {import("../core/types.js").Choice} Choice */
/** @typedef {import("../core/types.js").Transcript} Transcript */

/** Pictures could not be made of it. */
export class NotSilently extends UploadError {}

/**
 * @typedef {object} Pictures
 * @property {number} bands
 * @property {boolean} anonymize
 * @property {(progress: number) => void} onPrepared 0..1
 */

/**
 * Rejects with UploadError, NotSilently or UploadCanceled.
 * @param {File} file
 * @param {Choice} choice
 * @param {import("../net/upload.js").How & {pictures: Pictures | null}} how
 * @returns {Promise<Transcript>}
 */
export async function send(file, choice, { pictures, ...how }) {
  if (!pictures) return upload(file, choice, how);
  return uploadPictures(await prepare(file, pictures, how.signal), choice, how);
}

/**
 * @param {File} file
 * @param {Pictures} pictures
 * @param {AbortSignal} signal
 */
async function prepare(file, { bands, anonymize, onPrepared }, signal) {
  // Who never is silent need not load what makes pictures.
  const { fileImages } = await import("../client/file_images.js");
  try {
    return await fileImages(file, bands, { anonymize, onProgress: onPrepared, signal });
  } catch (error) {
    if (signal.aborted) throw new UploadCanceled();
    if (error instanceof SourceError) throw new NotSilently(error.message);
    throw error;
  }
}
