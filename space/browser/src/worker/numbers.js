// Rounding and clipping as the Python package does them.

/** Rounds to the nearest whole number, halves to the even one, as NumPy's `rint` does. */
export function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

export const clip = (value, low, high) => Math.min(high, Math.max(low, value));
