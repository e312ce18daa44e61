import assert from "node:assert/strict";
import { test } from "node:test";

import { troubleOf } from "../../src/sotto/web/core/failure.js";

test("the server's own words are taken", () => {
  const body = JSON.stringify({ error: { message: "the queue is full", code: "overloaded" } });
  assert.deepEqual(troubleOf(503, body), { code: "overloaded", message: "the queue is full" });
});

test("where a proxy answers, the status says what it can", () => {
  for (const body of ["", "<html>", "null", "[]", '{"error": "no"}', '{"error": {"code": 1}}']) {
    assert.deepEqual(troubleOf(401, body), { code: "unauthorized", message: "" });
    assert.deepEqual(troubleOf(403, body), { code: "forbidden", message: "" });
    assert.deepEqual(troubleOf(502, body), { code: null, message: "" });
  }
});
