// The networks: ONNX Runtime, and where a network's files come from.

import * as ort from "onnxruntime-web/wasm";

import { Mistake } from "./mistake.js";
import { settings } from "./settings.js";

const HUB = "https://huggingface.co";
const HUB_SECONDS = 20;
const CACHE = "networks"; // of files from the Hub, for the next visit without a network
const PARTS = ["estimator", "restorer"];

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

/** Loads what Python says of the networks and the page: see settings.js. */
export async function loadSettings(base) {
  const content = await ownFile(base, "content.json");
  Object.assign(settings, JSON.parse(new TextDecoder().decode(content)).settings);
}

/**
 * Loads a network from the Hub, or the one that came with the page.
 *
 * `asked` is {id, revision} of a model repository, or null. Returns {network, source}; `source` is
 * {name, note}: what serves, and why it is not what was asked for.
 */
export async function loadGrayNetwork(base, asked) {
  let note = "";
  if (asked) {
    const files = await fromHub(asked).catch(() => null);
    const network = files && (await makeNetwork(files).catch(() => null));
    const name = `${asked.id} at ${asked.revision}`;
    if (network) return { network, source: { name, note: files.cached ? "kept from an earlier visit" : "" } };
    note = files ? `the file of ${asked.id} cannot be read` : `${asked.id} could not be had from the Hub`;
  }
  const network = await loadBundled(base, "model");
  return { network, source: { name: "the network that came with this page", note } };
}

/** Loads the network of one of the page's own folders. */
export async function loadBundled(base, folder) {
  const files = await Promise.all(PARTS.map((part) => ownFile(base, `${folder}/${part}.onnx`)));
  if (!(await runtime)) throw unloaded("could not be loaded");
  return makeNetwork(files).catch(() => {
    throw unloaded("is damaged");
  });
}

const unloaded = (what) => new Mistake(`A file of the network ${what}; please load the page again.`);

function ownFile(base, path) {
  return fetched(new URL(path, base)).catch(() => {
    throw unloaded("could not be loaded");
  });
}

async function fromHub({ id, revision }) {
  const address = (part) =>
    `${HUB}/${id}/resolve/${encodeURIComponent(revision)}/onnx/${part}.onnx`;
  const store = await globalThis.caches?.open(CACHE).catch(() => null);
  try {
    const signal = AbortSignal.timeout(HUB_SECONDS * 1000);
    const files = await Promise.all(PARTS.map((part) => fetched(address(part), { signal })));
    for (const [i, part] of PARTS.entries())
      store?.put(address(part), new Response(files[i])).catch(() => {}); // the storage may be full
    return files;
  } catch (error) {
    const kept = await Promise.all(PARTS.map((part) => store?.match(address(part))));
    if (kept.some((response) => !response)) throw error;
    const files = await Promise.all(kept.map((response) => response.arrayBuffer()));
    return Object.assign(files, { cached: true });
  }
}

async function fetched(address, options) {
  const response = await fetch(address, options);
  if (!response.ok) throw new TypeError(`${address} answered ${response.status}`);
  return response.arrayBuffer();
}

/** Makes a network of its two ONNX files: {planes, estimate, restore}. */
async function makeNetwork(files) {
  await runtime;
  const options = { executionProviders: ["wasm"], enableCpuMemArena: false };
  const estimator = await ort.InferenceSession.create(new Uint8Array(files[0]), options);
  const restorer = await ort.InferenceSession.create(new Uint8Array(files[1]), options);
  return {
    planes: restorer.inputMetadata[0].shape[1],
    async estimate({ dims, data }) {
      const noisy = new ort.Tensor("float32", data, dims);
      return (await inTurn(() => estimator.run({ noisy }))).sigma.data;
    },
    async restore({ dims, data }, levels) {
      const noisy = new ort.Tensor("float32", data, dims);
      const sigma = new ort.Tensor("float32", levels, [levels.length, 1, 1, 1]);
      return (await inTurn(() => restorer.run({ noisy, sigma }))).restored.data;
    },
  };
}

let last = Promise.resolve();

/** One forward pass at a time: both tabs may have work for the same network. */
function inTurn(pass) {
  const next = last.then(pass);
  last = next.catch(() => {});
  return next;
}
