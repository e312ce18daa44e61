/** In which language it answers, by which voice, over which line: chosen, and remembered. */

import { kept } from "../core/kept.js";
import { fetchVoices } from "../net/voice_list.js";
import { find, make } from "../ui/dom.js";

/** @typedef {import("../net/voice_list.js").Voice} Voice */
/** @typedef {import("./types.js").TalkChoice} TalkChoice */

const STORED = "sotto.talk";

export class TalkChoices {
  /**
   * @param {HTMLElement} root
   * @param {import("../net/access_key.js").AccessKey} access
   * @param {(choice: TalkChoice) => void} onChange
   */
  constructor(root, access, onChange) {
    const select = (/** @type {string} */ name) => find(root, `[data-talk=${name}]`, HTMLSelectElement);
    this.#access = access;
    this.#language = select("language");
    this.#voice = select("voice");
    this.#line = select("line");
    this.#voiceField = find(root, "[data-talk=voice-field]", HTMLElement);
    const { language, voice, line } = stored();
    this.#language.value = language ?? "";
    if (this.#language.selectedIndex < 0) this.#language.value = "";
    this.#line.value = line === "call" ? "call" : "socket";
    this.#wanted = voice ?? "";
    for (const each of [this.#language, this.#voice, this.#line]) {
      each.addEventListener("change", () => {
        this.#fit(each === this.#voice);
        this.#keep();
        onChange(this.chosen);
      });
    }
  }

  #access;
  #language;
  #voice;
  #line;
  #voiceField;
  /** The voice that is chosen where it is offered. */
  #wanted;
  /** @type {readonly Voice[]} */
  #voices = [];

  /** @returns {TalkChoice} */
  get chosen() {
    const line = this.#line.value === "call" ? "call" : "socket";
    return { language: this.#language.value, voice: this.#voice.value, line };
  }

  /** A few words for a closed panel. */
  get summary() {
    const voice = this.#voiceField.hidden ? null : this.#voice;
    return [this.#language, voice, this.#line]
      .map((select) => select?.selectedOptions[0]?.label ?? "")
      .filter(Boolean)
      .join(" · ");
  }

  /** Ask the server who may speak. */
  async refresh() {
    this.#voices = await fetchVoices(this.#access.key);
    this.#fit(false);
  }

  /**
   * Voices that speak the chosen language.
   * @param {boolean} chosen whether a voice was just chosen
   */
  #fit(chosen) {
    if (chosen) this.#wanted = this.#voice.value;
    const language = this.#language.value;
    const fitting = this.#voices.filter(
      ({ languages }) => !language || !languages?.length || languages.includes(language),
    );
    const options = fitting.map(({ name }) => make("option", { value: name }, name));
    this.#voice.replaceChildren(make("option", { value: "" }, "Automatic"), ...options);
    this.#voice.value = fitting.some(({ name }) => name === this.#wanted) ? this.#wanted : "";
    this.#voiceField.hidden = !fitting.length;
  }

  #keep() {
    const value = JSON.stringify({ ...this.chosen, voice: this.#wanted });
    kept(() => localStorage, (store) => store.setItem(STORED, value));
  }
}

/** @returns {Partial<Record<keyof TalkChoice, string>>} what this browser kept, if anything */
function stored() {
  try {
    const value = JSON.parse(kept(() => localStorage, (store) => store.getItem(STORED)) ?? "{}");
    return value !== null && typeof value === "object" ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
