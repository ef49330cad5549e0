// Pixels to PNG, lossless, 8 or 16 bits, with what the picture's file said about its colours.

const START = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const COLOUR_TYPES = [null, 0, 4, 2, 6]; // by the number of channels
const AVERAGE = 3; // the filter of every row: predicts a byte from those on its left and above it
const BYTES_AT_ONCE = 2 ** 20;
const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** Encode {width, height, channels, data, colour} to a Blob. */
export async function encodePng({ width, height, channels, data, colour = [] }) {
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint8(8, 8 * data.BYTES_PER_ELEMENT);
  head.setUint8(9, COLOUR_TYPES[channels]);
  const packer = new CompressionStream("deflate");
  const packed = new Response(packer.readable).arrayBuffer();
  const writer = packer.writable.getWriter();
  for (const block of filteredRows(width, height, channels, data)) await writer.write(block);
  await writer.close();
  const chunks = [["IHDR", new Uint8Array(head.buffer)], ...colour, ["IDAT", new Uint8Array(await packed)]];
  return new Blob([pngFile(chunks)], { type: "image/png" });
}

function* filteredRows(width, height, channels, data) {
  const step = channels * data.BYTES_PER_ELEMENT;
  const length = width * step;
  let above = new Uint8Array(length);
  for (let y = 0; y < height; ) {
    const count = Math.min(height - y, Math.ceil(BYTES_AT_ONCE / length));
    const block = new Uint8Array(count * (length + 1));
    for (let i = 0, at = 0; i < count; i += 1, y += 1) {
      const row = bigEndian(data.subarray(y * width * channels, (y + 1) * width * channels));
      block[at++] = AVERAGE;
      for (let x = 0; x < length; x += 1)
        block[at++] = row[x] - (((x < step ? 0 : row[x - step]) + above[x]) >> 1);
      above = row;
    }
    yield block;
  }
}

function bigEndian(values) {
  if (values instanceof Uint8Array) return values;
  return Uint8Array.from({ length: 2 * values.length }, (_, i) => values[i >> 1] >> (i % 2 ? 0 : 8));
}

/** A PNG of its chunks, [name, content], without the last one. */
export function pngFile(chunks) {
  const all = [...chunks, ["IEND", new Uint8Array(0)]];
  const file = new Uint8Array(all.reduce((sum, [, { length }]) => sum + 12 + length, START.length));
  const view = new DataView(file.buffer);
  file.set(START);
  let at = START.length;
  for (const [name, content] of all) {
    view.setUint32(at, content.length);
    file.set(Array.from(name, (letter) => letter.charCodeAt(0)), at + 4);
    file.set(content, at + 8);
    const end = at + 8 + content.length;
    let checksum = -1;
    for (let i = at + 4; i < end; i += 1) checksum = CRC[(checksum ^ file[i]) & 255] ^ (checksum >>> 8);
    view.setUint32(end, ~checksum >>> 0);
    at = end + 4;
  }
  return file;
}
