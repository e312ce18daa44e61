import assert from "node:assert/strict";
import { test } from "node:test";

import { OWN } from "../../src/sotto/web/talk/sentences.js";
import { remembered } from "../../src/sotto/web/talk/session.js";
import { msOf } from "../../src/sotto/web/talk/turn.js";
import { EMPTY, MOST_TURNS, phaseOf, reduce } from "../../src/sotto/web/talk/turns.js";

const OPEN = { type: "session.created", session: {} };
const BEGAN = { type: "input_audio_buffer.speech_started", item_id: "u1", audio_start_ms: 300 };
const STOPPED = { type: "input_audio_buffer.speech_stopped", item_id: "u1", audio_end_ms: 1500 };
const TRANSCRIBED = "conversation.item.input_audio_transcription";
const SECOND = "A".repeat(64_000);

const words = (delta) => ({ type: `${TRANSCRIBED}.delta`, item_id: "u1", delta });
const complete = (transcript) => ({ type: `${TRANSCRIBED}.completed`, item_id: "u1", transcript });
const text = (delta) => ({ type: "response.output_audio_transcript.delta", item_id: "a1", delta });
const played = (ms) => ({ type: "played", item: "a1", ms });
const done = (status, status_details) => ({
  type: "response.done",
  response: { id: "r1", status, status_details },
});
const message = (id, role, content = []) => ({ id, type: "message", role, content });
const ANSWER = [
  { type: "response.created", response: { id: "r1", status: "in_progress" } },
  { type: "response.output_item.added", response_id: "r1", item: message("a1", "assistant") },
  { type: "conversation.item.added", item: message("a1", "assistant") },
];
const SPOKEN = [
  OPEN,
  { type: "microphone", on: true },
  BEGAN,
  words("nine"),
  words(" two"),
  STOPPED,
  complete("nine two"),
  ...ANSWER,
  text("You said nine two."),
  { type: "response.output_audio.delta", item_id: "a1", delta: SECOND },
];

/** @param {...any} events */
const after = (...events) => events.reduce(reduce, EMPTY);
const phases = (...events) =>
  events.map((_, index) => phaseOf(after(...events.slice(0, index + 1))));

test("each state of a turn has its name", () => {
  const named = phases(
    { type: "asking" },
    { type: "line", plays: false },
    OPEN,
    { type: "microphone", on: true },
    BEGAN,
    STOPPED,
    complete("nine two"),
    ...ANSWER,
    played(10),
    { type: "output_audio_buffer.paused", response_id: "r1" },
    { type: "output_audio_buffer.resumed", response_id: "r1" },
    done("completed"),
    { type: "silent" },
    { type: "over", notice: "" },
  );
  assert.deepEqual(named, [
    ..."asking connecting ready listening hearing thinking thinking".split(" "),
    ..."thinking thinking thinking speaking paused speaking speaking listening offline".split(" "),
  ]);
});

test("your words are only appended, until all of them are there", () => {
  const { turns } = after(OPEN, BEGAN, words("nine"), words(" too"));
  assert.equal(turns[0].text, "nine too");
  assert.equal(after(OPEN, BEGAN, words("nine"), complete("nine two")).turns[0].text, "nine two");
});

test("a turn in which nothing was said leaves no line, and is not waited for", () => {
  const view = after(OPEN, { type: "microphone", on: true }, BEGAN, STOPPED, complete(""));
  assert.deepEqual(view.turns, []);
  assert.equal(phaseOf(view), "listening");
});

test("what sounded stands out, and stays so when more text comes", () => {
  let view = after(...SPOKEN, played(500));
  const { heard } = view.turns[1];
  assert.ok(heard > 0 && heard < view.turns[1].text.length);
  view = reduce(view, text(" And what else?"));
  assert.equal(view.turns[1].heard, heard);
  assert.ok(reduce(view, played(800)).turns[1].heard > heard);
});

test("when all was played all was heard", () => {
  const over = { type: "response.output_audio.done", item_id: "a1" };
  const view = after(...SPOKEN, over, done("completed"), played(1_000), { type: "silent" });
  assert.equal(view.turns[1].heard, view.turns[1].text.length);
  assert.equal(phaseOf(view), "listening");
});

test("an interruption cuts at once, and the server's words stay", () => {
  let view = after(...SPOKEN, played(400), { type: "stopped", cuts: [{ item: "a1", ms: 400 }] });
  assert.equal(view.turns[1].state, "cut");
  assert.ok(view.turns[1].heard < view.turns[1].text.length);
  view = reduce(view, text(" and nobody hears this"));
  assert.equal(view.turns[1].text, "You said nine two.");
  const part = [{ type: "output_audio", transcript: "You said" }];
  view = reduce(view, { type: "conversation.item.retrieved", item: message("a1", "assistant", part) });
  assert.equal(view.turns[1].text.slice(0, view.turns[1].heard), "You said");
  view = reduce(view, { type: "silent" });
  assert.equal(view.turns[1].heard, "You said".length);
});

test("words that the server remembers otherwise take the place of ours", () => {
  const cut = { type: "conversation.item.truncated", item_id: "a1", audio_end_ms: 400 };
  const part = [{ type: "output_audio", transcript: "You said 9" }];
  const item = message("a1", "assistant", part);
  const view = after(...SPOKEN, cut, { type: "conversation.item.retrieved", item });
  assert.equal(view.turns[1].text, "You said 9");
  assert.equal(view.turns[1].heard, 10);
});

test("what is written is a turn of its own, and an answer in writing needs no sound", () => {
  const view = after(
    OPEN,
    { type: "asked" },
    { type: "conversation.item.added", item: message("w1", "user", [{ type: "input_text", text: "Hi" }]) },
    ...ANSWER,
    { type: "response.output_text.delta", item_id: "a1", delta: "Hello" },
  );
  assert.deepEqual(view.turns.map((turn) => [turn.side, turn.text, turn.heard]), [
    ["you", "Hi", 0],
    ["answer", "Hello", 5],
  ]);
  assert.equal(phaseOf(view), "ready");
});

test("an answer that fails is told, and leaves no empty line", () => {
  const error = { code: "chat_unavailable", message: "expected an answer within 30 s, got none" };
  const view = after(OPEN, ...ANSWER, done("failed", { error }));
  assert.deepEqual(view.turns, []);
  assert.match(view.notice, /language model does not answer.*30 s/);
  assert.equal(phaseOf(view), "ready");
});

test("what a voice does not say is there to be read", () => {
  const error = { code: "voice_unavailable", message: "expected one of en, got 'fr'" };
  const mute = after(OPEN, ...ANSWER, text("Bonjour."), done("failed", { error }));
  assert.equal(mute.turns[0].heard, mute.turns[0].text.length);
  assert.match(mute.notice, /The voice cannot say this/);
  const nothing = after(OPEN, ...ANSWER, text("…"), done("completed"));
  assert.equal(nothing.turns[0].heard, 1);
  assert.equal(phaseOf(nothing), "ready");
  const call = after({ type: "line", plays: true }, OPEN, ...ANSWER, text("Hi."), done("completed"));
  assert.equal(call.turns[0].heard, 0);
});

test("what is called off before it sounds was not heard", () => {
  const view = after(OPEN, ...ANSWER, text("You said"), done("cancelled", { reason: "turn_detected" }));
  assert.deepEqual([view.turns[0].state, view.turns[0].heard], ["cut", 0]);
});

test("errors are told, but for those of what the page asked by itself", () => {
  const message = "expected at most 400 ms, got 500";
  const event = (event_id) => ({ type: "error", error: { code: "invalid_value", message, event_id } });
  assert.match(after(OPEN, event(null)).notice, /400 ms/);
  assert.equal(after(OPEN, event(`${OWN}truncate`)).notice, "");
  const none = { type: "error", error: { code: "conversation_unavailable", message: "no" } };
  assert.match(after(OPEN, none).notice, /holds no conversations/);
});

test("a line that is lost leaves what was heard; another is told of that", () => {
  const view = after(...SPOKEN, played(400), { type: "over", notice: "Lost." });
  assert.equal(phaseOf(view), "offline");
  assert.equal(view.notice, "Lost.");
  assert.equal(view.turns[1].state, "cut");
  const told = remembered(view.turns).map(({ item }) => [item.id, item.role, item.content[0].text]);
  assert.deepEqual(told, [
    ["u1", "user", "nine two"],
    ["a1", "assistant", view.turns[1].text.slice(0, view.turns[1].heard).trim()],
  ]);
  assert.deepEqual(reduce(view, { type: "cleared" }).turns, []);
});

test("an unknown event changes nothing, and the page keeps so many turns", () => {
  assert.equal(reduce(EMPTY, { type: "rate_limits.updated" }), EMPTY);
  assert.equal(reduce(EMPTY, { type: "toString" }), EMPTY);
  const many = Array.from({ length: MOST_TURNS + 5 }, (_, i) => ({ ...BEGAN, item_id: `u${i}` }));
  assert.equal(after(...many).turns.length, MOST_TURNS);
});

test("base64 tells how long a sound is", () => {
  for (const bytes of [48, 96, 4_800, 49, 50]) {
    assert.equal(msOf(Buffer.alloc(bytes).toString("base64")), bytes / 48);
  }
});
