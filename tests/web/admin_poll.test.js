import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { EVERY_MS, Poll } from "../../src/sotto/web/admin/poll.js";

/** A page that can be hidden, and a server whose answers are given by hand. */
function house() {
  /** @type {() => void} */
  let turned = () => {};
  /** @type {((goesOn: boolean) => void)[]} */
  const waiting = [];
  const seen = { hidden: false, addEventListener: (_, /** @type {() => void} */ heard) => (turned = heard) };
  const ask = () => new Promise((/** @type {(goesOn: boolean) => void} */ resolve) => waiting.push(resolve));
  const poll = new Poll(/** @type {any} */ (ask), /** @type {any} */ (seen));
  return {
    poll,
    waiting,
    hide(/** @type {boolean} */ hidden) {
      seen.hidden = hidden;
      turned();
    },
    async answer(goesOn = true) {
      waiting.shift()?.(goesOn);
      for (let i = 0; i < 5; i++) await Promise.resolve();
    },
  };
}

test("it asks again two seconds after each answer, and not before", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { poll, waiting, answer } = house();
  poll.now();
  mock.timers.tick(10 * EVERY_MS);
  assert.equal(waiting.length, 1);
  await answer();
  mock.timers.tick(EVERY_MS - 1);
  assert.equal(waiting.length, 0);
  mock.timers.tick(1);
  assert.equal(waiting.length, 1);
});

test("it stops while the page is hidden, and asks at once when it is seen", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { poll, waiting, answer, hide } = house();
  poll.now();
  hide(true);
  await answer();
  mock.timers.tick(10 * EVERY_MS);
  assert.equal(waiting.length, 0);
  hide(false);
  assert.equal(waiting.length, 1);
});

test("what is asked for meanwhile is asked once more, never twice at a time", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { poll, waiting, answer } = house();
  poll.now();
  poll.now();
  poll.now();
  assert.equal(waiting.length, 1);
  await answer();
  assert.equal(waiting.length, 1);
  await answer();
  assert.equal(waiting.length, 0);
});

test("without a key it waits until it is told that there is one", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const { poll, waiting, answer, hide } = house();
  poll.now();
  await answer(false);
  hide(true);
  hide(false);
  mock.timers.tick(10 * EVERY_MS);
  assert.equal(waiting.length, 0);
  poll.now();
  assert.equal(waiting.length, 1);
});
