/** The golden files, as typed arrays. */

import { readFileSync } from "node:fs";

const FOLDER = new URL("./mel/", import.meta.url);
/** Bytes before the header's text: magic, version, and the text's length. */
const PREFIX = 10;

/** By NumPy's names. */
const TYPES = { "<i2": Int16Array, "<f4": Float32Array, "|u1": Uint8Array };

/** One file of NumPy's format 1.0. */
export function golden(name) {
  const file = readFileSync(new URL(`${name}.npy`, FOLDER));
  const start = PREFIX + file.readUInt16LE(PREFIX - 2);
  const header = file.toString("latin1", PREFIX, start);
  const Type = TYPES[/'descr': '([^']+)'/.exec(header)[1]];
  return new Type(new Uint8Array(file.subarray(start)).buffer);
}

/** A sound of 16 bits as samples. */
export function sound(name) {
  return Float32Array.from(golden(name), (value) => value / 32_768);
}
