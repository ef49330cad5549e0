// Restoring a picture of any size with a network, tile by tile, as the Python `Denoiser` does.
//
// A network is {planes, estimate(tensor), restore(tensor, levels)}, see networks.js. A picture is
// {width, height, channels, data}: one to four interleaved channels of 8 or 16 bits, the last of
// two or four being transparency, which is left untouched (see decode.js).

import { filledHidden } from "./hidden_pixels.js";
import { hasPlainParts, noisyBlocks, noisyTiles } from "./noisy_tiles.js";
import { cutOut, insideFrame } from "./plain_frame.js";
import { settings } from "./settings.js";
import { copyTile, tilesOf, tileSide } from "./tiles.js";

const coloursOf = ({ channels }) => (channels >= 3 ? 3 : 1);

/** Whether a picture has colours, however it is stored. */
export function hasColours({ channels, data }) {
  if (channels < 3) return false;
  for (let i = 0; i < data.length; i += channels)
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return true;
  return false;
}

/**
 * Plans what of a picture goes through a network: {network, picture, seen, groups, pixels}.
 *
 * `seen` is the picture without hidden colours, `groups` are {first, inside, tiles} of the planes that
 * go through together, and `pixels` counts those of a margin again and a frame not at all.
 */
export function plan(network, picture) {
  const seen = filledHidden(picture);
  const margin = network.planes === 1 ? settings.margin : settings.colourMargin;
  const groups = [];
  for (let first = 0; first < coloursOf(picture); first += network.planes) {
    const inside = insideFrame(seen, first, network.planes);
    groups.push({ first, inside, tiles: tilesOf(inside, margin) });
  }
  const tiles = groups.flatMap((group) => group.tiles);
  const pixels = tiles.reduce((sum, { high, wide }) => sum + high * wide, 0);
  return { network, picture, seen, groups, pixels };
}

/**
 * The noise level of a picture as a fraction of the range, from the tiles that hold noise.
 *
 * It is the mean over planes and tiles of a gray network, and a low quantile of the tiles of a colour
 * network, which takes fine texture for noise.
 */
export async function estimateLevel({ network, seen, groups }) {
  let sum = 0;
  for (const { first, inside } of groups) {
    const part = cutOut(seen, inside);
    const blocks = noisyBlocks(part, first, network.planes);
    const whole = network.planes === 1 && !hasPlainParts(blocks);
    const side = whole ? tileSide(part.width, part.height) : settings.tileSides[0];
    const levels = [];
    for (const place of noisyTiles(blocks, side)) {
      const tile = { ...place, high: side, wide: side };
      levels.push((await network.estimate(cut(part, first, network.planes, tile)))[0]);
    }
    const mean = levels.reduce((a, b) => a + b, 0) / levels.length;
    sum += network.planes === 1 ? mean : quantile(levels, settings.levelQuantile);
  }
  return sum / groups.length;
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low + (place - Math.floor(place)) * (high - low);
}

/**
 * Restores a picture of a known noise level; a plain frame, such as bars, stays as it is.
 *
 * `report(share)` is awaited after each pass, with the share of the work that is done. Returns the
 * planes one after the other, floats, not clipped.
 */
export async function restore({ network, picture, seen, groups, pixels }, level, report = () => {}) {
  const { width, height } = picture;
  const whole = { top: 0, left: 0, high: height, wide: width };
  const restored = cut(seen, 0, coloursOf(picture), whole).data;
  let done = 0;
  for (const { first, inside, tiles } of groups)
    for (const tile of tiles) {
      const noisy = cut(seen, first, network.planes, tile);
      const result = await network.restore(noisy, Float32Array.of(level));
      // Keep what is a margin away from the tile's edges, and all of it at the picture's.
      const up = tile.top > inside.top ? tile.margin : 0;
      const before = tile.left > inside.left ? tile.margin : 0;
      const columns = Math.min(tile.wide, tile.columns);
      for (let plane = 0; plane < network.planes; plane += 1)
        for (let y = up; y < Math.min(tile.high, tile.rows); y += 1) {
          const from = (plane * tile.high + y) * tile.wide;
          const to = ((first + plane) * height + tile.top + y) * width + tile.left;
          restored.set(result.subarray(from + before, from + columns), to + before);
        }
      done += tile.high * tile.wide;
      await report(done / pixels);
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

/** One tile of some planes, one after the other, as {dims, data}. */
function cut(picture, first, planes, tile) {
  const data = new Float32Array(planes * tile.high * tile.wide);
  for (let plane = 0; plane < planes; plane += 1)
    copyTile(picture, first + plane, tile, data, plane * tile.high * tile.wide);
  return { dims: [1, planes, tile.high, tile.wide], data };
}
