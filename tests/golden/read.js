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

/** The values that a mel8 image stands for, as the server reads them. */
export function pictured(image) {
  const header = new DataView(image.buffer);
  const [bands, frames] = [header.getUint16(6, true), header.getUint32(12, true)];
  const [min, max] = [header.getFloat32(16, true), header.getFloat32(20, true)];
  const step = (max - min) / 255;
  return Float32Array.from(image.subarray(24, 24 + frames * bands), (byte) =>
    byte === 255 ? max : byte * step + min,
  );
}
