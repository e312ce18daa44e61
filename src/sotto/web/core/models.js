/** What can be chosen, from what GET /v1/models says. */

/** @typedef {import("./types.js").Model} Model */
/** @typedef {{value: string, label: string}} Item */

export const AUTO = "auto";
/** Of every Whisper model but the newest ones. */
const DEFAULT_BANDS = 80;

/**
 * @param {readonly Model[]} models
 * @returns {Item[]}
 */
export function modelItems(models) {
  return [
    { value: AUTO, label: "Automatic" },
    ...models.map(({ id, state }) => ({ value: id, label: `${id} · ${state}` })),
  ];
}

/**
 * The languages of the chosen model, or of all when it is left to the server.
 * @param {readonly Model[]} models
 * @param {string} chosen
 * @returns {Item[]}
 */
export function languageItems(models, chosen) {
  const codes = new Set(candidates(models, chosen).flatMap((model) => model.languages));
  const named = [...codes].map((code) => ({ value: code, label: languageName(code) }));
  named.sort((a, b) => a.label.localeCompare(b.label, "en"));
  return [{ value: AUTO, label: "Detect" }, ...named];
}

/**
 * Whether one of the models in question translates into English.
 * @param {readonly Model[]} models
 * @param {string} chosen
 */
export function canTranslate(models, chosen) {
  return candidates(models, chosen).some((model) => model.translates);
}

/**
 * How many bands the images for a model have to have; for "auto", those for the largest that is
 * ready, which the server lists last.
 * @param {readonly Model[]} models
 * @param {string} chosen
 */
export function bandsOf(models, chosen) {
  const known = models.filter((model) => model.n_mels);
  const ready = known.filter((model) => model.state === "ready");
  const model = known.find((each) => each.id === chosen) ?? ready.at(-1) ?? known.at(-1);
  return model?.n_mels ?? DEFAULT_BANDS;
}

/** @param {readonly Model[]} models */
export function anyLoading(models) {
  return models.some((model) => model.state === "loading");
}

/**
 * English name of a code; what is no code stands for itself, as the names in verbose_json do.
 * @param {string} code
 */
export function languageName(code) {
  try {
    return capitalized(new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code);
  } catch (error) {
    if (error instanceof RangeError) return code;
    throw error;
  }
}

/** @param {string} text */
function capitalized(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * @param {readonly Model[]} models
 * @param {string} chosen
 */
function candidates(models, chosen) {
  const usable = models.filter((model) => model.state !== "failed");
  return chosen === AUTO ? usable : usable.filter((model) => model.id === chosen);
}
