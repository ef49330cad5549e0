// PNG to pixels, with 16 bits and every transparency.

import { convertIndexedToRgb, decode } from "fast-png";

import { pngFile } from "./encode_png.js";

/** Decodes a PNG's chunks; undefined where the browser has to (interlaced below 8 bits). */
export function decodePng({ IHDR: [head], PLTE, tRNS, IDAT }) {
  const [depth, type, , , interlaced] = head.subarray(8);
  if (depth < 8 && interlaced) return undefined;
  // The decoder gets only what it needs, as it stumbles over odd profiles, texts and palettes.
  const parts = [["IHDR", head]];
  if (type === 3) parts.push(["PLTE", PLTE[0]]);
  if (type === 3 && tRNS) parts.push(["tRNS", tRNS[0].subarray(0, PLTE[0].length / 3)]);
  const png = decode(pngFile([...parts, ...IDAT.map((content) => ["IDAT", content])]));
  const { width, height } = png;
  const clear = type !== 3 && tRNS && [0, 2, 4].map((at) => (tRNS[0][at] << 8) | tRNS[0][at + 1]);
  if (type === 3 || depth < 8) {
    const most = 2 ** depth - 1;
    const gray = (_, i) => [(255 * i) / most, ...(clear ? [i === clear[0] ? 0 : 255] : [])];
    const data = convertIndexedToRgb({ palette: Array.from({ length: most + 1 }, gray), ...png });
    return { width, height, channels: data.length / (width * height), data };
  }
  return clear && type < 3 ? withAlpha(png, clear) : png;
}

/** Makes the pixels of one colour transparent. */
function withAlpha({ width, height, channels, data }, clear) {
  const result = new data.constructor((width * height) * (channels + 1));
  const opaque = data instanceof Uint16Array ? 65535 : 255;
  for (let from = 0, at = 0; from < data.length; from += channels) {
    let same = true;
    for (let c = 0; c < channels; c += 1) {
      result[at++] = data[from + c];
      same &&= data[from + c] === clear[c];
    }
    result[at++] = same ? 0 : opaque;
  }
  return { width, height, channels: channels + 1, data: result };
}
