// The middle square of any picture in gray, 64×64, as `gray_view.py` shows it to the network.

import { clip, rint } from "./numbers.js";
import { scaledSquare } from "./resample.js";

export const VIEW_SIDE = 64;

/** Returns the view of a decoded picture (see decode.js) as a Uint8Array of 64×64. */
export function grayView(picture) {
  const gray = grayOnWhite(picture);
  const { width, height } = gray;
  if (width === VIEW_SIDE && height === VIEW_SIDE) return eightBits(gray.data);
  const edge = Math.min(width, height);
  const left = Math.floor((width - edge) / 2);
  const top = Math.floor((height - edge) / 2);
  return eightBits(scaledSquare(gray, left, top, edge, VIEW_SIDE).data);
}

/** 8-bit gray, or floats in [0, 1] where a gray picture has more than 8 bits. */
function grayOnWhite({ width, height, channels, data }) {
  const deep = data instanceof Uint16Array;
  const colours = channels >= 3 ? 3 : 1;
  const transparent = channels % 2 === 0;
  if (deep && channels === 1)
    return { width, height, data: Float32Array.from(data, (value) => value / 65535) };
  const gray = new Uint8Array(width * height);
  const value = [0, 0, 0];
  for (let i = 0, at = 0; i < gray.length; i += 1, at += channels) {
    const alpha = transparent ? (deep ? data[at + colours] >> 8 : data[at + colours]) : 255;
    for (let c = 0; c < colours; c += 1) {
      const colour = deep ? data[at + c] >> 8 : data[at + c];
      value[c] = alpha === 255 ? colour : overWhite(colour, alpha);
    }
    // ITU-R 601 in 16 bits, as Pillow's conversion has it.
    gray[i] = colours === 1 ? value[0] : (value[0] * 19595 + value[1] * 38470 + value[2] * 7471 + 32768) >> 16;
  }
  return { width, height, data: gray };
}

function overWhite(colour, alpha) {
  const sum = 255 * (255 - alpha) + colour * alpha + 128;
  return ((sum >> 8) + sum) >> 8;
}

function eightBits(data) {
  if (data instanceof Uint8Array) return data;
  return Uint8Array.from(data, (value) => rint(clip(value, 0, 1) * 255));
}
