import assert from "node:assert/strict";
import { test } from "node:test";

import { AccessKey, headersOf, wantsKey, withToken } from "../../src/sotto/web/net/access_key.js";

const NONE = { code: "unauthorized", message: "expected a key or a token, got none" };
const OTHER = { code: "unauthorized", message: "expected a key or a token of this server, got another" };
const NOT_FOR_FILES = { code: "forbidden", message: "expected a key for files, got one for streams" };

/** @param {Record<string, string>} kept */
function storageOf(kept) {
  return /** @type {any} */ ({
    getItem: (/** @type {string} */ name) => kept[name] ?? null,
    setItem: (/** @type {string} */ name, /** @type {string} */ value) => (kept[name] = value),
    removeItem: (/** @type {string} */ name) => delete kept[name],
  });
}

/** @param {Record<string, string>} kept */
function accessWith(kept = {}) {
  return new AccessKey(() => storageOf(kept));
}

test("without a key nothing is added to what is sent", () => {
  assert.equal(withToken("ws://host/stream", ""), "ws://host/stream");
  assert.deepEqual(headersOf(""), {});
});

test("a key goes into the address escaped, and into the header as it is", () => {
  assert.equal(withToken("ws://host/stream", "a+b&c"), "ws://host/stream?token=a%2Bb%26c");
  assert.deepEqual(headersOf("a+b&c"), { Authorization: "Bearer a+b&c" });
});

test("a key may help who has none, has a wrong one, or has one for something else", () => {
  assert.equal(wantsKey(NONE, ""), true);
  assert.equal(wantsKey(OTHER, "wrong"), true);
  assert.equal(wantsKey(NOT_FOR_FILES, "theirs"), true);
  assert.equal(wantsKey({ code: "forbidden", message: "expected a page of here, got there" }, ""), false);
  assert.equal(wantsKey({ code: "overloaded", message: "" }, ""), false);
});

test("one refusal asks for the key in all tabs, and a key that is given ends that", () => {
  /** @type {Record<string, string>} */
  const kept = {};
  const access = accessWith(kept);
  /** @type {string[]} */
  const tried = [];
  access.onKey(() => tried.push(access.key));
  assert.equal(access.refused(NONE, { right: "models", sent: "" }), true);
  for (const right of /** @type {const} */ (["streams", "files", "models"])) {
    assert.equal(access.asked(right), "This server asks for a key.");
  }
  assert.equal(access.give("  sk-sotto-abc\n"), "");
  assert.deepEqual(tried, ["sk-sotto-abc"]);
  assert.equal(access.asked("files"), "");
  assert.equal(accessWith(kept).key, "sk-sotto-abc");
});

test("a wrong key is told with the server's reason", () => {
  const access = accessWith();
  access.give("wrong");
  access.refused(OTHER, { right: "streams", sent: "wrong" });
  assert.equal(
    access.asked("streams"),
    "The server does not take this key: expected a key or a token of this server, got another.",
  );
});

test("a key that is good for streams alone is asked for anew where files are sent", () => {
  const access = accessWith();
  access.give("theirs");
  access.refused(NOT_FOR_FILES, { right: "files", sent: "theirs" });
  assert.match(access.asked("files"), /does not allow this: expected a key for files/);
  assert.equal(access.asked("streams"), "");
  access.admitted("files");
  assert.equal(access.asked("files"), "");
});

test("who was refused with an earlier key is to try the present one", () => {
  const access = accessWith();
  access.give("good");
  assert.equal(access.refused(NONE, { right: "files", sent: "" }), true);
  assert.equal(access.asked("files"), "");
});

test("what is wrong otherwise asks for no key", () => {
  const access = accessWith();
  assert.equal(access.refused({ code: "overloaded", message: "" }, { right: "files", sent: "" }), false);
  assert.equal(access.asked("files"), "");
});

test("what cannot be a key is not sent", () => {
  const access = accessWith();
  for (const typed of ["", "  ", "two words", "clé", "sk-sotto…", "x".repeat(8193)]) {
    assert.match(access.give(typed), /\.$/);
    assert.equal(access.key, "");
  }
  assert.equal(accessWith({ "sotto.key": "not\na key" }).key, "");
});

test("a forgotten key is gone from the browser too", () => {
  const kept = { "sotto.key": "abc" };
  const access = accessWith(kept);
  let tries = 0;
  access.onKey(() => (tries += 1));
  access.forget();
  assert.deepEqual([access.key, kept, tries], ["", {}, 1]);
});

test("where the browser keeps nothing, a key holds until a reload", () => {
  const access = new AccessKey(() => {
    throw new DOMException("denied", "SecurityError");
  });
  assert.equal(access.give("abc"), "");
  assert.equal(access.key, "abc");
});

test("who watches hears the state now and each change of it", () => {
  const access = accessWith();
  /** @type {string[]} */
  const seen = [];
  access.watch(() => seen.push(`${access.asked("files")}|${access.key}`));
  access.refused(NONE, { right: "files", sent: "" });
  access.give("abc");
  access.admitted("files");
  assert.deepEqual(seen, ["|", "This server asks for a key.|", "|abc"]);
});
