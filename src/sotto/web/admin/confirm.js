/** A question before something that cannot be taken back. */

import { find } from "../ui/dom.js";

/** @typedef {{title: string, text: string, action: string}} Question */

export class Confirm {
  /** @param {HTMLDialogElement} dialog */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#title = find(dialog, "h2", HTMLElement);
    this.#text = find(dialog, "p", HTMLElement);
    this.#yes = find(dialog, "[data-confirm=yes]", HTMLButtonElement);
    this.#yes.addEventListener("click", () => dialog.close("yes"));
    const no = find(dialog, "[data-confirm=no]", HTMLButtonElement);
    no.addEventListener("click", () => dialog.close("no"));
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog) dialog.close("no"); // beside it
    });
  }

  #dialog;
  #title;
  #text;
  #yes;

  /**
   * Whether it was confirmed. Escape, and a press beside it, say no.
   * @param {Question} question
   * @returns {Promise<boolean>}
   */
  ask({ title, text, action }) {
    this.#title.textContent = title;
    this.#text.textContent = text;
    this.#yes.textContent = action;
    this.#dialog.returnValue = "no";
    this.#dialog.showModal();
    return new Promise((resolve) => {
      const told = () => resolve(this.#dialog.returnValue === "yes");
      this.#dialog.addEventListener("close", told, { once: true });
    });
  }
}
