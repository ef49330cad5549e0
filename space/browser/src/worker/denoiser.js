// Restoring a picture of any size with a network, tile by tile, as the Python `Denoiser` does.
//
// A network is {planes, stride, estimate(tensor), restore(tensor, level)}, see network.js. A picture is
// {width, height, channels, data}: one to four interleaved channels of 8 or 16 bits, the last of
// two or four being transparency, which is left untouched (see decode.js).

import { chooseNetwork } from "./choose_network.js";
import { filledHidden, visibleIn } from "./hidden_pixels.js";
import { hasPlainParts, noisyBlocks, noisyTiles } from "./noisy_tiles.js";
import { cutOut, insideFrame } from "./plain_frame.js";
import { settings } from "./settings.js";
import { copyTile, tilesOf } from "./tiles.js";

const coloursOf = ({ channels }) => (channels >= 3 ? 3 : 1);

/** Which network removes more of a picture's noise: "gray" or "colour". */
export function choose(picture) {
  const seen = { ...picture, data: eightBits(picture.data), visible: visibleIn(picture) };
  return chooseNetwork(seen, settings.rule);
}

function eightBits(data) {
  if (!(data instanceof Uint16Array)) return data;
  const result = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 1) result[i] = Math.round(data[i] / 257);
  return result;
}

/**
 * Plans what of a picture goes through a network: {network, picture, seen, groups, pixels}.
 *
 * `seen` is the picture without hidden colours. `groups` are {first, count, inside, tiles} of the planes
 * that go through together, where a gray plane is seen as three equal ones by the network for colour.
 * `pixels` counts those of a margin again and a frame not at all.
 */
export function plan(network, picture) {
  const seen = filledHidden(picture);
  const colours = coloursOf(picture);
  const count = Math.min(network.planes, colours);
  const groups = [];
  for (let first = 0; first < colours; first += count) {
    const inside = insideFrame(seen, first, count);
    const margin = settings.margins[network.planes === 1 ? "gray" : "colour"];
    groups.push({ first, count, inside, tiles: tilesOf(inside, margin, network.stride) });
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
  for (const { first, count, inside } of groups) {
    const part = cutOut(seen, inside);
    const blocks = noisyBlocks(part, first, count);
    const whole = network.planes === 1 && !hasPlainParts(blocks);
    const side = whole ? sideFor(Math.max(part.width, part.height)) : settings.smallSide;
    const levels = [];
    for (const place of noisyTiles(blocks, side)) {
      const [high, wide] = [place.rows, place.columns].map((held) => Math.max(held, settings.smallSide));
      const tile = cut(part, first, count, { ...place, high, wide }, network.planes);
      levels.push(await network.estimate(tile));
    }
    const mean = levels.reduce((a, b) => a + b, 0) / levels.length;
    sum += network.planes === 1 ? mean : quantile(levels, settings.levelQuantile);
  }
  return sum / groups.length;
}

/** The power of two that holds a length, as far as tiles go. */
function sideFor(length) {
  let side = settings.smallSide;
  while (side < Math.min(length, settings.tileSide)) side *= 2;
  return side;
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
 * `report(share)` is awaited after each tile, with the share of the work that is done. Returns the
 * planes one after the other, floats, not clipped.
 */
export async function restore({ network, picture, seen, groups, pixels }, level, report = () => {}) {
  const { width, height } = picture;
  const whole = { top: 0, left: 0, rows: height, columns: width, high: height, wide: width };
  const restored = cut(seen, 0, coloursOf(picture), whole).data;
  let done = 0;
  for (const { first, count, tiles } of groups)
    for (const tile of tiles) {
      const noisy = cut(seen, first, count, tile, network.planes);
      const result = means(await network.restore(noisy, level), network.planes / count);
      // Keep what is a margin away from the tile's edges, and all of it at the picture's.
      for (let plane = 0; plane < count; plane += 1)
        for (let y = tile.up; y < tile.rows; y += 1) {
          const from = (plane * tile.high + y) * tile.wide;
          const to = ((first + plane) * height + tile.top + y) * width + tile.left;
          restored.set(result.subarray(from + tile.before, from + tile.columns), to + tile.before);
        }
      done += tile.high * tile.wide;
      await report(done / pixels);
    }
  return restored;
}

/** The mean of so many pictures that lie one after the other. */
function means(data, pictures) {
  if (pictures === 1) return data;
  const mean = data.slice(0, data.length / pictures);
  for (let i = mean.length; i < data.length; i += 1) mean[i % mean.length] += data[i];
  return mean.map((sum) => sum / pictures);
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

/** One tile of `count` planes, one after the other, as {dims, data}; one for `planes` where these are more. */
function cut(picture, first, count, tile, planes = count) {
  const size = tile.high * tile.wide;
  const data = new Float32Array(planes * size);
  for (let plane = 0; plane < count; plane += 1)
    copyTile(picture, first + plane, tile, data, plane * size);
  for (let plane = count; plane < planes; plane += 1) data.copyWithin(plane * size, 0, size);
  return { dims: [1, planes, tile.high, tile.wide], data };
}
