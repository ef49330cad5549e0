// A picture in tiles of a few fixed sides, as `Denoiser` cuts it, so that both restore the same.

import { settings } from "./settings.js";

/** The smallest side that holds the picture, else the largest there is. */
export function tileSide(width, height) {
  const longest = Math.max(width, height);
  return settings.tileSides.find((side) => side >= longest) ?? settings.tileSides.at(-1);
}

/** The tiles of what is inside a frame: where they begin, how much is there, how much is computed. */
export function tilesOf({ top, left, rows, columns }, margin) {
  if (!(rows && columns)) return [];
  const side = tileSide(columns, rows);
  const step = side - (Math.max(columns, rows) > side ? 2 * margin : 0);
  const starts = (length) => {
    const found = [0];
    for (let at = step; at < length - (side - step); at += step) found.push(at);
    return found;
  };
  // What lies a margin away from the picture changes nothing, so a tile need not be a square.
  const computed = (length) => Math.min(side, Math.ceil((length + settings.margin) / 8) * 8);
  return starts(rows).flatMap((down) =>
    starts(columns).map((across) => ({
      margin,
      top: top + down,
      left: left + across,
      rows: rows - down,
      columns: columns - across,
      high: computed(rows - down),
      wide: computed(columns - across),
    })),
  );
}

/**
 * Copies one tile of one plane, high×wide, as floats in [0, 1] into `target`, from `offset` on.
 *
 * What reaches beyond the picture, or beyond the tile's own `rows` and `columns`, is mirrored at the
 * lower and right edge. Data are integers of 8 or 16 bits, or floats in [0, 1].
 */
export function copyTile(picture, plane, tile, target, offset) {
  const { width, height, channels, data } = picture;
  const { top, left, high, wide } = tile;
  const most = { Uint8Array: 255, Uint16Array: 65535 }[data.constructor.name] ?? 1;
  const rows = Math.min(high, tile.rows ?? height - top);
  const columns = Math.min(wide, tile.columns ?? width - left);
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
