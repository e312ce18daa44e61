/**
 * From how loud to what color. Lightness rises in even steps, for that is what the eye reads, and
 * hue only goes along with it, from indigo over teal to a pale green: an axis that people who see
 * two primary colors keep apart too. The first color is the page's own ground, so that silence is
 * nothing at all.
 *
 * OKLab: Björn Ottosson, "A perceptual color space for image processing", 2020.
 */

/** @typedef {[number, number, number]} Triple */

/** Colors of a map. */
export const COLORS = 256;
/** Lightness of the loudest, on a dark page and on a light one. */
const LOUDEST = { onDark: 0.96, onLight: 0.24 };
/** OKLab's lightness from which a page is a light one. */
const MIDDLE = 0.6;
const CHROMA = 0.15;
/** What never left this device: gray, and this much of the way from the ground. */
const KEPT_BACK = 0.42;

/**
 * @param {Triple} ground sRGB, 0..255
 * @returns {Uint8Array<ArrayBuffer>} red, green, blue of each color
 */
export function soundColors(ground) {
  const from = toOklab(ground);
  const to = from[0] > MIDDLE ? LOUDEST.onLight : LOUDEST.onDark;
  return table((part) => {
    const lightness = from[0] + (to - from[0]) * part;
    const [a, b] = colorful(lightness, CHROMA * Math.sin(Math.PI * part) ** 0.7);
    return inGamut([lightness, a + from[1] * (1 - part), b + from[2] * (1 - part)]);
  });
}

/**
 * The same steps without color and nearer to the ground, for frames that were not sent.
 * @param {Triple} ground sRGB, 0..255
 */
export function keptColors(ground) {
  const from = toOklab(ground);
  const to = from[0] > MIDDLE ? LOUDEST.onLight : LOUDEST.onDark;
  return table((part) => {
    const lightness = from[0] + (to - from[0]) * part * KEPT_BACK;
    return toRgb([lightness, from[1] * (1 - part), from[2] * (1 - part)]);
  });
}

/**
 * From the ground to one color, for the bar whose brightness is a probability.
 * @param {Triple} ground sRGB, 0..255
 * @param {Triple} color sRGB, 0..255
 */
export function fade(ground, color) {
  const [from, to] = [toOklab(ground), toOklab(color)];
  return table((part) => toRgb(/** @type {Triple} */ (from.map((low, i) => low + (to[i] - low) * part))));
}

/**
 * @param {Triple} rgb sRGB, 0..255
 * @returns {Triple} L 0..1, a, b
 */
export function toOklab(rgb) {
  const [r, g, b] = rgb.map((value) => linear(value / 255));
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

/**
 * @param {Triple} lab
 * @returns {Triple} linear light, 0..1 where the screen can show it
 */
function toLinear([L, a, b]) {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/**
 * @param {Triple} lab
 * @returns {Triple} sRGB, 0..255
 */
function toRgb(lab) {
  const [r, g, b] = toLinear(lab).map((value) => 255 * gamma(Math.min(1, Math.max(0, value))));
  return [r, g, b];
}

/**
 * As much of its chroma as the screen can show; its lightness stays.
 * @param {Triple} lab
 */
function inGamut([L, a, b]) {
  let [shown, tooMuch] = [0, 1];
  if (isShown([L, a, b])) return toRgb([L, a, b]);
  for (let step = 0; step < 16; step += 1) {
    const middle = (shown + tooMuch) / 2;
    if (isShown([L, a * middle, b * middle])) shown = middle;
    else tooMuch = middle;
  }
  return toRgb([L, a * shown, b * shown]);
}

/** @param {Triple} lab */
function isShown(lab) {
  return toLinear(lab).every((value) => value >= 0 && value <= 1);
}

/**
 * a and b of the hue that belongs to a lightness: 255° (indigo) where it is dark, 140° (green)
 * where it is light.
 * @param {number} lightness
 * @param {number} chroma
 */
function colorful(lightness, chroma) {
  const hue = ((285 - 150 * lightness) * Math.PI) / 180;
  return [chroma * Math.cos(hue), chroma * Math.sin(hue)];
}

/** @param {(part: number) => Triple} color of a part from 0 to 1 */
function table(color) {
  const colors = new Uint8Array(3 * COLORS);
  for (let i = 0; i < COLORS; i += 1) colors.set(color(i / (COLORS - 1)).map(Math.round), 3 * i);
  return colors;
}

/** @param {number} value sRGB, 0..1 */
function linear(value) {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** @param {number} value linear light, 0..1 */
function gamma(value) {
  return value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;
}
