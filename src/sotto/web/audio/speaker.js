/**
 * What is said to the user: pieces of sound, played one after the other.
 *
 * It plays through an <audio> element: that is what browsers take out of the microphone again.
 */

import { newContext } from "./capture.js";

/** @typedef {import("./play_queue.js").Course} Course */
/**
 * How far an item is: milliseconds that were played, and that came.
 * @typedef {{item: string, ms: number, received: number}} Played
 */
/**
 * What plays the answers of a conversation.
 * @typedef {object} Player
 * @property {(item: string, samples: Int16Array) => void} push
 * @property {(item: string) => void} end no more of it comes
 * @property {() => void} hold
 * @property {() => void} resume
 * @property {() => Promise<readonly Played[]>} clear what was not played is gone; how much was, of
 *   each that this cut
 * @property {() => void} close
 */
/**
 * @typedef {object} Hearer
 * @property {(played: Played) => void} onPlayed some 25 times a second, and at an item's first sample
 * @property {(item: string) => void} onOver its last sample was played
 */

export class Speaker {
  /**
   * To be called in the handler of a click or a key. Throws SourceError.
   * @param {number} rate samples a second of what will be pushed
   * @param {Hearer} hearer
   */
  static async open(rate, hearer) {
    const context = newContext();
    try {
      await context.audioWorklet.addModule(new URL("./play_worklet.js", import.meta.url));
      await context.resume();
      return new Speaker(context, rate, hearer);
    } catch (error) {
      context.close();
      throw error;
    }
  }

  /**
   * @param {AudioContext} context
   * @param {number} rate
   * @param {Hearer} hearer
   */
  constructor(context, rate, hearer) {
    this.#context = context;
    this.#rate = rate;
    this.#hearer = hearer;
    const options = { numberOfInputs: 0, outputChannelCount: [1], processorOptions: { rate } };
    this.#node = new AudioWorkletNode(context, "playback", options);
    this.#node.port.onmessage = ({ data }) => this.#receive(data);
    const sink = context.createMediaStreamDestination();
    this.#node.connect(sink);
    this.#element.srcObject = sink.stream;
    this.#element.play();
  }

  #context;
  #rate;
  #hearer;
  #node;
  #element = new Audio();
  /** Whoever waits for what was cut. @type {((courses: readonly Course[]) => void)[]} */
  #cutting = [];

  /**
   * @param {string} item
   * @param {Int16Array} samples
   */
  push(item, samples) {
    this.#order({ type: "push", item, samples });
  }

  /** @param {string} item */
  end(item) {
    this.#order({ type: "end", item });
  }

  hold() {
    this.#order({ type: "hold" });
  }

  resume() {
    this.#order({ type: "resume" });
  }

  /** @returns {Promise<readonly Played[]>} */
  async clear() {
    /** @type {readonly Course[]} */
    const courses = await new Promise((resolve) => {
      this.#cutting.push(resolve);
      this.#order({ type: "clear" });
    });
    return courses.map((course) => this.#told(course));
  }

  close() {
    for (const done of this.#cutting.splice(0)) done([]);
    this.#element.srcObject = null;
    this.#context.close();
  }

  /** @param {import("./play_worklet.js").Order} order */
  #order(order) {
    this.#node.port.postMessage(order);
  }

  /** @param {import("./play_worklet.js").Report} report */
  #receive(report) {
    switch (report.type) {
      case "at":
        this.#hearer.onPlayed(this.#told(report.course));
        return;
      case "over":
        this.#hearer.onPlayed(this.#told(report.course));
        this.#hearer.onOver(report.course.item);
        return;
      case "cut":
        this.#cutting.shift()?.(report.courses);
    }
  }

  /**
   * @param {Course} course
   * @returns {Played}
   */
  #told({ item, played, received }) {
    const ms = (/** @type {number} */ samples) => (samples / this.#rate) * 1000;
    return { item, ms: ms(played), received: ms(received) };
  }
}
