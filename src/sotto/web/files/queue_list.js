/** The files and how they stand. */

import { isBusy, itemStatus } from "../core/queue.js";
import { find, make } from "../ui/dom.js";

/** @typedef {import("../core/queue.js").Item} Item */
/** @typedef {"open" | "cancel" | "again" | "aloud" | "remove"} Act */

/**
 * What the queue does not know of a file.
 * @typedef {object} Around
 * @property {number | null} open the file whose transcript is shown
 * @property {ReadonlySet<number>} preparing files of which pictures are made
 * @property {ReadonlySet<number>} offered files that may be sent as sound after all
 */

export class QueueList {
  /**
   * @param {HTMLElement} root
   * @param {(act: Act, id: number) => void} onAct
   */
  constructor(root, onAct) {
    this.#root = root;
    root.addEventListener("click", ({ target }) => {
      const button = target instanceof Element ? target.closest("button") : null;
      const row = button?.closest("li");
      if (button && row) onAct(/** @type {Act} */ (button.dataset.act), Number(row.dataset.id));
    });
  }

  #root;
  /** @type {Map<number, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {readonly Item[]} queue
   * @param {Around} around
   */
  render(queue, around) {
    for (const [id, row] of this.#rows) {
      if (queue.some((item) => item.id === id)) continue;
      row.remove();
      this.#rows.delete(id);
    }
    for (const item of queue) {
      const row = this.#rows.get(item.id) ?? this.#add(item);
      show(row, item, around);
    }
    this.#root.hidden = !queue.length;
  }

  /** @param {Item} item */
  #add(item) {
    const button = (/** @type {Act} */ act, /** @type {string} */ label) =>
      make(
        "button",
        { type: "button", class: "quiet", "data-act": act },
        label,
        make("span", { class: "aloud" }, ` ${item.name}`),
      );
    const name = make("button", { type: "button", class: "item-name", "data-act": "open" }, item.name);
    const row = make(
      "li",
      { class: "item", "data-id": String(item.id) },
      name,
      make("p", { class: "item-status" }),
      make("progress", { class: "item-progress", max: "1", "aria-label": `Progress of ${item.name}` }),
      make(
        "div",
        { class: "item-acts" },
        button("aloud", "Switch silent off"),
        button("again", "Try again"),
        button("cancel", "Cancel"),
        button("remove", "Remove"),
      ),
    );
    this.#rows.set(item.id, row);
    this.#root.append(row);
    return row;
  }
}

/**
 * @param {HTMLElement} row
 * @param {Item} item
 * @param {Around} around
 */
function show(row, item, { open, preparing, offered }) {
  row.dataset.state = item.state;
  find(row, ".item-status", HTMLElement).textContent = preparing.has(item.id)
    ? `Making pictures ${Math.floor(item.progress * 100)} %`
    : itemStatus(item);
  const name = find(row, "[data-act=open]", HTMLButtonElement);
  name.disabled = item.state !== "done";
  name.setAttribute("aria-current", String(item.id === open));
  const progress = find(row, "progress", HTMLProgressElement);
  progress.hidden = !isBusy(item);
  // Without a value the bar says: busy, for nobody knows how long.
  if (item.state === "listening") progress.removeAttribute("value");
  else progress.value = item.progress;
  const pending = isBusy(item) || item.state === "waiting" || item.state === "refused";
  find(row, "[data-act=cancel]", HTMLElement).hidden = !pending;
  find(row, "[data-act=remove]", HTMLElement).hidden = pending;
  find(row, "[data-act=again]", HTMLElement).hidden = !["failed", "canceled"].includes(item.state);
  find(row, "[data-act=aloud]", HTMLElement).hidden = item.state !== "failed" || !offered.has(item.id);
}
