// MSE, PSNR and SSIM of an 8-bit gray picture against the clean one, as `metrics.py` defines them.

const PSNR_LIMIT = 100; // dB, for identical pictures
const RADIUS = 5; // pixels: SSIM's Gaussian window is 11 wide
const WINDOW = gaussian(1.5);

/** Returns {mse, psnr, ssim} of two pictures of one size, given as arrays of 0 to 255. */
export function figures(clean, other, width) {
  const mse = meanSquaredError(clean, other);
  return {
    mse,
    psnr: -10 * Math.log10(Math.max(mse, 10 ** (-PSNR_LIMIT / 10))),
    ssim: similarity(unit(clean), unit(other), width),
  };
}

function meanSquaredError(clean, other) {
  let sum = 0;
  for (let i = 0; i < clean.length; i += 1) sum += ((clean[i] - other[i]) / 255) ** 2;
  return sum / clean.length;
}

/** SSIM of Wang et al. 2004: Gaussian window, population covariance, borders left out. */
function similarity(x, y, width) {
  const product = (a, b) => a.map((value, i) => value * b[i]);
  const [mx, my, xx, yy, xy] = [x, y, product(x, x), product(y, y), product(x, y)].map((image) =>
    blurred(image, width),
  );
  let sum = 0;
  for (let i = 0; i < mx.length; i += 1) {
    const means = mx[i] * my[i];
    const squares = mx[i] ** 2 + my[i] ** 2;
    const covariance = xy[i] - means;
    const variances = xx[i] + yy[i] - squares;
    sum +=
      ((2 * means + 0.01 ** 2) * (2 * covariance + 0.03 ** 2)) /
      ((squares + 0.01 ** 2) * (variances + 0.03 ** 2));
  }
  return sum / mx.length;
}

/** The picture under the window, wherever the window lies inside whole. */
function blurred(image, width) {
  const height = image.length / width;
  const inside = width - 2 * RADIUS;
  const rows = new Float64Array(inside * height);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < inside; x += 1)
      for (let k = 0; k < WINDOW.length; k += 1)
        rows[y * inside + x] += WINDOW[k] * image[y * width + x + k];
  const result = new Float64Array(inside * (height - 2 * RADIUS));
  for (let i = 0; i < result.length; i += 1)
    for (let k = 0; k < WINDOW.length; k += 1) result[i] += WINDOW[k] * rows[i + k * inside];
  return result;
}

function gaussian(sigma) {
  const places = Array.from({ length: 2 * RADIUS + 1 }, (_, i) => i - RADIUS);
  const heights = places.map((x) => Math.exp((-x * x) / (2 * sigma * sigma)));
  const sum = heights.reduce((a, b) => a + b);
  return heights.map((height) => height / sum);
}

const unit = (image) => Float64Array.from(image, (value) => value / 255);
