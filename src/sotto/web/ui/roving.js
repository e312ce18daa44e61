/**
 * One tab stop for many items; arrow keys walk among them (WAI-ARIA's roving tabindex).
 * Left and right go to the neighbors, up and down to the first item of the neighboring row,
 * Home and End to the ends.
 */
export class Roving {
  /**
   * @param {HTMLElement} container
   * @param {string} items selector
   * @param {string} rows selector of what holds one row of items, "" where there is one row
   */
  constructor(container, items, rows = "") {
    this.#container = container;
    this.#items = items;
    this.#rows = rows;
    container.addEventListener("keydown", (event) => this.#press(event));
    container.addEventListener("focusin", (event) => {
      if (event.target instanceof HTMLElement && event.target.matches(items)) this.#stopAt(event.target);
    });
  }

  #container;
  #items;
  #rows;
  /** @type {HTMLElement | null} */
  #stop = null;

  /** To be called after items were added or taken away: there must be a tab stop among them. */
  refresh() {
    if (this.#stop && this.#container.contains(this.#stop)) return;
    const first = this.#container.querySelector(this.#items);
    if (first instanceof HTMLElement) this.#stopAt(first);
  }

  /** @param {HTMLElement} item */
  #stopAt(item) {
    if (this.#stop) this.#stop.tabIndex = -1;
    item.tabIndex = 0;
    this.#stop = item;
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const from = event.target;
    if (!(from instanceof HTMLElement) || !from.matches(this.#items)) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const to = this.#target(event.key, from);
    if (!to) return;
    event.preventDefault();
    to.focus();
  }

  /**
   * @param {string} key
   * @param {HTMLElement} from
   * @returns {HTMLElement | undefined}
   */
  #target(key, from) {
    const all = this.#within(this.#container);
    const at = all.indexOf(from);
    switch (key) {
      case "ArrowLeft":
        return all[at - 1];
      case "ArrowRight":
        return all[at + 1];
      case "ArrowUp":
        return this.#row(from, -1);
      case "ArrowDown":
        return this.#row(from, 1);
      case "Home":
        return all[0];
      case "End":
        return all.at(-1);
    }
    return undefined;
  }

  /**
   * @param {HTMLElement} from
   * @param {number} step
   */
  #row(from, step) {
    if (!this.#rows) return undefined;
    const rows = [...this.#container.querySelectorAll(this.#rows)].filter(
      (row) => row.querySelector(this.#items) !== null,
    );
    const at = rows.findIndex((row) => row.contains(from));
    const next = rows[at + step];
    return next && this.#within(next)[0];
  }

  /**
   * @param {Element} root
   * @returns {HTMLElement[]}
   */
  #within(root) {
    const found = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(this.#items));
    return [...found];
  }
}
