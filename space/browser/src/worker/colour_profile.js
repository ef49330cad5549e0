// Colour profiles (ICC): pixels keep their numbers, and the restored PNG says what they mean.

/** Find the profile in a file that stores it as it is; its bytes, or undefined. */
export function profileIn(bytes) {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 2 ** 20)).indexOf("acsp") - 36;
  if (start < 0) return undefined;
  const length = new DataView(bytes.buffer).getUint32(start);
  const profile = bytes.subarray(start, start + length);
  return kindOf(profile) && profile.length === length ? profile : undefined;
}

/** Whether a JPEG has cut this profile of its bytes into several pieces. */
export const inPieces = (profile) => new Uint8Array(profile.buffer)[profile.byteOffset - 1] !== 1;

/** "RGB", "GRAY", "CMYK" and so on. */
export const kindOf = (profile) => profile && String.fromCharCode(...profile.subarray(16, 20)).trim();

/** Return the chunks of a PNG for a profile; none for one that is not of the picture's kind. */
export async function profileChunks(profile, channels) {
  if (kindOf(profile) !== (channels < 3 ? "GRAY" : "RGB")) return [];
  const packed = new Blob([profile]).stream().pipeThrough(new CompressionStream("deflate"));
  const content = new Blob(["ICC\0\0", await new Response(packed).blob()]); // its name, and how it is packed
  return [["iCCP", new Uint8Array(await content.arrayBuffer())]];
}
