/**
 * One image of a spectrogram as a message: docs/mel-image.md as code, byte for byte what
 * src/sotto/audio/mel8.py makes.
 */

export const HEADER_BYTES = 24;
/** Of one image: 11 minutes. */
export const MAX_FRAMES = 0xffff;

/** "mel8", as a little-endian number. */
const MAGIC = 0x386c656d;
const VERSION = 1;
/** The only flag: a byte follows for each frame, its probability of speech. */
const WITH_SPEECH = 1;
/** Where the header's fields lie. */
const AT = Object.freeze({ version: 4, flags: 5, bands: 6, position: 8, frames: 12, min: 16, max: 20 });
const STEPS = 255;
/** A flat image has no range to spread over the bytes. */
const LEAST_RANGE = 1e-6;

/**
 * The message of some frames; of none it says that the clock went on to `position`.
 * Throws RangeError where there are too many frames for one image.
 * @param {Float32Array} mel raw log10 power: frame × bands + band
 * @param {{bands: number, position: number, speech: Float32Array | null}} about `speech` is 0..1
 *   for each frame; null leaves it to the server
 * @returns {ArrayBuffer}
 */
export function makeMel8(mel, { bands, position, speech }) {
  const frames = mel.length / bands;
  if (frames > MAX_FRAMES) throw new RangeError(`expected at most ${MAX_FRAMES} frames, got ${frames}`);
  const [min, max] = frames ? rangeOf(mel) : [0, 0];
  const message = new ArrayBuffer(HEADER_BYTES + mel.length + (speech?.length ?? 0));
  const header = new DataView(message);
  header.setUint32(0, MAGIC, true);
  header.setUint8(AT.version, VERSION);
  header.setUint8(AT.flags, speech ? WITH_SPEECH : 0);
  header.setUint16(AT.bands, bands, true);
  header.setUint32(AT.position, position, true);
  header.setUint32(AT.frames, frames, true);
  header.setFloat32(AT.min, min, true);
  header.setFloat32(AT.max, max, true);
  fillSteps(new Uint8ClampedArray(message, HEADER_BYTES, mel.length), mel, [min, max]);
  if (speech) fillSpeech(new Uint8ClampedArray(message, HEADER_BYTES + mel.length), speech);
  return message;
}

/**
 * The image without its first frames.
 * @param {ArrayBuffer} message
 * @param {number} dropped frames, no more than there are
 * @returns {ArrayBuffer}
 */
export function without(message, dropped) {
  const header = new DataView(message);
  const [bands, frames] = [header.getUint16(AT.bands, true), header.getUint32(AT.frames, true)];
  const told = header.getUint8(AT.flags) === WITH_SPEECH;
  const left = frames - dropped;
  const values = HEADER_BYTES + frames * bands;
  const rest = new Uint8Array(HEADER_BYTES + left * (bands + Number(told)));
  rest.set(new Uint8Array(message, 0, HEADER_BYTES));
  rest.set(new Uint8Array(message, values - left * bands, left * bands), HEADER_BYTES);
  if (told) rest.set(new Uint8Array(message, values + dropped), HEADER_BYTES + left * bands);
  const changed = new DataView(rest.buffer);
  changed.setUint32(AT.position, header.getUint32(AT.position, true) + dropped, true);
  changed.setUint32(AT.frames, left, true);
  return rest.buffer;
}

/** @param {Float32Array} mel */
function rangeOf(mel) {
  let [least, greatest] = [Infinity, -Infinity];
  for (let i = 0; i < mel.length; i += 1) {
    least = Math.min(least, mel[i]);
    greatest = Math.max(greatest, mel[i]);
  }
  return [least, greatest];
}

/**
 * The nearest step for each value; a clamped array rounds halves to even, as the server does.
 * @param {Uint8ClampedArray} steps to be filled
 * @param {Float32Array} mel
 * @param {number[]} range
 */
function fillSteps(steps, mel, [min, max]) {
  const scale = STEPS / Math.max(max - min, LEAST_RANGE);
  for (let i = 0; i < mel.length; i += 1) steps[i] = (mel[i] - min) * scale;
}

/**
 * @param {Uint8ClampedArray} steps to be filled
 * @param {Float32Array} speech
 */
function fillSpeech(steps, speech) {
  for (let i = 0; i < speech.length; i += 1) steps[i] = Math.fround(speech[i] * STEPS);
}
