// Gaussian noise of a seed, which is not the noise that NumPy draws for it.

/** Return a function that draws from the standard normal distribution (SplitMix32, Box and Muller). */
export function normal(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x9e3779b9) | 0;
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return (((x ^ (x >>> 15)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Add noise to an 8-bit picture, clip, and round to 8 bits. */
export function noisyPicture(original, sigma, seed) {
  const draw = normal(seed);
  return new Uint8Array(Uint8ClampedArray.from(original, (value) => value + 255 * sigma * draw()));
}
