/** What the admin page says of the server, in words and figures. Nothing here touches the page. */

/** @typedef {import("./types.js").AdminModel} AdminModel */
/** @typedef {import("./types.js").AdminSession} AdminSession */
/** @typedef {import("./types.js").AdminState} AdminState */
/** @typedef {import("./types.js").Batches} Batches */

/** @type {Readonly<Record<import("./types.js").Light, string>>} */
export const LIGHT_WORDS = { down: "Down", loading: "Loading", ready: "Ready", draining: "Draining" };

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;

/**
 * How the server does, as one sentence.
 * @param {AdminState} state
 */
export function leadOf(state) {
  if (state.draining) return "The server is about to stop.";
  const lights = state.models.map((model) => model.light);
  if (!lights.includes("ready")) {
    return lights.includes("loading") ? "The models are being loaded." : "No model is ready.";
  }
  const streams = counted(state.sessions.open, "stream");
  const files = counted(state.files.open, "file");
  const busy = [state.sessions.open && streams, state.files.open && files].filter(Boolean);
  const waiting = waitingJobs(state);
  const rest = waiting ? `, ${counted(waiting, "job")} ${waiting === 1 ? "waits" : "wait"}` : "";
  return busy.length ? `${busy.join(" and ")}${rest}.` : `Ready, and nobody is speaking${rest}.`;
}

/** @param {AdminState} state */
export function factsOf(state) {
  const facts = [`Sotto ${state.version}`, `up for ${durationOf(state.uptime)}`];
  return [...facts, `${counted(state.done, "stream or file", "streams and files")} done`].join(" · ");
}

/** @param {AdminState} state */
export function waitingJobs(state) {
  return state.models.reduce((sum, model) => sum + model.queue, 0);
}

/**
 * 8 s, 12 min, 3 h 5 min, 2 d 4 h.
 * @param {number} seconds
 */
export function durationOf(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  const [unit, rest, names] = whole < DAY ? [HOUR, MINUTE, ["h", "min"]] : [DAY, HOUR, ["d", "h"]];
  const parts = [Math.floor(whole / unit), Math.floor((whole % unit) / rest)];
  return parts.map((part, i) => (part || !i ? `${part} ${names[i]}` : "")).join(" ").trim();
}

/**
 * 40 ms, 0.32 s, 4.1 s; "none yet" where nothing was measured.
 * @param {number | null} seconds
 */
export function pauseOf(seconds) {
  if (seconds === null) return "none yet";
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s`;
}

/** @param {number | null} bytes */
export function memoryOf(bytes) {
  if (bytes === null) return "unknown";
  if (bytes < GIBIBYTE) return `${Math.round(bytes / MEBIBYTE)} MiB`;
  return `${(bytes / GIBIBYTE).toFixed(1)} GiB`;
}

/**
 * What is to be told of a model beside its figures; "" where all is usual.
 * @param {AdminModel} model
 */
export function remarkOf({ state, error, put_away, in_use }) {
  if (state === "failed") return `It could not be loaded: ${error ?? "nobody knows why"}`;
  if (state === "draining") return drainingRemark(in_use);
  if (state === "unloaded") {
    return put_away
      ? "It was unloaded by hand, and comes back when you load it."
      : "It is loaded when somebody asks for it.";
  }
  return state === "ready" && error ? sentence(error) : "";
}

/** @param {number} held */
function drainingRemark(held) {
  if (!held) return "It is about to be unloaded.";
  return `Nobody new gets it; it is unloaded when ${counted(held, "holder")} ${held === 1 ? "is" : "are"} done.`;
}

/**
 * What pressing the button of a model does.
 * @param {AdminModel} model
 * @returns {"load" | "unload"}
 */
export function actionOf({ state }) {
  return state === "ready" || state === "loading" ? "unload" : "load";
}

/**
 * The button's word: a model on its way out can be kept, one that failed tried again.
 * @param {AdminModel} model
 */
export function actionWord(model) {
  if (model.state === "draining") return "Keep";
  if (model.state === "failed") return "Try again";
  return actionOf(model) === "load" ? "Load" : "Unload";
}

/**
 * What unloading a model means just now.
 * @param {AdminModel} model
 * @param {AdminState} state
 */
export function unloadWarning(model, state) {
  const others = state.models.filter(({ id, light }) => id !== model.id && light === "ready");
  const holders = model.in_use
    ? `${counted(model.in_use, "stream or file", "streams and files")} that ${model.in_use === 1 ? "holds" : "hold"} it may go on for 10 minutes; if any is not done then, the model stays.`
    : "Nobody holds it now.";
  const last = others.length
    ? "Nobody new gets it until you load it again."
    : "No other model is ready: whoever comes is turned away until you load one.";
  return `${holders} ${last}`;
}

/** @param {AdminSession} session */
export function nowOf({ speaking, ending }) {
  if (ending) return "Ending";
  return speaking ? "Speaking" : "Quiet";
}

/**
 * A chart's bars for those who do not see them.
 * @param {Batches} batches
 */
export function sizesAloud({ sizes }) {
  const told = sizes.map(([most, count], i) => {
    const above = i ? (sizes[i - 1]?.[0] ?? 0) : 0;
    return count ? `${rangeOf(above, most)}: ${count.toLocaleString("en")}` : "";
  });
  return `Batches by size. ${told.filter(Boolean).join(", ")}`;
}

/**
 * The sizes of a bucket: 1, 5–6, or more than 32.
 * @param {number} above the bucket before ends there
 * @param {number | null} most
 */
export function rangeOf(above, most) {
  if (most === null) return `over ${above}`;
  return above + 1 < most ? `${above + 1}–${most}` : `${most}`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 */
export function counted(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

/** @param {string} text */
export function sentence(text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
