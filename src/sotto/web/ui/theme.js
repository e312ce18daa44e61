/** Light, dark, or as the system has it; remembered. */

import { kept } from "../core/kept.js";
import { find } from "./dom.js";

const KEY = "sotto.theme";
const NAMES = /** @type {const} */ ({ auto: "Automatic", light: "Light", dark: "Dark" });

/** @typedef {keyof typeof NAMES} Theme */

/** @param {HTMLButtonElement} button */
export function mountTheme(button) {
  const name = find(button, ".theme-name", HTMLElement);
  const show = () => {
    const theme = current();
    button.dataset.theme = theme;
    button.title = `Color scheme: ${NAMES[theme]}`;
    button.setAttribute("aria-label", button.title);
    name.textContent = NAMES[theme];
  };
  button.addEventListener("click", () => {
    choose(after(current()));
    show();
  });
  show();
}

/**
 * From "as the system has it" the first step goes to the other scheme: the press is seen.
 * @param {Theme} theme
 * @returns {Theme}
 */
function after(theme) {
  const systemDark = matchMedia("(prefers-color-scheme: dark)").matches;
  /** @type {[Theme, Theme]} */
  const [other, same] = systemDark ? ["light", "dark"] : ["dark", "light"];
  if (theme === "auto") return other;
  return theme === other ? same : "auto";
}

/** @returns {Theme} */
function current() {
  const theme = document.documentElement.dataset.theme;
  return theme === "light" || theme === "dark" ? theme : "auto";
}

/** @param {Theme} theme */
function choose(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  kept(() => localStorage, (store) => store.setItem(KEY, theme));
}
