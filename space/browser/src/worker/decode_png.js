// PNG to pixels, with 16 bits and transparency.

import { convertIndexedToRgb, decode } from "fast-png";

import { Mistake } from "../mistake.js";
import { pngFile } from "./encode_png.js";

const KEPT = ["cICP", "iCCP", "sRGB", "gAMA", "cHRM", "eXIf"]; // eXIf: how the picture is turned

/** Decode a PNG, not turned; undefined where the browser can do it, and has to. */
export function decodePng(bytes, check) {
  const chunks = chunksOf(bytes);
  const { IHDR: [head], PLTE, tRNS, IDAT } = chunks;
  const [width, height] = [0, 4].map((at) => new DataView(head.buffer, head.byteOffset).getUint32(at));
  check(width, height);
  const [depth, type, , , interlaced] = head.subarray(8);
  if (depth === 16 && tRNS)
    throw new Mistake("This PNG has 16 bits and one transparent colour; please save it with an alpha channel.");
  if ((depth < 8 && interlaced) || (tRNS && type !== 3)) return undefined;
  // The decoder gets only what it needs, as it stumbles over odd profiles, texts and palettes.
  const parts = [["IHDR", head]];
  if (type === 3) parts.push(["PLTE", PLTE[0]]);
  if (tRNS) parts.push(["tRNS", tRNS[0].subarray(0, PLTE[0].length / 3)]);
  const png = decode(pngFile([...parts, ...IDAT.map((content) => ["IDAT", content])]));
  let { data } = png;
  if (type === 3 || depth < 8) {
    const most = 2 ** depth - 1;
    const grays = Array.from({ length: most + 1 }, (_, i) => [(255 * i) / most]);
    data = convertIndexedToRgb({ palette: grays, ...png });
  }
  const colour = KEPT.flatMap((name) => (chunks[name] ? [[name, chunks[name][0]]] : []));
  return { width, height, channels: data.length / (width * height), data, colour, notes: [] };
}

/** The contents of a PNG's chunks by their names. */
function chunksOf(bytes) {
  const view = new DataView(bytes.buffer);
  const chunks = {};
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) break;
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    (chunks[name] ??= []).push(bytes.subarray(at + 8, end - 4));
    at = end;
  }
  return chunks;
}
