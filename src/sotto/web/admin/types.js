/**
 * What GET /v1/admin/state says (docs/admin.md). Times are seconds, memory is bytes; nothing here
 * runs.
 */

/** @typedef {"down" | "loading" | "ready" | "draining"} Light */

/**
 * Null where nothing was measured yet.
 * @typedef {{count: number, p50: number | null, p95: number | null, p99: number | null}} Percentiles
 */

/**
 * `sizes`: the most jobs that a batch of this kind had (null: any more), and how many there were.
 * @typedef {{count: number, mean: number | null, sizes: readonly (readonly [number | null, number])[]}} Batches
 */

/**
 * @typedef {object} AdminModel
 * @property {string} id
 * @property {"unloaded" | "loading" | "ready" | "draining" | "failed"} state
 * @property {Light} light
 * @property {number} in_use who holds it now
 * @property {boolean} put_away whether it was unloaded by hand, and comes back by hand alone
 * @property {string | null} error
 * @property {string | null} notice
 * @property {number | null} seconds_to_load
 * @property {number} queue jobs that wait
 * @property {Batches} batches
 * @property {Percentiles} decode
 */

/**
 * @typedef {object} AdminSession
 * @property {string} id
 * @property {string} dialect
 * @property {string} model
 * @property {string | null} owner null: everybody's
 * @property {number} open seconds
 * @property {number} heard seconds of sound
 * @property {number} utterances
 * @property {boolean} speaking
 * @property {boolean} ending
 */

/**
 * @typedef {object} AdminState
 * @property {string} version
 * @property {number} uptime
 * @property {number | null} memory
 * @property {boolean} draining
 * @property {number} done
 * @property {{open: number, most: number}} files
 * @property {readonly AdminModel[]} models
 * @property {{open: number, most: number, data: readonly AdminSession[]}} sessions
 * @property {{commit: Percentiles, queue: Percentiles, decode: Percentiles}} lag
 */

/** @typedef {import("../core/failure.js").Trouble} Trouble */

/**
 * What became of a question to the server.
 * @template T
 * @typedef {{kind: "told", value: T} | {kind: "refused", trouble: Trouble, asksKey: boolean} | {kind: "unreachable"}} Answer
 */

export {};
