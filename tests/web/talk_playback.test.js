import assert from "node:assert/strict";
import { test } from "node:test";

import { RemotePlayer } from "../../src/sotto/web/audio/remote_player.js";
import { MOST_SECONDS, PlayQueue } from "../../src/sotto/web/audio/play_queue.js";
import { samplesOf, toBase64 } from "../../src/sotto/web/core/base64.js";

const RATE = 24_000;
const BLOCK = 128;

/** A tone, s16. @param {number} length samples */
const tone = (length) => Int16Array.from({ length }, (_, i) => 8_000 * Math.sin((2 * Math.PI * 300 * i) / RATE));

/** So many blocks, one after the other. @param {PlayQueue} queue */
function read(queue, blocks) {
  const all = new Float32Array(blocks * BLOCK);
  const over = [];
  for (let i = 0; i < blocks; i += 1) {
    over.push(...queue.read(all.subarray(i * BLOCK, (i + 1) * BLOCK)));
  }
  return { all, over };
}

const loudness = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
const steepest = (samples) =>
  samples.reduce((most, x, i) => Math.max(most, i ? Math.abs(x - samples[i - 1]) : 0), 0);

for (const to of [24_000, 44_100, 48_000]) {
  test(`what is pushed is played, at ${to} Hz, and counted`, () => {
    const queue = new PlayQueue(RATE, to);
    queue.push("a", tone(12_000));
    queue.push("a", tone(12_000));
    queue.end("a");
    const { all, over } = read(queue, Math.ceil((1.2 * to) / BLOCK));
    assert.deepEqual(over.map(({ item, played }) => [item, played]), [["a", 24_000]]);
    assert.equal(queue.now, null);
    assert.ok(Math.abs(loudness(all.subarray(0.2 * to, 0.8 * to)) - 8_000 / 32_768 / Math.SQRT2) < 2e-3);
    assert.ok(loudness(all.subarray(1.05 * to)) < 1e-4);
  });
}

test("how it is cut into pieces changes nothing", () => {
  const sound = tone(6_000);
  const [whole, pieces] = [new PlayQueue(RATE, 48_000), new PlayQueue(RATE, 48_000)];
  whole.push("a", sound);
  for (let at = 0; at < sound.length; at += 77) pieces.push("a", sound.subarray(at, at + 77));
  assert.deepEqual(read(whole, 100).all, read(pieces, 100).all);
});

test("clear stops within 10 ms, softly, and tells how much was heard", () => {
  const queue = new PlayQueue(RATE, 48_000);
  queue.push("a", tone(24_000));
  queue.push("b", tone(24_000));
  const before = read(queue, 75).all;
  const cut = queue.clear();
  assert.deepEqual(cut.map(({ item }) => item), ["a", "b"]);
  assert.ok(Math.abs(cut[0].played - 75 * BLOCK * 0.5) < 300);
  assert.equal(cut[1].played, 0);
  assert.equal(cut[0].received, 24_000);
  const { all } = read(queue, 50);
  assert.ok(loudness(all.subarray(0, 240)) > 0.01);
  assert.ok(loudness(all.subarray(3 * 480)) < 1e-4);
  assert.ok(steepest(all) < 2 * steepest(before));
  assert.equal(queue.now, null);
});

test("what comes after a clear is played", () => {
  const queue = new PlayQueue(RATE, RATE);
  queue.push("a", tone(24_000));
  read(queue, 10);
  queue.clear();
  queue.push("b", tone(2_400));
  queue.end("b");
  assert.deepEqual(read(queue, 40).over.map(({ item }) => item), ["b"]);
});

test("while it is held nothing is played and nothing lost", () => {
  const queue = new PlayQueue(RATE, 48_000);
  queue.push("a", tone(24_000));
  queue.end("a");
  read(queue, 50);
  queue.hold();
  read(queue, 10);
  const { played } = { ...queue.now };
  const { all } = read(queue, 100);
  assert.ok(loudness(all) < 1e-4);
  assert.equal(queue.now?.played, played);
  queue.resume();
  const { over } = read(queue, 400);
  assert.deepEqual(over.map((each) => each.played), [24_000]);
});

test("a network that stutters is silence, and no end", () => {
  const queue = new PlayQueue(RATE, RATE);
  queue.push("a", tone(1_280));
  assert.deepEqual(read(queue, 20).over, []);
  assert.equal(queue.now?.played, 1_280);
  queue.push("a", tone(1_280));
  queue.end("a");
  assert.deepEqual(read(queue, 20).over.map(({ played }) => played), [2_560]);
});

test("it keeps so much sound and no more", () => {
  const queue = new PlayQueue(4_000, 4_000);
  const minutes = new Int16Array(60 * 4_000);
  for (let i = 0; i < 15; i += 1) queue.push("a", minutes);
  assert.equal(queue.now?.received, MOST_SECONDS * 4_000);
});

test("what the server plays is followed by the clock", async () => {
  let now = 1_000;
  const told = [];
  const hearer = { onPlayed: ({ item, ms }) => told.push([item, ms]), onOver: (item) => told.push(["over", item]) };
  const player = new RemotePlayer(hearer, () => now);
  player.started("a");
  now += 400;
  player.hold();
  now += 5_000;
  player.resume();
  now += 100;
  assert.deepEqual(await player.clear(), [{ item: "a", ms: 500, received: 500 }]);
  assert.deepEqual(await player.clear(), []);
  player.started("b");
  player.stopped();
  assert.deepEqual(told, [["a", 1], ["b", 1], ["over", "b"]]);
});

test("sound goes through base64 and back", () => {
  const samples = tone(20_001);
  assert.deepEqual(samplesOf(toBase64(samples.buffer)), samples);
  assert.deepEqual(samplesOf(""), new Int16Array(0));
});
