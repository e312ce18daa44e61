/**
 * The browser's client under node: the page's own modules, from samples to messages.
 *
 * In: a line of JSON, `{"bands", "clips": [{"samples", "disguise"}]}`, then the samples of all clips
 * at 16 kHz, as float32. Out: a line of JSON, `{"clips": [{"milliseconds", "messages": [{"heard",
 * "at", "end", "bytes"}]}]}`, then the messages. `heard` is how many samples had come when a
 * message left; sound comes in pieces of 10 ms. The milliseconds are the processor's, not the clock's.
 */

import { readFileSync, writeFileSync } from "node:fs";

import { Anonymizer } from "../../web/mel/anonymize.js";
import { Ear } from "../../web/mel/ear.js";
import { Gate } from "../../web/mel/gate.js";

const RATE = 16_000;
const PIECE = RATE / 100;
/** Bytes of a sample. */
const WIDTH = 4;
/** Seconds of noise until the compiler is done with the code. */
const WARM_UP = 4;

/** One clip's messages, and what they took. */
function send(samples, bands, disguise) {
  const ear = new Ear(RATE, bands);
  const gate = new Gate(bands);
  const anonymizer = disguise && new Anonymizer(bands, disguise);
  const messages = [];
  const leave = (heard, come) => {
    const mel = anonymizer ? anonymizer.frames(heard.mel) : heard.mel;
    keep(gate.receive({ ...heard, mel }).images, come);
  };
  const keep = (images, come) => {
    for (const { at, end, data } of images) messages.push({ heard: come, at, end, data });
  };
  const began = process.cpuUsage();
  for (let first = 0; first < samples.length; first += PIECE) {
    const piece = samples.slice(first, first + PIECE);
    leave(ear.receive(piece), first + piece.length);
  }
  leave(ear.finish(), samples.length);
  keep(gate.finish().images, samples.length);
  const { user, system } = process.cpuUsage(began);
  return { milliseconds: (user + system) / 1_000, messages };
}

function work(input) {
  const line = input.indexOf("\n");
  const { bands, clips } = JSON.parse(input.toString("utf8", 0, line));
  // A copy, since samples lie at a multiple of their width.
  const sound = new Float32Array(new Uint8Array(input.subarray(line + 1)).buffer);
  send(
    Float32Array.from({ length: WARM_UP * RATE }, () => Math.random() - 0.5),
    bands,
    clips[0]?.disguise,
  );
  let first = 0;
  return clips.map(({ samples, disguise }) => {
    first += samples;
    return send(sound.slice(first - samples, first), bands, disguise);
  });
}

const sent = work(readFileSync(0));
const about = sent.map(({ milliseconds, messages }) => ({
  milliseconds,
  messages: messages.map(({ heard, at, end, data }) => ({ heard, at, end, bytes: data.byteLength })),
}));
const bodies = sent.flatMap(({ messages }) => messages.map(({ data }) => Buffer.from(data)));
writeFileSync(1, Buffer.concat([Buffer.from(`${JSON.stringify({ clips: about })}\n`), ...bodies]));
