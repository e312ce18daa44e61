/**
 * Log-mel frames as bytes, and back: the values of the images that src/sotto/audio/image.py makes
 * and reads, bit by bit. Each step is rounded to 32 bits, as there.
 */

/** Powers of ten that Whisper keeps below the loudest value. */
export const DYNAMIC_RANGE = 8;

const STEPS = 255;
/** A flat image has no range to spread over the bytes. */
const LEAST_RANGE = 1e-6;

/**
 * Frames as 8-bit values, in the order in which they came: frame × bands + band.
 * @typedef {object} Quantized
 * @property {Uint8Array<ArrayBuffer>} bytes
 * @property {number} low what byte 0 stands for, in Whisper's normalized log-mel; a float32
 * @property {number} high what byte 255 stands for
 */

/**
 * Whisper's clamp and scaling, over all values given; what a checkpoint's encoder reads.
 * @param {Float32Array} mel raw log10 power
 * @returns {Float32Array<ArrayBuffer>}
 */
export function normalize(mel) {
  const floor = Math.fround(greatest(mel) - DYNAMIC_RANGE);
  const values = new Float32Array(mel.length);
  for (let i = 0; i < mel.length; i += 1) {
    values[i] = Math.fround(Math.max(mel[i], floor) + 4) / 4;
  }
  return values;
}

/**
 * What lies more than 80 dB below the loudest value is lost, as in Whisper.
 * @param {Float32Array} mel raw log10 power, at least one frame
 * @returns {Quantized}
 */
export function quantize(mel) {
  const values = normalize(mel);
  const low = least(values);
  const high = greatest(values);
  const scale = Math.fround(STEPS / Math.max(high - low, LEAST_RANGE));
  // A clamped array rounds as IEEE 754 does by default, ties to even.
  const bytes = new Uint8ClampedArray(values.length);
  for (let i = 0; i < values.length; i += 1) {
    bytes[i] = Math.fround(Math.fround(values[i] - low) * scale);
  }
  return { bytes: new Uint8Array(bytes.buffer), low, high };
}

/**
 * Raw log10 power again, each value within half a step of what it was after the clamp.
 * @param {Quantized} quantized
 * @returns {Float32Array<ArrayBuffer>}
 */
export function dequantize({ bytes, low, high }) {
  const step = (high - low) / STEPS;
  const meant = Float32Array.from({ length: STEPS + 1 }, (_, i) =>
    i === STEPS ? high * 4 - 4 : (i * step + low) * 4 - 4,
  );
  const mel = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) mel[i] = meant[bytes[i]];
  return mel;
}

/** @param {Float32Array} values */
function greatest(values) {
  return values.reduce((most, value) => Math.max(most, value), -Infinity);
}

/** @param {Float32Array} values */
function least(values) {
  return values.reduce((most, value) => Math.min(most, value), Infinity);
}
