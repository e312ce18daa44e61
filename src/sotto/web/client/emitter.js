/** Events to whoever listens; the name decides what an event holds. */

/**
 * @template {{type: string}} E a union of events
 */
export class Emitter {
  /** @type {Map<string, Set<(event: E) => void>>} */
  #listeners = new Map();
  /** @type {Set<(event: E) => void>} */
  #all = new Set();

  /**
   * @template {E["type"]} T
   * @param {T} type
   * @param {(event: Extract<E, {type: T}>) => void} listener
   * @returns {() => void} ends it
   */
  on(type, listener) {
    const set = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, set);
    return added(set, /** @type {(event: E) => void} */ (listener));
  }

  /**
   * @param {(event: E) => void} listener hears every event
   * @returns {() => void} ends it
   */
  onAny(listener) {
    return added(this.#all, listener);
  }

  /** @param {E["type"]} type */
  hears(type) {
    return Boolean(this.#listeners.get(type)?.size);
  }

  /**
   * A listener that fails keeps no other from hearing, and does not break the stream.
   * @param {E} event
   */
  emit(event) {
    for (const listener of [...(this.#listeners.get(event.type) ?? []), ...this.#all]) {
      try {
        listener(event);
      } catch (error) {
        reportError(error);
      }
    }
  }
}

/**
 * @template T
 * @param {Set<T>} set
 * @param {T} listener
 */
function added(set, listener) {
  set.add(listener);
  return () => {
    set.delete(listener);
  };
}
