/** How long an answer took, as a small bar of its stages with their names beneath. */

import { make } from "../ui/dom.js";
import { timingSentence, totalOf } from "./timing.js";

/** @typedef {import("./timing.js").Stage} Stage */

/**
 * @param {readonly Stage[]} stages
 * @returns {HTMLElement}
 */
export function latencyBar(stages) {
  const parts = stages.map(({ name, ms }) => {
    const part = make("span", { class: "stage-part", "data-stage": name });
    part.style.flexGrow = String(Math.max(ms, 1));
    return part;
  });
  const names = stages.map(({ name, label, ms }) =>
    make(
      "span",
      { class: "stage-name", "data-stage": name },
      `${label} `,
      make("b", {}, `${Math.round(ms)} ms`),
    ),
  );
  const total = make("span", { class: "stage-total" }, `${Math.round(totalOf(stages))} ms`);
  return make(
    "div",
    { class: "took" },
    make("p", { class: "aloud" }, `Answered after ${timingSentence(stages)}.`),
    make("div", { class: "took-bar", "aria-hidden": "true" }, ...parts),
    make("div", { class: "took-names", "aria-hidden": "true" }, total, ...names),
  );
}
