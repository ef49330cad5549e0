// A picture in tiles, as tiles.py cuts it, so that both restore the same.

import { settings } from "./settings.js";

/**
 * Return the tiles inside a letterbox: a picture of at most 512 pixels a side is one.
 *
 * Each is {top, left, rows, columns, high, wide, up, before}: where it begins, how much of the picture
 * it holds, how much is computed, and how many rows and columns at its beginning are context only.
 */
export function tilesOf({ top, left, rows, columns }, margin, stride) {
  const spans = (length) => {
    const shared = length > settings.tileSide ? 2 * margin : 0;
    const starts = length ? [0] : [];
    for (let at = settings.tileSide - shared; at < length - shared; at += settings.tileSide - shared)
      starts.push(at);
    return starts.map((start) => {
      const held = Math.min(settings.tileSide, length - start);
      return { start, held, computed: Math.ceil(held / stride) * stride, context: start && margin };
    });
  };
  return spans(rows).flatMap((down) =>
    spans(columns).map((across) => ({
      top: top + down.start,
      left: left + across.start,
      rows: down.held,
      columns: across.held,
      high: down.computed,
      wide: across.computed,
      up: down.context,
      before: across.context,
    })),
  );
}

/**
 * Cut one tile of `count` channels from the `first` on: {dims, data}, floats in [0, 1], one channel after
 * the other, and copies of the only one where `channels` is more.
 *
 * What reaches beyond the tile's own `rows` and `columns`, up to `high` and `wide`, is mirrored. The
 * picture's data are integers of 8 or 16 bits, or floats in [0, 1].
 */
export function cutTile(picture, first, count, { top, left, rows, columns, high, wide }, channels = count) {
  const { width, data } = picture;
  const most = { Uint8Array: 255, Uint16Array: 65535 }[data.constructor.name] ?? 1;
  const cut = new Float32Array(channels * high * wide);
  let to = 0;
  for (let channel = first; channel < first + channels; channel += 1) {
    const read = Math.min(channel, first + count - 1);
    for (let y = 0; y < high; y += 1) {
      const row = (top + mirrored(y, rows)) * width + left;
      for (let x = 0; x < wide; x += 1)
        cut[to++] = data[(row + mirrored(x, columns)) * picture.channels + read] / most;
    }
  }
  return { dims: [1, channels, high, wide], data: cut };
}

function mirrored(index, length) {
  if (index < length) return index;
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const place = index % period;
  return place < length ? place : period - place;
}
