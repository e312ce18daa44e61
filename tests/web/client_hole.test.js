import assert from "node:assert/strict";
import { test } from "node:test";

import { Sending } from "../../src/sotto/web/client/sending.js";

const RATE = 1_000;
const MESSAGE = 100;
const READY = { type: "ready", session: "s", model: "nano", language: null, n_mels: 80 };

/** A network that takes all that is sent only when `flow` is called. */
class Socket {
  waiting = 0;
  samples = [];

  send(sound) {
    this.samples.push(...new Int16Array(sound));
    this.waiting += sound.byteLength;
  }

  flow() {
    this.waiting = 0;
  }

  flush() {}

  finish() {}
}

test("a final that is told again before its sound was sent again leaves no hole in the sound", () => {
  let place = 0;
  const source = { rate: RATE, hold() {}, start: (onSamples) => (source.onSamples = onSamples) };
  const speak = (socket) => {
    socket.flow();
    source.onSamples(Float32Array.from({ length: MESSAGE }, (_, k) => ((place + k) % 9_973) / 32_768));
    place += MESSAGE;
  };
  const sending = new Sending(source, READY, {
    emit: () => {},
    silent: false,
    anonymize: false,
    looks: false,
    stop: () => {},
  });
  const [first, again] = [new Socket(), new Socket()];
  sending.attach(first, READY);
  sending.start();
  for (let i = 0; i < 250; i += 1) speak(first);
  sending.detach();
  const { at } = sending.carried();
  sending.attach(again, READY);
  assert.ok(again.samples.length < 15 * RATE, "expected sound that waits for the network");
  sending.receive({ type: "final", utterance: 0, text: "x", start: 1, end: 15, language: "en" });
  for (let i = 0; i < 20; i += 1) speak(again);
  const all = Array.from({ length: place - at * RATE }, (_, i) => (at * RATE + i) % 9_973);
  assert.deepEqual(again.samples, all);
  sending.close();
});
