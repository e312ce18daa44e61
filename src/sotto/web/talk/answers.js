/** The sound of answers: played as it comes, stopped where somebody speaks, and told how far. */

import { RemotePlayer } from "../audio/remote_player.js";
import { retrieval, truncation } from "./session.js";

/** @typedef {import("./types.js").ServerEvent} ServerEvent */
/** @typedef {import("../audio/speaker.js").Played} Played */

/** Answers that are known, the last ones. */
const MOST = 50;

/**
 * @typedef {object} Setup
 * @property {(event: import("./types.js").LocalEvent) => void} dispatch
 * @property {(event: Readonly<Record<string, unknown>>) => void} tell the server
 * @property {(item: string) => void} onFirst its first sample is played
 */

export class Answers {
  /**
   * @param {import("../audio/speaker.js").Player | null} player null: the server plays
   * @param {Setup} setup
   */
  constructor(player, setup) {
    this.#setup = setup;
    this.#remote = player
      ? null
      : new RemotePlayer(
          { onPlayed: (played) => this.onPlayed(played), onOver: (item) => this.onOver(item) },
          () => performance.now(),
        );
    this.#player = player ?? /** @type {RemotePlayer} */ (this.#remote);
  }

  #setup;
  #remote;
  /** @type {import("../audio/speaker.js").Player} */
  #player;
  /** Items whose sound is not over. @type {Set<string>} */
  #open = new Set();
  /** Items that were stopped: what still comes of them is nobody's. @type {Set<string>} */
  #stopped = new Set();
  /** Those that began to sound. @type {Set<string>} */
  #begun = new Set();
  /** By the answer: its items. @type {Map<string, string[]>} */
  #items = new Map();

  /**
   * @param {string} item
   * @param {Int16Array} samples
   */
  push(item, samples) {
    if (this.#stopped.has(item)) return;
    this.#open.add(item);
    this.#player.push(item, samples);
  }

  /** @param {ServerEvent} event */
  receive(event) {
    switch (event.type) {
      case "input_audio_buffer.speech_started":
        this.interrupt();
        return;
      case "output_audio_buffer.paused":
        this.#player.hold();
        return;
      case "output_audio_buffer.resumed":
        this.#player.resume();
        return;
      case "output_audio_buffer.started":
        this.#remote?.started(this.#items.get(event.response_id)?.at(-1) ?? "");
        return;
      case "output_audio_buffer.stopped":
        this.#remote?.stopped();
        return;
      case "output_audio_buffer.cleared":
        if (this.#remote) this.interrupt();
        return;
      case "response.output_item.added":
        this.#items.set(event.response_id, [...(this.#items.get(event.response_id) ?? []), event.item.id]);
        return;
      case "response.output_audio.done":
        this.#player.end(event.item_id);
        return;
      case "response.done":
        this.#done(event.response.id);
        return;
      case "conversation.item.truncated":
        if (this.#open.has(event.item_id)) this.interrupt();
        this.#setup.tell(retrieval(event.item_id));
    }
  }

  /** Stop at once, and tell a server that cannot know it how much was heard. */
  async interrupt() {
    for (const item of this.#open) this.#stopped.add(item);
    this.#open.clear();
    const cuts = await this.#player.clear();
    for (const { item, ms, received } of cuts) {
      this.#stopped.add(item);
      if (!this.#remote) this.#setup.tell(truncation(item, Math.min(ms, received)));
    }
    this.#setup.dispatch({ type: "stopped", cuts });
  }

  /** @param {Played} played */
  onPlayed({ item, ms }) {
    if (this.#stopped.has(item)) return;
    this.#setup.dispatch({ type: "played", item, ms });
    if (this.#begun.has(item)) return;
    this.#begun.add(item);
    this.#setup.onFirst(item);
  }

  /** @param {string} item */
  onOver(item) {
    this.#open.delete(item);
    if (!this.#open.size) this.#setup.dispatch({ type: "silent" });
  }

  close() {
    if (this.#remote) this.#remote.close();
  }

  /** @param {string} response */
  #done(response) {
    for (const item of this.#items.get(response) ?? []) this.#player.end(item);
    // Over a call it may begin to sound only now; long after, nobody asks for it.
    for (const old of [...this.#items.keys()].slice(0, -MOST)) this.#forget(old);
  }

  /** @param {string} response */
  #forget(response) {
    for (const item of this.#items.get(response) ?? []) {
      this.#stopped.delete(item);
      this.#begun.delete(item);
    }
    this.#items.delete(response);
  }
}
