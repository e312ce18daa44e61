/** Copy and download, as both tabs have them. */

import { FORMATS, toText } from "../core/timed_text.js";
import { make } from "./dom.js";

/** @typedef {import("../core/types.js").Transcript} Transcript */
/** @typedef {import("../core/timed_text.js").Format} Format */

/**
 * One button for each format.
 * @param {HTMLElement} group
 * @param {() => {name: string, transcript: Transcript}} current
 */
export function mountDownloads(group, current) {
  for (const format of /** @type {Format[]} */ (Object.keys(FORMATS))) {
    const button = make(
      "button",
      { type: "button", class: "quiet", "data-format": format, title: `Download as ${format}` },
      make("span", { class: "aloud" }, "Download as "),
      format,
    );
    button.addEventListener("click", () => {
      const { name, transcript } = current();
      save(`${name}.${format}`, FORMATS[format].write(transcript), FORMATS[format].type);
    });
    group.append(button);
  }
}

/**
 * @param {HTMLButtonElement} button says whether it worked
 * @param {() => Transcript} current
 */
export function mountCopy(button, current) {
  const name = button.textContent ?? "";
  button.addEventListener("click", async () => {
    button.textContent = (await copy(toText(current()))) ? "Copied" : "Not allowed here";
  });
  button.addEventListener("blur", () => (button.textContent = name));
  button.addEventListener("pointerleave", () => (button.textContent = name));
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} false where the browser does not let this page copy
 */
async function copy(text) {
  // Browsers offer the clipboard to pages over https and on localhost alone.
  if (!window.isSecureContext) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @param {string} type
 */
function save(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  make("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
