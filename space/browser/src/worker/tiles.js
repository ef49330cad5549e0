// A picture in tiles, as tiles.py cuts it, so that both restore the same.

import { settings } from "./settings.js";

/**
 * The tiles of what is inside a frame: a picture of at most 512 pixels a side is one.
 *
 * Each is {top, left, rows, columns, high, wide, up, before}: where it begins, how much of the picture
 * it holds, how much is computed, and how many rows and columns at its beginning are context only.
 */
export function tilesOf({ top, left, rows, columns }, margin, stride) {
  const spans = (length) => {
    const shared = length > settings.tileSide ? 2 * margin : 0;
    const starts = [0];
    for (let at = settings.tileSide - shared; at < length - shared; at += settings.tileSide - shared)
      starts.push(at);
    return starts.map((start) => {
      const held = Math.min(settings.tileSide, length - start);
      return { start, held, computed: Math.ceil(held / stride) * stride, context: start && margin };
    });
  };
  if (!(rows && columns)) return [];
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
 * Copies one tile of one plane, high×wide, as floats in [0, 1] into `target`, from `offset` on.
 *
 * What reaches beyond the tile's own `rows` and `columns` is mirrored at the lower and right edge. Data
 * are integers of 8 or 16 bits, or floats in [0, 1].
 */
export function copyTile(picture, plane, tile, target, offset) {
  const { width, channels, data } = picture;
  const { top, left, rows, columns, high, wide } = tile;
  const most = { Uint8Array: 255, Uint16Array: 65535 }[data.constructor.name] ?? 1;
  for (let y = 0; y < high; y += 1) {
    const row = (top + mirrored(y, rows)) * width + left;
    for (let x = 0; x < wide; x += 1)
      target[offset + y * wide + x] = data[(row + mirrored(x, columns)) * channels + plane] / most;
  }
}

function mirrored(index, length) {
  if (index < length) return index;
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const place = index % period;
  return place < length ? place : period - place;
}
