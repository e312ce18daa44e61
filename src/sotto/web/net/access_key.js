/**
 * The key that a server may ask for (docs/auth.md): kept, sent, asked for again, forgotten.
 * Nothing here touches the page or the network.
 */

import { kept } from "../core/kept.js";
import { sentenceOf } from "../core/sentences.js";

/** @typedef {"streams" | "files" | "models" | "admin"} Right what a request needs, as the server's scopes */
/** @typedef {import("../core/failure.js").Trouble} Trouble */

const STORED = "sotto.key";
/** Visible ASCII, as headers carry it, and no longer than servers read. */
const SENDABLE = /^[\x21-\x7e]{1,8192}$/;

/**
 * The key in the address, since browsers set no headers on a WebSocket.
 * @param {string} url without a query
 * @param {string} key
 */
export function withToken(url, key) {
  return key ? `${url}?token=${encodeURIComponent(key)}` : url;
}

/**
 * @param {string} key
 * @returns {Record<string, string>}
 */
export function headersOf(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/**
 * Whether another key may help. Who is forbidden something without having sent a key comes from
 * a page that the server does not let in: it looks at that before the key.
 * @param {Trouble} trouble
 * @param {string} sent
 */
export function wantsKey({ code }, sent) {
  return code === "unauthorized" || (code === "forbidden" && sent !== "");
}

/** One for the page: what one tab learns of the key holds for the other. */
export class AccessKey {
  /** @param {() => Storage} storage may throw where the browser keeps nothing for this page */
  constructor(storage) {
    this.#storage = storage;
    const stored = kept(this.#storage, (store) => store.getItem(STORED)) ?? "";
    this.#key = SENDABLE.test(stored) ? stored : "";
  }

  #storage;
  #key;
  /** @type {Partial<Record<Right, string>>} */
  #asked = {};
  /** @type {(() => void)[]} */
  #watchers = [];
  /** @type {(() => void)[]} */
  #retries = [];

  /** What is sent, "" for none. */
  get key() {
    return this.#key;
  }

  /**
   * Why a key is asked for, as a sentence; "" where none is.
   * @param {Right} right
   */
  asked(right) {
    return this.#asked[right] ?? "";
  }

  /** @param {() => void} watcher hears now and whenever something changed */
  watch(watcher) {
    this.#watchers.push(watcher);
    watcher();
  }

  /** @param {() => void} retry is called when there is another key, or none any more */
  onKey(retry) {
    this.#retries.push(retry);
  }

  /**
   * Ask for a key where this is what an error is about. It is not asked for where another one was
   * given since that request: the caller may then try again at once.
   * @param {Trouble} trouble
   * @param {{right: Right, sent: string}} request
   * @returns {boolean} whether it is
   */
  refused(trouble, { right, sent }) {
    if (!wantsKey(trouble, sent)) return false;
    if (sent !== this.#key) return true;
    const sentence = sent ? sentenceOf(trouble) : "This server asks for a key.";
    /** @type {Right[]} */
    const rights = trouble.code === "forbidden" ? [right] : ["streams", "files", "models", "admin"];
    for (const each of rights) this.#asked[each] = sentence;
    this.#tell();
    return true;
  }

  /**
   * A request was let in.
   * @param {Right} right
   */
  admitted(right) {
    if (!this.#asked[right]) return;
    delete this.#asked[right];
    this.#tell();
  }

  /**
   * Keep this key, and try again what was refused.
   * @param {string} typed
   * @returns {string} what is wrong with it, as a sentence, or ""
   */
  give(typed) {
    const key = typed.trim();
    if (!key) return "Type or paste the key first.";
    if (!SENDABLE.test(key)) return "A key has no spaces, accents or signs such as “…” in it.";
    this.#change(key);
    return "";
  }

  forget() {
    this.#change("");
  }

  /** @param {string} key */
  #change(key) {
    this.#key = key;
    this.#asked = {};
    kept(this.#storage, (store) => (key ? store.setItem(STORED, key) : store.removeItem(STORED)));
    this.#tell();
    for (const retry of this.#retries) retry();
  }

  #tell() {
    for (const watcher of this.#watchers) watcher();
  }
}
