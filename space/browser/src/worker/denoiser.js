// Restoring a picture of any size with a network, tile by tile, as the Python `Denoiser` does.
//
// A network is {planes, estimate(tensor), restore(tensor, levels)}, see networks.js. A picture is
// {width, height, channels, data}: one to four interleaved channels of 8 or 16 bits, the last of
// two or four being transparency, which is left untouched (see decode.js).

import { clip, rint } from "./numbers.js";
import { copyTile, MARGIN, tileLength, tilePlaces, tileSide } from "./tiles.js";

const PIXELS_AT_ONCE = 512 ** 2;

export const coloursOf = (picture) => (picture.channels >= 3 ? 3 : 1);

/** The noise level of a picture as a fraction of the range: the mean over planes and tiles. */
export async function estimateLevel(network, picture) {
  const { width, height } = picture;
  const side = tileSide(width, height);
  const groups = coloursOf(picture) / network.planes;
  const sums = new Float32Array(groups);
  const places = tilePlaces(width, height, side, 0);
  for (const [top, left] of places) {
    // The last tiles reach back inside: a strip mirrored until it is full has less noise.
    const tile = {
      top: clip(height - side, 0, top),
      left: clip(width - side, 0, left),
      high: side,
      wide: side,
    };
    for (const [first, count] of chunks(groups, side)) {
      const levels = await network.estimate(cut(picture, network, first, count, tile));
      levels.forEach((level, i) => (sums[first + i] += level));
    }
  }
  return Math.fround(sums.reduce((a, b) => a + b / places.length, 0) / groups);
}

/** How many pixels go through the network, counting those of a margin again. */
export function work(network, picture) {
  const pixels = tilesOf(picture).reduce((sum, { high, wide }) => sum + high * wide, 0);
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
  let done = 0;
  for (const tile of tilesOf(picture)) {
    // Keep what is a margin away from the tile's edges, and all of it at the picture's.
    const up = tile.top > 0 ? MARGIN : 0;
    const before = tile.left > 0 ? MARGIN : 0;
    const rows = Math.min(tile.high, height - tile.top);
    const columns = Math.min(tile.wide, width - tile.left);
    for (const [first, count] of chunks(groups, side)) {
      const tiles = cut(picture, network, first, count, tile);
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

/** The picture with a share of the correction applied, 0 (untouched) to 1 (full). */
export function blended(picture, restored, strength) {
  const { width, height, channels, data } = picture;
  if (strength === 0) return picture;
  const result = data.slice();
  const most = data instanceof Uint16Array ? 65535 : 255;
  const size = width * height;
  for (let plane = 0; plane < coloursOf(picture); plane += 1)
    for (let i = 0, at = plane; i < size; i += 1, at += channels) {
      const value = Math.fround(data[at] / most);
      const change = Math.fround(restored[plane * size + i] - value);
      result[at] = rint(clip(Math.fround(value + Math.fround(strength * change)), 0, 1) * most);
    }
  return { ...picture, data: result };
}

/** The tiles of a picture: where they begin, and how much of them is computed. */
function tilesOf({ width, height }) {
  const side = tileSide(width, height);
  const overlap = Math.max(width, height) > side ? 2 * MARGIN : 0;
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
