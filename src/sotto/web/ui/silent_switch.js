/** The switch for silent mode, the one beneath it, and the sentence; each tab has them. */

import { make } from "./dom.js";

/**
 * @param {{silent: HTMLInputElement, anonymize: HTMLInputElement, note: HTMLElement}} parts
 * @param {import("./silent_mode.js").SilentMode} mode
 */
export function mountSilentSwitch({ silent, anonymize, note }, mode) {
  silent.addEventListener("change", () => mode.choose(silent.checked));
  anonymize.addEventListener("change", () => mode.hideSpeaker(anonymize.checked));
  mode.watch(() => {
    silent.checked = mode.on;
    silent.disabled = mode.locked;
    anonymize.checked = mode.anonymize;
    anonymize.disabled = !mode.on;
    const more = make("span", { class: "silent-more" }, ` ${mode.tells}`);
    note.replaceChildren(make("span", {}, mode.keeps, more));
    note.hidden = !mode.on;
  });
}
