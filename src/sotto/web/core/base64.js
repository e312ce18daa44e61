/** Bytes as text, where a protocol has nothing but text. */

/** Arguments that a function takes at once, surely. */
const AT_ONCE = 8192;

/**
 * @param {ArrayBuffer} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  const all = new Uint8Array(bytes);
  let text = "";
  for (let at = 0; at < all.length; at += AT_ONCE) {
    text += String.fromCharCode(...all.subarray(at, at + AT_ONCE));
  }
  return btoa(text);
}

/**
 * Little-endian 16-bit samples. Throws DOMException where it is no base64.
 * @param {string} text
 * @returns {Int16Array<ArrayBuffer>}
 */
export function samplesOf(text) {
  const raw = atob(text);
  const bytes = Uint8Array.from(raw, (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Int16Array.from({ length: bytes.length >> 1 }, (_, i) => view.getInt16(2 * i, true));
}
