// Restoring a picture of any size with a network, tile by tile, as the Python `Denoiser` does.
//
// A network is {channels, stride, estimate(tensor), restore(tensor, sigma)}, see network.js. A picture is
// {width, height, channels, data}: one to four interleaved channels of 8 or 16 bits, the last of
// two or four being transparency, which is left untouched (see decode.js).

import { chooseNetwork } from "./choose_network.js";
import { hasPlainParts, noisyBlocks, estimationPatches } from "./estimation_patches.js";
import { cutOut, insideLetterbox } from "./letterbox.js";
import { settings } from "./settings.js";
import { cutTile, tilesOf } from "./tiles.js";
import { filledTransparent, visibleIn } from "./transparent_pixels.js";

const coloursOf = ({ channels }) => (channels >= 3 ? 3 : 1);

/** Which network removes more of a picture's noise: "gray" or "colour". */
export function choose(picture) {
  let { data } = picture;
  if (data instanceof Uint16Array) data = Uint8Array.from(data, (value) => Math.round(value / 257));
  return chooseNetwork({ ...picture, data, visible: visibleIn(picture) }, settings.rule);
}

/**
 * Plan what of a picture goes through a network: {network, picture, seen, groups, pixels}.
 *
 * `seen` is the picture without hidden colours. `groups` are {first, count, inside, tiles} of the
 * channels that go through together, where the network for colour sees a gray channel as three equal
 * ones. `pixels` counts those of a margin again and a letterbox not at all.
 */
export function plan(network, picture) {
  const seen = filledTransparent(picture);
  const colours = coloursOf(picture);
  const count = Math.min(network.channels, colours);
  const margin = settings.margins[network.channels === 1 ? "gray" : "colour"];
  const inside = insideLetterbox(seen, colours);
  const groups = [];
  for (let first = 0; first < colours; first += count) {
    groups.push({ first, count, inside, tiles: tilesOf(inside, margin, network.stride) });
  }
  const tiles = groups.flatMap((group) => group.tiles);
  const pixels = tiles.reduce((sum, { high, wide }) => sum + high * wide, 0);
  return { network, picture, seen, groups, pixels };
}

/**
 * Estimate the sigma of a picture as a fraction of the range, from its noisy patches.
 *
 * It is the mean over channels and patches for a gray network, and a low quantile of the patches for
 * a colour network, which takes fine texture for noise.
 */
export async function estimateSigma({ network, seen, groups }) {
  let sum = 0;
  for (const { first, count, inside } of groups) {
    const part = cutOut(seen, inside);
    const blocks = noisyBlocks(part, first, count);
    const whole = network.channels === 1 && !hasPlainParts(blocks);
    const side = whole ? sideFor(Math.max(part.width, part.height)) : settings.smallSide;
    const sigmas = [];
    for (const place of estimationPatches(blocks, side)) {
      const [high, wide] = [place.rows, place.columns].map((held) => Math.max(held, settings.smallSide));
      sigmas.push(await network.estimate(cutTile(part, first, count, { ...place, high, wide }, network.channels)));
    }
    const mean = sigmas.reduce((a, b) => a + b, 0) / sigmas.length;
    sum += network.channels === 1 ? mean : quantile(sigmas, settings.sigmaQuantile);
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
 * Restore a picture of a known sigma; a letterbox stays as it is.
 *
 * `report(share)` is awaited after each tile, with the share of the work that is done. Returns the
 * channels one after the other, floats, not clipped.
 */
export async function restore({ network, picture, seen, groups, pixels }, sigma, report = () => {}) {
  const { width, height } = picture;
  const whole = { top: 0, left: 0, rows: height, columns: width, high: height, wide: width };
  const restored = cutTile(seen, 0, coloursOf(picture), whole).data;
  let done = 0;
  for (const { first, count, tiles } of groups)
    for (const tile of tiles) {
      const noisy = cutTile(seen, first, count, tile, network.channels);
      const result = means(await network.restore(noisy, sigma), network.channels / count);
      // Keep what is a margin away from the tile's edges, and all of it at the picture's.
      for (let channel = 0; channel < count; channel += 1)
        for (let y = tile.up; y < tile.rows; y += 1) {
          const from = (channel * tile.high + y) * tile.wide;
          const to = ((first + channel) * height + tile.top + y) * width + tile.left;
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
  const size = data.length / pictures;
  return data.slice(0, size).map((value, i) => (value + data[i + size] + data[i + 2 * size]) / pictures);
}

/** The picture with a share of the correction applied, 0 (untouched) to 1 (full). Hidden pixels stay. */
export function blended(picture, restored, strength) {
  const { width, height, channels, data } = picture;
  if (strength === 0) return picture;
  const result = data.slice();
  const most = data instanceof Uint16Array ? 65535 : 255;
  const size = width * height;
  const alpha = channels % 2 ? 0 : channels - 1;
  for (let channel = 0; channel < coloursOf(picture); channel += 1)
    for (let i = 0, at = channel; i < size; i += 1, at += channels) {
      if (alpha && data[i * channels + alpha] === 0) continue;
      const value = data[at] + strength * (most * restored[channel * size + i] - data[at]);
      result[at] = Math.round(Math.min(most, Math.max(0, value)));
    }
  return { ...picture, data: result };
}
