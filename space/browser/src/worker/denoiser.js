// Restoring a picture of any size with a network, tile by tile, as the Python `Denoiser` does.
//
// A network is {planes, estimate(tensor), restore(tensor, levels)}, see networks.js. A picture is
// {width, height, channels, data}: one to four interleaved channels of 8 or 16 bits, the last of
// two or four being transparency, which is left untouched (see decode.js).

import { filledHidden } from "./hidden_pixels.js";
import { hasPlainParts, noisyBlocks, noisyTiles } from "./noisy_tiles.js";
import { cutOut, insideFrame } from "./plain_frame.js";
import { settings } from "./settings.js";
import { copyTile, tileLength, tilePlaces, tileSide } from "./tiles.js";

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
  const seen = filledHidden(picture);
  const plan = planOf(network, picture, seen);
  let sum = 0;
  for (const [group, { inside }] of plan.entries()) {
    const part = cutOut(seen, inside);
    const blocks = noisyBlocks(part, group * network.planes, network.planes);
    const whole = network.planes === 1 && !hasPlainParts(blocks);
    const side = whole ? tileSide(part.width, part.height) : settings.tileSides[0];
    const levels = [];
    for (const place of noisyTiles(blocks, side)) {
      const tile = { ...place, high: side, wide: side };
      levels.push((await network.estimate(cut(part, network, group, tile)))[0]);
    }
    sum += network.planes === 1 ? mean(levels) : quantile(levels, settings.levelQuantile);
  }
  return sum / plan.length;
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [low, high] = [Math.floor(place), Math.ceil(place)];
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

const plans = new WeakMap(); // of each picture, by the planes of the network

/** What goes through the network of each group of planes: {inside, tiles}. */
function planOf(network, picture, seen = filledHidden(picture)) {
  if (!plans.has(picture)) plans.set(picture, new Map());
  const known = plans.get(picture);
  if (!known.has(network.planes)) {
    const plan = [];
    for (let first = 0; first < coloursOf(picture); first += network.planes) {
      const inside = insideFrame(seen, first, network.planes);
      plan.push({ inside, tiles: tilesOf(inside, marginOf(network)) });
    }
    known.set(network.planes, plan);
  }
  return known.get(network.planes);
}

/** How many pixels go through the network, counting those of a margin again and a frame not at all. */
export function work(network, picture) {
  return planOf(network, picture)
    .flatMap(({ tiles }) => tiles)
    .reduce((sum, { high, wide }) => sum + high * wide, 0);
}

/**
 * Restores a picture of a known noise level; a plain frame, such as bars, stays as it is.
 *
 * `report(share)` is awaited after each pass, with the share of the work that is done; what it
 * throws ends the work. Returns the planes one after the other, floats, not clipped.
 */
export async function restore(network, picture, level, report = () => {}) {
  const { width, height } = picture;
  const restored = new Float32Array(coloursOf(picture) * width * height);
  const seen = filledHidden(picture);
  const plan = planOf(network, picture, seen);
  const all = work(network, picture);
  const margin = marginOf(network);
  let done = 0;
  for (const [group, { inside, tiles }] of plan.entries()) {
    if (inside.rows * inside.columns < width * height) {
      const whole = { top: 0, left: 0, high: height, wide: width };
      copyGroup(seen, network, group, whole, restored, group * network.planes * width * height);
    }
    for (const tile of tiles) {
      const result = await network.restore(cut(seen, network, group, tile), Float32Array.of(level));
      // Keep what is a margin away from the tile's edges, and all of it at the picture's.
      const up = tile.top > inside.top ? margin : 0;
      const before = tile.left > inside.left ? margin : 0;
      const rows = Math.min(tile.high, tile.rows);
      const columns = Math.min(tile.wide, tile.columns);
      for (let plane = 0; plane < network.planes; plane += 1)
        for (let y = up; y < rows; y += 1) {
          const from = (plane * tile.high + y) * tile.wide;
          const to = ((group * network.planes + plane) * height + tile.top + y) * width + tile.left;
          restored.set(result.subarray(from + before, from + columns), to + before);
        }
      done += tile.high * tile.wide;
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
      const value = data[at] + strength * (most * restored[plane * size + i] - data[at]);
      result[at] = Math.round(Math.min(most, Math.max(0, value)));
    }
  return { ...picture, data: result };
}

const marginOf = (network) => (network.planes === 1 ? settings.margin : settings.colourMargin);

/** The tiles of what is inside a frame: where they begin, how much is there, and how much is computed. */
function tilesOf({ top, left, rows, columns }, margin) {
  if (!(rows && columns)) return [];
  const side = tileSide(columns, rows);
  const overlap = Math.max(columns, rows) > side ? 2 * margin : 0;
  return tilePlaces(columns, rows, side, overlap).map(([down, across]) => ({
    top: top + down,
    left: left + across,
    rows: rows - down,
    columns: columns - across,
    high: tileLength(rows - down, side),
    wide: tileLength(columns - across, side),
  }));
}

/** Copies one tile of a group of planes, one after the other, into `target` from `offset` on. */
function copyGroup(picture, network, group, tile, target, offset) {
  for (let plane = 0; plane < network.planes; plane += 1) {
    const at = offset + plane * tile.high * tile.wide;
    copyTile(picture, group * network.planes + plane, tile, target, at);
  }
}

/** One tile of a group of planes, as {dims, data}. */
function cut(picture, network, group, tile) {
  const data = new Float32Array(network.planes * tile.high * tile.wide);
  copyGroup(picture, network, group, tile, data, 0);
  return { dims: [1, network.planes, tile.high, tile.wide], data };
}
