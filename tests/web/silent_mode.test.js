/** What is chosen, kept and told of silent mode. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { SilentMode } from "../../src/sotto/web/ui/silent_mode.js";

function shelf(kept = {}) {
  return {
    kept,
    getItem: (name) => kept[name] ?? null,
    setItem: (name, value) => (kept[name] = value),
    removeItem: (name) => delete kept[name],
  };
}

test("it is off until it is chosen, and then kept", () => {
  const storage = shelf();
  const mode = new SilentMode(() => storage);
  assert.deepEqual([mode.on, mode.keeps, mode.tells, mode.label], [false, "", "", ""]);
  mode.choose(true);
  assert.deepEqual([mode.on, mode.anonymize], [true, false]);
  assert.match(mode.keeps, /^Only pictures of the sound leave this device\.$/);
  assert.match(mode.tells, /your words/);
  assert.equal(new SilentMode(() => storage).on, true);
  mode.choose(false);
  assert.deepEqual(storage.kept, {});
});

test("hiding the speaker needs it, and is kept with it", () => {
  const storage = shelf();
  const mode = new SilentMode(() => storage);
  mode.hideSpeaker(true);
  assert.equal(mode.anonymize, false);
  mode.choose(true);
  assert.equal(mode.anonymize, true);
  assert.equal(new SilentMode(() => storage).anonymize, true);
});

test("a server without audio locks it, and the choice for others stays", () => {
  const storage = shelf();
  const mode = new SilentMode(() => storage);
  const heard = [];
  mode.watch(() => heard.push([mode.on, mode.locked]));
  mode.lock(true);
  mode.lock(true);
  assert.match(mode.keeps, /^This server takes no audio/);
  mode.choose(false);
  assert.equal(mode.on, true);
  mode.lock(false);
  assert.equal(mode.on, false);
  assert.deepEqual(heard[0], [false, false]);
  assert.deepEqual(heard[1], [true, true]);
  assert.equal(heard.length, 4);
});

test("a browser that keeps nothing has it until a reload", () => {
  const mode = new SilentMode(() => {
    throw new DOMException("denied", "SecurityError");
  });
  mode.choose(true);
  assert.equal(mode.on, true);
});
