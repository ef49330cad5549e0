// Pixels to PNG, lossless, 8 or 16 bits, with the colour profile that the picture came with.

const START = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPES = [null, 0, 4, 2, 6]; // by the number of channels
const PAETH = 4; // the filter of every row: predicts a pixel from three neighbours
const BYTES_AT_ONCE = 2 ** 20;
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** Encodes {width, height, channels, data, profile} and returns a Blob. */
export async function encodePng({ width, height, channels, data, profile = null }) {
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint8(8, data instanceof Uint16Array ? 16 : 8);
  head.setUint8(9, COLOUR_TYPES[channels]);
  const parts = [Uint8Array.from(START), ...chunk("IHDR", new Uint8Array(head.buffer))];
  if (profile) {
    const packed = profile.packed ? profile.data : await deflated(profile.data);
    parts.push(...chunk("iCCP", joined(Uint8Array.from([73, 67, 67, 0, 0]), packed))); // "ICC"
  }
  const stream = rows(width, height, channels, data).pipeThrough(new CompressionStream("deflate"));
  const reader = stream.getReader(); // streams are not iterable in every browser
  for (let next = await reader.read(); !next.done; next = await reader.read())
    parts.push(...chunk("IDAT", next.value));
  parts.push(...chunk("IEND", new Uint8Array(0)));
  return new Blob(parts, { type: "image/png" });
}

/** The filtered rows, some at a time. */
function rows(width, height, channels, data) {
  const deep = data instanceof Uint16Array;
  const step = channels * (deep ? 2 : 1);
  const length = width * step;
  let above = new Uint8Array(length);
  let y = 0;
  const row = () => {
    const values = data.subarray(y * width * channels, (y + 1) * width * channels);
    y += 1;
    if (!deep) return values;
    const bytes = new Uint8Array(length);
    values.forEach((value, i) => {
      bytes[2 * i] = value >> 8;
      bytes[2 * i + 1] = value;
    });
    return bytes;
  };
  return new ReadableStream({
    pull(controller) {
      const count = Math.min(height - y, Math.ceil(BYTES_AT_ONCE / length));
      const block = new Uint8Array(count * (length + 1));
      for (let i = 0, at = 0; i < count; i += 1) {
        const current = row();
        block[at++] = PAETH;
        for (let x = 0; x < length; x += 1) {
          const left = x < step ? 0 : current[x - step];
          const corner = x < step ? 0 : above[x - step];
          block[at++] = current[x] - predicted(left, above[x], corner);
        }
        above = current;
      }
      controller.enqueue(block);
      if (y === height) controller.close();
    },
  });
}

function predicted(left, up, corner) {
  const guess = left + up - corner;
  const a = Math.abs(guess - left);
  const b = Math.abs(guess - up);
  const c = Math.abs(guess - corner);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** A chunk's parts: length, name and content, checksum. */
function chunk(name, content) {
  const named = joined(Uint8Array.from(name, (letter) => letter.charCodeAt(0)), content);
  let checksum = 0xffffffff;
  for (const byte of named) checksum = CRC[(checksum ^ byte) & 255] ^ (checksum >>> 8);
  const length = new DataView(new ArrayBuffer(4));
  const sum = new DataView(new ArrayBuffer(4));
  length.setUint32(0, content.length);
  sum.setUint32(0, ~checksum >>> 0);
  return [length, named, sum];
}

function joined(first, second) {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
