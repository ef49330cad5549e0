// Where to look for the noise of a picture, as estimation_patches.py does: tiles that hold some, not bars
// or cut-outs.

import { settings } from "./settings.js";

/** Which blocks of some planes hold noise: {down, across, noisy, width, height}. */
export function noisyBlocks(picture, first, planes) {
  const { width, height, channels, data, visible } = picture;
  const differs = new Uint8Array(width * height);
  const compare = (one, other) => {
    if (visible && !(visible[one] && visible[other])) return;
    for (let plane = first; plane < first + planes; plane += 1)
      if (data[one * channels + plane] !== data[other * channels + plane]) {
        differs[one] = differs[other] = 1;
        return;
      }
  };
  for (let y = 0, at = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1, at += 1) {
      if (x + 1 < width) compare(at, at + 1);
      if (y + 1 < height) compare(at, at + width);
    }
  const [down, across] = [Math.ceil(height / settings.block), Math.ceil(width / settings.block)];
  const counts = new Uint16Array(down * across);
  for (let y = 0, at = 0; y < height; y += 1) {
    const row = Math.floor(y / settings.block) * across;
    for (let x = 0; x < width; x += 1, at += 1) counts[row + Math.floor(x / settings.block)] += differs[at];
  }
  const noisy = new Uint8Array(down * across);
  for (let i = 0; i < noisy.length; i += 1) {
    const high = Math.min(settings.block, height - settings.block * Math.floor(i / across));
    const wide = Math.min(settings.block, width - settings.block * (i % across));
    noisy[i] = counts[i] >= settings.varied * high * wide;
  }
  return { down, across, noisy, width, height };
}

/** Whether more of a picture is plain or hidden than changes no estimate. */
export const hasPlainParts = ({ noisy }) =>
  noisy.reduce((sum, one) => sum + one, 0) / noisy.length < 1 - settings.plainShare;

/** The tiles to estimate a level on, as {top, left, rows, columns}; at least one. */
export function noisyTiles(blocks, side) {
  if (!blocks.noisy.some(Boolean)) blocks = { ...blocks, noisy: blocks.noisy.map(() => 1) };
  for (;;) {
    const tiles = tilesOf(blocks, side);
    const filled = tiles.map((tile) => shareOf(blocks, tile));
    const fullest = filled.reduce((a, b) => Math.max(a, b));
    if (fullest < settings.filled && side > settings.smallestTile) {
      side /= 2;
      continue;
    }
    const chosen = tiles.filter((_, i) => filled[i] >= Math.min(settings.filled, fullest));
    if (chosen.length <= settings.mostTiles) return chosen;
    const step = (chosen.length - 1) / (settings.mostTiles - 1);
    return Array.from({ length: settings.mostTiles }, (_, i) => chosen[Math.round(i * step)]);
  }
}

function tilesOf({ down, across, noisy, width, height }, side) {
  const rows = Array.from({ length: down }, (_, y) =>
    noisy.subarray(y * across, (y + 1) * across).some(Boolean),
  );
  const columns = Array.from({ length: across }, (_, x) =>
    rows.some((_, y) => noisy[y * across + x]),
  );
  const spans = [spansOf(rows, height, side), spansOf(columns, width, side)];
  return spans[0].flatMap(([top, rows]) =>
    spans[1].map(([left, columns]) => ({ top, left, rows, columns })),
  );
}

/** Begins and lengths of tiles from the first block used to the last; the last one reaches back. */
function spansOf(used, length, side) {
  const low = settings.block * used.indexOf(true);
  const high = Math.min(settings.block * (used.lastIndexOf(true) + 1), length);
  const last = Math.max(high - side, low);
  const starts = [];
  for (let at = low; at < last; at += side) starts.push(at);
  return [...starts, last].map((start) => [start, Math.min(side, high - start)]);
}

function shareOf({ across, noisy }, { top, left, rows, columns }) {
  const [up, before] = [Math.floor(top / settings.block), Math.floor(left / settings.block)];
  const [below, behind] = [Math.ceil((top + rows) / settings.block), Math.ceil((left + columns) / settings.block)];
  let sum = 0;
  for (let y = up; y < below; y += 1)
    for (let x = before; x < behind; x += 1) sum += noisy[y * across + x];
  return sum / ((below - up) * (behind - before));
}
