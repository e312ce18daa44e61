/** How soon and how much at once: percentiles, and the sizes of batches as bars. */

import { make } from "../ui/dom.js";
import { counted, memoryOf, pauseOf, rangeOf, sizesAloud, waitingJobs } from "./phrases.js";
import { factOf } from "./models_view.js";
import { Rows, put } from "./rows.js";

/** @typedef {import("./types.js").AdminModel} AdminModel */
/** @typedef {import("./types.js").AdminState} AdminState */
/** @typedef {import("./types.js").Percentiles} Percentiles */
/** @typedef {{id: string, name: string, lag: Percentiles}} Pace */

/** @typedef {keyof AdminState["lag"]} LagName */

/** @type {readonly (readonly [LagName, string])[]} */
const NAMES = [
  ["commit", "From a word to its certainty"],
  ["queue", "Wait for the engine"],
  ["decode", "Time of a batch"],
];
const COLUMNS = /** @type {const} */ (["Half", "95 of 100", "99 of 100", "Counted"]);

/** @param {AdminState["lag"]} lag */
export function paces(lag) {
  return NAMES.map(([id, name]) => ({ id, name, lag: lag[id] }));
}

/**
 * @param {HTMLElement} place
 * @returns {Rows<Pace>}
 */
export function paceRows(place) {
  return new Rows(place, ({ name }) => {
    const cells = COLUMNS.map((label) => make("td", { role: "cell", "data-label": label }));
    const head = make("th", { role: "rowheader", scope: "row" }, name);
    const element = make("tr", { role: "row" }, head, ...cells);
    return {
      element,
      show({ lag }) {
        const texts = [pauseOf(lag.p50), pauseOf(lag.p95), pauseOf(lag.p99)];
        texts.push(lag.count.toLocaleString("en"));
        texts.forEach((text, i) => put(/** @type {HTMLElement} */ (cells[i]), text));
      },
    };
  });
}

/**
 * @param {HTMLElement} place
 * @returns {(state: AdminState) => void}
 */
export function mountTiles(place) {
  const names = ["Streams", "Files", "Waiting", "Memory"];
  const tiles = names.map(factOf);
  place.append(...tiles.map(({ element }) => element));
  return (state) => {
    const { sessions, files, memory } = state;
    const texts = [
      `${sessions.open} of ${sessions.most}`,
      `${files.open} of ${files.most}`,
      counted(waitingJobs(state), "job"),
      memoryOf(memory),
    ];
    texts.forEach((text, i) => tiles[i]?.put(text));
  };
}

/**
 * @param {HTMLElement} place
 * @returns {Rows<AdminModel>}
 */
export function batchRows(place) {
  return new Rows(place, ({ id, batches }) => {
    const mean = make("span", { class: "muted small" });
    const bars = batches.sizes.map(([most], i) => barOf(batches.sizes[i - 1]?.[0] ?? 0, most));
    const chart = make("div", { class: "chart", role: "img" }, ...bars.map((bar) => bar.element));
    const head = make("div", { class: "batch-head" }, make("h3", { class: "name" }, id), mean);
    return {
      element: make("li", {}, head, chart),
      show(model) {
        const { count, mean: average, sizes } = model.batches;
        put(mean, `${average?.toFixed(1) ?? 0} jobs on average, ${counted(count, "batch", "batches")}`);
        chart.setAttribute("aria-label", sizesAloud(model.batches));
        const highest = Math.max(1, ...sizes.map(([, batches]) => batches));
        sizes.forEach(([, batches], i) => bars[i]?.show(batches, highest));
      },
    };
  });
}

/**
 * @param {number} above
 * @param {number | null} most
 */
function barOf(above, most) {
  const fill = make("span", { class: "bar-fill" });
  const name = make("span", { class: "bar-name" }, most === null ? `${above}+` : rangeOf(above, most));
  return {
    element: make("div", { class: "bar" }, make("div", { class: "bar-room" }, fill), name),
    show(/** @type {number} */ count, /** @type {number} */ highest) {
      fill.style.blockSize = `${(100 * count) / highest}%`;
      fill.dataset.some = String(count > 0);
    },
  };
}
