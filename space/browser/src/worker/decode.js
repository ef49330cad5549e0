// Picture files to pixels, exactly: {width, height, channels, data, colour, notes}.
//
// `data` holds one to four interleaved channels of 8 bits (Uint8Array) or 16 (Uint16Array); the
// last of two or four is transparency. `colour` are the chunks of a PNG that say what the colours
// mean. PNG and TIFF are decoded here, since a canvas loses 16 bits and half-transparent colours;
// everything else by the browser, without its colour conversion.

import { decodeByBrowser } from "./decode_browser.js";
import { decodePng } from "./decode_png.js";
import { readHeader } from "./header.js";
import { intact, Mistake } from "./mistake.js";

const COLOUR_CHUNKS = ["cICP", "iCCP", "sRGB", "gAMA", "cHRM"];

/** Decodes the first frame of a file, upright; `check(width, height)` may refuse its size. */
export async function decode(file, check) {
  if (file.size === 0) throw new Mistake("The file is empty; please choose a picture.");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const header = readHeader(bytes);
  if (header.format === "SVG")
    throw new Mistake("An SVG is a drawing and has no pixels; please save it as PNG and send that.");
  if (header.width) check(header.width, header.height);
  const picture =
    (header.format === "PNG" && intact(() => decodePng(header.chunks))) ||
    (header.format === "TIFF" && (await (await tiffDecoder())(bytes, check))) ||
    (await decodeByBrowser(file, header, check));
  const notes = picture.notes ?? [];
  if (header.animated) notes.push("Only the first frame was used.");
  const profile = picture.profile === undefined ? header.profile : picture.profile;
  const colour = await colourOf(profile, picture.channels, header.chunks);
  return { ...upright(picture, header.orientation), colour, notes };
}

async function tiffDecoder() {
  try {
    return (await import("./decode_tiff.js")).decodeTiff;
  } catch {
    throw new Mistake("A part of this page could not be loaded; please load the page again.");
  }
}

/** The chunks that keep the meaning of the colours; a profile has to be of the picture's kind. */
async function colourOf(profile, channels, chunks) {
  if (!profile) return COLOUR_CHUNKS.flatMap((name) => (chunks[name] ? [[name, chunks[name][0]]] : []));
  const kind = await profile.slice(16, 20).text();
  if (kind !== (channels < 3 ? "GRAY" : "RGB ")) return [];
  const packed = profile.stream().pipeThrough(new CompressionStream("deflate"));
  const content = new Blob(["ICC\0\0", await new Response(packed).blob()]); // its name, and how it is packed
  return [["iCCP", new Uint8Array(await content.arrayBuffer())]];
}

/** Turns a picture as its EXIF orientation says. */
export function upright(picture, orientation) {
  if (orientation === 1) return picture;
  const { width, height, channels, data } = picture;
  const swapped = orientation >= 5;
  const [wide, high] = swapped ? [height, width] : [width, height];
  const [toLeft, toTop] = [[2, 3, 6, 7], [3, 4, 7, 8]].map((turned) => turned.includes(orientation));
  const result = new data.constructor(data.length);
  for (let y = 0, at = 0; y < high; y += 1)
    for (let x = 0; x < wide; x += 1) {
      const across = toLeft ? wide - 1 - x : x;
      const down = toTop ? high - 1 - y : y;
      const from = (swapped ? across * width + down : down * width + across) * channels;
      for (let c = 0; c < channels; c += 1) result[at++] = data[from + c];
    }
  return { ...picture, width: wide, height: high, data: result };
}
