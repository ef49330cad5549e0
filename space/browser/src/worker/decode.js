// Picture files to pixels, exactly: {width, height, channels, data, profile, notes}.
//
// `data` holds one to four interleaved channels of 8 bits (Uint8Array) or 16 (Uint16Array); the
// last of two or four is transparency. PNG and TIFF are decoded here, since a canvas loses 16 bits
// and half-transparent colours; everything else by the browser, without its colour conversion.

import { convertIndexedToRgb, decode as decodePng } from "fast-png";

import { damaged, orientationOf, readHeader } from "./header.js";
import { Mistake } from "./mistake.js";
import { clip, rint } from "./numbers.js";

const STRIP = 2 ** 20; // pixels that go through the canvas at once, which is limited on phones

/** Decodes the first frame of a file, upright; `check(width, height)` may refuse its size. */
export async function decode(file, check = () => {}) {
  if (file.size === 0) throw new Mistake("The file is empty; please choose a picture.");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const header = readHeader(bytes);
  if (header.width !== null) check(header.width, header.height);
  const notes = header.animated ? ["Only the first frame was used."] : [];
  let picture;
  try {
    if (header.format === "PNG") picture = upright(fromPng(bytes), header.orientation);
    else if (header.format === "TIFF") picture = upright(await fromTiff(bytes, header), header.orientation);
    else picture = await fromBrowser(file, header, check, notes);
  } catch (error) {
    if (error instanceof Mistake) throw error;
    if (error instanceof RangeError && /allocation|array length/i.test(error.message)) throw error;
    throw damaged();
  }
  return { ...picture, profile: header.profile, notes };
}

function fromPng(bytes) {
  const png = decodePng(bytes);
  const { width, height, depth } = png;
  if (png.palette) {
    const data = convertIndexedToRgb(png);
    return { width, height, channels: data.length / (width * height), data };
  }
  if (depth >= 8) return { width, height, channels: png.channels, data: png.data };
  const data = new Uint8Array(width * height);
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1) {
      const bit = x * depth;
      const byte = png.data[y * rowBytes + (bit >> 3)];
      data[y * width + x] = (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most;
    }
  return { width, height, channels: 1, data };
}

async function fromTiff(bytes, header) {
  const { decode: decodeTiff } = await import("tiff");
  const { at } = orientationOf(bytes);
  if (at !== null) bytes.set(bytes[0] === 0x49 ? [1, 0] : [0, 1], at); // it is turned here
  let page;
  try {
    if (header.planar) throw new Error("Unsupported planes");
    [page] = decodeTiff(bytes, { pages: [0] });
    if (header.tiled && page.samplesPerPixel > 1) throw new Error("Unsupported tiles");
  } catch (error) {
    if (!/unsupported/i.test(error.message)) throw error;
    throw new Mistake(
      `This kind of TIFF cannot be read here (${error.message.replace(/^unsupported /i, "")}); ` +
        "please save it as PNG.",
    );
  }
  const { width, height, palette } = page;
  let { data } = page;
  let channels = page.samplesPerPixel;
  if (palette) {
    const indices = data;
    data = new Uint8Array(3 * width * height);
    indices.forEach((index, i) => data.set(palette[index].map((value) => value >> 8), 3 * i));
    channels = 3;
  } else if (page.bitsPerSample === 1) data = data.map((bit) => 255 * bit);
  else if (data instanceof Float32Array || data instanceof Float64Array) data = fromFloats(data);
  if (channels > 4) throw new Mistake("The TIFF has more than four channels; please save it as PNG.");
  return { width, height, channels, data };
}

function fromFloats(values) {
  if (!values.every((value) => value >= 0 && value <= 1))
    throw new Mistake("The picture's floats do not lie between 0 and 1; scale them to that, it works.");
  return Uint16Array.from(values, (value) => rint(clip(value, 0, 1) * 65535));
}

/** Decodes by the browser, which turns the picture upright. */
async function fromBrowser(file, header, check, notes) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    if (header.format === "HEIC" || header.format === "AVIF")
      throw new Mistake(`This browser cannot read ${header.format} pictures; please save it as JPEG or PNG.`);
    throw damaged();
  }
  const { width, height } = bitmap;
  check(width, height);
  const gray = header.format === "JPEG" && header.channels === 1;
  if (header.channels === 4 && header.format === "JPEG")
    notes.push("Its print colours (CMYK) were converted to RGB.");
  const opaque = header.format === "JPEG" || header.format === "BMP";
  let picture = { width, height, channels: gray ? 1 : opaque ? 3 : 4 };
  picture.data = new Uint8Array(width * height * picture.channels);
  const rows = Math.max(1, Math.floor(STRIP / width));
  const canvas = new OffscreenCanvas(width, Math.min(rows, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let solid = true, partial = false;
  for (let top = 0; top < height; top += rows) {
    const high = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, high, 0, 0, width, high);
    const { data } = context.getImageData(0, 0, width, high);
    for (let i = 0, at = top * width * picture.channels; i < data.length; i += 4) {
      for (let c = 0; c < picture.channels; c += 1) picture.data[at++] = data[i + c];
      if (data[i + 3] !== 255) {
        solid = false;
        partial ||= data[i + 3] !== 0;
      }
    }
  }
  bitmap.close();
  if (solid && picture.channels === 4) picture = withoutAlpha(picture);
  if (partial)
    notes.push(`Half-transparent colours of a ${header.format} are rounded by the browser; a PNG keeps them exactly.`);
  return picture;
}

function withoutAlpha({ width, height, data }) {
  const result = new Uint8Array(3 * width * height);
  for (let i = 0, at = 0; i < data.length; i += 4)
    for (let c = 0; c < 3; c += 1) result[at++] = data[i + c];
  return { width, height, channels: 3, data: result };
}

/** Turns a picture as its EXIF orientation says. */
export function upright(picture, orientation) {
  if (orientation === 1) return picture;
  const { width, height, channels, data } = picture;
  const swapped = orientation >= 5;
  const [wide, high] = swapped ? [height, width] : [width, height];
  const result = new data.constructor(data.length);
  // Where each pixel of the upright picture stands in the stored one.
  const right = width - 1, bottom = height - 1;
  const source = {
    2: (x, y) => [right - x, y],
    3: (x, y) => [right - x, bottom - y],
    4: (x, y) => [x, bottom - y],
    5: (x, y) => [y, x],
    6: (x, y) => [y, bottom - x],
    7: (x, y) => [right - y, bottom - x],
    8: (x, y) => [right - y, x],
  }[orientation];
  for (let y = 0, at = 0; y < high; y += 1)
    for (let x = 0; x < wide; x += 1) {
      const [column, row] = source(x, y);
      const from = (row * width + column) * channels;
      for (let c = 0; c < channels; c += 1) result[at++] = data[from + c];
    }
  return { ...picture, width: wide, height: high, data: result };
}
