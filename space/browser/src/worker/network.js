// One network: two ONNX files, run by ONNX Runtime, as inference/network.py does.

import * as ort from "onnxruntime-web/wasm";

const NAMES = { 1: "gray", 3: "colour" }; // by channels

let runtime; // a promise: networks are downloaded meanwhile

/** Set ONNX Runtime up with a promise of its WebAssembly; `base` is the page's address. */
export function startRuntime(base, wasm) {
  if (!self.WebAssembly) throw new TypeError("it has no WebAssembly");
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = { mjs: new URL("runtime/ort-wasm-simd-threaded.mjs", base).href };
  // Threads need shared memory; one core is left for the page.
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.max(1, navigator.hardwareConcurrency - 1) : 1;
  runtime = wasm.then((binary) => (ort.env.wasm.wasmBinary = binary));
}

/**
 * Open the network of an estimator's and a restorer's ONNX file, ArrayBuffers.
 *
 * Returns {name, channels, stride, estimate(tensor), restore(tensor, sigma)}. Tensors are {dims, data}
 * of one picture; height and width of one to restore are multiples of `stride`.
 */
export async function openNetwork(files) {
  await runtime;
  const options = { executionProviders: ["wasm"], enableCpuMemArena: false };
  const estimator = await ort.InferenceSession.create(files[0], options);
  const restorer = await ort.InferenceSession.create(files[1], options);
  const channels = restorer.inputMetadata[0].shape[1];
  if (!(channels in NAMES)) throw new TypeError(`a network of ${channels} channels`);
  const { mirror, stride } = metadataOf(files[1]);
  const once = async ({ dims, data }, level) => {
    const noisy = new ort.Tensor("float32", data, dims);
    const sigma = new ort.Tensor("float32", [level], [1, 1, 1, 1]);
    return (await inTurn(() => restorer.run({ noisy, sigma }))).restored.data;
  };
  return {
    name: NAMES[channels],
    channels,
    stride,
    async estimate({ dims, data }) {
      const noisy = new ort.Tensor("float32", data, dims);
      return (await inTurn(() => estimator.run({ noisy }))).sigma.data[0];
    },
    async restore(noisy, sigma) {
      const restored = await once(noisy, sigma);
      if (!mirror) return restored;
      const turned = mirrored({ ...noisy, data: await once(mirrored(noisy), sigma) }).data;
      for (let i = 0; i < restored.length; i += 1) restored[i] = (restored[i] + turned[i]) / 2;
      return restored;
    },
  };
}

/**
 * Read the metadata of a restorer, which onnxruntime-web does not hand on: protobuf strings, each
 * after its tag and length. Files of releases up to v1.0.0 have none; their graph averages by itself.
 */
export function metadataOf(file) {
  const text = new TextDecoder("latin1").decode(file);
  const [, stride] = /\n\x06stride\x12.(\d+)/s.exec(text) ?? [];
  return { mirror: text.includes("\n\x06mirror\x12\x04true"), stride: Number(stride ?? 64) };
}

/** The mirror image of a tensor, left to right. */
function mirrored({ dims, data }) {
  const wide = dims[3];
  const result = data.slice();
  for (let row = 0; row < data.length; row += wide) result.subarray(row, row + wide).reverse();
  return { dims, data: result };
}

let last = Promise.resolve();

/** Run one forward pass at a time: both tabs may have work for the same network. */
function inTurn(pass) {
  const next = last.then(pass);
  last = next.catch(() => {});
  return next;
}
