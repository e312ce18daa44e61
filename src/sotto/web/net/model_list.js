/** GET /v1/models, asked again while a model is loading. */

import { troubleOf } from "../core/failure.js";
import { anyLoading } from "../core/models.js";
import { headersOf } from "./access_key.js";

/** @typedef {import("../core/types.js").Model} Model */
/** @typedef {import("./access_key.js").AccessKey} AccessKey */
/** @typedef {(models: readonly Model[]) => void} Listener */

const LOADING_MS = 2000;
const UNREACHABLE_MS = 5000;

export class ModelList {
  /** @param {AccessKey} access */
  constructor(access) {
    this.#access = access;
    access.onKey(() => this.watch());
  }

  #access;
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
    const models = await this.#fetch();
    if (models && JSON.stringify(models) !== JSON.stringify(this.#models)) {
      this.#models = models;
      for (const listener of this.#listeners) listener(models);
    }
    clearTimeout(this.#timer);
    // Without a key every try is in vain: another one follows when there is one.
    if (this.#access.asked("models")) return;
    if (!models) this.#timer = setTimeout(() => this.watch(), UNREACHABLE_MS);
    else if (anyLoading(models)) this.#timer = setTimeout(() => this.watch(), LOADING_MS);
  }

  /**
   * A key that is not for the list of models may be good for all else: it is not asked for another.
   * @returns {Promise<readonly Model[] | null>} null while the list cannot be had
   */
  async #fetch() {
    const sent = this.#access.key;
    try {
      const response = await fetch("/v1/models", { headers: headersOf(sent) });
      if (response.ok) {
        this.#access.admitted("models");
        return (await response.json()).data;
      }
      const trouble = troubleOf(response.status, await response.text());
      if (trouble.code === "forbidden") return [];
      this.#access.refused(trouble, { right: "models", sent });
      return null;
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }
}
