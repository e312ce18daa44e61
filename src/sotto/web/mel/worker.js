/** Runs beside the page: samples in, images and frames out, so that the page stays smooth. */

import { MelRoad } from "./road.js";

/** @typedef {import("./gate.js").Decided} Decided */

/**
 * What the page says: `open` first.
 * @typedef {{type: "open"} & import("./road.js").RoadOptions} Open
 * @typedef {Open | {type: "samples", samples: Float32Array<ArrayBuffer>} | {type: "finish"}} Order
 */

/**
 * What it is told; `last` answers `finish`.
 * @typedef {Decided & {last: boolean}} Told
 */

/** @type {MelRoad | null} */
let road = null;

addEventListener("message", (/** @type {MessageEvent<Order>} */ { data }) => {
  switch (data.type) {
    case "open":
      road = new MelRoad(data);
      break;
    case "samples":
      if (road) tell(road.receive(data.samples), false);
      break;
    case "finish":
      road?.finish().forEach((decided, index, all) => tell(decided, index === all.length - 1));
      break;
  }
});

/**
 * @param {Decided} decided
 * @param {boolean} last
 */
function tell({ frames, images }, last) {
  /** @type {Told} */
  const told = { frames, images, last };
  const transfer = [frames.mel, frames.speech, frames.sent].map((values) => values.buffer);
  postMessage(told, { transfer: [...transfer, ...images.map(({ data }) => data)] });
}
