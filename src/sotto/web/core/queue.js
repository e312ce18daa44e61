/**
 * Files that wait to be heard, one after the other: `reduceQueue(queue, event) -> queue`.
 */

/** @typedef {import("./types.js").Transcript} Transcript */
/** @typedef {"waiting" | "uploading" | "listening" | "done" | "failed" | "refused" | "canceled"} ItemState */

/**
 * @typedef {object} Item
 * @property {number} id
 * @property {string} name
 * @property {number} size bytes
 * @property {ItemState} state
 * @property {number} progress 0..1 of the upload
 * @property {string} error a sentence, or ""
 * @property {Transcript | null} transcript
 */

/**
 * @typedef {{type: "add", files: readonly {id: number, name: string, size: number}[]}} Add
 * @typedef {{type: "started" | "refused" | "cancel" | "again" | "remove", id: number}} Step
 * @typedef {{type: "progress", id: number, progress: number}} Progress
 * @typedef {{type: "done", id: number, transcript: Transcript}} Done
 * @typedef {{type: "failed", id: number, error: string}} Failed
 * @typedef {Add | Step | Progress | Done | Failed} QueueEvent
 */

const ANSWERS = new Set(["progress", "done", "failed", "refused"]);

/**
 * @param {readonly Item[]} queue
 * @param {QueueEvent} event
 * @returns {readonly Item[]}
 */
export function reduceQueue(queue, event) {
  if (event.type === "add") return [...queue, ...event.files.map(fresh)];
  if (event.type === "remove") return queue.filter((item) => item.id !== event.id);
  return queue.map((item) => (item.id === event.id ? step(item, event) : item));
}

/**
 * The next file to send, null while one is on its way or none is left. One that was refused for
 * want of a key holds up all: they would only be sent in vain.
 * @param {readonly Item[]} queue
 * @returns {Item | null}
 */
export function nextUp(queue) {
  if (queue.some((item) => isBusy(item) || item.state === "refused")) return null;
  return queue.find((item) => item.state === "waiting") ?? null;
}

/** @param {Item} item */
export function isBusy(item) {
  return item.state === "uploading" || item.state === "listening";
}

/**
 * How a file stands, in words.
 * @param {Item} item
 */
export function itemStatus(item) {
  switch (item.state) {
    case "waiting":
      return "Waiting its turn";
    case "uploading":
      return `Uploading ${Math.floor(item.progress * 100)} %`;
    case "listening":
      return "Listening…";
    case "done":
      return "Done";
    case "failed":
      return item.error;
    case "refused":
      return "Waiting for a key";
    case "canceled":
      return "Canceled";
  }
}

/**
 * @param {{id: number, name: string, size: number}} file
 * @returns {Item}
 */
function fresh({ id, name, size }) {
  return { id, name, size, state: "waiting", progress: 0, error: "", transcript: null };
}

/**
 * @param {Item} item
 * @param {Exclude<QueueEvent, Add>} event
 * @returns {Item}
 */
function step(item, event) {
  // An answer may still come in after its file was called off.
  if (ANSWERS.has(event.type) && !isBusy(item)) return item;
  switch (event.type) {
    case "started":
      return { ...item, state: "uploading", progress: 0, error: "" };
    case "progress":
      return { ...item, progress: event.progress, state: event.progress < 1 ? "uploading" : "listening" };
    case "done":
      return { ...item, state: "done", transcript: event.transcript };
    case "failed":
      return { ...item, state: "failed", error: event.error };
    case "refused":
      return { ...item, state: "refused" };
    case "cancel":
      return { ...item, state: "canceled" };
    case "again":
      return { ...item, state: "waiting", error: "" };
    case "remove":
      return item;
  }
}
