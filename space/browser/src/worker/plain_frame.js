// Bars and margins around a picture, which a network does not need to see, as letterbox.py has it.

import { settings } from "./settings.js";

/**
 * What is inside the plain rows and columns along the edges of some planes: {top, left, rows, columns}.
 *
 * It is all of them where there is no frame, and has no rows or no columns where there is nothing else.
 */
export function insideFrame({ width, height, channels, data }, first, planes) {
  const same = (one, other) => {
    for (let plane = first; plane < first + planes; plane += 1)
      if (data[one * channels + plane] !== data[other * channels + plane]) return false;
    return true;
  };
  /** Begin and length without the lines at either end of one colour; `at` finds a pixel. */
  const between = (lines, length, at) => {
    const plain = (line, corner) => {
      for (let i = 0; i < length; i += 1) if (!same(at(line, i), corner)) return false;
      return true;
    };
    let start = 0;
    while (start < lines && plain(start, at(0, 0))) start += 1;
    let end = lines;
    while (end > 0 && plain(end - 1, at(lines - 1, 0))) end -= 1;
    if (start >= end) return [0, 0];
    if (start < settings.thinFrame) start = 0;
    if (lines - end < settings.thinFrame) end = lines;
    return [start, end - start];
  };
  const [top, rows] = between(height, width, (y, x) => y * width + x);
  const [left, columns] = between(width, rows, (x, y) => (top + y) * width + x);
  return { top, left, rows, columns };
}

/** What is inside a frame as a picture of its own; all of the picture where nothing is. */
export function cutOut(picture, { top, left, rows, columns }) {
  const { width, height, channels, data, visible } = picture;
  if (!(rows && columns) || (rows === height && columns === width)) return picture;
  const part = { ...picture, width: columns, height: rows };
  part.data = new data.constructor(rows * columns * channels);
  if (visible) part.visible = new Uint8Array(rows * columns);
  for (let y = 0; y < rows; y += 1) {
    const from = (top + y) * width + left;
    part.data.set(data.subarray(from * channels, (from + columns) * channels), y * columns * channels);
    if (visible) part.visible.set(visible.subarray(from, from + columns), y * columns);
  }
  return part;
}
