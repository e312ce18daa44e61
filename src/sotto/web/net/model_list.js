/** GET /v1/models, asked again while a model is loading; and whether the server takes audio. */

import { troubleOf } from "../core/failure.js";
import { anyLoading } from "../core/models.js";
import { headersOf } from "./access_key.js";

/** @typedef {import("../core/types.js").Model} Model */
/** @typedef {import("./access_key.js").AccessKey} AccessKey */
/** @typedef {{data: readonly Model[], audio?: boolean}} Offer */
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
  /** @type {Offer} */
  #offer = { data: [] };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** Whether more than pictures of sound is taken; true where the server does not say. */
  get takesAudio() {
    return this.#offer.audio ?? true;
  }

  /** @param {Listener} listener hears the list now and whenever it changed */
  subscribe(listener) {
    this.#listeners.push(listener);
    listener(this.#offer.data);
  }

  /** Ask now, and go on as long as something may change soon. */
  async watch() {
    clearTimeout(this.#timer);
    const offer = await this.#fetch();
    const models = offer?.data;
    if (offer && JSON.stringify(offer) !== JSON.stringify(this.#offer)) {
      this.#offer = offer;
      for (const listener of this.#listeners) listener(offer.data);
    }
    clearTimeout(this.#timer);
    // Without a key every try is in vain: another one follows when there is one.
    if (this.#access.asked("models")) return;
    if (!models) this.#timer = setTimeout(() => this.watch(), UNREACHABLE_MS);
    else if (anyLoading(models)) this.#timer = setTimeout(() => this.watch(), LOADING_MS);
  }

  /**
   * A key that is not for the list of models may be good for all else: it is not asked for another.
   * @returns {Promise<Offer | null>} null while the list cannot be had
   */
  async #fetch() {
    const sent = this.#access.key;
    try {
      const response = await fetch("/v1/models", { headers: headersOf(sent) });
      if (response.ok) {
        this.#access.admitted("models");
        return await response.json();
      }
      const trouble = troubleOf(response.status, await response.text());
      if (trouble.code === "forbidden") return { data: [] };
      this.#access.refused(trouble, { right: "models", sent });
      return null;
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }
}
