/** The Talk tab: events go into the reducer, the view comes out onto the page. */

import { meterLevel } from "../core/pcm.js";
import { forgetConversation } from "../net/conversations.js";
import { find, say } from "../ui/dom.js";
import { Follow } from "../ui/follow.js";
import { mountKeyField } from "../ui/key_field.js";
import { KeptName } from "./kept_name.js";
import { hintOf, stateOf } from "./sentences.js";
import { TalkChoices } from "./talk_choices.js";
import { TalkRun } from "./talk_run.js";
import { TalkTranscript } from "./transcript.js";
import { EMPTY, phaseOf, reduce } from "./turns.js";

/** @typedef {import("./types.js").TalkView} TalkView */
/** @typedef {import("../ui/page.js").Page} Page */

/**
 * @param {HTMLElement} root
 * @param {Page} page
 */
export function mountTalk(root, page) {
  new TalkTab(root, page);
}

class TalkTab {
  /**
   * @param {HTMLElement} root
   * @param {Page} page
   */
  constructor(root, { access, silent }) {
    this.#root = root;
    this.#access = access;
    this.#silent = silent;
    const part = (/** @type {string} */ name) => find(root, `[data-talk=${name}]`, HTMLElement);
    this.#part = part;
    this.#text = find(root, "[data-talk=text]", HTMLInputElement);
    this.#transcript = new TalkTranscript(part("turns"));
    this.#follow = new Follow(part("stage"), find(root, "[data-talk=latest]", HTMLButtonElement));
    this.#choices = new TalkChoices(root, access, (choice) => {
      this.#run?.choose(choice);
      this.#askPaint();
    });
    this.#listen();
    this.#paint();
  }

  #root;
  #access;
  #silent;
  #part;
  #text;
  #transcript;
  #follow;
  #choices;
  /** @type {TalkView} */
  #view = EMPTY;
  #asked = false;
  #names = new KeptName(() => localStorage);
  /** The conversation that is shown, or "". */
  #name = "";
  /** @type {TalkRun | null} */
  #run = null;
  /** Settled when the last run is over. */
  #ended = Promise.resolve();
  /** Asked for a key where it was to be spoken to: that starts again when there is one. */
  #refused = false;

  #listen() {
    const [root, part] = [this.#root, this.#part];
    part("button").addEventListener("click", () => this.#press());
    part("new").addEventListener("click", () => this.#renew());
    part("write").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#write();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && !root.hidden) this.#run?.end();
    });
    root.addEventListener("opened", () => this.#opened());
    const noise = find(root, "[data-talk=silent]", HTMLInputElement);
    noise.addEventListener("change", () => this.#silent.choose(noise.checked));
    this.#silent.watch(() => {
      noise.checked = this.#silent.on;
      noise.disabled = this.#silent.locked;
      if (this.#silent.on && this.#run?.listens) this.#run.end();
      this.#askPaint();
    });
    mountKeyField(root, this.#access, { right: "streams", next: part("button") });
    this.#access.onKey(() => {
      if (!root.hidden) this.#opened();
      if (this.#refused && this.#access.key && !root.hidden && !this.#run) this.#start(true);
    });
    const settings = find(root, "[data-talk=settings]", HTMLDetailsElement);
    settings.open = matchMedia("(min-width: 48rem)").matches;
    if (!root.hidden) this.#opened();
  }

  /** Seen for the first time, or again. */
  async #opened() {
    await this.#choices.refresh();
    this.#askPaint();
  }

  /** The large button. */
  #press() {
    if (!this.#run) this.#start(true);
    else if (this.#run.listens || this.#silent.on) this.#run.end();
    else this.#run.listen();
  }

  #write() {
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = "";
    if (!this.#run) this.#start(false);
    this.#run?.say(text);
  }

  /** Nothing that was said before is remembered, here or on the server. */
  async #renew() {
    const listens = this.#run?.listens ?? false;
    this.#run?.end();
    await this.#ended;
    if (this.#name) forgetConversation(this.#name, this.#access.key);
    this.#names.leave(this.#name);
    this.#dispatch({ type: "cleared" });
    if (listens) this.#start(true);
    this.#part("button").focus();
  }

  /**
   * With another tab's, where it began one.
   * @param {string} name
   */
  #goOn(name) {
    if (this.#name && this.#name !== name) this.#dispatch({ type: "cleared" });
    this.#name = name;
  }

  /** @param {boolean} microphone whether it is spoken to */
  #start(microphone) {
    this.#goOn(this.#names.current);
    const run = new TalkRun({
      access: this.#access,
      choice: this.#choices.chosen,
      conversation: this.#name,
      view: () => this.#view,
      dispatch: (event) => this.#dispatch(event),
      onSound: (samples) => this.#level(meterLevel(samples)),
      onTiming: (item, stages) => {
        this.#paint();
        this.#transcript.time(item, stages);
      },
    });
    this.#run = run;
    this.#refused = false;
    // Silent means silent: nothing is heard then, whatever is pressed.
    this.#ended = run.run({ microphone: microphone && !this.#silent.on }).finally(() => {
      this.#refused = run.refused && microphone;
      this.#run = null;
      this.#text.value ||= run.unsent;
      this.#level(0);
      this.#askPaint();
    });
  }

  /** @param {{type: string}} event */
  #dispatch(event) {
    this.#view = reduce(this.#view, event);
    this.#askPaint();
  }

  #askPaint() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#asked = false;
    const view = this.#view;
    this.#transcript.render(view.turns, view);
    this.#follow.update();
    this.#showState(view);
    this.#showRest(view);
  }

  /** @param {TalkView} view */
  #showState(view) {
    const phase = phaseOf(view);
    this.#root.dataset.phase = phase;
    say(this.#part("state"), stateOf(phase));
    const hint = this.#silent.on && phase === "ready" ? "Write: it does not listen" : hintOf(phase);
    if (this.#part("hint").textContent !== hint) this.#part("hint").textContent = hint;
    const ends = this.#run !== null && (view.microphone || this.#silent.on || view.line !== "open");
    const button = this.#part("button");
    button.setAttribute("aria-label", ends ? "End the conversation" : "Talk");
    button.classList.toggle("on", ends);
  }

  /** @param {TalkView} view */
  #showRest(view) {
    const isEmpty = !view.turns.length;
    this.#part("empty").hidden = !isEmpty;
    this.#part("new").hidden = isEmpty;
    say(this.#part("notice"), view.notice);
    say(this.#part("silent-note"), this.#silentNote());
    // What is spoken need not be read aloud as well.
    const spoken = view.turns.some((turn) => turn.spoken);
    this.#part("turns").setAttribute("aria-live", spoken ? "off" : "polite");
    this.#part("summary").textContent = this.#choices.summary;
    find(this.#root, "[data-talk=line]", HTMLSelectElement).disabled = this.#run !== null;
  }

  #silentNote() {
    if (!this.#silent.on) return "";
    return this.#silent.locked
      ? "This server takes no audio, and Talk cannot speak in pictures yet: write instead."
      : "Talk is not silent yet: it would send your voice. While Silent is on it does not listen; write instead.";
  }

  /** @param {number} level 0..1 */
  #level(level) {
    this.#part("button").style.setProperty("--level", level.toFixed(3));
  }
}
