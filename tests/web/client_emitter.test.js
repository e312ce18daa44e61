import assert from "node:assert/strict";
import { test } from "node:test";

import { Emitter } from "../../src/sotto/web/client/emitter.js";

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
