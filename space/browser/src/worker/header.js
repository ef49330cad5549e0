// What a picture file says about itself before a pixel is decoded.

import { Mistake } from "./mistake.js";

const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));
const PNG_START = "\x89PNG\r\n\x1a\n";

/**
 * Reads format, size, orientation and colour profile.
 *
 * Returns {format, width, height, channels, orientation, profile, animated}; width is null where
 * only decoding tells it, and channels null where the format does not.
 */
export function readHeader(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const known = { channels: null, orientation: 1, profile: null, animated: false, width: null, height: null };
  try {
    if (text(bytes, 0, 8) === PNG_START) return { ...known, ...png(bytes, view) };
    if (view.getUint16(0) === 0xffd8) return { ...known, ...jpeg(bytes, view) };
    if (["II*\0", "MM\0*"].includes(text(bytes, 0, 4))) return { ...known, ...tiff(view) };
    if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP")
      return { ...known, ...webp(bytes, view) };
    if (["GIF87a", "GIF89a"].includes(text(bytes, 0, 6))) {
      const animated = text(bytes, 0, Math.min(1024, bytes.length)).includes("NETSCAPE2.0");
      return { ...known, format: "GIF", width: view.getUint16(6, true), height: view.getUint16(8, true), animated };
    }
    if (text(bytes, 0, 2) === "BM")
      return { ...known, format: "BMP", width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
  } catch (error) {
    if (error instanceof RangeError) throw damaged();
    throw error;
  }
  const brand = text(bytes, 4, 8);
  if (["ftypavif", "ftypavis"].includes(brand)) return { ...known, format: "AVIF" };
  if (["ftypheic", "ftypheix", "ftypheif", "ftypmif1", "ftypmsf1"].includes(brand))
    return { ...known, format: "HEIC" };
  if (text(bytes, 0, Math.min(1024, bytes.length)).toLowerCase().includes("<svg"))
    throw new Mistake("An SVG is a drawing and has no pixels; please save it as PNG and send that.");
  throw new Mistake(
    "This file is not a picture that can be read here; JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP work.",
  );
}

export const damaged = () =>
  new Mistake("The file is damaged or cut short; please choose it again or save it as a new PNG.");

function png(bytes, view) {
  const found = {
    format: "PNG",
    width: view.getUint32(16),
    height: view.getUint32(20),
    channels: [1, null, 3, null, 2, null, 4][bytes[25]],
  };
  for (let at = 33; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = text(bytes, at + 4, 4);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "eXIf") found.orientation = orientationOf(body).value;
    if (kind === "iCCP") found.profile = { packed: true, data: body.slice(body.indexOf(0) + 2) };
    if (kind === "acTL") found.animated = true;
    if (kind === "IEND") break;
    at += 12 + length;
  }
  return found;
}

function jpeg(bytes, view) {
  const found = { format: "JPEG" };
  const profile = [];
  for (let at = 2; at < bytes.length; ) {
    if (bytes[at] !== 0xff) throw damaged();
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) break;
    const length = view.getUint16(at + 2);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      found.height = view.getUint16(at + 5);
      found.width = view.getUint16(at + 7);
      found.channels = bytes[at + 9]; // four are the colours of print
    }
    if (marker === 0xe1 && text(body, 0, 6) === "Exif\0\0")
      found.orientation = orientationOf(body.subarray(6)).value;
    if (marker === 0xe2 && text(body, 0, 12) === "ICC_PROFILE\0")
      profile[body[12] - 1] = body.slice(14);
    at += 2 + length;
  }
  if (!found.width) throw damaged();
  if (profile.length && !profile.includes(undefined))
    found.profile = { packed: false, data: joined(profile) };
  return found;
}

function webp(bytes, view) {
  const found = { format: "WebP" };
  for (let at = 12; at + 8 <= bytes.length; ) {
    const kind = text(bytes, at, 4);
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    if (kind === "VP8X") {
      found.animated = (bytes[body] & 2) > 0;
      found.width = 1 + (view.getUint32(body + 4, true) & 0xffffff);
      found.height = 1 + (view.getUint32(body + 6, true) >>> 8);
    } else if (kind === "VP8 ") {
      found.width ??= view.getUint16(body + 6, true) & 0x3fff;
      found.height ??= view.getUint16(body + 8, true) & 0x3fff;
    } else if (kind === "VP8L") {
      const sides = view.getUint32(body + 1, true);
      found.width ??= 1 + (sides & 0x3fff);
      found.height ??= 1 + ((sides >>> 14) & 0x3fff);
    } else if (kind === "ICCP")
      found.profile = { packed: false, data: bytes.slice(body, body + length) };
    at = body + length + (length % 2);
  }
  return found;
}

function tiff(view) {
  const little = view.getUint16(0) === 0x4949;
  const tags = {};
  forEachTag(view, (tag, kind, at) => {
    tags[tag] ??= kind === 3 ? view.getUint16(at, little) : view.getUint32(at, little);
  });
  return {
    format: "TIFF",
    width: tags[256],
    height: tags[257],
    orientation: orientationOf(new Uint8Array(view.buffer, view.byteOffset, view.byteLength)).value,
    planar: tags[284] === 2,
    tiled: 322 in tags,
  };
}

/** The orientation in a TIFF structure, 1 to 8, and where it stands. */
export function orientationOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = { value: 1, at: null };
  try {
    const little = view.getUint16(0) === 0x4949;
    forEachTag(view, (tag, kind, at) => {
      if (tag !== 274) return;
      found.at = at;
      const value = view.getUint16(at, little);
      if (value >= 1 && value <= 8) found.value = value;
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut short: as if it were not there
  }
  return found;
}

function forEachTag(view, visit) {
  const little = view.getUint16(0) === 0x4949;
  const start = view.getUint32(4, little);
  const count = view.getUint16(start, little);
  for (let i = 0; i < count; i += 1) {
    const entry = start + 2 + 12 * i;
    visit(view.getUint16(entry, little), view.getUint16(entry + 2, little), entry + 8);
  }
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
