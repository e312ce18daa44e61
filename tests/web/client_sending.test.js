import assert from "node:assert/strict";
import { mock, test } from "node:test";

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
  flushes = 0;
  samples = [];

  send(sound) {
    this.samples.push(...new Int16Array(sound));
  }

  flush() {
    this.flushes += 1;
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

test("where the source pauses, the open utterance ends; once, and not after the last words", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const { source, sending, socket } = begun();
    mock.timers.tick(10_000);
    assert.equal(socket.flushes, 0);
    source.speak(1);
    mock.timers.tick(1_900);
    source.speak(1);
    mock.timers.tick(1_900);
    assert.equal(socket.flushes, 0);
    mock.timers.tick(10_000);
    assert.equal(socket.flushes, 1);
    source.speak(1);
    await sending.finish();
    mock.timers.tick(10_000);
    assert.equal(socket.flushes, 1);
    sending.close();
  } finally {
    mock.timers.reset();
  }
});

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
  assert.deepEqual(sending.carried(), { session: "s", at: 0.48, heard: 2.5, received: 1 });
  const again = new Socket();
  sending.attach(again, READY);
  assert.deepEqual(again.samples, spoken(0, 80).slice(480));
  assert.deepEqual(of("resumed"), [{ type: "resumed", at: 2.5, utterance: 1 }]);
  sending.receive({ type: "speech_started", utterance: 1, at: 4 });
  assert.deepEqual(of("speech_started").at(-1), { type: "speech_started", utterance: 1, at: 4 });
  assert.deepEqual(of("warning"), []);
  sending.close();
});

test("cuts at any place send again what is not settled, and all of it", () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { source, sending, socket, of } = begun();
    const covered = [];
    let [stream, origin] = [socket, 0];
    for (let turn = 0; turn < 12; turn += 1) {
      source.speak(1 + ((turn * seed) % 17));
      const there = origin + stream.samples.length;
      assert.deepEqual(stream.samples, Array.from({ length: there - origin }, (_, i) => (origin + i) % 9_973));
      if ((turn + seed) % 3 === 0) {
        const done = covered.at(-1) ?? 0;
        const end = done + Math.floor((there - done) / 2);
        sending.receive(final(covered.length, 0, end / RATE));
        covered.push(end);
      }
      if ((turn * seed) % 4 === 0) {
        sending.detach();
        source.speak(turn % 5);
        stream = new Socket();
        const { at, heard, received } = sending.carried();
        const done = covered.at(-1) ?? 0;
        assert.deepEqual([Math.round(heard * RATE), received], [done, covered.length]);
        origin = Math.round(at * RATE);
        assert.equal(origin, Math.max(Math.floor((done - 2 * RATE) / 160) * 160, 0));
        source.speak(turn % 3);
        sending.attach(stream, READY);
        assert.equal(Math.round(of("resumed").at(-1).at * RATE), done);
      }
    }
    sending.close();
  }
});

test("two seconds before what is stored is sent again, and nothing in it told, by whatever server", () => {
  const { source, sending, of } = begun();
  source.speak(50);
  sending.receive(final(0, 1, 2.5));
  sending.detach();
  const { at, heard } = sending.carried();
  // A server that forgot the session has nothing but these to go by.
  const fresh = new Socket();
  sending.attach(fresh, READY);
  const skipped = Math.round((heard - at) * RATE);
  assert.equal(skipped, 2_020);
  assert.deepEqual([fresh.samples.slice(0, skipped), fresh.samples.slice(skipped)], [spoken(0, 25).slice(480), spoken(25, 50)]);
  assert.equal(of("final").length, 1);
  sending.close();
});

test("long silence that is acknowledged is not heard again", () => {
  const { source, sending, of } = begun();
  source.speak(2_000);
  sending.receive({ type: "acknowledged", until: 195 });
  sending.detach();
  const again = new Socket();
  assert.deepEqual(sending.carried(), { session: "s", at: 192.96, heard: 195, received: 0 });
  sending.attach(again, READY);
  assert.equal(again.samples.length, 7_040);
  assert.equal(of("resumed")[0].at, 195);
  assert.deepEqual(of("warning"), []);
  sending.close();
});

test("a server that does not answer is asked again for the same, and no loss is forgotten", () => {
  const { source, sending, of } = begun();
  source.speak(10);
  sending.detach();
  source.speak(1_300);
  assert.equal(sending.carried().at, 11);
  sending.detach();
  source.speak(100);
  assert.equal(sending.carried().at, 21);
  const again = new Socket();
  sending.attach(again, READY);
  assert.equal(again.samples.length, 120 * RATE);
  assert.ok(of("warning")[0].message.startsWith("21.0 s of sound"));
  sending.close();
});

test("what a server that is asked to carry on never takes has a bound", () => {
  const { source, sending, of, stops } = begun();
  sending.detach();
  sending.carried();
  source.speak(1_600);
  assert.ok(stops() > 0);
  assert.equal(of("warning")[0].code, "network_too_slow");
  sending.close();
});

test("two minutes are kept; what they do not hold is told", () => {
  const { source, sending, of } = begun();
  source.speak(10);
  sending.detach();
  source.speak(1_500);
  sending.carried();
  const again = new Socket();
  sending.attach(again, READY);
  assert.equal(of("resumed")[0].at, 31);
  assert.deepEqual(of("warning").map(({ code, message }) => [code, message]), [
    ["lost", "31.0 s of sound were heard while the connection was lost, and could not be kept."],
  ]);
  assert.equal(again.samples.length, 120 * RATE);
  assert.deepEqual(of("behind"), []);
  const cut = (messages) => {
    sending.detach();
    source.speak(messages);
    sending.carried();
    sending.attach(new Socket(), READY);
  };
  cut(0);
  assert.equal(of("warning").length, 1);
  sending.receive(final(0, 31, 40));
  cut(1_200);
  assert.ok(of("warning")[1].message.startsWith("111.0 s of sound"));
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
