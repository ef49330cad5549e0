// TIFF to pixels, with 16 bits and transparency; loaded with the first one.

import { decode, pageCount } from "tiff";

import { intact, Mistake } from "../mistake.js";
import { profileChunks } from "./colour_profile.js";

const UNREADABLE = "This kind of TIFF cannot be read here; please save it as PNG.";

/** Decode the first page of a TIFF. */
export async function decodeTiff(bytes, check) {
  const { profile, ...picture } = intact(() => firstPage(bytes, check));
  return { ...picture, colour: await profileChunks(profile, picture.channels) };
}

function firstPage(bytes, check) {
  const [head] = decode(bytes, { pages: [0], ignoreImageData: true });
  check(head.width, head.height);
  // Of what is left out here the library makes other pictures, without an error.
  const { samplesPerPixel, bitsPerSample, sampleFormat, type } = head;
  const extra = samplesPerPixel - (type === 2 ? 3 : 1); // type 2 is RGB, 3 a palette
  const several = samplesPerPixel > 1 && (head.planarConfiguration === 2 || head.tiled);
  const tiledDifferences = head.tiled && head.predictor > 1;
  const additional = extra > 1 || (extra && (!head.alpha || type === 3));
  if (several || tiledDifferences || additional || sampleFormat !== 1 || head.fillOrder === 2)
    throw new Mistake(UNREADABLE);
  const page = decoded(bytes);
  const { width, height, palette } = page;
  let { data } = page;
  if (type === 3) {
    data = new Uint8Array(3 * width * height);
    page.data.forEach((index, i) => data.set(palette[index].map((value) => value >> 8), 3 * i));
  } else if (bitsPerSample === 1) data = data.map((bit) => 255 * bit);
  const pages = pageCount(bytes);
  return {
    width,
    height,
    channels: data.length / (width * height),
    data,
    profile: Uint8Array.from(page.fields.get(34675) ?? []),
    notes: pages > 1 ? [`Only the first of ${pages} pages was used.`] : [],
  };
}

function decoded(bytes) {
  try {
    return decode(bytes, { pages: [0] })[0];
  } catch (error) {
    throw /unsupported/i.test(error.message) ? new Mistake(UNREADABLE) : error;
  }
}
