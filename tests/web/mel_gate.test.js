import assert from "node:assert/strict";
import { test } from "node:test";

import { Gate, LIVE, WHOLE_FILE } from "../../src/sotto/web/mel/gate.js";
import { noise } from "../golden/sounds.js";

const BANDS = 80;
/** The server's own (src/sotto/streaming/segmenter.py). */
const SERVER = { silence: 60, preRoll: 30, postRoll: 20, bucket: 16 };

/** Frames whose first band tells which they are. */
function frames(speech, at) {
  const mel = new Float32Array(speech.length * BANDS);
  for (let i = 0; i < speech.length; i += 1) mel[i * BANDS] = at + i;
  return { at, bands: BANDS, mel, speech: Float32Array.from(speech) };
}

/** What a gate makes of these probabilities, which come in pieces. */
function gated(speech, { options = LIVE, length = 10 } = {}) {
  const gate = new Gate(BANDS, options);
  const parts = [];
  for (let at = 0; at < speech.length; at += length) {
    parts.push(gate.receive(frames(speech.slice(at, at + length), at)));
  }
  parts.push(gate.finish());
  const images = parts.flatMap((part) => part.images).map(({ at, end, data }) => {
    const header = new DataView(data);
    assert.deepEqual([header.getUint32(8, true), header.getUint32(12, true)], [at, end - at]);
    return { at, end };
  });
  const shown = parts.map((part) => part.frames);
  return { parts, images, shown, sent: shown.flatMap((part) => [...part.sent]) };
}

/** Probabilities: [value, frames] after each other. */
const spans = (...parts) => parts.flatMap(([value, n]) => Array(n).fill(value));

/** Stretches of frames that are in images. */
function stretches(images) {
  const found = [];
  for (const { at, end } of images.filter((image) => image.end > image.at)) {
    if (found.at(-1)?.[1] === at) found.at(-1)[1] = end;
    else found.push([at, end]);
  }
  return found;
}

test("speech is sent from before its onset until its pause has ended the utterance", () => {
  const { images, sent } = gated(spans([0, 200], [0.9, 50], [0, 300]));
  assert.deepEqual(stretches(images), [[200 - LIVE.preRoll, 250 + LIVE.hangOver]]);
  assert.equal(sent.length, 550);
  assert.equal(sent.reduce((sum, each) => sum + each, 0), 30 + 50 + 60);
});

test("a pause within an utterance is sent whole", () => {
  const { images } = gated(spans([0.9, 50], [0, 89], [0.9, 50], [0, 91], [0.9, 50]));
  assert.deepEqual(stretches(images), [[0, 50 + 89 + 50 + 60], [50 + 89 + 50 + 61, 330]]);
});

test("a click, and doubt, are not sent", () => {
  const speech = spans([0, 100], [0.9, LIVE.minSpeech - 1], [0, 100], [0.3, 200], [0, 50]);
  assert.deepEqual(stretches(gated(speech).images), []);
});

test("speech that grows doubtful is still speech", () => {
  const { images } = gated(spans([0.9, 20], [0.3, 100], [0.1, 100]));
  assert.deepEqual(stretches(images), [[0, 180]]);
});

test("while somebody speaks an image leaves with each tenth frame", () => {
  const gate = new Gate(BANDS);
  const lengths = [];
  for (let at = 0; at < 100; at += 1) {
    const { images } = gate.receive(frames([0.9], at));
    lengths.push(...images.map((image) => [at, image.end - image.at]));
  }
  assert.deepEqual(lengths.slice(0, 3), [[10, 11], [20, 10], [30, 10]]);
});

test("the clock goes on in silence: often after speech, then once a second", () => {
  const { images } = gated(spans([0.9, 50], [0, 600]));
  const clock = images.filter(({ at, end }) => at === end).map(({ at }) => at);
  assert.deepEqual(clock.slice(0, 10), [120, 130, 140, 150, 160, 170, 180, 190, 200, 210]);
  assert.deepEqual(clock.slice(10), [310, 410, 510, 610, 650]);
});

test("images follow each other and never go back", () => {
  const speech = [...noise(5_000, 11)].map((value) => Math.abs(value) * 10 * (value > 0 ? 1 : 0.2));
  const smooth = speech.map((_, i) => speech.slice(Math.max(0, i - 8), i + 1).reduce((a, b) => a + b) / 9);
  let due = 0;
  for (const { at, end } of gated(smooth).images) {
    assert.ok(at >= due && end >= at);
    due = end;
  }
  assert.equal(due, 5_000);
});

/** What the server's segmenter puts into utterances: [first, last] frames. */
function utterances(speech) {
  const found = [];
  let [onset, start, last, lastEnd] = [null, null, 0, 0];
  speech.forEach((probability, frame) => {
    if (start === null) {
      if (onset === null && probability >= LIVE.opens) onset = frame;
      else if (onset !== null && probability < LIVE.release) onset = null;
      else if (onset !== null && frame + 1 - onset >= LIVE.minSpeech) {
        [start, last, onset] = [Math.max(onset - SERVER.preRoll, lastEnd), frame + 1, null];
      }
      return;
    }
    const paused = frame > last;
    if (probability >= (paused ? LIVE.opens : LIVE.release)) last = frame + 1;
    if (frame + 1 - last < SERVER.silence) return;
    const length = last + SERVER.postRoll - start;
    lastEnd = Math.min(start + Math.ceil(length / SERVER.bucket) * SERVER.bucket, frame + 1);
    found.push([start, lastEnd]);
    start = null;
  });
  return found;
}

test("every frame of every utterance that the server would open is sent", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const pieces = noise(400, seed);
    // stretches of 4 to 104 frames, of any probability
    const speech = [...pieces].flatMap((value, i) =>
      Array(4 + Math.round(Math.abs(pieces[(i + 7) % 400]) * 1_000)).fill(Math.max(0, value * 8)),
    );
    const { sent } = gated(speech);
    const heard = utterances(speech);
    assert.ok(heard.length > 10, `${heard.length} utterances`);
    for (const [first, end] of heard) {
      const missing = sent.slice(first, end).filter((leaves) => !leaves).length;
      assert.equal(missing, 0, `${first} to ${end}`);
    }
    assert.ok(sent.some((leaves) => !leaves));
  }
});

test("what is shown is every frame once, in order, with the cuts of its images", () => {
  const speech = spans([0, 130], [0.9, 75], [0, 200], [0.9, 40]);
  for (const length of [1, 7, 500]) {
    const { shown, images } = gated(speech, { length });
    let due = 0;
    for (const { at, mel, speech: told, sent } of shown) {
      assert.equal(at, due);
      assert.deepEqual([mel.length / BANDS, told.length], [sent.length, sent.length]);
      sent.forEach((_, i) => assert.equal(mel[i * BANDS], due + i));
      due += sent.length;
    }
    assert.equal(due, speech.length);
    const begun = images.filter(({ at, end }) => end > at).map(({ at }) => at);
    assert.deepEqual(shown.flatMap(({ cuts }) => cuts), begun);
  }
});

test("no more is held back than may become speech", () => {
  const gate = new Gate(BANDS);
  const { frames: shown } = gate.receive(frames(spans([0, 1_000]), 0));
  assert.equal(shown.sent.length, 1_000 - LIVE.preRoll);
});

test("of a file both ends are sent, and only long silence is not", () => {
  const speech = spans([0, 1_000], [0.9, 100], [0, 200], [0.9, 100], [0, 2_000]);
  const { images } = gated(speech, { options: WHOLE_FILE });
  assert.deepEqual(stretches(images), [[0, 300], [970, 1_700], [3_399, 3_400]]);
});

test("a long image of a file is cut where speech is weakest", () => {
  const speech = spans([0.9, 5_000], [0.3, 30], [0.9, 2_000]);
  const { images } = gated(speech, { options: WHOLE_FILE });
  assert.equal(images.length, 2);
  assert.ok(images[1].at >= 5_005 && images[1].at <= 5_025, `${images[1].at}`);
});

test("a file has a bounded number of images", () => {
  const speech = Array.from({ length: 300 }, () => spans([0.9, 50], [0, 350])).flat();
  const { images } = gated(speech, { options: WHOLE_FILE, length: 100 });
  assert.ok(images.length <= WHOLE_FILE.closings + 1 + speech.length / (WHOLE_FILE.length - WHOLE_FILE.search));
});

test("images that are too long are refused", () => {
  assert.throws(() => new Gate(80, { ...LIVE, length: 65_536 }), {
    name: "RangeError",
    message: "expected images of at most 65535 frames, got 65536",
  });
});
