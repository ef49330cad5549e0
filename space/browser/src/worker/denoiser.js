// Restoring a picture of any size with a network, tile by tile, as the Python `Denoiser` does.
//
// A network is {planes, estimate(tensor), restore(tensor, levels)}, see networks.js. A picture is
// {width, height, channels, data}: one to four interleaved channels of 8 or 16 bits, the last of
// two or four being transparency, which is left untouched (see decode.js).

import { filledHidden } from "./hidden_pixels.js";
import { hasPlainParts, noisyBlocks, noisyTiles } from "./noisy_tiles.js";
import { clip, rint } from "./numbers.js";
import { COLOUR_MARGIN, copyTile, MARGIN, TILE_SIDES, tileLength, tilePlaces, tileSide } from "./tiles.js";

const PIXELS_AT_ONCE = 512 ** 2;
const LEVEL_QUANTILE = 0.1;

export const coloursOf = (picture) => (picture.channels >= 3 ? 3 : 1);

/** Whether a picture has colours, however it is stored. */
export function hasColours({ channels, data }) {
  if (coloursOf({ channels }) === 1) return false;
  for (let i = 0; i < data.length; i += channels)
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return true;
  return false;
}

/**
 * The noise level of a picture as a fraction of the range, from the tiles that hold noise.
 *
 * It is the mean over planes and tiles of a gray network, and a low quantile of the tiles of a colour
 * network, which takes fine texture for noise.
 */
export async function estimateLevel(network, picture) {
  const { width, height } = picture;
  const seen = filledHidden(picture);
  const groups = coloursOf(picture) / network.planes;
  let sum = 0;
  for (let group = 0; group < groups; group += 1) {
    const blocks = noisyBlocks(seen, group * network.planes, network.planes);
    const whole = network.planes === 1 && !hasPlainParts(blocks);
    const side = whole ? tileSide(width, height) : TILE_SIDES[0];
    const levels = [];
    for (const place of noisyTiles(blocks, side)) {
      const tile = { ...place, high: side, wide: side };
      levels.push((await network.estimate(cut(seen, network, group, 1, tile)))[0]);
    }
    sum += network.planes === 1 ? mean(levels) : quantile(levels, LEVEL_QUANTILE);
  }
  return Math.fround(sum / groups);
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/** How many pixels go through the network, counting those of a margin again. */
export function work(network, picture) {
  const pixels = tilesOf(picture, marginOf(network)).reduce((sum, { high, wide }) => sum + high * wide, 0);
  return (pixels * coloursOf(picture)) / network.planes;
}

/**
 * Restores a picture of a known noise level.
 *
 * `report(share)` is awaited after each pass, with the share of the work that is done; what it
 * throws ends the work. Returns the planes one after the other, floats, not clipped.
 */
export async function restore(network, picture, level, report = () => {}) {
  const { width, height } = picture;
  const side = tileSide(width, height);
  const groups = coloursOf(picture) / network.planes;
  const restored = new Float32Array(coloursOf(picture) * width * height);
  const all = work(network, picture);
  const margin = marginOf(network);
  const seen = filledHidden(picture);
  let done = 0;
  for (const tile of tilesOf(picture, margin)) {
    // Keep what is a margin away from the tile's edges, and all of it at the picture's.
    const up = tile.top > 0 ? margin : 0;
    const before = tile.left > 0 ? margin : 0;
    const rows = Math.min(tile.high, height - tile.top);
    const columns = Math.min(tile.wide, width - tile.left);
    for (const [first, count] of chunks(groups, side)) {
      const tiles = cut(seen, network, first, count, tile);
      const result = await network.restore(tiles, new Float32Array(count).fill(level));
      for (let plane = 0; plane < count * network.planes; plane += 1)
        for (let y = up; y < rows; y += 1) {
          const from = (plane * tile.high + y) * tile.wide;
          const to = ((first * network.planes + plane) * height + tile.top + y) * width + tile.left;
          restored.set(result.subarray(from + before, from + columns), to + before);
        }
      done += count * tile.high * tile.wide;
      await report(done / all);
    }
  }
  return restored;
}

/** The picture with a share of the correction applied, 0 (untouched) to 1 (full). Hidden pixels stay. */
export function blended(picture, restored, strength) {
  const { width, height, channels, data } = picture;
  if (strength === 0) return picture;
  const result = data.slice();
  const most = data instanceof Uint16Array ? 65535 : 255;
  const size = width * height;
  const alpha = channels % 2 ? 0 : channels - 1;
  for (let plane = 0; plane < coloursOf(picture); plane += 1)
    for (let i = 0, at = plane; i < size; i += 1, at += channels) {
      if (alpha && data[i * channels + alpha] === 0) continue;
      const value = Math.fround(data[at] / most);
      const change = Math.fround(restored[plane * size + i] - value);
      result[at] = rint(clip(Math.fround(value + Math.fround(strength * change)), 0, 1) * most);
    }
  return { ...picture, data: result };
}

const marginOf = (network) => (network.planes === 1 ? MARGIN : COLOUR_MARGIN);

/** The tiles of a picture: where they begin, and how much of them is computed. */
function tilesOf({ width, height }, margin) {
  const side = tileSide(width, height);
  const overlap = Math.max(width, height) > side ? 2 * margin : 0;
  return tilePlaces(width, height, side, overlap).map(([top, left]) => ({
    top,
    left,
    high: tileLength(height - top, side),
    wide: tileLength(width - left, side),
  }));
}

/** Groups of planes that go through the network at once, as [first, count]. */
function* chunks(groups, side) {
  const size = Math.max(1, Math.floor(PIXELS_AT_ONCE / side ** 2));
  for (let first = 0; first < groups; first += size) yield [first, Math.min(size, groups - first)];
}

/** One tile of some groups of planes, as {dims, data}. */
function cut(picture, network, first, count, tile) {
  const planes = count * network.planes;
  const size = tile.high * tile.wide;
  const data = new Float32Array(planes * size);
  for (let plane = 0; plane < planes; plane += 1)
    copyTile(picture, first * network.planes + plane, tile, data, plane * size);
  return { dims: [count, network.planes, tile.high, tile.wide], data };
}
