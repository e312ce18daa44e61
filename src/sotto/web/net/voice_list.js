/** GET /v1/audio/voices: who may speak the answers. */

import { headersOf } from "./access_key.js";

/** @typedef {{name: string, languages: readonly string[]}} Voice */

/**
 * None where the server tells none.
 * @param {string} key "" for none
 * @returns {Promise<readonly Voice[]>}
 */
export async function fetchVoices(key) {
  try {
    const response = await fetch("/v1/audio/voices", { headers: headersOf(key) });
    if (!response.ok) return [];
    const { voices } = await response.json();
    return Array.isArray(voices) ? voices.filter(({ name }) => typeof name === "string") : [];
  } catch (error) {
    if (error instanceof TypeError || error instanceof SyntaxError) return [];
    throw error;
  }
}
