// Picture files to pixels, exactly: {width, height, channels, data, colour, notes}.
//
// `data` holds one to four interleaved channels of 8 bits (Uint8Array) or 16 (Uint16Array); the
// last of two or four is transparency. `colour` are the chunks of a PNG that say what the colours
// mean. PNG and TIFF are decoded here, since a canvas loses 16 bits and half-transparent colours;
// everything else by the browser.

import { intact, Mistake } from "../mistake.js";
import { decodeByBrowser } from "./decode_browser.js";
import { decodePng } from "./decode_png.js";

const FORMATS = [
  ["PNG", /^\x89PNG\r\n\x1a\n/],
  ["JPEG", /^\xff\xd8/],
  ["TIFF", /^(II\*\0|MM\0\*)/],
  ["WebP", /^RIFF.{4}WEBP/s],
  ["GIF", /^GIF8[79]a/],
  ["BMP", /^BM/],
  ["AVIF", /^.{4}ftypavi[fs]/s],
  ["HEIC", /^.{4}ftyp(hei|hev|mif1|msf1)/s],
  ["SVG", /<svg/i],
];
const ANIMATED = /^\x89PNG.*acTL|^RIFF.{4}WEBPVP8X.*ANIM|^GIF.*NETSCAPE2\.0|^.{4}ftyp(avis|msf1|hevc)/s;

/** Decode the first frame of a file; `check(width, height)` may refuse its size. */
export async function decode(file, check) {
  if (file.size === 0) throw new Mistake("The file is empty; please choose a picture.");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const start = String.fromCharCode(...bytes.subarray(0, 4096));
  const [format] = FORMATS.find(([, pattern]) => pattern.test(start)) ?? [];
  const picture =
    (format === "PNG" && intact(() => decodePng(bytes, check))) ||
    (format === "TIFF" && (await (await tiffDecoder())(bytes, check))) ||
    (await decodeByBrowser(file, bytes, format, check));
  if (ANIMATED.test(start)) picture.notes.push("Only the first frame was used.");
  return picture;
}

async function tiffDecoder() {
  try {
    return (await import("./decode_tiff.js")).decodeTiff;
  } catch {
    throw new Mistake("A part of this page could not be loaded; please load the page again.");
  }
}
