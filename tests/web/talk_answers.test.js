import assert from "node:assert/strict";
import { test } from "node:test";

import { Answers } from "../../src/sotto/web/talk/answers.js";

const SOUND = new Int16Array(2_400);
const STARTED = { type: "input_audio_buffer.speech_started", item_id: "u2", audio_start_ms: 0 };
const ITEM = { type: "response.output_item.added", response_id: "r1", item: { id: "a1" } };
const DONE = { type: "response.done", response: { id: "r1", status: "completed" } };

/** A player that plays nothing, but says that it did. */
class Still {
  pushed = [];
  orders = [];
  cuts = [];
  push(item) {
    this.pushed.push(item);
  }
  end(item) {
    this.orders.push(`end ${item}`);
  }
  hold() {
    this.orders.push("hold");
  }
  resume() {
    this.orders.push("resume");
  }
  async clear() {
    this.orders.push("clear");
    return this.cuts;
  }
  close() {}
}

function setup({ remote = false } = {}) {
  const [told, sent, first] = [[], [], []];
  const player = new Still();
  const answers = new Answers(remote ? null : player, {
    dispatch: (event) => told.push(event),
    tell: (event) => sent.push(event),
    onFirst: (item) => first.push(item),
  });
  answers.receive(ITEM);
  return { answers, player, told, sent, first };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("who speaks stops the answer at once; the server is told what was heard, and asked what stays", async () => {
  const { answers, player, told, sent } = setup();
  answers.push("a1", SOUND);
  answers.receive(DONE);
  player.cuts = [{ item: "a1", ms: 640.7, received: 2_000 }];
  answers.receive(STARTED);
  assert.deepEqual(player.orders, ["end a1", "clear"]);
  await settled();
  assert.deepEqual(told.at(-1), { type: "stopped", cuts: player.cuts });
  const [truncate] = sent;
  assert.deepEqual(
    [truncate.type, truncate.item_id, truncate.content_index, truncate.audio_end_ms],
    ["conversation.item.truncate", "a1", 0, 640],
  );
  answers.receive({ type: "conversation.item.truncated", item_id: "a1", audio_end_ms: 640 });
  assert.equal(sent[1].type, "conversation.item.retrieve");
  assert.equal(sent[1].item_id, "a1");
});

test("what the server cuts by itself stops as well", async () => {
  const { answers, player, sent } = setup();
  player.cuts = [{ item: "a1", ms: 700, received: 2_000 }];
  answers.push("a1", SOUND);
  const truncated = { type: "conversation.item.truncated", item_id: "a1", audio_end_ms: 640 };
  answers.receive(truncated);
  await settled();
  answers.receive(truncated);
  await settled();
  assert.deepEqual(player.orders, ["clear"]);
  const kinds = sent.map(({ type }) => type.split(".").at(-1));
  assert.deepEqual(kinds, ["retrieve", "truncate", "retrieve"]);
});

test("what still comes of a stopped answer is not played; the next one is", async () => {
  const { answers, player } = setup();
  answers.push("a1", SOUND);
  answers.receive(STARTED);
  answers.push("a1", SOUND);
  await settled();
  answers.push("a1", SOUND);
  answers.push("a2", SOUND);
  assert.deepEqual(player.pushed, ["a1", "a2"]);
});

test("no more is said to be heard than came", async () => {
  const { answers, player, sent } = setup();
  player.cuts = [{ item: "a1", ms: 1_003, received: 1_000 }];
  answers.push("a1", SOUND);
  answers.receive(STARTED);
  await settled();
  assert.equal(sent[0].audio_end_ms, 1_000);
});

test("it pauses where somebody may speak, and goes on where nobody did", () => {
  const { answers, player, sent } = setup();
  answers.push("a1", SOUND);
  answers.receive({ type: "output_audio_buffer.paused", response_id: "r1" });
  answers.receive({ type: "output_audio_buffer.resumed", response_id: "r1" });
  assert.deepEqual(player.orders, ["hold", "resume"]);
  assert.deepEqual(sent, []);
});

test("the first sample is told once; the last makes silence", () => {
  const { answers, told, first } = setup();
  answers.push("a1", SOUND);
  answers.push("a2", SOUND);
  for (const ms of [5, 50, 90]) answers.onPlayed({ item: "a1", ms, received: 100 });
  answers.onOver("a1");
  assert.deepEqual(first, ["a1"]);
  assert.equal(told.some(({ type }) => type === "silent"), false);
  answers.onOver("a2");
  assert.deepEqual(told.at(-1), { type: "silent" });
});

test("over a call an answer may be made before it sounds", () => {
  const { answers, first } = setup({ remote: true });
  answers.receive(DONE);
  answers.receive({ type: "output_audio_buffer.started", response_id: "r1" });
  assert.deepEqual(first, ["a1"]);
  answers.close();
});

test("over a call the server knows by itself what was heard", async () => {
  const { answers, told, sent, first } = setup({ remote: true });
  answers.receive({ type: "output_audio_buffer.started", response_id: "r1" });
  assert.deepEqual(first, ["a1"]);
  answers.receive(STARTED);
  await settled();
  assert.deepEqual(sent, []);
  assert.equal(told.at(-1).type, "stopped");
  assert.equal(told.at(-1).cuts[0].item, "a1");
  answers.close();
});
