import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../../src/sotto/web/client/emitter.js";
import { Sending } from "../../src/sotto/web/client/sending.js";

const RATE = 1_000;
const MESSAGE = 100;
const READY = { type: "ready", session: "s", model: "nano", language: null, n_mels: 80 };

/** A source that gives out numbered samples when it is told to. */
class Source {
  rate = RATE;
  held = false;
  #place = 0;

  start(onSamples) {
    this.onSamples = onSamples;
  }

  hold(held) {
    this.held = held;
  }

  speak(messages) {
    for (let i = 0; i < messages; i += 1) {
      const samples = Float32Array.from({ length: MESSAGE }, (_, k) => ((this.#place + k) % 9_973) / 32_768);
      this.#place += MESSAGE;
      this.onSamples(samples);
    }
  }
}

/** The other end of a stream: what it was sent, and how much of it lies in the network still. */
class Socket {
  waiting = 0;
  finished = false;
  samples = [];

  send(sound) {
    this.samples.push(...new Int16Array(sound));
  }

  finish() {
    this.finished = true;
  }
}

function begun() {
  const source = new Source();
  const events = [];
  const around = { emit: (event) => events.push(event), silent: false, anonymize: false, looks: false };
  let stops = 0;
  const stop = () => {
    stops += 1;
  };
  const sending = new Sending(source, READY, { ...around, stop });
  const socket = new Socket();
  sending.attach(socket, READY);
  sending.start();
  const of = (type) => events.filter((event) => event.type === type);
  return { source, sending, socket, of, stops: () => stops };
}

/** The samples of these messages. */
const spoken = (from, to) => Array.from({ length: (to - from) * MESSAGE }, (_, i) => (from * MESSAGE + i) % 9_973);

const final = (utterance, start, end) => ({ type: "final", utterance, text: "x", start, end, language: "en" });

test("sound is sent as it comes, and finished once all is", async () => {
  const { source, sending, socket, of } = begun();
  source.speak(20);
  assert.deepEqual(socket.samples, spoken(0, 20));
  assert.equal(of("heard").at(-1).seconds, 2);
  assert.ok(!socket.finished);
  await sending.finish();
  assert.ok(socket.finished);
  sending.close();
});

test("what no final covers is sent again after a cut, and what came meanwhile", () => {
  const { source, sending, of } = begun();
  source.speak(50);
  sending.receive({ type: "speech_started", utterance: 0, at: 1 });
  sending.receive(final(0, 1, 2.5));
  sending.receive({ type: "speech_started", utterance: 1, at: 4 });
  sending.detach();
  source.speak(30);
  const again = new Socket();
  sending.attach(again, READY);
  assert.deepEqual(again.samples, spoken(25, 80));
  assert.deepEqual(of("resumed"), [{ type: "resumed", at: 2.5, utterance: 1 }]);
  sending.receive({ type: "speech_started", utterance: 0, at: 1.5 });
  assert.deepEqual(of("speech_started").at(-1), { type: "speech_started", utterance: 1, at: 4 });
  assert.deepEqual(of("warning"), []);
  sending.close();
});

test("cuts at any place lose nothing and repeat no final", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { source, sending, socket, of } = begun();
    const covered = [];
    let [stream, origin, told] = [socket, 0, 0];
    for (let turn = 0; turn < 12; turn += 1) {
      source.speak(1 + ((turn * seed) % 17));
      const there = origin + stream.samples.length;
      assert.deepEqual(stream.samples, Array.from({ length: there - origin }, (_, i) => (origin + i) % 9_973));
      if ((turn + seed) % 3 === 0) {
        const end = origin + Math.floor(stream.samples.length / 2);
        sending.receive(final(told, 0, (end - origin) / RATE));
        covered.push(end);
        told += 1;
      }
      if ((turn * seed) % 4 === 0) {
        sending.detach();
        source.speak(turn % 5);
        stream = new Socket();
        sending.attach(stream, READY);
        [origin, told] = [Math.round(of("resumed").at(-1).at * RATE), 0];
        assert.equal(origin, covered.at(-1) ?? 0);
      }
    }
    const numbers = of("final").map(({ utterance }) => utterance);
    assert.deepEqual(numbers, covered.map((_, i) => i));
    sending.close();
  }
});

test("long silence is not heard again, and its loss is no loss", () => {
  const { source, sending, of } = begun();
  source.speak(2_000);
  sending.detach();
  const again = new Socket();
  sending.attach(again, READY);
  assert.equal(of("resumed")[0].at, 170);
  assert.equal(again.samples.length, 30 * RATE);
  assert.deepEqual(of("warning"), []);
  sending.close();
});

test("two minutes are kept; what they do not hold is told", () => {
  const { source, sending, of } = begun();
  source.speak(10);
  sending.detach();
  source.speak(1_500);
  const again = new Socket();
  sending.attach(again, READY);
  assert.equal(of("resumed")[0].at, 31);
  assert.deepEqual(of("warning").map(({ code, message }) => [code, message]), [
    ["lost", "31.0 s of sound were heard while the connection was lost, and could not be kept."],
  ]);
  assert.equal(again.samples.length, 120 * RATE);
  assert.deepEqual(of("behind"), []);
  sending.close();
});

test("a slow network is told, held against, and left at last", () => {
  const { source, sending, socket, of, stops } = begun();
  socket.waiting = 6 * RATE * 2;
  source.speak(5);
  assert.equal(socket.samples.length, 0);
  assert.ok(source.held);
  assert.deepEqual(of("behind")[0], { type: "behind", seconds: 6 });
  socket.waiting = 0;
  source.speak(1);
  assert.deepEqual(socket.samples, spoken(0, 6));
  assert.ok(!source.held);
  assert.equal(of("behind").at(-1).seconds, 0);
  socket.waiting = 30 * RATE * 2;
  source.speak(3);
  assert.ok(stops() > 0);
  assert.deepEqual(of("warning").map(({ code }) => code), ["network_too_slow"]);
  sending.close();
});

test("catching up after a cut is no slow network", () => {
  const { source, sending, of, stops } = begun();
  sending.detach();
  source.speak(600);
  const again = new Socket();
  again.waiting = 6 * RATE * 2;
  sending.attach(again, READY);
  source.speak(5);
  assert.ok(!source.held);
  assert.deepEqual([of("behind"), of("warning"), stops()], [[], [], 0]);
  again.waiting = 0;
  source.speak(1);
  assert.equal(again.samples.length, 606 * MESSAGE);
  sending.close();
});

test("two minutes go through a network that takes them slowly", () => {
  const { source, sending, of, stops } = begun();
  sending.detach();
  source.speak(1_200);
  const again = new Socket();
  const sent = again.send.bind(again);
  again.send = (sound) => {
    sent(sound);
    again.waiting += sound.byteLength;
  };
  sending.attach(again, READY);
  assert.equal(again.samples.length, 5 * RATE);
  for (let turn = 0; turn < 100; turn += 1) {
    again.waiting = Math.max(0, again.waiting - 3 * RATE * 2);
    source.speak(10);
  }
  assert.equal(stops(), 0);
  assert.deepEqual(of("warning"), []);
  assert.deepEqual(again.samples, spoken(0, 2_200));
  sending.close();
});

test("listeners hear their type, until they do not", () => {
  const emitter = new Emitter();
  const heard = [];
  const off = emitter.on("a", ({ value }) => heard.push(value));
  const offAll = emitter.onAny(({ type }) => heard.push(type));
  assert.ok(emitter.hears("a") && !emitter.hears("b"));
  emitter.emit({ type: "a", value: 1 });
  emitter.emit({ type: "b" });
  off();
  emitter.emit({ type: "a", value: 2 });
  offAll();
  emitter.emit({ type: "a", value: 3 });
  assert.deepEqual(heard, [1, "a", "b", "a"]);
  assert.ok(!emitter.hears("a"));
});
