// Pixels that nobody sees, filled so that they do not bleed into those that are seen, as
// transparent_pixels.py does.

/** Which pixels anybody sees, a 1 for each; undefined where all are seen. */
export function visibleIn({ width, height, channels, data }) {
  if (channels % 2) return undefined;
  const visible = new Uint8Array(width * height);
  for (let i = 0; i < visible.length; i += 1) visible[i] = data[(i + 1) * channels - 1] > 0;
  return visible.every(Boolean) ? undefined : visible;
}

/**
 * The picture with what is fully transparent filled by means of visible pixels near it.
 *
 * A picture of which everything is visible comes back as it is. Else `visible` has a 1 for each pixel
 * that is seen, and `data` are floats in [0, 1] unless there is none.
 */
export function filledHidden(picture) {
  const { width, height, channels, data } = picture;
  const visible = visibleIn(picture);
  if (!visible) return picture;
  const size = width * height;
  if (!visible.some(Boolean)) return { ...picture, visible };
  const most = data instanceof Uint16Array ? 65535 : 255;
  const floats = new Float32Array(data.length);
  for (let i = 0; i < data.length; i += 1) floats[i] = data[i] / most;
  for (let plane = 0; plane < channels - 1; plane += 1) {
    const sums = new Float32Array(size);
    for (let i = 0; i < size; i += 1) if (visible[i]) sums[i] = floats[i * channels + plane];
    const filled = fill(sums, Float32Array.from(visible), width, height);
    for (let i = 0; i < size; i += 1)
      if (!visible[i]) floats[i * channels + plane] = filled[i];
  }
  return { ...picture, data: floats, visible };
}

/** Weighted means, taken from half the resolution where the weights are zero. */
function fill(sums, weights, width, height) {
  const means = sums.map((sum, i) => (weights[i] > 0 ? sum / weights[i] : 0));
  if (weights.every((weight) => weight > 0) || Math.max(width, height) === 1) return means;
  const wide = Math.ceil(width / 2);
  const high = Math.ceil(height / 2);
  const coarse = new Float32Array(wide * high);
  const counts = new Float32Array(wide * high);
  for (let y = 0, i = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1, i += 1)
      if (weights[i] > 0) {
        const at = (y >> 1) * wide + (x >> 1);
        coarse[at] += means[i];
        counts[at] += 1;
      }
  const below = fill(coarse, counts, wide, high);
  for (let y = 0, i = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1, i += 1)
      if (!(weights[i] > 0)) means[i] = below[(y >> 1) * wide + (x >> 1)];
  return means;
}
