/** What to do when the network takes sound more slowly than it is made. */

/** Seconds of unsent sound at which the page says so (and a playing file waits). */
export const SLOW_SECONDS = 5;
/** Seconds of unsent sound at which the stream is finished rather than left to grow. */
export const FULL_SECONDS = 30;

/**
 * @param {number} bytes that wait in the socket
 * @param {number} bytesPerSecond of sound
 * @returns {{level: "fine" | "slow" | "full", seconds: number}}
 */
export function pressure(bytes, bytesPerSecond) {
  const seconds = bytes / bytesPerSecond;
  if (seconds >= FULL_SECONDS) return { level: "full", seconds };
  return { level: seconds >= SLOW_SECONDS ? "slow" : "fine", seconds };
}
