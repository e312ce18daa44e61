/** GET /v1/models, asked again while a model is loading. */

import { anyLoading } from "../core/models.js";

/** @typedef {import("../core/types.js").Model} Model */
/** @typedef {(models: readonly Model[]) => void} Listener */

const LOADING_MS = 2000;
const UNREACHABLE_MS = 5000;

export class ModelList {
  /** @type {Listener[]} */
  #listeners = [];
  /** @type {readonly Model[]} */
  #models = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Listener} listener hears the list now and whenever it changed */
  subscribe(listener) {
    this.#listeners.push(listener);
    listener(this.#models);
  }

  /** Ask now, and go on as long as something may change soon. */
  async watch() {
    clearTimeout(this.#timer);
    const models = await fetchModels();
    if (models && JSON.stringify(models) !== JSON.stringify(this.#models)) {
      this.#models = models;
      for (const listener of this.#listeners) listener(models);
    }
    clearTimeout(this.#timer);
    if (!models) this.#timer = setTimeout(() => this.watch(), UNREACHABLE_MS);
    else if (anyLoading(models)) this.#timer = setTimeout(() => this.watch(), LOADING_MS);
  }
}

/** @returns {Promise<Model[] | null>} null while the server cannot be reached */
async function fetchModels() {
  try {
    const response = await fetch("/v1/models");
    return response.ok ? (await response.json()).data : null;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
