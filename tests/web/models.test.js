import assert from "node:assert/strict";
import { test } from "node:test";

import {
  anyLoading,
  bandsOf,
  canTranslate,
  languageItems,
  languageName,
  modelItems,
} from "../../src/sotto/web/core/models.js";

/** @type {import("../../src/sotto/web/core/types.js").Model[]} */
const MODELS = [
  { id: "nano", state: "ready", languages: ["en"], translates: false },
  { id: "small", state: "loading", languages: ["en", "de", "yue"], translates: true },
  { id: "broken", state: "failed", languages: ["xx"], translates: true },
];

test("automatic comes first, each model says its state", () => {
  assert.deepEqual(
    modelItems(MODELS).map(({ label }) => label),
    ["Automatic", "nano · ready", "small · loading", "broken · failed"],
  );
});

test("languages are those of the chosen model, by name", () => {
  const labels = (/** @type {string} */ id) => languageItems(MODELS, id).map(({ label }) => label);
  assert.deepEqual(labels("nano"), ["Detect", "English"]);
  assert.deepEqual(labels("auto"), ["Detect", "Cantonese", "English", "German"]);
  assert.deepEqual(labels("broken"), ["Detect"]);
});

test("a code that nobody named stands for itself", () => {
  assert.equal(languageName("haw"), "Hawaiian");
  assert.equal(languageName("not a code"), "not a code");
  assert.equal(languageName("english"), "English");
});

test("only a usable model that translates offers it", () => {
  assert.equal(canTranslate(MODELS, "nano"), false);
  assert.equal(canTranslate(MODELS, "small"), true);
  assert.equal(canTranslate(MODELS, "auto"), true);
  assert.equal(canTranslate(MODELS, "broken"), false);
  assert.equal(canTranslate([], "auto"), false);
});

test("a loading model is worth another look", () => {
  assert.equal(anyLoading(MODELS), true);
  assert.equal(anyLoading(MODELS.slice(0, 1)), false);
});

test("images have the bands of the model that is asked for, or of the largest that is ready", () => {
  const models = [
    { ...MODELS[0], n_mels: 80 },
    { ...MODELS[0], id: "large", n_mels: 128 },
    { ...MODELS[1], n_mels: null },
  ];
  assert.equal(bandsOf(models, "nano"), 80);
  assert.equal(bandsOf(models, "large"), 128);
  assert.equal(bandsOf(models, "auto"), 128);
  assert.equal(bandsOf(models, "small"), 128);
  assert.equal(bandsOf([models[2]], "auto"), 80);
});
