import assert from "node:assert/strict";
import { test } from "node:test";

import { inConversation } from "../../src/sotto/web/net/conversations.js";
import { KeptName } from "../../src/sotto/web/talk/kept_name.js";
import { troubleSentence } from "../../src/sotto/web/talk/sentences.js";
import { EMPTY, MOST_TURNS, phaseOf, reduce } from "../../src/sotto/web/talk/turns.js";

const OPEN = { type: "session.created", session: {} };
const READY = { type: "session.updated", session: {} };
const MISSING = { getItem: () => null, setItem: () => {} };

const added = (id, role, part) => ({
  type: "conversation.item.added",
  item: { id, type: "message", role, content: [part] },
});
const asked = (id, transcript) => added(id, "user", { type: "input_audio", transcript });
const written = (id, text) => added(id, "user", { type: "input_text", text });
const spoken = (id, transcript) => added(id, "assistant", { type: "output_audio", transcript });
const shown = ({ turns }) => turns.map(({ id, text, heard, state }) => [id, text, heard, state]);
const after = (view, ...events) => events.reduce(reduce, view);

function storageOf(kept = {}) {
  return { kept, getItem: (name) => kept[name] ?? null, setItem: (name, value) => (kept[name] = value) };
}

test("what was said before is there, calm and whole", () => {
  const view = after(EMPTY, OPEN, asked("u1", "nine two"), spoken("a1", "You said so."), READY);
  assert.deepEqual(shown(view), [
    ["u1", "nine two", 0, "done"],
    ["a1", "You said so.", 12, "done"],
  ]);
  assert.ok(view.turns.every((turn) => !turn.spoken && !turn.response));
  assert.equal(phaseOf(view), "ready");
});

test("what the page knows is not doubled, and what it missed stands where it was said", () => {
  const lost = { type: "over", notice: "Lost." };
  const first = after(EMPTY, OPEN, READY, written("u1", "Hi"), written("u3", "Again"), lost);
  const kept = [written("u1", "Hi"), spoken("a1", "Hello."), written("u3", "Again"), written("u4", "More")];
  const view = after(first, OPEN, ...kept, READY, written("u5", "Now"));
  assert.deepEqual(view.turns.map(({ id }) => id), ["u1", "a1", "u3", "u4", "u5"]);
});

test("of an answer that broke off, what the server kept is what was heard", () => {
  const answer = [
    { type: "response.output_item.added", response_id: "r1", item: { id: "a1", type: "message" } },
    { type: "response.output_audio_transcript.delta", item_id: "a1", delta: "One two three. " },
  ];
  const lost = after(EMPTY, OPEN, READY, ...answer, { type: "over", notice: "" });
  assert.deepEqual(shown(after(lost, OPEN, spoken("a1", "One two"))), [["a1", "One two three. ", 7, "cut"]]);
  assert.deepEqual(shown(after(lost, OPEN, spoken("a1", "One two three."))), [["a1", "One two three. ", 15, "done"]]);
});

test("of a long conversation the newest turns are shown, in order", () => {
  const all = Array.from({ length: MOST_TURNS + 20 }, (_, i) => written(`u${i}`, `${i}`));
  const ids = all.map(({ item }) => item.id);
  const page = after(EMPTY, OPEN, ...all, READY);
  assert.deepEqual(page.turns.map(({ id }) => id), ids.slice(-MOST_TURNS));
  const again = after(page, { type: "over", notice: "" }, OPEN, ...all, written("new", "!"), READY);
  assert.deepEqual(again.turns.map(({ id }) => id), [...ids, "new"].slice(-MOST_TURNS));
});

test("who was taken over from is told so, without the server's words", () => {
  const sentence = troubleSentence({ code: "superseded", message: "expected the newest connection" });
  assert.match(sentence, /goes on in another tab/);
  assert.doesNotMatch(sentence, /expected/);
});

test("a browser's tabs have one name, and a new one once it is left", () => {
  const storage = storageOf();
  const [one, other] = [new KeptName(() => storage), new KeptName(() => storage)];
  const first = one.current;
  assert.match(first, /^[A-Za-z0-9._-]{1,128}$/);
  assert.deepEqual([one.current, other.current], [first, first]);
  one.leave(first);
  const second = one.current;
  assert.notEqual(second, first);
  other.leave(first);
  assert.equal(other.current, second);
});

test("without anything kept, and with what is no name, the page has one of its own", () => {
  const refused = new KeptName(() => {
    throw new DOMException("no", "SecurityError");
  });
  const odd = storageOf({ "sotto.conversation": "../x" });
  for (const names of [refused, new KeptName(() => MISSING), new KeptName(() => odd)]) {
    const name = names.current;
    assert.match(name, /^page-/);
    assert.equal(names.current, name);
    names.leave(name);
    assert.notEqual(names.current, name);
  }
});

test("an address names its conversation, if there is one", () => {
  const url = new URL("ws://host/v1/realtime");
  assert.equal(inConversation(url, "page-1").href, "ws://host/v1/realtime?conversation=page-1");
  assert.equal(inConversation(url, "").href, "ws://host/v1/realtime");
});
