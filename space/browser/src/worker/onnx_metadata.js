// What the writer of an ONNX file says about it, which onnxruntime-web reads and does not hand on.

const METADATA = 14; // number of the field ModelProto.metadata_props; its entries are key 1, value 2
const WITH_LENGTH = 2; // kind of a field that begins with its length
const BYTES = { 1: 8, 5: 4 }; // of the kinds of fixed length

/** Returns the metadata of an ONNX file, given as a Uint8Array: {key: text}. */
export function onnxMetadata(file) {
  const text = (bytes) => new TextDecoder().decode(bytes);
  const told = {};
  for (const [number, entry] of fields(file)) {
    if (number !== METADATA) continue;
    const { 1: key, 2: value } = Object.fromEntries(fields(entry));
    told[text(key)] = text(value);
  }
  return told;
}

/** Yields number and content of each field of a protobuf message that has a length. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    if (kind === WITH_LENGTH) {
      const end = varint() + at;
      yield [Math.floor(tag / 8), bytes.subarray(at, end)];
      at = end;
    } else if (kind in BYTES) at += BYTES[kind];
    else varint();
  }
}
