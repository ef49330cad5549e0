// Everything but PNG and TIFF, decoded by the browser, which turns it upright.

import { Mistake } from "./mistake.js";
import probe from "./probe.jpg";

const STRIP = 2 ** 20; // pixels that go through the canvas at once, which is limited on phones
const EXACTLY = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** Decodes a file of this header; `check(width, height)` may refuse its size. */
export async function decodeByBrowser(file, { format, channels: stored, profile }, check) {
  const trust = await (trusted ??= tryOut());
  if (!trust.pixels)
    throw new Mistake(
      "This browser hands out random pixels, to protect you from being recognised; " +
        "please allow this page to read canvases, or save the picture as PNG, which works without.",
    );
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, EXACTLY);
  } catch {
    throw new Mistake(
      format
        ? `This browser cannot read the ${format}: it is damaged, cut short, too large or of a kind unknown to it; please save it as PNG.`
        : "This file is not a picture that can be read here; JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP work.",
    );
  }
  const { width, height } = bitmap;
  check(width, height);
  const notes = [];
  const print = format === "JPEG" && stored === 4;
  if (print) notes.push("Its print colours (CMYK) were converted to RGB.");
  const converted = format === "JPEG" && profile && trust.converts;
  if (converted) notes.push("This browser converted its colours to sRGB.");
  const rgba = pixelsOf(bitmap);
  bitmap.close();
  let opaque = true, partial = false;
  for (let i = 3; i < rgba.length; i += 4) {
    opaque &&= rgba[i] === 255;
    partial ||= rgba[i] > 0 && rgba[i] < 255;
  }
  if (partial)
    notes.push(`Half-transparent colours of a ${format} are rounded by the browser; a PNG keeps them exactly.`);
  const channels = opaque ? (stored === 1 ? 1 : 3) : 4;
  return {
    width,
    height,
    channels,
    data: channels === 4 ? rgba : firstOf(rgba, channels),
    profile: print || converted ? null : undefined,
    notes,
  };
}

function pixelsOf(bitmap) {
  const { width, height } = bitmap;
  const rgba = new Uint8Array(4 * width * height);
  const rows = Math.min(height, Math.ceil(STRIP / width));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += rows) {
    const high = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, top, width, high, 0, 0, width, high);
    rgba.set(context.getImageData(0, 0, width, high).data, 4 * top * width);
  }
  return rgba;
}

/** The first channels of each pixel. */
function firstOf(rgba, channels) {
  const result = new Uint8Array((rgba.length / 4) * channels);
  for (let i = 0, at = 0; i < rgba.length; i += 4)
    for (let c = 0; c < channels; c += 1) result[at++] = rgba[i + c];
  return result;
}

let trusted = null;

/**
 * Decodes a known picture: red on the left and green on the right, with a profile that says "blue"
 * to red. Browsers that resist fingerprinting make random pixels of it; WebKit converts it.
 */
async function tryOut() {
  const bitmap = await createImageBitmap(new Blob([probe], { type: "image/jpeg" }), EXACTLY);
  const pixels = pixelsOf(bitmap);
  const shows = (i, channel) =>
    [0, 1, 2].every((c) => (c === channel ? pixels[i + c] > 150 : pixels[i + c] < 110)) && pixels[i + 3] === 255;
  const converts = shows(0, 2);
  return { pixels: (converts || shows(0, 0)) && shows(pixels.length - 4, 1), converts };
}
