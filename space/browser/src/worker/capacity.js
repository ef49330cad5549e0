// Whether this device can hold a picture.

import { Mistake } from "../mistake.js";

const BYTES_A_PIXEL = 31; // pixels in and out, floats, two pictures on the screen
const BYTES_BESIDE = 250e6; // the network at work, and the page
const ASSUMED_MEMORY = 4; // GB, where the browser does not tell
const SHARE = 1 / 4; // of the device's memory, which browsers tell up to 8 GB

/** Refuse a picture that would not fit. */
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
