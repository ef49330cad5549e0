// Where the networks come from: the model repository on the Hub, or the page's own files.

import { Mistake } from "../mistake.js";
import { openNetwork, startRuntime } from "./network.js";
import { settings } from "./settings.js";

const HUB_SECONDS = 20;
const PARTS = ["estimator.onnx", "restorer.onnx"];
const FOLDERS = { gray: "model", colour: "colour" }; // of the page's own networks
const WORDS = { gray: "gray network", colour: "network for colour" };

/** The two networks that serve, loaded when they are needed; `source` says what serves. */
export class Networks {
  #base;
  #asked;
  #loaded = {}; // promises by name

  /**
   * Load the network that the Demo needs.
   *
   * `base` is the page's address, `asked` is {id, revision} of a model repository, or null. One with
   * a single network, of either kind, is joined by the page's own other one.
   */
  static async start(base, asked) {
    const networks = new Networks();
    networks.#base = base;
    networks.#asked = asked;
    startRuntime(base, networks.#own("runtime/ort.wasm.bin").then(unpacked));
    const content = networks.#own("content.json").then((file) => JSON.parse(new TextDecoder().decode(file)));
    const gray = networks.#ask().then(() => networks.network("gray"));
    const [{ settings: shared, builtIn }] = await Promise.all([content, gray]);
    Object.assign(settings, shared);
    if (!networks.#asked) networks.source = asked ? `${builtIn}; ${asked.id} could not be loaded from the Hub` : builtIn;
    return networks;
  }

  /** A network by its name; one that could not be loaded is tried again the next time. */
  network(name) {
    this.#loaded[name] ??= this.#load(name).catch((error) => {
      delete this.#loaded[name];
      throw error;
    });
    return this.#loaded[name];
  }

  /** What visitors call a network; one that joins that of a repository is called built-in. */
  async words(name) {
    const { builtIn } = await this.network(name);
    return `${builtIn && this.#asked ? "built-in " : ""}${WORDS[name]}`;
  }

  /** Load the network at the root of the repository, if one was asked for. */
  async #ask() {
    const root = this.#asked && (await this.#fromHub("onnx"));
    if (!root) {
      this.#asked = null;
      return;
    }
    this.#loaded[root.name] = Promise.resolve(root);
    // By this file the Hub counts downloads, and a question for its head is enough.
    fetch(this.#address("config.json"), { method: "HEAD" }).catch(() => {});
    const joined = root.name === "gray" ? "" : `, with the built-in ${WORDS.gray}`;
    this.source = `${this.#asked.id} at ${this.#asked.revision}${joined}`;
  }

  async #load(name) {
    const network = this.#asked && name === "colour" && (await this.#fromHub("colour/onnx"));
    if (network && network.name === name) return network;
    const files = await Promise.all(PARTS.map((part) => this.#own(`${FOLDERS[name]}/${part}`)));
    const own = await openNetwork(files).catch((error) => {
      throw error instanceof Mistake ? error : unloaded("is damaged");
    });
    return { ...own, builtIn: true };
  }

  /** The network in a folder of the repository; null where it cannot be had. */
  async #fromHub(folder) {
    const signal = AbortSignal.timeout(HUB_SECONDS * 1000);
    const files = PARTS.map((part) => fetched(this.#address(`${folder}/${part}`), { signal }));
    return Promise.all(files).then(openNetwork).catch(() => null);
  }

  #address(path) {
    const { id, revision } = this.#asked;
    return `https://huggingface.co/${id}/resolve/${encodeURIComponent(revision)}/${path}`;
  }

  #own(path) {
    return fetched(new URL(path, this.#base)).catch(() => {
      throw unloaded("could not be loaded");
    });
  }
}

const unloaded = (reason) => new Mistake(`A file of the network ${reason}; please load the page again.`);

async function fetched(address, options) {
  const response = await fetch(address, options);
  if (!response.ok) throw new TypeError(`${address} answered ${response.status}`);
  return response.arrayBuffer();
}

/** The content of a file that is packed with gzip, unless the server has unpacked it. */
async function unpacked(file) {
  if (new Uint8Array(file, 0, 1)[0] !== 0x1f) return file;
  const stream = new Blob([file]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
