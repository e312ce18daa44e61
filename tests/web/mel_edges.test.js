import assert from "node:assert/strict";
import { test } from "node:test";

import {
  EDGE_OPTIONS,
  EdgeStream,
  LOOK_AHEAD,
  MAJORITY,
  speechIn,
} from "../../src/sotto/web/mel/edges.js";
import { golden, pictured } from "../golden/read.js";

const BANDS = 80;
const QUIET = -6;
/** One frame's jump of 0.25 normalized, whose gradient is 1. */
const STEP = 1;

const words = () => pictured(golden("words_mel8_80"));

/** Whether each frame is one of speech. */
const isSpeech = (mel, options = EDGE_OPTIONS) =>
  Array.from(speechIn(mel, BANDS, options), (value) => value >= MAJORITY);

/** Every other pair of frames is louder, in so many bands from the tenth on. */
function stripes(frames, bands, from = 0, end = frames) {
  const mel = new Float32Array(frames * BANDS).fill(QUIET);
  for (let frame = from; frame < end; frame += 1) {
    if (Math.floor(frame / 2) % 2 === 0) continue;
    mel.fill(QUIET + STEP, frame * BANDS + 10, frame * BANDS + 10 + bands);
  }
  return mel;
}

test("words and pauses are judged as the server judges them", () => {
  assert.deepEqual(speechIn(words(), BANDS), golden("words_speech"));
  const stream = new EdgeStream(128);
  const growing = [...stream.receive(golden("speech_mel_128")), ...stream.release()];
  assert.deepEqual(Float32Array.from(growing), golden("speech_stream_128"));
});

test("enough bands are speech and two less are not", () => {
  // of the outermost bands of a stripe only three quarters of the gradient are along time
  assert.ok(isSpeech(stripes(60, 13)).every(Boolean));
  assert.ok(!isSpeech(stripes(60, 10)).some(Boolean));
});

test("the lowest bands count only where they are asked for", () => {
  const mel = new Float32Array(60 * BANDS).fill(QUIET);
  for (let frame = 0; frame < 60; frame += 1) {
    if (Math.floor(frame / 2) % 2 === 1) mel.fill(QUIET + STEP, frame * BANDS, frame * BANDS + 12);
  }
  assert.ok(!isSpeech(mel).some(Boolean));
  assert.ok(isSpeech(mel, { ...EDGE_OPTIONS, minMel: 0 }).some(Boolean));
});

test("speech has its place", () => {
  const speech = speechIn(stripes(200, 40, 80, 120), BANDS);
  assert.ok(speech.slice(84, 116).every((value) => value >= MAJORITY));
  assert.ok([...speech.slice(0, 74), ...speech.slice(126)].every((value) => value === 0));
});

test("a click is no speech", () => {
  const mel = new Float32Array(60 * BANDS).fill(QUIET);
  mel.fill(QUIET + 4 * STEP, 30 * BANDS, 31 * BANDS);
  assert.ok(!isSpeech(mel).some(Boolean));
});

test("short windows have an answer", () => {
  for (const frames of [0, 1, 2, 3]) {
    const quiet = new Float32Array(frames * BANDS).fill(QUIET);
    assert.deepEqual(speechIn(quiet, BANDS), new Float32Array(frames));
  }
});

test("what is said of a frame holds once the look-ahead is there", () => {
  const mel = stripes(200, 40, 80, 120);
  const whole = isSpeech(mel);
  for (let frames = 90; frames <= 200; frames += 1) {
    const sure = frames - LOOK_AHEAD;
    const soFar = isSpeech(mel.slice(0, frames * BANDS));
    assert.deepEqual(soFar.slice(0, sure), whole.slice(0, sure));
  }
});

/** A stream's probabilities, of pieces of so many frames. */
function streamed(mel, frames) {
  const stream = new EdgeStream(BANDS);
  const told = [];
  for (let at = 0; at < mel.length; at += frames * BANDS) {
    told.push(...stream.receive(mel.slice(at, at + frames * BANDS)));
  }
  return Float32Array.of(...told, ...stream.release());
}

test("a spectrogram that grows is judged as the server judges it, however it is cut", () => {
  for (const frames of [1, 3, 10, 64, 1_000]) {
    assert.deepEqual(streamed(words(), frames), golden("words_stream"));
  }
});

test("frames are told as soon as the look-ahead is there, and after a release only once", () => {
  const stream = new EdgeStream(BANDS);
  const mel = stripes(60, 40);
  const counts = [1, LOOK_AHEAD - 1, 1, 20].map((frames, i, all) => {
    const first = all.slice(0, i).reduce((sum, each) => sum + each, 0);
    return stream.receive(mel.slice(first * BANDS, (first + frames) * BANDS)).length;
  });
  assert.deepEqual(counts, [0, 0, 1, 20]);
  assert.equal(stream.release().length, LOOK_AHEAD);
  assert.equal(stream.release().length, 0);
  assert.equal(stream.receive(mel.slice(0, 10 * BANDS)).length, 1);
});

test("what digital silence is made of has no edges before somebody speaks", () => {
  const dither = stripes(100, 40).map((value) => (value === QUIET ? -10 : -8.5));
  assert.ok(speechIn(dither, BANDS).some((value) => value > 0));
  assert.ok(streamed(dither, 10).every((value) => value === 0));
});
