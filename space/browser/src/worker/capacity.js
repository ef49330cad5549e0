// Whether this device can hold a picture, and how long the work on it will take.

import { restore, work } from "./denoiser.js";
import { Mistake } from "./mistake.js";

const BYTES_A_PIXEL = 31; // pixels in and out, floats, two pictures on the screen
const BYTES_BESIDE = 250e6; // the network at work, and the page
const ASSUMED_MEMORY = 4; // GB, where the browser does not tell
const SHARE = 1 / 4; // of the device's memory, which browsers tell up to 8 GB

/** Refuses a picture that would not fit. */
export function checkSize(width, height) {
  const memory = (navigator.deviceMemory ?? ASSUMED_MEMORY) * 2 ** 30;
  const most = Math.max(2e6, (memory * SHARE - BYTES_BESIDE) / BYTES_A_PIXEL);
  if (width * height <= most) return;
  const size = `${width.toLocaleString("en")}×${height.toLocaleString("en")} pixels`;
  throw new Mistake(
    `The picture is too large for this device (${size}); up to ` +
      `${Math.floor(most / 1e6)} million pixels work, so please make it smaller.`,
  );
}

const paces = new WeakMap(); // of each network, in milliseconds for a pixel

/** How many seconds a network will need for a picture, by what it needed before. */
export async function secondsFor(network, picture) {
  if (!paces.has(network)) {
    const channels = network.planes;
    const data = Uint8Array.from({ length: 128 * 128 * channels }, (_, i) => i % 251);
    const small = { width: 128, height: 128, channels, data };
    for (let turn = 0; turn < 2; turn += 1) await timed(network, small, 0.1); // the first warms up
  }
  return (paces.get(network) * work(network, picture)) / 1000;
}

/** Restores a picture and remembers the pace. */
export async function timed(network, picture, level, report) {
  const started = performance.now();
  const restored = await restore(network, picture, level, report);
  const pixels = work(network, picture);
  if (pixels) paces.set(network, (performance.now() - started) / pixels); // none where all is plain
  return restored;
}
