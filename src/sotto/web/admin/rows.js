/** Rows that stay the same elements while what they show changes, so that the focus stays too. */

/**
 * One row: its element, and how it shows another state of the same thing.
 * @template T
 * @typedef {{element: HTMLElement, show: (item: T) => void}} Row
 */

/** @template {{id: string}} T */
export class Rows {
  /**
   * @param {HTMLElement} place
   * @param {(item: T) => Row<T>} make
   * @param {HTMLElement} [next] has the focus when the row that had it is gone
   */
  constructor(place, make, next) {
    this.#place = place;
    this.#make = make;
    this.#next = next;
  }

  #place;
  #make;
  #next;
  /** @type {Map<string, Row<T>>} */
  #rows = new Map();

  /** @param {readonly T[]} items in their order */
  show(items) {
    const wanted = new Set(items.map(({ id }) => id));
    for (const [id, row] of this.#rows) {
      if (!wanted.has(id)) this.#remove(id, row);
    }
    items.forEach((item, i) => {
      const row = this.#rows.get(item.id) ?? this.#make(item);
      this.#rows.set(item.id, row);
      row.show(item);
      const there = this.#place.children[i] ?? null;
      if (there !== row.element) this.#place.insertBefore(row.element, there);
    });
  }

  /**
   * @param {string} id
   * @param {Row<T>} row
   */
  #remove(id, row) {
    const hadFocus = row.element.contains(document.activeElement);
    row.element.remove();
    this.#rows.delete(id);
    if (hadFocus) this.#next?.focus();
  }
}

/**
 * A text in its place; unchanged texts are left alone, as is a selection in them.
 * @param {HTMLElement} place
 * @param {string} text
 */
export function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
