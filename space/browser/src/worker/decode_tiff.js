// TIFF to pixels, with 16 bits and transparency; loaded with the first one.

import { decode, pageCount } from "tiff";

import { orientationOf } from "./header.js";
import { intact, Mistake } from "./mistake.js";

/** Decodes the first page of a TIFF, not turned; what cannot be read is told in a sentence. */
export const decodeTiff = (bytes, check) => intact(() => firstPage(bytes, check));

function firstPage(bytes, check) {
  const { at } = orientationOf(bytes);
  if (at !== null) bytes.set(bytes[0] === 0x49 ? [1, 0] : [0, 1], at); // it is turned later
  const [head] = decode(bytes, { pages: [0], ignoreImageData: true });
  check(head.width, head.height);
  const { samplesPerPixel, bitsPerSample, type, sampleFormat } = head;
  const colours = type === 2 ? 3 : type < 4 ? 1 : samplesPerPixel; // RGB, gray or a palette, others
  const extra = samplesPerPixel - colours;
  const odd =
    (head.planarConfiguration === 2 && samplesPerPixel > 1 && "planes of their own") ||
    (head.tiled && (samplesPerPixel > 1 || head.predictor > 1) && "tiles") ||
    ((extra > 1 || (extra && (!head.alpha || type === 3))) && "additional channels") ||
    (sampleFormat === 2 && "negative numbers") ||
    (head.fillOrder === 2 && "reversed bits");
  let page;
  try {
    if (odd) throw new Error(`Unsupported ${odd}`);
    [page] = decode(bytes, { pages: [0] });
  } catch (error) {
    if (!/unsupported/i.test(error.message)) throw error;
    const what = error.message.replace(/^unsupported /i, "");
    throw new Mistake(`This kind of TIFF cannot be read here (${what}); please save it as PNG.`);
  }
  const { width, height, palette } = page;
  let { data } = page;
  if (palette && type === 3) {
    const indices = data;
    data = new Uint8Array(3 * width * height);
    indices.forEach((index, i) => data.set(palette[index].map((value) => value >> 8), 3 * i));
  } else if (bitsPerSample === 1) data = data.map((bit) => 255 * bit);
  else if (sampleFormat === 3) data = fromFloats(data);
  const icc = page.fields.get(34675);
  const pages = pageCount(bytes);
  return {
    width,
    height,
    channels: type === 3 ? 3 : samplesPerPixel,
    data,
    profile: icc && new Blob([Uint8Array.from(icc)]),
    notes: pages > 1 ? [`Only the first of ${pages} pages was used.`] : [],
  };
}

function fromFloats(values) {
  if (!values.every((value) => value >= 0 && value <= 1))
    throw new Mistake("The picture's floats do not lie between 0 and 1; scale them to that, it works.");
  return Uint16Array.from(values, (value) => Math.round(value * 65535));
}
