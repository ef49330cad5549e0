// MSE, PSNR and SSIM of an 8-bit gray picture against the clean one, as `metrics.py` defines them.

import { settings } from "./settings.js";

const RADIUS = 5; // pixels: SSIM's window is 11 wide, a Gaussian of σ = 1.5
const HEIGHTS = Array.from({ length: 2 * RADIUS + 1 }, (_, i) => Math.exp(-((i - RADIUS) ** 2) / 4.5));
const WINDOW = HEIGHTS.map((height) => height / HEIGHTS.reduce((a, b) => a + b));

/** Return {mse, psnr, ssim} of two square pictures of one size, given as arrays of 0 to 255. */
export function metricsOf(clean, other) {
  const [x, y] = [clean, other].map((image) => Float64Array.from(image, (value) => value / 255));
  const mse = mean(x.map((value, i) => (value - y[i]) ** 2));
  const psnr = Math.min(settings.psnrLimit, -10 * Math.log10(mse));
  return { mse, psnr, ssim: similarity(x, y) };
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** SSIM of Wang et al. 2004: Gaussian window, population covariance, borders left out. */
function similarity(x, y) {
  const product = (a, b) => a.map((value, i) => value * b[i]);
  const [mx, my, xx, yy, xy] = [x, y, product(x, x), product(y, y), product(x, y)].map(blurred);
  return mean(
    mx.map((_, i) => {
      const means = mx[i] * my[i];
      const squares = mx[i] ** 2 + my[i] ** 2;
      const [covariance, variances] = [xy[i] - means, xx[i] + yy[i] - squares];
      return (
        ((2 * means + 0.01 ** 2) * (2 * covariance + 0.03 ** 2)) /
        ((squares + 0.01 ** 2) * (variances + 0.03 ** 2))
      );
    }),
  );
}

/** The picture under the window, wherever the window lies inside whole. */
function blurred(image) {
  const side = Math.sqrt(image.length);
  const inside = side - 2 * RADIUS;
  /** Blur along the rows, and make columns of them. */
  const along = (data, rows) =>
    Float64Array.from({ length: inside * rows }, (_, i) => {
      const start = (i % rows) * side + Math.floor(i / rows);
      return WINDOW.reduce((sum, weight, k) => sum + weight * data[start + k], 0);
    });
  return along(along(image, side), inside);
}
