// Everything but PNG and TIFF, decoded by the browser, which turns a JPEG upright.

import { Mistake } from "../mistake.js";
import { inPieces, kindOf, profileChunks, profileIn } from "./colour_profile.js";
import probe from "./probe.jpg";

const STRIP = 2 ** 20; // pixels that go through the canvas at once, which is limited on phones
const EXACTLY = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** Decode a file of this format; `check(width, height)` may refuse its size. */
export async function decodeByBrowser(file, bytes, format, check) {
  const trust = await (trusted ??= tryOut());
  if (!trust.pixels)
    throw new Mistake(
      "This browser hands out random pixels, to protect you from being recognised; " +
        "please allow this page to read canvases, or save the picture as PNG, which works without.",
    );
  if (format === "JPEG") checkJpeg(bytes, check);
  const profile = profileIn(bytes);
  const kind = kindOf(profile);
  const kept = ["RGB", "GRAY"].includes(kind) && !trust.converts && !(format === "JPEG" && inPieces(profile));
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { ...EXACTLY, ...(!kept && { colorSpaceConversion: "default" }) });
  } catch {
    throw new Mistake(
      format
        ? `This browser cannot read the ${format}: it is damaged, cut short, too large or of a kind unknown to it; please save it as PNG.`
        : "This file is not a picture that can be read here; JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP work.",
    );
  }
  const { width, height } = bitmap;
  check(width, height);
  const rgba = pixelsOf(bitmap);
  bitmap.close();
  let [opaque, partial, gray] = [true, false, !kept || kind === "GRAY"];
  for (let i = 0; i < rgba.length; i += 4) {
    opaque &&= rgba[i + 3] === 255;
    partial ||= rgba[i + 3] > 0 && rgba[i + 3] < 255;
    gray &&= rgba[i] === rgba[i + 1] && rgba[i] === rgba[i + 2];
  }
  const notes = [];
  if (profile && !kept) notes.push("Its colours were converted to sRGB.");
  if (partial)
    notes.push(`Half-transparent colours of a ${format} are rounded by the browser; a PNG keeps them exactly.`);
  const channels = opaque ? (gray ? 1 : 3) : 4;
  const data = channels === 4 ? rgba : firstOf(rgba, channels);
  return { width, height, channels, data, colour: kept ? await profileChunks(profile, channels) : [], notes };
}

/** Check the sizes in a JPEG's frame headers, before gigabytes are decoded. */
function checkJpeg(bytes, check) {
  const view = new DataView(bytes.buffer);
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 2 ** 20));
  for (const { index } of start.matchAll(/\xff[\xc0-\xc2]\0[\x0b\x11\x14]\x08.{4}[\x01\x03\x04]/gs))
    check(view.getUint16(index + 7), view.getUint16(index + 5));
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
 * Decode a known picture: red on the left and green on the right, with a profile that says "blue"
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
