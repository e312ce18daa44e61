import assert from "node:assert/strict";
import { test } from "node:test";

import { LIVE, WHOLE_FILE } from "../../src/sotto/web/mel/gate.js";
import { MelRoad } from "../../src/sotto/web/mel/road.js";
import { sound } from "../golden/read.js";

const QUIET = new Float32Array(16_000);
const OPTIONS = { rate: 16_000, bands: 80, gate: LIVE, anonymize: false };

/** What a road makes of speech between two seconds of silence on either side. */
function told(options) {
  const road = new MelRoad({ ...OPTIONS, ...options });
  const parts = [QUIET, QUIET, sound("speech"), QUIET, QUIET].map((each) => road.receive(each));
  parts.push(...road.finish());
  const images = parts.flatMap((part) => part.images);
  const all = (name) => parts.flatMap(({ frames }) => [...frames[name]]);
  return { images, mel: all("mel"), speech: all("speech"), sent: all("sent") };
}

test("speech leaves as images and silence does not", () => {
  const { images, sent } = told({});
  assert.equal(sent.length, 470);
  const left = sent.reduce((sum, each) => sum + each, 0);
  assert.equal(left, images.reduce((sum, { at, end }) => sum + end - at, 0));
  const [first, last] = [sent.indexOf(1), sent.lastIndexOf(1)];
  assert.ok(first > 150 && first < 230, `from ${first}`);
  assert.ok(last > 300 && last < 360, `to ${last}`);
  assert.equal(left, last - first + 1);
  assert.equal(images.at(-1).end, 470);
});

test("what is only looked at leaves as sound, all of it, and gives no images", () => {
  const { images, sent, mel } = told({ gate: null });
  assert.deepEqual(images, []);
  assert.ok(sent.every((each) => each === 1));
  assert.deepEqual(mel, told({}).mel);
});

test("a file's images say where it begins and ends", () => {
  const { images } = told({ gate: WHOLE_FILE });
  assert.deepEqual([images[0].at, images.at(-1).end], [0, 470]);
});

test("a disguise changes what leaves, each time in another way, and not what is speech", () => {
  const plain = told({});
  const [one, other] = [told({ anonymize: true }), told({ anonymize: true })];
  assert.deepEqual(one.speech, plain.speech);
  assert.deepEqual(one.sent, plain.sent);
  assert.notDeepEqual(one.mel, plain.mel);
  assert.notDeepEqual(one.mel, other.mel);
  assert.deepEqual(one.images.map(({ at, end }) => [at, end]), plain.images.map(({ at, end }) => [at, end]));
});
