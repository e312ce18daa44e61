/** Sounds for tests, and what is done with them. */

/**
 * Uniform, -0.1..0.1, the same for the same seed.
 * Source: Park and Miller 1988, "Random number generators: good ones are hard to find".
 */
export function noise(n, seed) {
  let state = seed;
  return Float32Array.from({ length: n }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return (state / 2_147_483_647 - 0.5) * 0.2;
  });
}

export function tone(hertz, rate, seconds) {
  return Float32Array.from(
    { length: Math.round(rate * seconds) },
    (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate),
  );
}

/** All that a stream makes of samples that come in pieces of these lengths, over and over. */
export function inPieces(stream, samples, lengths) {
  const made = [];
  for (let at = 0, turn = 0; at < samples.length; turn += 1) {
    const length = lengths[turn % lengths.length];
    made.push(stream.receive(samples.slice(at, at + length)));
    at += length;
  }
  made.push(stream.finish());
  return Float32Array.from(made.flatMap((part) => [...part]));
}

export function largestDifference(values, expected) {
  if (values.length !== expected.length) return Infinity;
  return values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
}
