// What a picture file says about itself before a pixel is decoded.
//
// Only what the browser does not tell is read, and nothing here calls a file damaged: what is odd in
// a header is left out, and whether there is a picture is for the decoder to say.

const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const FORMATS = [
  ["PNG", /^\x89PNG\r\n\x1a\n/, png],
  ["JPEG", /^\xff\xd8/, jpeg],
  ["TIFF", /^(II\*\0|MM\0\*)/, tiff],
  ["WebP", /^RIFF.{4}WEBP/s, webp],
  ["GIF", /^GIF8[79]a/, gif],
  ["BMP", /^BM/, () => {}],
  ["AVIF", /^.{4}ftypavi[fs]/s, heif],
  ["HEIC", /^.{4}ftyp(hei|hev|mif1|msf1)/s, heif],
  ["SVG", /<svg/i, () => {}],
];

/**
 * Reads format, size, orientation and colours.
 *
 * Returns {format, width, height, channels, orientation, profile, chunks, animated}. What is not told
 * is undefined; orientation is one that the decoder has to apply; `chunks` are those of a PNG by name.
 */
export function readHeader(bytes) {
  const start = text(bytes, 0, 1024);
  const header = { orientation: 1, animated: false, chunks: {} };
  const [format, , read] = FORMATS.find(([, pattern]) => pattern.test(start)) ?? [null, null, () => {}];
  try {
    read(bytes, viewOf(bytes), header);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut short
  }
  return { ...header, format };
}

function png(bytes, view, header) {
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) break;
    const content = bytes.subarray(at + 8, end - 4);
    (header.chunks[text(bytes, at + 4, 4)] ??= []).push(content);
    at = end;
  }
  const { IHDR, eXIf, acTL } = header.chunks;
  if (!IHDR) return;
  [header.width, header.height] = [viewOf(IHDR[0]).getUint32(0), viewOf(IHDR[0]).getUint32(4)];
  header.channels = IHDR[0][9] === 0 ? 1 : 3; // gray, or anything else
  header.animated = Boolean(acTL);
  if (eXIf) header.orientation = orientationOf(eXIf[0]).value;
}

function jpeg(bytes, view, header) {
  const profile = [];
  for (let at = 2; at < bytes.length; ) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === 0xff || marker < 0xc0) {
      at += 1; // fill bytes, and those that do not belong there
      continue;
    }
    if (marker === 0xda || marker === 0xd9) break;
    const length = view.getUint16(at + 2);
    const body = bytes.subarray(at + 4, at + 2 + length);
    if (marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      [header.height, header.width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
      header.channels = bytes[at + 9]; // four are the colours of print
    }
    if (marker === 0xe2 && text(body, 0, 12) === "ICC_PROFILE\0") profile[body[12] - 1] = body.subarray(14);
    at += 2 + length;
  }
  if (profile.length && !profile.includes(undefined)) header.profile = new Blob(profile);
}

function webp(bytes, view, header) {
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    const body = bytes.subarray(at + 8, at + 8 + length);
    const kind = text(bytes, at, 4);
    if (kind === "VP8X") {
      header.animated = (body[0] & 2) > 0;
      header.width = 1 + (viewOf(body).getUint32(4, true) & 0xffffff);
      header.height = 1 + (viewOf(body).getUint32(6, true) >>> 8);
    } else if (kind === "ICCP") header.profile = new Blob([body]);
    else if (kind === "EXIF") header.orientation = orientationOf(body).value; // no browser turns it
    at += 8 + length + (length % 2);
  }
}

function gif(bytes, view, header) {
  [header.width, header.height] = [view.getUint16(6, true), view.getUint16(8, true)];
  const frame = /\x21\xf9\x04.{4}\0[\x21\x2c]/gs;
  header.animated = [...new TextDecoder("latin1").decode(bytes).matchAll(frame)].length > 1;
}

/** Colours of AVIF and HEIC: a profile, or numbers, which PNG has a chunk for. */
function heif(bytes, view, header) {
  const boxes = new TextDecoder("latin1").decode(bytes.subarray(0, 2 ** 16)).split("mdat")[0];
  header.animated = /ftyp(avis|msf1|hevc)/.test(boxes);
  const profile = boxes.search(/colr(prof|rICC)/);
  const numbers = boxes.search(/colrnclx/);
  if (profile > 0) header.profile = new Blob([bytes.subarray(profile + 8, profile - 4 + view.getUint32(profile - 4))]);
  else if (numbers > 0) header.chunks.cICP = [Uint8Array.of(bytes[numbers + 9], bytes[numbers + 11], 0, 1)];
}

function tiff(bytes, view, header) {
  header.orientation = orientationOf(bytes).value;
}

/** The orientation in a TIFF structure, which EXIF is, 1 to 8, and where it stands. */
export function orientationOf(bytes) {
  const found = { value: 1, at: null };
  const start = text(bytes, 0, 6) === "Exif\0\0" ? 6 : 0; // in some WebP files
  const view = viewOf(bytes.subarray(start));
  try {
    const little = view.getUint16(0) === 0x4949;
    const first = view.getUint32(4, little);
    for (let i = 0; i < view.getUint16(first, little); i += 1) {
      const entry = first + 2 + 12 * i;
      if (view.getUint16(entry, little) !== 274) continue;
      const value = view.getUint16(entry + 8, little);
      return { value: value >= 1 && value <= 8 ? value : 1, at: start + entry + 8 };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut short: as if it were not there
  }
  return found;
}
