/**
 * How long an answer takes, from the end of speech to its first sound. Clocks are arguments: `at` is
 * milliseconds of one monotonic clock.
 */

import { CaptureClock } from "../core/latency.js";

/** @typedef {"text" | "word" | "voice" | "sound"} StageName */
/** @typedef {{name: StageName, label: string, ms: number}} Stage */
/** @typedef {{item: string, from: number | null, marks: Partial<Record<StageName, number>>}} Course */

/** In the order in which they come; what each of them waits for. */
const STAGES = /** @type {const} */ ([
  ["text", "your words"],
  ["word", "first word"],
  ["voice", "voice"],
  ["sound", "first sound"],
]);
/** Answers of which is known how they came about. */
const MOST = 50;

/** One for each line: sound is counted from its first. */
export class Timing {
  #sent = new CaptureClock();
  /** @type {Course} */
  #open = { item: "", from: null, marks: {} };
  /** By the answer's id. @type {Map<string, Course>} */
  #courses = new Map();
  /** By the item's id, the answer's. @type {Map<string, string>} */
  #items = new Map();

  /**
   * Sound up to `seconds` was sent at `at`.
   * @param {number} seconds
   * @param {number} at
   */
  sent(seconds, at) {
    this.#sent.mark(seconds, at);
  }

  /** Something was asked for without a word spoken. @param {number} at */
  wrote(at) {
    this.#open = { item: "", from: at, marks: {} };
  }

  /**
   * @param {import("./types.js").ServerEvent} event
   * @param {number} at
   */
  receive(event, at) {
    switch (event.type) {
      case "input_audio_buffer.speech_stopped":
        this.#open = { item: event.item_id, from: this.#sent.at(event.audio_end_ms / 1000) ?? at, marks: {} };
        return;
      case "conversation.item.input_audio_transcription.completed":
        for (const course of [this.#open, ...this.#courses.values()]) {
          if (course.item === event.item_id) course.marks.text ??= at;
        }
        return;
      case "response.created":
        this.#courses.set(event.response.id, this.#open);
        this.#forget();
        return;
      case "response.output_item.added":
        this.#items.set(event.item.id, event.response_id);
        return;
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        this.#mark(event.item_id, "word", at);
        return;
      case "response.output_audio.delta":
        this.#mark(event.item_id, "voice", at);
    }
  }

  /**
   * The first sample of an item was played.
   * @param {string} item
   * @param {number} at
   */
  sounded(item, at) {
    this.#mark(item, "sound", at);
  }

  /**
   * What an item's answer waited for, each since the one before; nothing until it is known.
   * @param {string} item
   * @returns {Stage[]}
   */
  of(item) {
    const course = this.#courses.get(this.#items.get(item) ?? "");
    if (!course || course.from === null) return [];
    /** @type {Stage[]} */
    const stages = [];
    let before = course.from;
    for (const [name, label] of STAGES) {
      const at = course.marks[name];
      if (at === undefined) continue;
      // The words may be told later than they were answered: they took none of the time then.
      stages.push({ name, label, ms: Math.max(0, at - before) });
      before = Math.max(before, at);
    }
    return stages;
  }

  /**
   * @param {string} item
   * @param {StageName} name
   * @param {number} at
   */
  #mark(item, name, at) {
    const course = this.#courses.get(this.#items.get(item) ?? "");
    if (course) course.marks[name] ??= at;
  }

  #forget() {
    for (const id of [...this.#courses.keys()].slice(0, -MOST)) this.#courses.delete(id);
    for (const [item, id] of this.#items) if (!this.#courses.has(id)) this.#items.delete(item);
  }
}

/**
 * @param {readonly Stage[]} stages
 */
export function totalOf(stages) {
  return stages.reduce((sum, stage) => sum + stage.ms, 0);
}

/**
 * The stages as a sentence.
 * @param {readonly Stage[]} stages
 */
export function timingSentence(stages) {
  if (!stages.length) return "";
  const parts = stages.map(({ label, ms }) => `${label} ${Math.round(ms)} ms`);
  return `${Math.round(totalOf(stages))} ms in all: ${parts.join(", ")}`;
}
