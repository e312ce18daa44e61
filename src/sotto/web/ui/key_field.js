/** The field for the key that a server asks for, and the button that forgets it; each tab has them. */

import { find, make, say } from "./dom.js";

/** @typedef {import("../net/access_key.js").AccessKey} AccessKey */
/** @typedef {import("../net/access_key.js").Right} Right */

/**
 * @param {HTMLElement} root the tab, with a place for each
 * @param {AccessKey} access
 * @param {{right: Right, next: HTMLElement}} tab what it needs the key for; what has the focus
 *   when the field is gone, and gives it up when the field is there
 */
export function mountKeyField(root, access, { right, next }) {
  const told = make("p", { role: "alert", id: `key-${right}` });
  const input = make("input", {
    type: "password",
    autocomplete: "current-password",
    autocapitalize: "none",
    spellcheck: "false",
    enterkeyhint: "go",
    "aria-describedby": told.id,
  });
  const label = make("label", { class: "field" }, make("span", {}, "Key"), input);
  const form = find(root, "[data-key=form]", HTMLFormElement);
  form.append(told, label, make("button", { type: "submit", class: "filled" }, "Use key"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const fault = access.give(input.value);
    if (!fault) return;
    say(told, fault);
    input.setAttribute("aria-invalid", "true");
    input.focus();
  });
  const forget = find(root, "[data-key=forget]", HTMLButtonElement);
  forget.addEventListener("click", () => access.forget());
  access.watch(() => {
    const asked = access.asked(right);
    if (asked && form.hidden) input.value = "";
    const leaving = root.contains(document.activeElement) ? document.activeElement : null;
    form.hidden = !asked;
    say(told, asked);
    input.setAttribute("aria-invalid", String(asked !== "" && access.key !== ""));
    forget.hidden = !access.key;
    if (leaving === next && asked) input.focus();
    else if (leaving && !leaving.checkVisibility()) next.focus();
  });
}
