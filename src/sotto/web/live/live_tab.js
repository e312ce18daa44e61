/** The Live tab: events go into the reducer, the view comes out onto the page. */

import { EMPTY, reduce } from "../core/live_view.js";
import { behindSentence, statusAloud, statusOf } from "../core/sentences.js";
import { liveTranscript } from "../core/transcript.js";
import { Choices } from "../ui/choices.js";
import { find, say } from "../ui/dom.js";
import { mountCopy, mountDownloads } from "../ui/downloads.js";
import { Follow } from "../ui/follow.js";
import { mountKeyField } from "../ui/key_field.js";
import { mountSilentSwitch } from "../ui/silent_switch.js";
import { Captions } from "./captions.js";
import { LatencyLine } from "./latency_line.js";
import { LiveRun } from "./live_run.js";
import { Meter } from "./meter.js";
import { SourceChoice } from "./source_choice.js";
import { Spectrogram } from "./spectrogram.js";

/** @typedef {import("../core/types.js").LiveView} LiveView */
/** @typedef {import("../core/types.js").Task} Task */
/** @typedef {import("../ui/page.js").Page} Page */

/**
 * @param {HTMLElement} root
 * @param {Page} page
 */
export function mountLive(root, page) {
  new LiveTab(root, page);
}

class LiveTab {
  /**
   * @param {HTMLElement} root
   * @param {Page} page
   */
  constructor(root, { models, access, silent }) {
    this.#root = root;
    this.#models = models;
    this.#access = access;
    this.#silent = silent;
    const part = (/** @type {string} */ name) => find(root, `[data-live=${name}]`, HTMLElement);
    this.#part = part;
    this.#captions = new Captions(part("captions"));
    this.#follow = new Follow(part("stage"), find(root, "[data-live=latest]", HTMLButtonElement));
    this.#meter = new Meter(part("meter"));
    this.#spectrogram = new Spectrogram(part("river"));
    this.#settings = find(root, "[data-live=settings]", HTMLDetailsElement);
    this.#source = new SourceChoice(root, () => this.#showSettings());
    this.#choices = new Choices(part("choices"), models);
    this.#listen();
    this.#showSettings();
    this.#paint();
  }

  #root;
  #models;
  #access;
  #silent;
  #part;
  #captions;
  #follow;
  #meter;
  #spectrogram;
  #settings;
  #source;
  /** @type {Choices | null} null until the page is put together */
  #choices = null;
  #latency = new LatencyLine();
  /** @type {LiveView} */
  #view = EMPTY;
  /** @type {LiveView} */
  #painted = EMPTY;
  /** @type {number | null} milliseconds at which the next paint was asked for */
  #asked = null;
  /** @type {LiveRun | null} */
  #run = null;
  #refused = false;
  /** Whether the server wanted pictures where it was offered sound. */
  #wantsPictures = false;
  /** @type {Task} */
  #task = "transcribe";

  #listen() {
    const transcript = () => liveTranscript(this.#view, this.#task);
    this.#part("start").addEventListener("click", () => (this.#run ? this.#run.stop() : this.#start()));
    this.#part("clear").addEventListener("click", () => {
      this.#dispatch({ type: "clear" });
      if (!this.#run) this.#spectrogram.clear();
      this.#part("start").focus();
    });
    this.#part("choices").addEventListener("choices", () => this.#showSettings());
    this.#part("choices").addEventListener("change", () => this.#showSettings());
    const box = (/** @type {string} */ name) => find(this.#root, `[data-live=${name}]`, HTMLInputElement);
    const parts = { silent: box("silent"), anonymize: box("anonymize"), note: this.#part("silent-note") };
    mountSilentSwitch(parts, this.#silent);
    this.#silent.watch(() => this.#showSettings());
    mountKeyField(this.#root, this.#access, { right: "streams", next: this.#part("start") });
    this.#access.onKey(() => this.#startRefused());
    mountCopy(find(this.#root, "[data-live=copy]", HTMLButtonElement), transcript);
    mountDownloads(this.#part("downloads"), () => ({
      name: `sotto ${new Date().toISOString().slice(0, 16).replace("T", " ").replace(":", "")}`,
      transcript: transcript(),
    }));
    // On a phone the words need the room; the settings are one tap away.
    this.#settings.open = matchMedia("(min-width: 48rem)").matches;
  }

  async #start() {
    if (!this.#choices) return;
    const { model, language, task } = this.#choices.chosen;
    this.#task = task;
    this.#latency = new LatencyLine();
    this.#refused = this.#wantsPictures = false;
    this.#spectrogram.begin(this.#view.duration);
    this.#run = new LiveRun({
      openSource: () => this.#source.open(),
      config: { model, task, ...(language === "auto" ? {} : { language }) },
      access: this.#access,
      silent: this.#silent.on,
      anonymize: this.#silent.anonymize,
      offset: this.#view.duration,
      dispatch: (event) => this.#dispatch(event),
      onSound: (samples, seconds) => {
        this.#meter.show(samples);
        this.#latency.captured(seconds, performance.now());
      },
      onFrames: (frames) => this.#spectrogram.show(frames),
    });
    try {
      await this.#run.run();
    } finally {
      this.#refused = this.#run.refused;
      this.#run = null;
      this.#meter.rest();
      this.#askPaint();
    }
    if (this.#wantsPictures) await this.#start();
    else if (!this.#access.asked("streams")) this.#startRefused();
  }

  /** Nothing listens behind the other tab: what was refused here starts again here only. */
  #startRefused() {
    if (this.#refused && this.#access.key && !this.#root.hidden && !this.#run) this.#start();
  }

  /** @param {Parameters<typeof reduce>[1]} event */
  #dispatch(event) {
    if (refusesAudio(event) && !this.#silent.on) {
      this.#silent.lock(true);
      this.#wantsPictures = true;
      return;
    }
    const before = this.#view;
    this.#view = reduce(before, event);
    this.#latency.received(before, this.#view, performance.now());
    // An unloaded model was loaded for us, or one asks to be waited for: the list changed.
    if (event.type === "ready" || event.type === "waiting") this.#models.watch();
    this.#askPaint();
  }

  #askPaint() {
    if (this.#asked !== null) return;
    this.#asked = performance.now();
    requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    const view = this.#view;
    this.#captions.render(view.utterances);
    this.#showState(view);
    this.#spectrogram.words(view);
    this.#follow.update();
    const at = performance.now();
    this.#latency.painted(this.#painted, view, { asked: this.#asked ?? at, at });
    say(this.#part("latency"), this.#latency.text);
    this.#painted = view;
    this.#asked = null;
  }

  /** @param {LiveView} view */
  #showState(view) {
    const hasWords = view.utterances.some((utterance) => utterance.words.length);
    const hasLines = hasWords || view.utterances.some((utterance) => !utterance.final);
    this.#root.dataset.phase = view.phase;
    this.#root.classList.toggle("running", this.#run !== null);
    this.#root.classList.toggle("speaking", view.speaking);
    this.#part("empty").hidden = hasLines;
    this.#part("actions").hidden = !hasWords;
    this.#part("start-name").textContent = this.#startName(view);
    const how = [statusOf(view), view.model, this.#silent.label.toLowerCase()];
    this.#part("status").textContent = how.filter(Boolean).join(" · ");
    const aloud = statusAloud(view);
    if (this.#part("status-aloud").textContent !== aloud) this.#part("status-aloud").textContent = aloud;
    say(this.#part("notice"), view.notice || behindSentence(view.behind));
    find(this.#root, "fieldset", HTMLFieldSetElement).disabled = this.#run !== null;
  }

  /** @param {LiveView} view */
  #startName(view) {
    if (!this.#run) return "Start";
    return view.phase === "finishing" ? "Stop now" : "Stop";
  }

  #showSettings() {
    this.#part("lead").textContent = this.#source?.lead ?? "";
    const words = [this.#silent?.label, this.#source?.label, this.#choices?.summary];
    this.#part("summary").textContent = words.filter(Boolean).join(" · ");
  }
}

/**
 * A stream of sound that is refused because the server takes none; nothing of it was sent yet.
 * @param {{type: string, code?: string, param?: string}} event
 */
function refusesAudio({ type, code, param }) {
  return type === "error" && code === "bad_option" && param === "encoding";
}
