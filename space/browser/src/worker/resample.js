// Scaling a gray picture exactly as Pillow does, whose filters the network's gray view is defined by.
//
// A filter's weights are rounded to 22 bits, a horizontal pass is rounded to 8 bits before the
// vertical one, and a large picture is first averaged over whole blocks. Floats are never rounded.

import { clip } from "./numbers.js";

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const LANCZOS = { support: 3, at: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) };
const BICUBIC = { support: 2, at: cubic };
const GAP = 4; // blocks are averaged until the picture is this many times too large

/**
 * Scales a square of a picture to side×side.
 *
 * A picture is {width, height, data}, data being a Uint8Array or a Float32Array.
 */
export function scaledSquare(image, left, top, edge, side) {
  const filter = edge > side ? LANCZOS : BICUBIC;
  let box = { left, top, width: edge, height: edge };
  const factor = edge > side ? Math.floor(edge / side / GAP) : 1;
  if (factor > 1) [image, box] = averaged(image, box, factor, (LANCZOS.support - 0.5) * (edge / side));
  // Pillow shrinks the long side of a very tall picture first.
  const tallFirst = image.height > 100 * image.width && side < image.height;
  const horizontally = (picture) => pass(picture, box.left, box.width, side, filter);
  const vertically = (picture) =>
    turned(pass(turned(picture), box.top, box.height, side, filter));
  return tallFirst ? horizontally(vertically(image)) : vertically(horizontally(image));
}

function cubic(x) {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}

/** Averages factor×factor blocks of the box and of what the filter sees around it. */
function averaged(image, box, factor, reach) {
  const left = Math.max(0, Math.trunc(box.left - reach));
  const top = Math.max(0, Math.trunc(box.top - reach));
  const right = Math.min(image.width, Math.ceil(box.left + box.width + reach));
  const bottom = Math.min(image.height, Math.ceil(box.top + box.height + reach));
  const width = Math.ceil((right - left) / factor);
  const height = Math.ceil((bottom - top) / factor);
  const whole = image.data instanceof Uint8Array;
  const data = new image.data.constructor(width * height);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const x0 = left + x * factor, x1 = Math.min(x0 + factor, right);
      const y0 = top + y * factor, y1 = Math.min(y0 + factor, bottom);
      let sum = 0;
      for (let v = y0; v < y1; v += 1)
        for (let u = x0; u < x1; u += 1) sum += image.data[v * image.width + u];
      const count = (x1 - x0) * (y1 - y0);
      data[y * width + x] = whole ? divided(sum, count) : sum / count;
    }
  return [
    { width, height, data },
    {
      left: (box.left - left) / factor,
      top: (box.top - top) / factor,
      width: box.width / factor,
      height: box.height / factor,
    },
  ];
}

/** Divides in whole numbers as Pillow does: by a reciprocal that is cut off after 24 bits. */
function divided(sum, count) {
  return Math.floor(((sum + (count >> 1)) * Math.floor(2 ** 24 / count)) / 2 ** 24);
}

/** Scales the rows of a picture from [start, start + length) to `size` values. */
function pass({ width, height, data }, start, length, size, filter) {
  const whole = data instanceof Uint8Array;
  const result = new data.constructor(size * height);
  const scale = length / size;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  for (let place = 0; place < size; place += 1) {
    const centre = start + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(width, Math.trunc(centre + support + 0.5));
    let weights = [];
    for (let i = first; i < last; i += 1) weights.push(filter.at((i - centre + 0.5) / stretch));
    const sum = weights.reduce((a, b) => a + b, 0);
    weights = weights.map((weight) => weight / sum);
    if (whole) weights = weights.map((weight) => Math.trunc(weight * 2 ** 22 + Math.sign(weight) / 2));
    for (let y = 0; y < height; y += 1) {
      let value = whole ? 2 ** 21 : 0;
      for (let k = 0; k < weights.length; k += 1) value += weights[k] * data[y * width + first + k];
      result[y * size + place] = whole ? clip(Math.floor(value / 2 ** 22), 0, 255) : value;
    }
  }
  return { width: size, height, data: result };
}

/** Swaps rows and columns. */
function turned({ width, height, data }) {
  const result = new data.constructor(data.length);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) result[x * height + y] = data[y * width + x];
  return { width: height, height: width, data: result };
}
