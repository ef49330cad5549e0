// The middle square of any picture in gray, 64×64, as the network of the Demo was trained.

import { settings } from "./settings.js";

const REACH = 3; // of a Lanczos filter, in pixels of the larger size
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** Return the view of a decoded picture (see decode.js) as a Uint8Array of 64×64. */
export function grayView(picture) {
  const { width, height } = picture;
  const side = settings.viewSide;
  let view = { width, height, data: grayOnWhite(picture) };
  if (width !== side || height !== side) {
    const edge = Math.min(width, height);
    view = scaled(view, Math.floor((width - edge) / 2), edge, side);
    view = scaled(view, Math.floor((height - edge) / 2), edge, side);
  }
  return new Uint8Array(view.data);
}

/** Gray of 0 to 255 by the weights of ITU-R 601, transparency on white. */
function grayOnWhite({ width, height, channels, data }) {
  const most = data instanceof Uint16Array ? 65535 : 255;
  const [red, green, blue] = channels < 3 ? [1, 0, 0] : [0.299, 0.587, 0.114];
  const gray = new Uint8ClampedArray(width * height);
  for (let i = 0, at = 0; i < gray.length; i += 1, at += channels) {
    const value = red * data[at] + (green && green * data[at + 1] + blue * data[at + 2]);
    const alpha = channels % 2 ? 1 : data[at + channels - 1] / most;
    gray[i] = (value / most) * 255 * alpha + 255 * (1 - alpha);
  }
  return gray;
}

/** Scale the rows of a picture from [start, start + length) to `size` values, and make columns of them. */
function scaled({ width, height, data }, start, length, size) {
  const result = new Uint8ClampedArray(size * height); // as Pillow rounds and clips in between
  const scale = length / size;
  const stretch = Math.max(scale, 1);
  for (let place = 0; place < size; place += 1) {
    const centre = start + (place + 0.5) * scale;
    const first = Math.max(0, Math.round(centre - REACH * stretch));
    const last = Math.min(width, Math.round(centre + REACH * stretch));
    const weights = Array.from({ length: last - first }, (_, i) => {
      const x = (first + i - centre + 0.5) / stretch;
      return sinc(x) * sinc(x / REACH);
    });
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let y = 0; y < height; y += 1) {
      let value = 0;
      for (let k = 0; k < weights.length; k += 1) value += weights[k] * data[y * width + first + k];
      result[place * height + y] = value / sum;
    }
  }
  return { width: height, height: size, data: result };
}
