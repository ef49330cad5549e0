// Gaussian noise of a seed, the same on every device.
//
// Uniform numbers come from xoshiro128** (Blackman and Vigna, 2018), whose four words are filled by
// SplitMix32 from the seed; Marsaglia's polar method makes normal ones of them. Browsers may differ
// in the last digit of Math.log, so the logarithm is computed here from the operations that IEEE 754
// fixes to the last bit. NumPy draws other noise for the same seed.

import { clip, rint } from "./numbers.js";

const LN2 = 0.6931471805599453;

/** Returns a function that draws whole numbers from 0 to 2³² − 1. */
export function uniformWords(seed) {
  let mixed = seed >>> 0;
  const word = () => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let x = mixed ^ (mixed >>> 16);
    x = Math.imul(x, 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return x ^ (x >>> 15);
  };
  let [a, b, c, d] = [word(), word(), word(), word()];
  const turned = (x, by) => (x << by) | (x >>> (32 - by));
  return () => {
    const result = Math.imul(turned(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = turned(d, 11);
    return result;
  };
}

/** Returns a function that draws from the standard normal distribution. */
export function normal(seed) {
  const words = uniformWords(seed);
  const inside = () => (words() + 0.5) / 2 ** 31 - 1;
  let kept = null;
  return () => {
    if (kept !== null) {
      const value = kept;
      kept = null;
      return value;
    }
    let x, y, square;
    do {
      x = inside();
      y = inside();
      square = x * x + y * y;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * logarithm(square)) / square);
    kept = y * scale;
    return x * scale;
  };
}

/** The natural logarithm of a number in (0, 1], by its series around a power of two. */
export function logarithm(value) {
  let exponent = 0;
  while (value < 0.75) {
    value *= 2;
    exponent -= 1;
  }
  const z = (value - 1) / (value + 1); // at most 0.2, so eleven terms reach the last digit
  let sum = 0;
  for (let power = 23; power >= 1; power -= 2) sum = sum * z * z + 1 / power;
  return exponent * LN2 + 2 * z * sum;
}

/** Adds noise to an 8-bit picture, clips, and rounds to 8 bits. */
export function noisyPicture(original, sigma, seed) {
  const draw = normal(seed);
  return Uint8Array.from(original, (value) =>
    rint(clip(value / 255 + sigma * draw(), 0, 1) * 255),
  );
}
