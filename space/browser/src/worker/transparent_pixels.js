// Pixels that nobody sees, filled so that they do not bleed into those that are seen, as
// transparent_pixels.py does.

/** Tell which pixels anybody sees, a 1 for each; undefined where all are seen. */
export function visibleIn({ width, height, channels, data }) {
  if (channels % 2) return undefined;
  const visible = new Uint8Array(width * height);
  for (let i = 0; i < visible.length; i += 1) visible[i] = data[(i + 1) * channels - 1] > 0;
  return visible.every(Boolean) ? undefined : visible;
}

/**
 * Fill what is fully transparent by means of visible pixels near it.
 *
 * A picture of which everything is visible comes back as it is. Else `visible` has a 1 for each pixel
 * that is seen, and `data` are floats in [0, 1] unless there is none.
 */
export function filledTransparent(picture) {
  const { width, channels, data } = picture;
  const visible = visibleIn(picture);
  if (!visible?.some(Boolean)) return visible ? { ...picture, visible } : picture;
  const most = data instanceof Uint16Array ? 65535 : 255;
  const floats = Float32Array.from(data, (value) => value / most);
  for (let channel = 0; channel < channels - 1; channel += 1) {
    const values = Float32Array.from(visible, (_, i) => floats[i * channels + channel]);
    fill(values, visible, width).forEach((value, i) => (floats[i * channels + channel] = value));
  }
  return { ...picture, data: floats, visible };
}

/** The values where they are known, else means of known ones at half the resolution, and so on. */
function fill(values, known, width) {
  if (known.every(Boolean)) return values;
  const wide = Math.ceil(width / 2);
  const half = (i) => (Math.floor(i / width) >> 1) * wide + ((i % width) >> 1);
  const size = half(values.length - 1) + 1;
  const [sums, counts] = [new Float32Array(size), new Uint8Array(size)];
  values.forEach((value, i) => {
    if (!known[i]) return;
    sums[half(i)] += value;
    counts[half(i)] += 1;
  });
  const below = fill(sums.map((sum, i) => sum / Math.max(1, counts[i])), counts, wide);
  return values.map((value, i) => (known[i] ? value : below[half(i)]));
}
