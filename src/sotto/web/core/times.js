/** Seconds as people read them. */

/**
 * 0:07, 12:03, 1:00:00; whole seconds, rounded down.
 * @param {number} seconds
 */
export function clockTime(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return `${hours}:${two(minutes)}:${two(rest)}`;
  return `${minutes}:${two(rest)}`;
}

/**
 * A word's own time: 0:07.42.
 * @param {number} seconds
 */
export function exactTime(seconds) {
  const hundredths = Math.max(0, Math.round(seconds * 100));
  return `${clockTime(Math.floor(hundredths / 100))}.${two(hundredths % 100)}`;
}

/**
 * 00:00:07,420 as SRT writes it, or with a point as WebVTT does.
 * @param {number} seconds
 * @param {"," | "."} mark
 */
export function stamp(seconds, mark) {
  const total = Math.max(0, Math.round(seconds * 1000));
  const [hours, minutes] = [Math.floor(total / 3_600_000), Math.floor(total / 60_000) % 60];
  const rest = Math.floor(total / 1000) % 60;
  return `${two(hours)}:${two(minutes)}:${two(rest)}${mark}${String(total % 1000).padStart(3, "0")}`;
}

/** @param {number} value */
function two(value) {
  return String(value).padStart(2, "0");
}
