/**
 * Whether pictures of the sound are sent instead of the sound: chosen, remembered, and the same in
 * both tabs. Nothing here touches the page or the network.
 */

import { kept } from "../core/kept.js";

const STORED = "sotto.silent";
/** What is stored for each choice; nothing is off. */
const PICTURES = "pictures";
const HIDDEN = "hidden";

const LEAVES = "Only pictures of the sound leave this device.";
const LOCKED = "This server takes no audio: only pictures of the sound leave this device.";
const TOLD = "They still tell your words, and whose voice it is.";
const TOLD_HIDDEN = "They still tell your words; whose voice it is, less surely.";

/** One for the page. */
export class SilentMode {
  /** @param {() => Storage} storage may throw where the browser keeps nothing for this page */
  constructor(storage) {
    this.#storage = storage;
    const stored = kept(this.#storage, (store) => store.getItem(STORED));
    this.#chosen = stored === PICTURES || stored === HIDDEN;
    this.#anonymize = stored === HIDDEN;
  }

  #storage;
  #chosen;
  #anonymize;
  #locked = false;
  /** @type {(() => void)[]} */
  #watchers = [];

  get on() {
    return this.#chosen || this.#locked;
  }

  /** Whether the speaker is hidden too. */
  get anonymize() {
    return this.on && this.#anonymize;
  }

  /** Whether the server takes nothing else. */
  get locked() {
    return this.#locked;
  }

  /** What it keeps, as a sentence; "" while it is off. */
  get keeps() {
    if (!this.on) return "";
    return this.#locked ? LOCKED : LEAVES;
  }

  /** What it does not keep, as a sentence; "" while it is off. */
  get tells() {
    if (!this.on) return "";
    return this.#anonymize ? TOLD_HIDDEN : TOLD;
  }

  /** A word for a summary; "" while it is off. */
  get label() {
    if (!this.on) return "";
    return this.#anonymize ? "Silent, voice disguised" : "Silent";
  }

  /** @param {() => void} watcher hears now and whenever something changed */
  watch(watcher) {
    this.#watchers.push(watcher);
    watcher();
  }

  /** @param {boolean} on */
  choose(on) {
    this.#chosen = on;
    this.#changed();
  }

  /** @param {boolean} anonymize */
  hideSpeaker(anonymize) {
    this.#anonymize = anonymize;
    this.#changed();
  }

  /**
   * The server was asked whether it takes audio. What the user chose stays for other servers.
   * @param {boolean} locked
   */
  lock(locked) {
    if (locked === this.#locked) return;
    this.#locked = locked;
    this.#tell();
  }

  #changed() {
    const value = this.#anonymize ? HIDDEN : PICTURES;
    const chosen = this.#chosen;
    kept(this.#storage, (store) =>
      chosen ? store.setItem(STORED, value) : store.removeItem(STORED),
    );
    this.#tell();
  }

  #tell() {
    for (const watcher of this.#watchers) watcher();
  }
}
