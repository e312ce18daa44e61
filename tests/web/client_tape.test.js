import assert from "node:assert/strict";
import { test } from "node:test";

import { Tape } from "../../src/sotto/web/client/tape.js";

/** A piece whose bytes are its places, so that what is cut away shows. */
function piece(at, end) {
  const data = Uint8Array.from({ length: end - at }, (_, i) => (at + i) % 256).buffer;
  return { at, end, data };
}

const cut = ({ at: first, end, data }, at) => ({ at, end, data: data.slice(at - first) });

function recorded(pieces, limit = 1_000) {
  const tape = new Tape({ limit, cut });
  for (let i = 0; i < pieces; i += 1) tape.add(piece(i * 10, i * 10 + 10));
  return tape;
}

/** The places of all bytes that are taken. */
function taken(tape) {
  const places = [];
  for (let each = tape.take(); each; each = tape.take()) places.push(...new Uint8Array(each.data));
  return places;
}

const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

test("what was added is taken once, in order", () => {
  const tape = recorded(3);
  assert.equal(tape.bytes, 30);
  assert.equal(tape.waiting, 30);
  assert.deepEqual(taken(tape), range(0, 30));
  assert.deepEqual([tape.bytes, tape.waiting, tape.taken, tape.end], [0, 0, 30, 30]);
  assert.equal(tape.take(), null);
  tape.add(piece(30, 35));
  assert.deepEqual(taken(tape), range(30, 35));
});

test("after a cut all that is not settled is taken again, from the place that is told", () => {
  const tape = recorded(5);
  taken(tape);
  tape.settle(23);
  assert.equal(tape.rewind(), 23);
  assert.deepEqual(taken(tape), range(23, 50));
});

test("nothing that was never taken is lost by a cut", () => {
  const tape = recorded(5);
  tape.take();
  tape.rewind();
  tape.add(piece(50, 60));
  assert.deepEqual(taken(tape), range(0, 60));
});

test("settling is not undone, and reaches no further than what there is", () => {
  const tape = recorded(2);
  taken(tape);
  tape.settle(15);
  tape.settle(5);
  assert.equal(tape.rewind(), 15);
  tape.settle(99);
  assert.equal(tape.rewind(), 20);
  tape.add(piece(20, 30));
  assert.deepEqual(taken(tape), range(20, 30));
});

test("what waits is settled too where it has to be, and is not sent then", () => {
  const tape = recorded(4);
  tape.take();
  tape.settle(25);
  assert.deepEqual(taken(tape), range(25, 40));
});

test("what is kept is bounded, and what had to go is not asked for", () => {
  const tape = new Tape({ limit: 200, cut });
  tape.pause();
  for (let at = 0; at < 1_000; at += 10) tape.add(piece(at, at + 10));
  assert.equal(tape.bytes, 200);
  assert.equal(tape.rewind(), 800);
  assert.deepEqual(taken(tape), [...new Uint8Array(piece(800, 1_000).data)]);
  assert.equal(tape.rewind(), 800);
});

test("an open stream gets no hole", () => {
  const tape = recorded(30, 200);
  assert.deepEqual(taken(tape), [...new Uint8Array(piece(0, 300).data)]);
  tape.add(piece(300, 310));
  assert.equal(tape.rewind(), 110);
});

test("what is settled had not to go", () => {
  const tape = recorded(20, 200);
  taken(tape);
  tape.settle(180);
  tape.pause();
  for (let at = 200; at < 380; at += 10) tape.add(piece(at, at + 10));
  assert.equal(tape.rewind(), 180);
});

test("a clock that went on has its place between the others", () => {
  const tape = new Tape({ limit: 1_000, cut });
  const places = [[0, 10], [40, 40], [50, 50], [70, 80]];
  for (const [at, end] of places) tape.add(piece(at, end));
  tape.settle(45);
  assert.equal(tape.rewind(), 45);
  assert.deepEqual([tape.take()?.at, tape.take()?.at, tape.take()], [50, 70, null]);
});

test("one piece that is longer than all that is kept stays whole", () => {
  const tape = new Tape({ limit: 5, cut });
  tape.add(piece(0, 50));
  assert.deepEqual(taken(tape), range(0, 50));
});
