/** Model, language and task, kept in step with what the server offers. */

import { AUTO, canTranslate, languageItems, modelItems } from "../core/models.js";
import { find, make } from "./dom.js";

/** @typedef {import("../core/types.js").Model} Model */
/** @typedef {import("../core/types.js").Choice} Choice */

export class Choices {
  /**
   * @param {HTMLElement} root
   * @param {import("../net/model_list.js").ModelList} models
   */
  constructor(root, models) {
    this.#model = find(root, "[data-choice=model]", HTMLSelectElement);
    this.#language = find(root, "[data-choice=language]", HTMLSelectElement);
    this.#task = find(root, "[data-choice=task]", HTMLSelectElement);
    this.#taskField = find(root, "[data-choice=task-field]", HTMLElement);
    this.#model.addEventListener("change", () => this.#fit());
    models.subscribe((list) => {
      this.#models = list;
      fill(this.#model, modelItems(list));
      this.#fit();
    });
  }

  #model;
  #language;
  #task;
  #taskField;
  /** @type {readonly Model[]} */
  #models = [];

  /** @returns {Choice} */
  get chosen() {
    return {
      model: this.#model.value,
      language: this.#language.value,
      task: !this.#taskField.hidden && this.#task.value === "translate" ? "translate" : "transcribe",
    };
  }

  /** A few words for a closed panel. */
  get summary() {
    return [this.#model, this.#language].map((select) => select.selectedOptions[0]?.label ?? "").join(" · ");
  }

  #fit() {
    fill(this.#language, languageItems(this.#models, this.#model.value));
    this.#taskField.hidden = !canTranslate(this.#models, this.#model.value);
    this.#model.dispatchEvent(new CustomEvent("choices", { bubbles: true }));
  }
}

/**
 * New options; the choice stays where it is still offered.
 * @param {HTMLSelectElement} select
 * @param {readonly {value: string, label: string}[]} items
 */
function fill(select, items) {
  const chosen = select.value;
  const options = items.map(({ value, label }) => make("option", { value }, label));
  select.replaceChildren(...options);
  select.value = items.some(({ value }) => value === chosen) ? chosen : AUTO;
}
