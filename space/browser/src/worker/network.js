// One network: two ONNX files, run by ONNX Runtime, as inference/network.py does.

import * as ort from "onnxruntime-web/wasm";

import { onnxMetadata } from "./onnx_metadata.js";

const NAMES = { 1: "gray", 3: "colour" }; // by channels
// Files that do not tell are of releases up to v1.0.0: their restorer averages over the mirror image
// inside its graph.
const OLD = { mirror: "false", stride: "64" };

let runtime; // a promise: networks are downloaded while it is compiled

/** Sets ONNX Runtime up: `module` is a promise of its compiled WebAssembly, or of null. */
export function startRuntime(base, threads, module) {
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = { mjs: new URL("runtime/ort-wasm-simd-threaded.mjs", base).href };
  // It takes bytes only, and would compile them here, after all of them have come: so it is given
  // none, and the module in the place of what it makes of them.
  ort.env.wasm.wasmBinary = new ArrayBuffer(0);
  runtime = module;
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (_, imports) => {
    WebAssembly.instantiate = instantiate;
    return { module: await module, instance: await instantiate(await module, imports) };
  };
}

/** Whether the runtime could be loaded and compiled. */
export const runtimeIsThere = async () => Boolean(await runtime);

/**
 * Makes a network of the bytes of its estimator and its restorer.
 *
 * Returns {name, planes, stride, estimate(tensor), restore(tensor, level)}. Tensors are {dims, data} of
 * one picture; height and width of one to restore are multiples of `stride`.
 */
export async function openNetwork(files) {
  await runtime;
  const options = { executionProviders: ["wasm"], enableCpuMemArena: false };
  const [estimatorFile, restorerFile] = files.map((file) => new Uint8Array(file));
  const { mirror, stride } = { ...OLD, ...onnxMetadata(restorerFile) };
  const estimator = await ort.InferenceSession.create(estimatorFile, options);
  const restorer = await ort.InferenceSession.create(restorerFile, options);
  const planes = restorer.inputMetadata[0].shape[1];
  if (!(planes in NAMES)) throw new TypeError(`a network of ${planes} channels`);
  const once = async ({ dims, data }, level) => {
    const noisy = new ort.Tensor("float32", data, dims);
    const sigma = new ort.Tensor("float32", [level], [1, 1, 1, 1]);
    return (await inTurn(() => restorer.run({ noisy, sigma }))).restored.data;
  };
  return {
    name: NAMES[planes],
    planes,
    stride: Number(stride),
    async estimate({ dims, data }) {
      const noisy = new ort.Tensor("float32", data, dims);
      return (await inTurn(() => estimator.run({ noisy }))).sigma.data[0];
    },
    async restore(noisy, level) {
      const restored = await once(noisy, level);
      if (mirror !== "true") return restored;
      const turned = mirrored({ ...noisy, data: await once(mirrored(noisy), level) }).data;
      for (let i = 0; i < restored.length; i += 1) restored[i] = (restored[i] + turned[i]) / 2;
      return restored;
    },
  };
}

/** The mirror image of a tensor, left to right. */
function mirrored({ dims, data }) {
  const wide = dims[3];
  const result = new Float32Array(data.length);
  for (let row = 0; row < data.length; row += wide)
    for (let x = 0; x < wide; x += 1) result[row + x] = data[row + wide - 1 - x];
  return { dims, data: result };
}

let last = Promise.resolve();

/** One forward pass at a time: both tabs may have work for the same network. */
function inTurn(pass) {
  const next = last.then(pass);
  last = next.catch(() => {});
  return next;
}
