import assert from "node:assert/strict";
import { test } from "node:test";

import { behindSentence, lossSentence, retryDelay, sentenceOf } from "../../src/sotto/web/core/sentences.js";

test("a stream is tried again where the server asks for it", () => {
  assert.equal(retryDelay({ closeCode: 1013, retryAfter: 3 }), 3);
  assert.equal(retryDelay({ closeCode: 1012, retryAfter: undefined }), 5);
  assert.equal(retryDelay({ closeCode: 1011, retryAfter: 3 }), null);
});

test("a retry waits at least a second, and no part of one", () => {
  assert.equal(retryDelay({ closeCode: 1013, retryAfter: 0.2 }), 1);
  assert.equal(retryDelay({ closeCode: 1013, retryAfter: 1.5 }), 2);
});

test("errors are calm sentences", () => {
  assert.equal(
    sentenceOf({ code: "overloaded", message: "The queue is full" }),
    "The server is busy: The queue is full.",
  );
  assert.equal(sentenceOf({ code: "overloaded", message: "" }), "The server is busy.");
  assert.equal(sentenceOf({ code: "new_code", message: "expected 1" }), "expected 1.");
  assert.equal(sentenceOf({ code: null, message: "" }), "The server reports an error.");
});

test("a lost connection is explained once", () => {
  assert.match(lossSentence({ opened: true, ready: true, explained: false }), /lost.*kept/);
  assert.match(lossSentence({ opened: false, ready: false, explained: false }), /cannot be reached/);
  assert.equal(lossSentence({ opened: true, ready: true, explained: true }), "");
});

test("waiting sound is told in seconds", () => {
  assert.equal(behindSentence(0), "");
  assert.match(behindSentence(6.4), / 6 s wait/);
});
