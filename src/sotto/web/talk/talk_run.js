/** One line of a conversation, from its beginning to its end: microphone, events, answers. */

import { SourceError } from "../audio/capture.js";
import { openMicrophone } from "../audio/microphone.js";
import { Speaker } from "../audio/speaker.js";
import { Resampler } from "../mel/resample.js";
import { Answers } from "./answers.js";
import { openLine } from "./line.js";
import { OWN, troubleSentence } from "./sentences.js";
import * as session from "./session.js";
import { Timing } from "./timing.js";

/** @typedef {import("./types.js").ServerEvent} ServerEvent */
/** @typedef {import("./types.js").TalkChoice} TalkChoice */
/** @typedef {import("./types.js").TalkView} TalkView */

/** Pieces of sound in a second: each is waited for, so they are short. */
const PIECES_PER_SECOND = 25;

/** After these nothing more comes. */
const FINAL = new Set(["conversation_unavailable", "superseded"]);
/** What is wrong where a server keeps no conversations. */
const NAMED = "session.sotto.conversation";

const LOST = "The connection was lost. What was said is kept: press to go on.";
const UNREACHABLE = "The server cannot be reached, or holds no conversations.";
const SLOW = "The network is too slow for sound.";
const UNPLUGGED = "The microphone is gone. Press to try again, or write.";

/**
 * @typedef {object} Setup
 * @property {import("../net/access_key.js").AccessKey} access
 * @property {TalkChoice} choice
 * @property {string} conversation by which name the server keeps it
 * @property {() => TalkView} view
 * @property {(event: ServerEvent | import("./types.js").LocalEvent) => void} dispatch
 * @property {(samples: Float32Array) => void} onSound of the microphone
 * @property {(item: string, stages: import("./timing.js").Stage[]) => void} onTiming
 */

export class TalkRun {
  /** @param {Setup} setup */
  constructor(setup) {
    this.#setup = setup;
    this.#sent = setup.access.key;
    this.#choice = setup.choice;
    this.#conversation = setup.conversation;
  }

  #setup;
  /** The key. */
  #sent;
  #choice;
  /** By which name it is kept; "" for a server that keeps none. */
  #conversation;
  /** Whether the server brought back what was said before. */
  #recalled = false;
  /** Whether it did by now, if it does. */
  #ready = false;
  #refused = false;
  #over = false;
  #notice = "";
  /** Whether the last that was said was what went wrong. */
  #explained = false;
  #timing = new Timing();
  /** Seconds of sound that were sent. */
  #seconds = 0;
  /** What is written before the line is open. @type {string[]} */
  #written = [];
  /** @type {Awaited<ReturnType<typeof openMicrophone>> | null} */
  #microphone = null;
  /** @type {import("../audio/speaker.js").Player | null} null where this browser plays nothing */
  #speaker = null;
  /** @type {import("../net/realtime_socket.js").Line | null} */
  #line = null;
  /** @type {Answers | null} */
  #answers = null;

  /** Whether the server wanted a key, or another one. */
  get refused() {
    return this.#refused;
  }

  /** What was written and never sent. */
  get unsent() {
    return this.#written.join(" ");
  }

  get listens() {
    return this.#microphone !== null;
  }

  /**
   * The whole of it; to be called in the handler of a click or a key.
   * @param {{microphone: boolean}} how false: it is written to
   */
  async run({ microphone }) {
    const { dispatch } = this.#setup;
    dispatch({ type: "asking" });
    try {
      if (microphone && !this.#over) await this.#openMicrophone();
      if (!this.#over) await this.#converse();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#notice = error.message;
    } finally {
      this.#over = true;
      this.#close();
      dispatch({ type: "over", notice: this.#notice });
    }
  }

  /** Hear as well, where it was written to until now. */
  async listen() {
    try {
      await this.#openMicrophone();
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#setup.dispatch({ type: "notice", notice: error.message });
    }
  }

  /** Something written, to be answered. @param {string} text */
  say(text) {
    if (!this.#ready) {
      this.#written.push(text);
      return;
    }
    this.#answers?.interrupt();
    if (this.#setup.view().response) this.#tell({ type: "response.cancel", event_id: `${OWN}cancel` });
    this.#tell(session.written(session.newId(), text));
    this.#tell({ type: "response.create" });
    this.#timing.wrote(performance.now());
    this.#setup.dispatch({ type: "asked" });
  }

  /** @param {TalkChoice} choice */
  choose(choice) {
    this.#choice = choice;
    if (this.#setup.view().line === "open") this.#tell(session.mannerUpdate(choice));
  }

  /** @param {string} [notice] */
  end(notice = "") {
    this.#over = true;
    this.#notice = notice;
    this.#line?.leave();
  }

  async #openSpeaker() {
    // A page that is not secure may play no sound of its own making: it is answered in writing.
    if (!window.isSecureContext || this.#speaker) return;
    this.#speaker = await Speaker.open(session.SPOKEN_RATE, {
      onPlayed: (played) => this.#answers?.onPlayed(played),
      onOver: (item) => this.#answers?.onOver(item),
    });
  }

  async #openMicrophone() {
    const microphone = await openMicrophone({ echoCancellation: true, perSecond: PIECES_PER_SECOND });
    if (this.#over) {
      microphone.close();
      return;
    }
    this.#microphone = microphone;
    const resampler = new Resampler(microphone.rate, session.SENT_RATE);
    microphone.start((samples) => {
      this.#setup.onSound(samples);
      this.#hear(resampler.receive(samples));
    });
    this.#setup.dispatch({ type: "microphone", on: true });
    microphone.ended.then(() => {
      if (!this.#over) this.end(UNPLUGGED);
    });
  }

  async #converse() {
    const name = this.#conversation;
    let opened = await this.#holdLine();
    if (!this.#over && this.#conversation !== name) opened = await this.#holdLine();
    if (!this.#over && !this.#explained) this.#notice = opened ? LOST : UNREACHABLE;
  }

  /** @returns {Promise<boolean>} once it is closed: whether it was open */
  async #holdLine() {
    const { access } = this.#setup;
    const listener = {
      onEvent: (/** @type {ServerEvent} */ event) => this.#receive(event),
      onSound: (/** @type {string} */ item, /** @type {Int16Array} */ samples) =>
        this.#answers?.push(item, samples),
    };
    const opened = await openLine(this.#choice.line, this.#microphone?.stream ?? null, {
      key: access.key,
      conversation: this.#conversation,
      session: session.opening(this.#choice, { speaks: true }).session,
      listener,
      onSocket: () => this.#openSpeaker(),
      onLine: (line) => this.#begin(line),
    });
    if (this.#over) opened.leave();
    return (await opened.closed).opened;
  }

  /**
   * Before its first event.
   * @param {import("../net/realtime_socket.js").Line} line
   */
  #begin(line) {
    this.#line = line;
    this.#setup.dispatch({ type: "line", plays: line.plays });
    const setup = {
      dispatch: this.#setup.dispatch,
      tell: (/** @type {Readonly<Record<string, unknown>>} */ event) => line.tell(event),
      onFirst: (/** @type {string} */ item) => {
        this.#timing.sounded(item, performance.now());
        this.#setup.onTiming(item, this.#timing.of(item));
      },
    };
    this.#answers?.close();
    this.#answers = new Answers(line.plays ? null : this.#speaker, setup);
  }

  /** @param {Float32Array} samples at SENT_RATE */
  #hear(samples) {
    if (!this.#line || this.#setup.view().line !== "open") return;
    if (!this.#line.send(samples)) this.end(SLOW);
    this.#seconds += samples.length / session.SENT_RATE;
    this.#timing.sent(this.#seconds, performance.now());
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    this.#timing.receive(event, performance.now());
    this.#explained = event.type === "error";
    if (event.type === "error" && this.#fails(event.error)) return;
    this.#setup.dispatch(event);
    this.#answers?.receive(event);
    if (event.type === "session.created") this.#open();
    if (!this.#ready) this.#recall(event);
    if (event.type === "response.output_text.done") {
      this.#setup.onTiming(event.item_id, this.#timing.of(event.item_id));
    }
  }

  #open() {
    this.#setup.access.admitted("streams");
    this.#tell(session.opening(this.#choice, { speaks: this.#line?.plays || this.#speaker !== null }));
  }

  /**
   * What was said before comes until the opening is answered: from then on it goes on.
   * @param {ServerEvent} event
   */
  #recall(event) {
    if (event.type === "conversation.item.added") this.#recalled = true;
    const isRefusal = event.type === "error" && event.error.event_id === session.OPENING;
    if (event.type !== "session.updated" && !isRefusal) return;
    this.#ready = true;
    const unknown = this.#recalled ? [] : session.remembered(this.#setup.view().turns);
    for (const each of unknown) this.#tell(each);
    for (const text of this.#written.splice(0)) this.say(text);
  }

  /**
   * @param {import("./types.js").WireError} error
   * @returns {boolean} whether this ends it
   */
  #fails(error) {
    const code = error.code === "invalid_api_key" ? "unauthorized" : (error.code ?? null);
    const trouble = { code, message: error.message ?? "" };
    // The field for the key tells itself why it is there.
    this.#refused = this.#setup.access.refused(trouble, { right: "streams", sent: this.#sent });
    if (this.#refused) this.end();
    else if (code !== null && FINAL.has(code)) this.end(troubleSentence(error));
    else if (error.param === NAMED && this.#conversation) this.#unname();
    else return false;
    return true;
  }

  /** The server keeps no conversations: it is held without a name, on another line. */
  #unname() {
    this.#conversation = "";
    this.#line?.leave();
  }

  /** @param {Readonly<Record<string, unknown>>} event */
  #tell(event) {
    this.#line?.tell(event);
  }

  #close() {
    this.#line?.leave();
    this.#answers?.close();
    this.#microphone?.close();
    this.#speaker?.close();
    this.#microphone = null;
  }
}
