/** The admin page, put together. */

import { sentenceOf } from "../core/sentences.js";
import { AccessKey } from "../net/access_key.js";
import { find, say } from "../ui/dom.js";
import { mountKeyField } from "../ui/key_field.js";
import { mountTheme } from "../ui/theme.js";
import { AdminCalls } from "./calls.js";
import { Confirm } from "./confirm.js";
import { modelRows } from "./models_view.js";
import { batchRows, mountTiles, paceRows, paces } from "./pace_view.js";
import { actionOf, counted, factsOf, leadOf, sentence, unloadWarning } from "./phrases.js";
import { Poll } from "./poll.js";
import { put } from "./rows.js";
import { sessionRows } from "./sessions_view.js";

/** @typedef {import("./types.js").AdminState} AdminState */
/** @typedef {import("./types.js").Answer<any>} Answer */

const PULSES = { live: "Up to date", asking: "Asking", lost: "Trying again", closed: "Closed" };
const ENDING = "What was heard until now is decoded, stored and told to whoever speaks. Then the stream is closed.";

class AdminPage {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    const [models, sessions] = [this.#at("#models"), this.#at("#sessions")];
    this.#models = modelRows(this.#part("models"), models, (id) => this.#press(id));
    this.#sessions = sessionRows(this.#at(".sessions tbody"), sessions, (id) => this.#end(id));
    this.#paces = paceRows(this.#part("pace"));
    this.#batches = batchRows(this.#part("batches"));
    this.#tiles = mountTiles(this.#part("tiles"));
  }

  #root;
  #models;
  #sessions;
  #paces;
  #batches;
  #tiles;
  // Kept for this tab alone: the key for captions is another, and goes into addresses too.
  #access = new AccessKey(() => sessionStorage);
  #calls = new AdminCalls(this.#access);
  #confirm = new Confirm(find(document, "#confirm", HTMLDialogElement));
  #poll = new Poll(() => this.#look(), document);
  /** @type {AdminState | undefined} */
  #state;
  #seenAt = "";
  /** What went wrong with what was asked for by hand. */
  #fault = "";

  start() {
    mountKeyField(this.#root, this.#access, { right: "admin", next: this.#root });
    this.#access.watch(() => (this.#part("hint").hidden = !this.#access.asked("admin")));
    this.#access.onKey(() => this.#poll.now());
    this.#poll.now();
  }

  /** Ask how things stand; whether to go on asking. */
  async #look() {
    const answer = await this.#calls.state();
    if (answer.kind === "told") this.#show(answer.value);
    else if (answer.kind === "unreachable") this.#lost();
    else this.#refused(answer);
    return !this.#access.asked("admin");
  }

  /** @param {AdminState} state */
  #show(state) {
    this.#state = state;
    this.#seenAt = new Date().toLocaleTimeString();
    put(this.#part("lead"), leadOf(state));
    put(this.#part("facts"), factsOf(state));
    this.#tiles(state);
    this.#models.show(state.models);
    this.#paces.show(paces(state.lag));
    const busy = state.models.filter(({ batches }) => batches.count > 0);
    this.#batches.show(busy);
    this.#part("batches-part").hidden = busy.length === 0;
    this.#showSessions(state.sessions);
    this.#part("parts").hidden = false;
    this.#pulse("live");
    say(this.#part("notice"), this.#fault);
  }

  /** @param {AdminState["sessions"]} sessions */
  #showSessions({ open, data }) {
    this.#sessions.show(data);
    find(this.#root, ".sessions", HTMLElement).hidden = data.length === 0;
    this.#part("nobody").hidden = data.length > 0;
    const more = open - data.length;
    const opening = more > 0 ? `${counted(more, "stream")} more, not shown or about to begin.` : "";
    say(this.#part("more"), opening);
  }

  #lost() {
    this.#pulse("lost");
    put(this.#part("lead"), "Out of reach.");
    const since = this.#state ? ` What you see is how it was at ${this.#seenAt}.` : "";
    say(this.#part("notice"), `The server cannot be reached; it is tried again.${since}`);
  }

  /** @param {{trouble: import("./types.js").Trouble, asksKey: boolean}} refusal */
  #refused({ trouble, asksKey }) {
    this.#pulse("closed");
    this.#part("parts").hidden = true;
    put(this.#part("lead"), asksKey ? "Who is there?" : "This page is closed.");
    put(this.#part("facts"), asksKey ? "A key for the admin page is needed." : "");
    say(this.#part("notice"), asksKey ? "" : sentence(sentenceOf(trouble)));
  }

  /** @param {string} id */
  async #press(id) {
    const model = this.#state?.models.find((each) => each.id === id);
    if (!this.#state || !model) return;
    const act = actionOf(model);
    if (act === "unload") {
      const text = unloadWarning(model, this.#state);
      if (!(await this.#confirm.ask({ title: `Unload ${id}?`, text, action: "Unload" }))) return;
    }
    const told = { load: `${id} is to be loaded.`, unload: `${id} is to be unloaded.` };
    await this.#do(this.#calls.model(id, act), told[act]);
  }

  /** @param {string} id */
  async #end(id) {
    const question = { title: "End this session?", text: `${id}. ${ENDING}`, action: "End it" };
    if (!(await this.#confirm.ask(question))) return;
    await this.#do(this.#calls.end(id), "The session is ending.");
  }

  /**
   * @param {Promise<Answer>} asked
   * @param {string} done
   */
  async #do(asked, done) {
    const answer = await asked;
    this.#fault = answer.kind === "refused" && !answer.asksKey ? sentence(sentenceOf(answer.trouble)) : "";
    if (answer.kind === "told") put(this.#part("status"), done);
    await this.#poll.now();
  }

  /** @param {keyof typeof PULSES} pulse */
  #pulse(pulse) {
    const place = this.#part("pulse");
    place.dataset.pulse = pulse;
    put(place, PULSES[pulse]);
    this.#root.dataset.stale = String(pulse === "lost");
  }

  /** @param {string} name */
  #part(name) {
    return this.#at(`[data-admin=${name}]`);
  }

  /** @param {string} selector */
  #at(selector) {
    return find(this.#root, selector, HTMLElement);
  }
}

mountTheme(find(document, "#theme", HTMLButtonElement));
// A page that shows this one within itself could have its buttons pressed by who sees another.
if (window.top === window.self) new AdminPage(find(document, "#admin", HTMLElement)).start();
