/**
 * One conversation of `@openai/agents-realtime`; prints what came of it as one JSON object.
 *
 * Run with the address of `/v1/realtime`, a file of s16le at 24 kHz, and what is written to the
 * model.
 */

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import {
  OpenAIRealtimeWebSocket,
  RealtimeAgent,
  RealtimeSession,
  tool,
} from "@openai/agents-realtime";
import { z } from "zod";

const [url, clip, written] = process.argv.slice(2);
const sound = await readFile(clip);
/** Bytes of a tenth of a second. */
const TENTH = 4_800;
/** Of the clip so much interrupts; the rest comes when that was seen to, as it does at its pace. */
const BEGINNING = 10 * TENTH;
/** What comes one after the other where the client cuts an answer, and looks at what is left. */
const CUT = [
  "response.output_audio.delta",
  "input_audio_buffer.speech_started",
  "conversation.item.truncated",
  "conversation.item.retrieved",
];
/** Milliseconds of the long answer that are heard. */
const LISTENED = 1_500;
/** Milliseconds. */
const UNTIL = 60_000;

/** What came and was not waited for yet. */
class Queue {
  /** @type {string[]} */
  #items = [];
  /** @type {((item: string) => void)[]} */
  #waiting = [];

  /** @param {string} item */
  put(item) {
    const taker = this.#waiting.shift();
    if (taker) taker(item);
    else this.#items.push(item);
  }

  /** @returns {Promise<string>} */
  take() {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** @type {{ number: string }[]} */
const calls = [];
const findParcel = tool({
  name: "find_parcel",
  description: "Where a parcel is.",
  parameters: z.object({ number: z.string() }),
  execute: async ({ number }) => {
    calls.push({ number });
    return "in Oslo";
  },
});

const transport = new OpenAIRealtimeWebSocket({ url: `${url}?model=gpt-realtime` });
const agent = new RealtimeAgent({
  name: "Parcels",
  instructions: "Find parcels.",
  tools: [findParcel],
});
const session = new RealtimeSession(agent, {
  transport,
  model: "gpt-realtime",
  tracingDisabled: true,
  config: { audio: { input: { turnDetection: { type: "server_vad", silenceDurationMs: 1_000 } } } },
});

/** Bytes by answer. @type {Map<string, number>} */
const sounds = new Map();
/** @type {string[]} */
const errors = [];
const starts = new Queue();
const ends = new Queue();
const cuts = new Queue();
let interruptions = 0;
/** How often each type of event came. @type {Record<string, number>} */
const came = {};
/** How often it was one that the package reads. @type {Record<string, number>} */
const known = {};

session.on("audio", ({ data, responseId }) => {
  if (!sounds.has(responseId)) starts.put(responseId);
  sounds.set(responseId, (sounds.get(responseId) ?? 0) + data.byteLength);
});
session.on("audio_interrupted", () => interruptions++);
session.on("error", ({ error }) => errors.push(JSON.stringify(error) + String(error)));
transport.on("disconnected", () => errors.push("it was disconnected"));
transport.on("turn_done", ({ response }) => ends.put(response.id));
transport.on("*", ({ type }) => {
  if (!(type in came)) transport.on(type, () => (known[type] = (known[type] ?? 0) + 1));
  came[type] = (came[type] ?? 0) + 1;
  if (type === CUT[0] && CUT.shift() && !CUT.length) cuts.put(type);
});

function speak(from = 0, to = sound.length) {
  for (let at = from; at < to; at += TENTH) {
    const piece = sound.subarray(at, Math.min(at + TENTH, to));
    session.sendAudio(piece.buffer.slice(piece.byteOffset, piece.byteOffset + piece.length));
  }
}

/** @param {string} role */
function said(role) {
  return session.history
    .filter((item) => item.type === "message" && item.role === role)
    .flatMap((item) => item.content)
    .filter((part) => part.type.endsWith("_audio"))
    .map((part) => part.transcript);
}

async function converse() {
  await session.connect({ apiKey: "sk-any", url: `${url}?model=gpt-realtime` });
  speak();
  await ends.take(); // the call
  await ends.take();
  await starts.take();
  session.sendMessage(written);
  await starts.take();
  await sleep(LISTENED); // what is played goes by the clock
  speak(0, BEGINNING);
  await cuts.take();
  speak(BEGINNING);
  await starts.take();
  await ends.take(); // the long answer
  await ends.take();
}

setTimeout(() => {
  console.error("it took too long", came, errors);
  process.exit(1);
}, UNTIL);
await converse();
const answers = said("assistant");
console.log(
  JSON.stringify({
    heard: said("user"),
    calls,
    sounds: [...sounds.values()],
    errors,
    interruptions,
    lost: Object.keys(came).filter((type) => came[type] !== known[type]),
    said: answers,
    answers: [answers[0], answers.at(-1)],
  }),
);
process.exit(0);
