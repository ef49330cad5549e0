// Noise-estimation patches, as estimation_patches.py chooses them: the parts of a picture that hold noise,
// not bars or cut-outs.

import { settings } from "./settings.js";

/** Find the blocks of some channels that hold noise: {down, across, noisy, width, height}. */
export function noisyBlocks({ width, height, channels, data, visible }, first, count) {
  const { block, varied } = settings;
  const differs = new Uint8Array(width * height);
  const compare = (one, other) => {
    if (visible && !(visible[one] && visible[other])) return;
    for (let channel = first; channel < first + count; channel += 1)
      if (data[one * channels + channel] !== data[other * channels + channel]) differs[one] = differs[other] = 1;
  };
  for (let y = 0, at = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1, at += 1) {
      if (x + 1 < width) compare(at, at + 1);
      if (y + 1 < height) compare(at, at + width);
    }
  const [down, across] = [height, width].map((length) => Math.ceil(length / block));
  const counts = new Uint16Array(down * across);
  differs.forEach((one, at) => {
    counts[Math.floor(Math.floor(at / width) / block) * across + Math.floor((at % width) / block)] += one;
  });
  const noisy = Uint8Array.from(counts, (differing, i) => {
    const high = Math.min(block, height - block * Math.floor(i / across));
    const wide = Math.min(block, width - block * (i % across));
    return differing >= varied * high * wide;
  });
  return { down, across, noisy, width, height };
}

/** Whether more of a picture is plain or hidden than changes no estimate. */
export const hasPlainParts = ({ noisy }) =>
  noisy.reduce((sum, one) => sum + one, 0) / noisy.length < 1 - settings.plainShare;

/** Choose the patches to estimate a sigma on, as {top, left, rows, columns}; at least one. */
export function estimationPatches(blocks, side) {
  if (!blocks.noisy.some(Boolean)) blocks = { ...blocks, noisy: blocks.noisy.map(() => 1) };
  const patches = covering(blocks, side);
  const filled = patches.map((patch) => shareOf(blocks, patch));
  const fullest = filled.reduce((a, b) => Math.max(a, b));
  if (fullest < settings.filled && side > settings.smallestPatch) return estimationPatches(blocks, side / 2);
  const chosen = patches.filter((_, i) => filled[i] >= Math.min(settings.filled, fullest));
  if (chosen.length <= settings.mostPatches) return chosen;
  const step = (chosen.length - 1) / (settings.mostPatches - 1);
  return Array.from({ length: settings.mostPatches }, (_, i) => chosen[Math.round(i * step)]);
}

/** Patches that cover the noise; where it ends, they reach back inside. */
function covering({ down, across, noisy, width, height }, side) {
  const range = (length) => [...Array(length).keys()];
  const rows = range(down).map((y) => range(across).some((x) => noisy[y * across + x]));
  const columns = range(across).map((x) => range(down).some((y) => noisy[y * across + x]));
  return spansOf(rows, height, side).flatMap(([top, rows]) =>
    spansOf(columns, width, side).map(([left, columns]) => ({ top, left, rows, columns })),
  );
}

/** Begins and lengths of patches from the first used block to the last. */
function spansOf(used, length, side) {
  const low = settings.block * used.indexOf(true);
  const high = Math.min(settings.block * (used.lastIndexOf(true) + 1), length);
  const last = Math.max(high - side, low);
  const starts = [];
  for (let at = low; at < last; at += side) starts.push(at);
  return [...starts, last].map((start) => [start, Math.min(side, high - start)]);
}

/** The share of a patch's blocks that hold noise. */
function shareOf({ across, noisy }, { top, left, rows, columns }) {
  const [up, before] = [top, left].map((start) => Math.floor(start / settings.block));
  const [below, behind] = [top + rows, left + columns].map((end) => Math.ceil(end / settings.block));
  let sum = 0;
  for (let y = up; y < below; y += 1)
    for (let x = before; x < behind; x += 1) sum += noisy[y * across + x];
  return sum / ((below - up) * (behind - before));
}
