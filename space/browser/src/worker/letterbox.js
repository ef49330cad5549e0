// Bars and margins around a picture, which a network does not need to see, as letterbox.py has it.

import { settings } from "./settings.js";

/**
 * Find what is inside the plain rows and columns along the edges of a picture, whose first `colours`
 * channels count: {top, left, rows, columns}. Where there is nothing else it has no rows or no columns.
 */
export function insideLetterbox({ width, height, channels, data }, colours) {
  const same = (one, other) => {
    for (let channel = 0; channel < colours; channel += 1)
      if (data[one * channels + channel] !== data[other * channels + channel]) return false;
    return true;
  };
  /** Begin and length without the lines at either end of one colour; `at` finds a pixel. */
  const between = (lines, length, at) => {
    const plain = (line, corner) => {
      for (let i = 0; i < length; i += 1) if (!same(at(line, i), corner)) return false;
      return true;
    };
    let [start, end] = [0, lines];
    while (start < lines && plain(start, at(0, 0))) start += 1;
    while (end > 0 && plain(end - 1, at(lines - 1, 0))) end -= 1;
    if (start >= end) return [0, 0];
    if (start < settings.thinBorder) start = 0;
    if (lines - end < settings.thinBorder) end = lines;
    return [start, end - start];
  };
  const [top, rows] = between(height, width, (y, x) => y * width + x);
  const [left, columns] = between(width, rows, (x, y) => (top + y) * width + x);
  return { top, left, rows, columns };
}

/** Cut out what is inside a letterbox as a picture of its own; all of the picture where nothing is. */
export function cutOut(picture, { top, left, rows, columns }) {
  const { width, height, channels, data, visible } = picture;
  if (!(rows && columns) || (rows === height && columns === width)) return picture;
  const cut = (values, each) => {
    const part = new values.constructor(rows * columns * each);
    for (let y = 0; y < rows; y += 1) {
      const from = ((top + y) * width + left) * each;
      part.set(values.subarray(from, from + columns * each), y * columns * each);
    }
    return part;
  };
  return { ...picture, width: columns, height: rows, data: cut(data, channels), visible: visible && cut(visible, 1) };
}
