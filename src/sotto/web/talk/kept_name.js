/** By which name the server keeps this browser's conversation: who knows it can read all of it. */

import { kept } from "../core/kept.js";

const STORED = "sotto.conversation";
const NAME = /^page-[0-9a-f]{32}$/;

/** One for all tabs; where the browser keeps nothing, this page's until a reload. */
export class KeptName {
  /** @param {() => Storage} storage may throw where the browser keeps nothing for this page */
  constructor(storage) {
    this.#storage = storage;
  }

  #storage;
  #name = "";

  get current() {
    const stored = kept(this.#storage, (store) => store.getItem(STORED)) ?? "";
    if (NAME.test(stored)) this.#name = stored;
    if (!this.#name) this.#change();
    return this.#name;
  }

  /**
   * Another one from now on, where no tab has taken another one already.
   * @param {string} name that was left
   */
  leave(name) {
    if (this.current === name) this.#change();
  }

  #change() {
    this.#name = newName();
    kept(this.#storage, (store) => store.setItem(STORED, this.#name));
  }
}

/** Not `randomUUID`: a page that is not secure has none. */
function newName() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  return `page-${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
