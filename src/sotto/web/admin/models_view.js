/** The models: a traffic light for each, what it does, and a button that loads or unloads it. */

import { make, say } from "../ui/dom.js";
import { LIGHT_WORDS, actionWord, counted, pauseOf, remarkOf, sentence } from "./phrases.js";
import { Rows, put } from "./rows.js";

/** @typedef {import("./types.js").AdminModel} AdminModel */

const LAMPS = ["down", "loading", "ready"];

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} heading has the focus when a focused model is gone
 * @param {(id: string) => void} pressed
 * @returns {Rows<AdminModel>}
 */
export function modelRows(place, heading, pressed) {
  return new Rows(place, (model) => modelRow(model, pressed), heading);
}

/**
 * @param {AdminModel} first
 * @param {(id: string) => void} pressed
 * @returns {import("./rows.js").Row<AdminModel>}
 */
function modelRow({ id }, pressed) {
  const lamps = make("span", { class: "lamps", "aria-hidden": "true" });
  lamps.append(...LAMPS.map((lamp) => make("span", { class: `lamp lamp-${lamp}` })));
  const word = make("span", { class: "light-word" });
  const notice = make("p", { class: "muted small", hidden: true });
  const remark = make("p", { class: "remark", hidden: true });
  const button = make("button", { class: "outlined", type: "button" });
  button.addEventListener("click", () => pressed(id));
  const facts = ["Held by", "Waiting", "A batch takes", "Loaded in"].map(factOf);
  const head = make("div", { class: "model-head" }, make("h3", { class: "name" }, id), word);
  const body = make("div", { class: "model-body" }, head, notice, remark);
  body.append(make("dl", { class: "model-facts" }, ...facts.map(({ element }) => element)));
  const element = make("li", { class: "model" }, lamps, body, button);
  return {
    element,
    show(model) {
      element.dataset.light = model.light;
      put(word, LIGHT_WORDS[model.light]);
      say(notice, model.notice ? sentence(`it is ${model.notice}`) : "");
      say(remark, remarkOf(model));
      put(button, actionWord(model));
      button.setAttribute("aria-label", `${actionWord(model)}: ${id}`);
      modelFacts(model).forEach((text, i) => facts[i]?.put(text));
    },
  };
}

/**
 * @param {AdminModel} model
 * @returns {string[]}
 */
function modelFacts({ in_use, queue, decode, seconds_to_load }) {
  return [
    in_use ? in_use.toLocaleString("en") : "nobody",
    counted(queue, "job"),
    pauseOf(decode.p50),
    seconds_to_load === null ? "not yet" : pauseOf(seconds_to_load),
  ];
}

/** @param {string} name */
export function factOf(name) {
  const value = make("dd", {});
  const element = make("div", {}, make("dt", {}, name), value);
  return { element, put: (/** @type {string} */ text) => put(value, text) };
}
