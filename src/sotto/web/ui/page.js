/**
 * What the tabs share; nothing here runs.
 * @typedef {object} Page
 * @property {import("../net/model_list.js").ModelList} models
 * @property {import("../net/access_key.js").AccessKey} access
 * @property {import("./silent_mode.js").SilentMode} silent
 */

export {};
