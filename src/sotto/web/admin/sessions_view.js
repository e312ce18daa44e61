/** The streams that are open: whose each is, how much was heard, and a button that ends it. */

import { clockTime } from "../core/times.js";
import { make } from "../ui/dom.js";
import { durationOf, nowOf } from "./phrases.js";
import { Rows, put } from "./rows.js";

/** @typedef {import("./types.js").AdminSession} AdminSession */

const COLUMNS = /** @type {const} */ (["Owner", "Dialect", "Model", "Sound", "Now"]);

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} heading has the focus when a focused session is over
 * @param {(id: string) => void} pressed
 * @returns {Rows<AdminSession>}
 */
export function sessionRows(place, heading, pressed) {
  return new Rows(place, (session) => sessionRow(session, pressed), heading);
}

/**
 * Roles are said, since on a phone the rows are laid out as a list and browsers drop them.
 * @param {AdminSession} first
 * @param {(id: string) => void} pressed
 * @returns {import("./rows.js").Row<AdminSession>}
 */
function sessionRow({ id }, pressed) {
  const name = make("th", { role: "rowheader", scope: "row", class: "session-id", title: id }, id);
  const cells = COLUMNS.map((label) => make("td", { role: "cell", "data-label": label }));
  const button = make("button", { class: "outlined", type: "button" }, "End");
  button.setAttribute("aria-label", `End: ${id}`);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") pressed(id);
  });
  const last = make("td", { role: "cell", class: "session-end" }, button);
  const element = make("tr", { role: "row" }, name, ...cells, last);
  return {
    element,
    show(session) {
      element.dataset.now = nowOf(session).toLowerCase();
      textsOf(session).forEach((text, i) => {
        const cell = /** @type {HTMLElement} */ (cells[i]);
        put(cell, text);
        cell.title = text; // it may be longer than there is room for
      });
      // Not `disabled`: a button that is so loses the focus.
      button.setAttribute("aria-disabled", String(session.ending));
    },
  };
}

/** @param {AdminSession} session */
function textsOf(session) {
  const { owner, dialect, model, heard, open } = session;
  const sound = `${clockTime(heard)} in ${durationOf(open)}`;
  return [owner ?? "anyone", dialect, model, sound, nowOf(session)];
}
