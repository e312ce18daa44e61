/** Runs on the audio thread: plays what waits, and tells how far it is. */

import { PlayQueue } from "./play_queue.js";

/** @typedef {import("./play_queue.js").Course} Course */
/**
 * What the page says; `clear` is answered with what it cut.
 * @typedef {{type: "push", item: string, samples: Int16Array} | {type: "end", item: string} | {type: "hold" | "resume" | "clear"}} Order
 */
/**
 * What it says. `at`: the item that is played. `over`: one whose last sample was.
 * @typedef {{type: "at" | "over", course: Course} | {type: "cut", courses: Course[]}} Report
 */

const REPORTS_PER_SECOND = 25;

class PlaybackProcessor extends AudioWorkletProcessor {
  /** @param {{processorOptions: {rate: number}}} options */
  constructor({ processorOptions }) {
    super();
    this.#queue = new PlayQueue(processorOptions.rate, sampleRate);
    this.port.onmessage = ({ data }) => this.#obey(data);
  }

  #queue;
  #since = 0;
  #told = "";
  #played = -1;

  /**
   * @param {Float32Array[][]} _
   * @param {Float32Array[][]} outputs
   */
  process(_, outputs) {
    const [first, ...others] = outputs[0];
    const over = this.#queue.read(first);
    for (const other of others) other.set(first);
    for (const course of over) this.#tell({ type: "over", course });
    this.#since += first.length;
    const { now } = this.#queue;
    const isNews = now !== null && now.played > 0 && now.item !== this.#told;
    if (now && (isNews || this.#since >= sampleRate / REPORTS_PER_SECOND)) this.#at(now);
    return true;
  }

  /** @param {Course} course */
  #at(course) {
    this.#since = 0;
    if (course.played === 0 || (course.item === this.#told && course.played === this.#played)) return;
    this.#told = course.item;
    this.#played = course.played;
    this.#tell({ type: "at", course: { ...course } });
  }

  /** @param {Order} order */
  #obey(order) {
    switch (order.type) {
      case "push":
        this.#queue.push(order.item, order.samples);
        return;
      case "end":
        this.#queue.end(order.item);
        return;
      case "hold":
        this.#queue.hold();
        return;
      case "resume":
        this.#queue.resume();
        return;
      case "clear":
        this.#tell({ type: "cut", courses: this.#queue.clear() });
    }
  }

  /** @param {Report} report */
  #tell(report) {
    this.port.postMessage(report);
  }
}

registerProcessor("playback", PlaybackProcessor);
