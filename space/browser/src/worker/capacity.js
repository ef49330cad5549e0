// Whether this device can hold a picture, and how long the work on it will take.

import { plan, restore } from "./denoiser.js";
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

/** How many seconds a planned work will need, by what its network needed before. */
export async function secondsFor({ network, pixels }) {
  if (!paces.has(network)) {
    const channels = network.planes;
    const data = Uint8Array.from({ length: 128 * 128 * channels }, (_, i) => i % 251);
    const small = plan(network, { width: 128, height: 128, channels, data });
    for (let turn = 0; turn < 2; turn += 1) await timed(small, 0.1); // the first warms up
  }
  return (paces.get(network) * pixels) / 1000;
}

/** Restores a planned picture and remembers the pace. */
export async function timed(work, level, report) {
  const started = performance.now();
  const restored = await restore(work, level, report);
  if (work.pixels) paces.set(work.network, (performance.now() - started) / work.pixels); // else all is plain
  return restored;
}
