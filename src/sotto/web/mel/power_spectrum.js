/**
 * The power spectrum of 400 real samples, which is no power of two: 400 = 2 · 200, and
 * 200 = 5 · 5 · 4 · 2.
 * Source of the scheme, which needs no sorting by reversed digits: Stockham 1966, "High-speed
 * convolution and correlation", in the self-sorting form with any radix of Temperton 1983,
 * "Self-sorting mixed-radix fast Fourier transforms".
 */

/** Samples in. */
export const N_FFT = 400;
/** Powers out, from 0 Hz to half the rate: 201. */
export const BINS = N_FFT / 2 + 1;

const HALF = N_FFT / 2;
const RADICES = [5, 5, 4, 2];

/** Of the angles 2π i / 400. */
const COSINES = Float64Array.from({ length: N_FFT }, (_, i) => Math.cos((2 * Math.PI * i) / N_FFT));
const SINES = Float64Array.from({ length: N_FFT }, (_, i) => Math.sin((2 * Math.PI * i) / N_FFT));

/**
 * 200 complex numbers, as two arrays.
 * @typedef {{re: Float64Array, im: Float64Array}} Complex
 */

/** @returns {Complex} */
const complex = () => ({ re: new Float64Array(HALF), im: new Float64Array(HALF) });

/** Keeps its working memory, so that a frame allocates nothing. */
export class PowerSpectrum {
  #from = complex();
  #to = complex();

  /**
   * @param {Float64Array} samples 400
   * @param {Float64Array} powers 201, to be filled
   */
  compute(samples, powers) {
    const { re, im } = this.#from;
    for (let i = 0; i < HALF; i += 1) {
      re[i] = samples[2 * i];
      im[i] = samples[2 * i + 1];
    }
    let stride = 1;
    for (const radix of RADICES) {
      pass(this.#from, this.#to, radix, stride);
      [this.#from, this.#to] = [this.#to, this.#from];
      stride *= radix;
    }
    untangle(this.#from, powers);
  }
}

/**
 * One factor of the transform: a small transform across `radix` numbers that lie far apart, and
 * the turn that the next factor expects.
 * @param {Complex} from
 * @param {Complex} to
 * @param {number} radix
 * @param {number} stride product of the factors before
 */
function pass(from, to, radix, stride) {
  const groups = HALF / (radix * stride);
  for (let group = 0; group < groups; group += 1) {
    for (let k = 0; k < radix; k += 1) {
      const start = stride * (radix * group + k);
      const turn = 2 * group * k * stride;
      to.re.fill(0, start, start + stride);
      to.im.fill(0, start, start + stride);
      for (let i = 0; i < radix; i += 1) {
        const angle = (turn + (N_FFT / radix) * i * k) % N_FFT;
        addTurned(from, stride * (group + groups * i), to, start, stride, angle);
      }
    }
  }
}

/**
 * to[at + q] += from[first + q] · exp(-2πi angle / 400)
 * @param {Complex} from
 * @param {number} first
 * @param {Complex} to
 * @param {number} at
 * @param {number} count
 * @param {number} angle
 */
function addTurned(from, first, to, at, count, angle) {
  const cos = COSINES[angle];
  const sin = SINES[angle];
  for (let q = 0; q < count; q += 1) {
    const re = from.re[first + q];
    const im = from.im[first + q];
    to.re[at + q] += re * cos + im * sin;
    to.im[at + q] += im * cos - re * sin;
  }
}

/**
 * The even samples went in as real parts and the odd ones as imaginary parts; their spectra are
 * the symmetric and the antisymmetric half of what came out.
 * @param {Complex} mixed
 * @param {Float64Array} powers 201
 */
function untangle({ re, im }, powers) {
  for (let k = 0; k < BINS; k += 1) {
    const a = k % HALF;
    const b = (HALF - k) % HALF;
    const evenRe = (re[a] + re[b]) / 2;
    const evenIm = (im[a] - im[b]) / 2;
    const oddRe = (im[a] + im[b]) / 2;
    const oddIm = (re[b] - re[a]) / 2;
    const real = evenRe + oddRe * COSINES[k] + oddIm * SINES[k];
    const imaginary = evenIm + oddIm * COSINES[k] - oddRe * SINES[k];
    powers[k] = real * real + imaginary * imaginary;
  }
}
