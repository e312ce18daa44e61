/** What is said of a source, kept until it is acknowledged, and sent on whatever stream is open. */

import { FULL_SECONDS, SLOW_SECONDS, pressure } from "../core/pressure.js";
import { Heard } from "./resume.js";
import { audioLine, imageLine } from "./sound_line.js";
import { Tape } from "./tape.js";

/** @typedef {import("../audio/capture.js").Source} Source */
/** @typedef {import("../core/types.js").Ready} Ready */
/** @typedef {import("../core/types.js").ServerEvent} ServerEvent */
/** @typedef {import("../net/stream_socket.js").StreamSocket} StreamSocket */
/** @typedef {import("./client.js").ClientEvent} ClientEvent */

/** Seconds of sound that are kept at most. */
const KEPT_SECONDS = 120;
/** Seconds of it before what is not stored: a detector that hears them again knows the room by then. */
const LEAD_SECONDS = 2;
/** Another stream begins at a multiple of it: five of the detector's windows, sixteen frames. */
const STEP_SECONDS = 0.16;
/** Milliseconds until it is looked again whether the network takes more. */
const LOOK_AGAIN_MS = 50;
/**
 * Milliseconds without sound of the source after which the open utterance is ended. The server could
 * not know whether the source pauses or the line, so it does not end it by itself.
 */
const PAUSE_MS = 2_000;

/**
 * @typedef {object} Around
 * @property {(event: ClientEvent) => void} emit
 * @property {boolean} silent
 * @property {boolean} anonymize
 * @property {boolean} looks
 * @property {() => void} stop
 */

export class Sending {
  /**
   * @param {Source} source
   * @param {Ready} ready of the first stream
   * @param {Around} around
   */
  constructor(source, ready, around) {
    this.#source = source;
    this.#around = around;
    this.#bands = ready.n_mels;
    // Images are made for one model's bands: another model could not read them.
    this.pinned = around.silent ? { model: ready.model } : {};
    const make = around.silent ? imageLine : audioLine;
    this.#line = make({
      rate: source.rate,
      bands: ready.n_mels,
      anonymize: around.anonymize,
      onPiece: (piece) => this.#add(piece),
      onFrames: around.looks ? (frames) => around.emit({ type: "frames", frames }) : null,
      onFailed: (error) => this.#fail(error.message),
    });
    this.#tape = new Tape({ limit: KEPT_SECONDS * this.#line.rate, cut: this.#line.cut });
  }

  #source;
  #around;
  #bands;
  #line;
  #tape;
  #server = new Heard();
  /** @type {StreamSocket | null} null while there is none that listens */
  #socket = null;
  /** The place at which the stream after the first begins. */
  #origin = 0;
  /** What had to go, and was not told yet. */
  #lost = 0;
  #streams = 0;
  /** What waited while there was no stream is sent as fast as it goes. */
  #catchesUp = false;
  #ended = false;
  #gaveUp = false;
  #heard = 0;
  #behind = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pause;

  /** What every further stream has to be. @type {Readonly<Record<string, unknown>>} */
  pinned;
  /** Why the run ends, as a sentence; "" where nothing is wrong. */
  fault = "";

  /** From now on the source is heard. */
  start() {
    this.#source.start((samples) => {
      this.#heard += samples.length;
      const seconds = this.#heard / this.#source.rate;
      this.#around.emit({ type: "sound", samples, seconds });
      this.#around.emit({ type: "heard", seconds });
      this.#line.receive(samples);
    });
  }

  /** What another stream is told, as it is asked for: it hears what is not acknowledged. */
  carried() {
    const at = this.#tape.rewind();
    const settled = Math.round(this.#server.settled * this.#line.rate);
    // What lies before the last origin was lost already, or is stored.
    const wanted = Math.max(settled, this.#origin);
    this.#origin = Math.max(at, settled);
    this.#lost += this.#origin - wanted;
    return this.#server.place(at / this.#line.rate);
  }

  /**
   * A stream listens.
   * @param {StreamSocket} socket
   * @param {Ready} ready
   */
  attach(socket, ready) {
    this.#server.receive(ready);
    this.#streams += 1;
    if (this.#streams > 1) this.#resume();
    if (this.#around.silent && ready.n_mels !== this.#bands) {
      this.#fail("The server reads other images now than before. Start again.");
      socket.leave();
      return;
    }
    this.#socket = socket;
    this.#pump();
  }

  /** The stream is gone; what is heard is kept. */
  detach() {
    this.#socket = null;
    this.#tape.pause();
    clearTimeout(this.#timer);
    clearTimeout(this.#pause);
  }

  /** @param {Exclude<ServerEvent, {type: "ready" | "error"}>} event */
  receive(event) {
    this.#server.receive(event);
    this.#settle();
    this.#around.emit(event);
  }

  /** No more sound comes: ask for the last words once all is sent. */
  async finish() {
    try {
      await this.#line.finish();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#fail(error.message);
    }
    this.#ended = true;
    this.#pump();
  }

  close() {
    this.detach();
    this.#line.close();
  }

  #resume() {
    const at = this.#origin / this.#line.rate;
    this.#catchesUp = true;
    this.#around.emit({ type: "resumed", at, utterance: this.#server.received });
    if (!this.#lost) return;
    const seconds = (this.#lost / this.#line.rate).toFixed(1);
    this.#lost = 0;
    const message = `${seconds} s of sound were heard while the connection was lost, and could not be kept.`;
    this.#around.emit({ type: "warning", code: "lost", message });
  }

  /** @param {import("./tape.js").Piece} piece */
  #add(piece) {
    this.#tape.add(piece);
    // Also where a server that was asked to carry on says nothing: its sound waits whole.
    if (this.#tape.waiting > (KEPT_SECONDS + FULL_SECONDS) * this.#line.rate) this.#giveUp();
    this.#pump();
  }

  /** What is stored need not be kept. */
  #settle() {
    const { rate } = this.#line;
    const step = Math.round(STEP_SECONDS * rate);
    const place = Math.floor(((this.#server.settled - LEAD_SECONDS) * rate) / step) * step;
    // The server's clock counts the sound: what was told again is sent all the same.
    this.#tape.settle(Math.min(place, this.#tape.taken));
  }

  /** Send as much as the network takes; the rest stays on the tape. */
  #pump() {
    clearTimeout(this.#timer);
    if (!this.#socket) return;
    // Nothing follows the last sound, so that what waits has a bound.
    const room = this.#ended ? Infinity : SLOW_SECONDS * this.#line.bytesPerSecond;
    while (this.#socket.waiting < room) {
      const piece = this.#tape.take();
      if (!piece) break;
      this.#socket.send(piece.data);
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#socket?.flush(), PAUSE_MS);
    }
    this.#settle(); // of what was told before it was sent
    if (this.#tape.bytes) this.#timer = setTimeout(() => this.#pump(), LOOK_AGAIN_MS);
    else if (this.#ended) this.#finish(this.#socket);
    this.#watchPressure(this.#socket);
  }

  /** @param {StreamSocket} socket */
  #finish(socket) {
    clearTimeout(this.#pause);
    socket.finish();
  }

  /** @param {StreamSocket} socket */
  #watchPressure(socket) {
    const { bytesPerSecond } = this.#line;
    const { level, seconds } = pressure(socket.waiting + this.#tape.bytes, bytesPerSecond);
    if (level === "fine") this.#catchesUp = false;
    const slow = level !== "fine" && !this.#catchesUp;
    this.#source.hold(slow);
    const behind = slow ? Math.round(seconds) : 0;
    if (behind !== this.#behind) this.#around.emit({ type: "behind", seconds: behind });
    this.#behind = behind;
    if (slow && level === "full") this.#giveUp();
  }

  #giveUp() {
    const message = `Stopped listening: more than ${FULL_SECONDS} s of sound wait for the network.`;
    if (!this.#gaveUp) this.#around.emit({ type: "warning", code: "network_too_slow", message });
    this.#gaveUp = true;
    this.#around.stop();
  }

  /** @param {string} sentence */
  #fail(sentence) {
    this.fault ||= sentence;
    this.#around.stop();
  }
}
