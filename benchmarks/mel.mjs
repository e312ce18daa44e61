/**
 * What the silent mode costs a client: how many times faster than real time its steps are, and the
 * share of one core that they take while somebody speaks.
 *
 *     node benchmarks/mel.mjs [--seconds 60]
 *
 * Sound comes in messages of 100 ms, as from the page's microphone. `measure` also runs in a
 * browser, imported from a page.
 */

import { EdgeStream } from "../src/sotto/web/mel/edges.js";
import { Gate, LIVE } from "../src/sotto/web/mel/gate.js";
import { LogMel, SAMPLE_RATE } from "../src/sotto/web/mel/log_mel.js";
import { Resampler } from "../src/sotto/web/mel/resample.js";

const MESSAGES_PER_SECOND = 10;
/** What the compiler needs to be done with the code. */
const WARM_UP_SECONDS = 5;
const RATES = [SAMPLE_RATE, 44_100, 48_000, 96_000];
const MEL_BANDS = [80, 128];

/** Uniform noise, which is as much work as speech. */
function noise(length) {
  return Float32Array.from({ length }, () => Math.random() - 0.5);
}

/** The gate's numbers, and all of the sound is speech to it. */
const OPEN = { ...LIVE, opens: 0, release: 0 };

/** Each step of one client, as functions from what it receives to what the next one does. */
function steps(rate, bands) {
  const [resampler, mel, edges] = [new Resampler(rate), new LogMel(bands), new EdgeStream(bands)];
  const gate = new Gate(bands, OPEN);
  return {
    resample: (samples) => resampler.receive(samples),
    mel: (samples) => mel.receive(samples),
    edges: (frames) => {
      edges.receive(frames);
      return { mel: frames, speech: new Float32Array(frames.length / bands) };
    },
    gate: (heard) => gate.receive(heard),
  };
}

/** Milliseconds that each step took for so many seconds of sound. */
function spent(rate, bands, seconds) {
  const message = noise(Math.round(rate / MESSAGES_PER_SECOND));
  const chain = Object.entries(steps(rate, bands));
  const milliseconds = Object.fromEntries(chain.map(([name]) => [name, 0]));
  for (let sent = 0; sent < seconds * MESSAGES_PER_SECOND; sent += 1) {
    let value = message;
    for (const [name, step] of chain) {
      const began = performance.now();
      value = step(value);
      milliseconds[name] += performance.now() - began;
    }
  }
  return milliseconds;
}

/** One line for each rate and number of bands. */
export function measure(seconds) {
  const lines = [];
  for (const bands of MEL_BANDS) {
    for (const rate of RATES) {
      spent(rate, bands, WARM_UP_SECONDS);
      const each = spent(rate, bands, seconds);
      const total = Object.values(each).reduce((sum, one) => sum + one, 0);
      const parts = Object.entries(each).map(([name, one]) => `${name} ${share(one, seconds)}`);
      const times = Math.round((seconds * 1_000) / total);
      lines.push(
        `${rate} Hz, ${bands} bands: ${times} × real time, ` +
          `${share(total, seconds)} of a core (${parts.join(", ")})`,
      );
    }
  }
  return lines;
}

function share(milliseconds, seconds) {
  return `${(milliseconds / seconds / 10).toFixed(2)} %`;
}

if (globalThis.process?.argv[1]?.endsWith("mel.mjs")) {
  const at = process.argv.indexOf("--seconds");
  const seconds = at < 0 ? 60 : Number(process.argv[at + 1]);
  for (const line of measure(seconds)) console.log(line);
}
