/** What the admin page asks of the server; the key goes in the header, and nowhere else. */

import { troubleOf } from "../core/failure.js";
import { headersOf } from "../net/access_key.js";

/** @typedef {import("../net/access_key.js").AccessKey} AccessKey */
/** @typedef {import("./types.js").AdminState} AdminState */

const PATH = "/v1/admin";
const PATIENCE_MS = 15_000;

export class AdminCalls {
  /** @param {AccessKey} access */
  constructor(access) {
    this.#access = access;
  }

  #access;

  /** @returns {Promise<import("./types.js").Answer<AdminState>>} */
  state() {
    return this.#ask("GET", "/state");
  }

  /**
   * A name may hold slashes and dots, which must not become parts of the address.
   * @param {string} model
   * @param {"load" | "unload"} act
   */
  model(model, act) {
    return this.#ask("POST", `/models/${encodeURIComponent(model)}/${act}`);
  }

  /** @param {string} session */
  end(session) {
    return this.#ask("DELETE", `/sessions/${encodeURIComponent(session)}`);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @returns {Promise<import("./types.js").Answer<any>>}
   */
  async #ask(method, path) {
    const sent = this.#access.key;
    try {
      const response = await fetch(PATH + path, {
        method,
        headers: headersOf(sent),
        cache: "no-store",
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const body = await response.text();
      if (response.ok) {
        this.#access.admitted("admin");
        return { kind: "told", value: JSON.parse(body) };
      }
      const trouble = troubleOf(response.status, body);
      const asksKey = this.#access.refused(trouble, { right: "admin", sent });
      return { kind: "refused", trouble, asksKey };
    } catch (error) {
      const lost = error instanceof TypeError || error instanceof SyntaxError;
      if (lost || error instanceof DOMException) return { kind: "unreachable" };
      throw error;
    }
  }
}
