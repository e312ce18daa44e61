/** The File Upload tab: a queue of files, one transcript open beside its player. */

import { itemStatus, nextUp, reduceQueue } from "../core/queue.js";
import { clockTime } from "../core/times.js";
import { bandsOf, languageName } from "../core/models.js";
import { UploadCanceled, UploadError } from "../net/upload.js";
import { Choices } from "../ui/choices.js";
import { find, say } from "../ui/dom.js";
import { mountCopy, mountDownloads } from "../ui/downloads.js";
import { mountKeyField } from "../ui/key_field.js";
import { mountSilentSwitch } from "../ui/silent_switch.js";
import { mountDropZone } from "./drop_zone.js";
import { Player } from "./player.js";
import { QueueList } from "./queue_list.js";
import { NotSilently, send } from "./sending.js";
import { TranscriptView } from "./transcript_view.js";

/** @typedef {import("../core/queue.js").Item} Item */
/** @typedef {import("../core/types.js").Transcript} Transcript */
/** @typedef {import("../net/access_key.js").AccessKey} AccessKey */
/** @typedef {{item: Item, transcript: Transcript}} Opened */

/**
 * @param {HTMLElement} root
 * @param {import("../ui/page.js").Page} page
 */
export function mountFiles(root, page) {
  new FilesTab(root, page);
}

class FilesTab {
  /**
   * @param {HTMLElement} root
   * @param {import("../ui/page.js").Page} page
   */
  constructor(root, { models, access, silent }) {
    this.#root = root;
    this.#access = access;
    this.#silent = silent;
    models.subscribe((list) => (this.#models = list));
    this.#part = (/** @type {string} */ name) => find(root, `[data-files=${name}]`, HTMLElement);
    this.#choices = new Choices(this.#part("choices"), models);
    this.#list = new QueueList(this.#part("queue"), (act, id) => this.#act(act, id));
    this.#transcript = new TranscriptView(this.#part("transcript"), (at) => this.#player.playFrom(at));
    this.#player = new Player(this.#part("player"), {
      onTime: (seconds) => this.#transcript.show(seconds),
      onError: () => say(this.#part("notice"), "This browser cannot play this file; its times hold."),
    });
    const input = find(root, "[data-files=input]", HTMLInputElement);
    mountDropZone({ panel: root, zone: this.#part("drop"), input }, (files) => this.#add(files));
    this.#mountResult();
    const box = (/** @type {string} */ name) => find(root, `[data-files=${name}]`, HTMLInputElement);
    const boxes = { silent: box("silent"), anonymize: box("anonymize"), note: this.#part("silent-note") };
    mountSilentSwitch(boxes, silent);
    mountKeyField(root, access, { right: "files", next: input });
    access.onKey(() => this.#sendRefused());
  }

  #root;
  #access;
  #silent;
  /** @type {readonly import("../core/types.js").Model[]} */
  #models = [];
  #part;
  #choices;
  #list;
  #transcript;
  #player;
  /** @type {readonly Item[]} */
  #queue = [];
  /** @type {Map<number, File>} */
  #files = new Map();
  /**
   * Files that came while silent mode was on, and whether it hid the speaker: of them nothing but
   * pictures is sent, whatever is chosen later.
   * @type {Map<number, boolean>}
   */
  #silently = new Map();
  /** Files of which pictures are made. */
  #preparing = /** @type {Set<number>} */ (new Set());
  /** Files of which none can be made. */
  #offered = /** @type {Set<number>} */ (new Set());
  #nextId = 0;
  /** @type {AbortController | null} */
  #sending = null;
  /** @type {Opened | null} */
  #opened = null;

  #mountResult() {
    const current = () => {
      if (!this.#opened) throw new Error("expected an open transcript, got none");
      const { item, transcript } = this.#opened;
      return { name: item.name.replace(/\.[^.]+$/, ""), transcript };
    };
    mountDownloads(this.#part("downloads"), current);
    mountCopy(find(this.#root, "[data-files=copy]", HTMLButtonElement), () => current().transcript);
    this.#part("result").addEventListener("keydown", (event) => this.#player.press(event));
  }

  /** @param {File[]} files */
  #add(files) {
    const added = files.map((file) => ({ id: this.#nextId++, name: file.name, size: file.size, file }));
    for (const { id, file } of added) this.#files.set(id, file);
    if (this.#silent.on) for (const { id } of added) this.#silently.set(id, this.#silent.anonymize);
    this.#dispatch({ type: "add", files: added });
  }

  /** @param {import("../core/queue.js").QueueEvent} event */
  #dispatch(event) {
    this.#queue = reduceQueue(this.#queue, event);
    this.#renderList();
    const next = nextUp(this.#queue);
    if (next) this.#send(next);
  }

  #renderList() {
    this.#list.render(this.#queue, {
      open: this.#opened?.item.id ?? null,
      preparing: this.#preparing,
      offered: this.#silent.locked ? new Set() : this.#offered,
    });
  }

  /** @param {Item} item */
  async #send({ id }) {
    const file = this.#files.get(id);
    if (!file) throw new Error(`expected a file for the item ${id}, got none`);
    const sending = new AbortController();
    this.#sending = sending;
    const { key } = this.#access;
    const choice = this.#choices.chosen;
    const pictures = this.#picturesOf(id, choice.model);
    this.#dispatch({ type: "started", id });
    try {
      const transcript = await send(file, choice, {
        pictures,
        key,
        onProgress: (progress) => {
          this.#preparing.delete(id);
          this.#dispatch({ type: "progress", id, progress });
        },
        signal: sending.signal,
      });
      this.#access.admitted("files");
      this.#dispatch({ type: "done", id, transcript });
      if (!this.#opened) this.#open(id);
    } catch (error) {
      if (error instanceof UploadError) this.#fail(id, error, key);
      else if (!(error instanceof UploadCanceled)) throw error;
    }
    this.#tell(id);
  }

  /**
   * How a file is to be made pictures of; null where it is sent as it is.
   * @param {number} id
   * @param {string} model
   * @returns {import("./sending.js").Pictures | null}
   */
  #picturesOf(id, model) {
    this.#offered.delete(id);
    if (!this.#silent.on && !this.#silently.has(id)) return null;
    const anonymize = this.#silent.anonymize || this.#silently.get(id) === true;
    this.#silently.set(id, anonymize);
    this.#preparing.add(id);
    return {
      bands: bandsOf(this.#models, model),
      anonymize,
      // All of it made is not yet all of it sent.
      onPrepared: (progress) => this.#dispatch({ type: "progress", id, progress: Math.min(progress, 0.99) }),
    };
  }

  /**
   * @param {number} id
   * @param {UploadError} error
   * @param {string} sent the key
   */
  #fail(id, error, sent) {
    this.#preparing.delete(id);
    if (error instanceof NotSilently) this.#offered.add(id);
    if (!this.#access.refused(error.trouble, { right: "files", sent })) {
      this.#dispatch({ type: "failed", id, error: error.message });
      return;
    }
    this.#dispatch({ type: "refused", id });
    if (!this.#access.asked("files")) this.#sendRefused();
  }

  #sendRefused() {
    for (const { id, state } of this.#queue) {
      if (state === "refused") this.#dispatch({ type: "again", id });
    }
  }

  /**
   * @param {import("./queue_list.js").Act} act
   * @param {number} id
   */
  #act(act, id) {
    if (act === "open") return this.#open(id);
    const item = this.#queue.find((each) => each.id === id);
    if (act === "cancel" && item?.state !== "waiting") this.#sending?.abort();
    if (act === "remove") this.#forget(id);
    if (act === "cancel") this.#preparing.delete(id);
    if (act !== "aloud") return this.#dispatch({ type: act, id });
    this.#silent.choose(false);
    this.#silently.delete(id);
    this.#dispatch({ type: "again", id });
  }

  /** @param {number} id */
  #open(id) {
    const item = this.#queue.find((each) => each.id === id);
    const file = this.#files.get(id);
    if (!item?.transcript || !file) return;
    const { transcript } = item;
    this.#opened = { item, transcript };
    this.#part("name").textContent = item.name;
    this.#part("facts").textContent = factsOf(transcript, this.#silently.has(id));
    say(this.#part("notice"), "");
    this.#transcript.open(transcript);
    this.#player.open(file);
    this.#part("result").hidden = false;
    this.#root.classList.add("has-result");
    // On a narrow page the transcript lies below the files.
    if (!matchMedia("(min-width: 60rem)").matches) this.#part("result").scrollIntoView();
    this.#renderList();
  }

  /** @param {number} id */
  #forget(id) {
    this.#files.delete(id);
    this.#silently.delete(id);
    this.#offered.delete(id);
    if (this.#opened?.item.id !== id) return;
    this.#opened = null;
    this.#player.close();
    this.#part("result").hidden = true;
    this.#root.classList.remove("has-result");
  }

  /**
   * For the ear: how a file ended.
   * @param {number} id
   */
  #tell(id) {
    const item = this.#queue.find((each) => each.id === id);
    if (item) this.#part("status").textContent = `${item.name}: ${itemStatus(item)}`;
  }
}

/**
 * @param {Transcript} transcript
 * @param {boolean} silently
 */
function factsOf({ duration, language, words }, silently) {
  const count = words ? `${words.length} ${words.length === 1 ? "word" : "words"}` : "";
  const how = silently ? "heard from pictures" : "";
  const facts = [clockTime(duration), language && languageName(language), count, how];
  return facts.filter(Boolean).join(" · ");
}
