/** Microphone or file. */

import { SourceError } from "../audio/capture.js";
import { openFile } from "../audio/file_source.js";
import { openMicrophone } from "../audio/microphone.js";
import { find } from "../ui/dom.js";

export class SourceChoice {
  /**
   * @param {HTMLElement} root
   * @param {() => void} onChange
   */
  constructor(root, onChange) {
    this.#source = find(root, "[data-live=source]", HTMLSelectElement);
    this.#file = find(root, "[data-live=file]", HTMLInputElement);
    this.#echo = find(root, "[data-live=echo]", HTMLInputElement);
    const fileField = find(root, "[data-live=file-field]", HTMLElement);
    const echoField = find(root, "[data-live=echo-field]", HTMLElement);
    const fit = () => {
      fileField.hidden = !this.isFile;
      echoField.hidden = this.isFile;
      onChange();
    };
    this.#source.addEventListener("change", fit);
    this.#file.addEventListener("change", onChange);
    fit();
  }

  #source;
  #file;
  #echo;

  get isFile() {
    return this.#source.value === "file";
  }

  /** What to do first, for a page without words. */
  get lead() {
    if (!this.isFile) return "Press Start and speak.";
    return this.#file.files?.length ? "Press Start and listen." : "Choose a file, then press Start.";
  }

  get label() {
    return this.#source.selectedOptions[0].label;
  }

  /**
   * Throws SourceError.
   * @returns {Promise<import("../audio/capture.js").Source>}
   */
  async open() {
    if (!this.isFile) return openMicrophone({ echoCancellation: this.#echo.checked });
    const file = this.#file.files?.[0];
    if (!file) throw new SourceError("Choose a file first, in the settings above.");
    return openFile(file);
  }
}
