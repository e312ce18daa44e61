/**
 * What a page imports to hear with a Sotto server; docs/browser-client.md is its manual.
 *
 *     import { SottoClient } from "https://sotto.example/web/sotto-client.js";
 */

export { SottoClient } from "./client/client.js";
export { SottoError } from "./client/failure.js";
export { fileImages } from "./client/file_images.js";
