// Where the networks come from: the model repository on the Hub, or the page's own files.

import { Mistake } from "./mistake.js";
import { openNetwork, runtimeIsThere } from "./network.js";
import { settings } from "./settings.js";

const HUB = "https://huggingface.co";
const HUB_SECONDS = 20;
const CACHE = "networks"; // of files from the Hub, for the next visit without a network
const PARTS = ["estimator.onnx", "restorer.onnx"];
const FOLDERS = { gray: "model", colour: "colour" }; // of the page's own networks
const WORDS = { gray: "gray network", colour: "network for colour" };

/** The two networks that serve, loaded when they are needed. */
export class Networks {
  #base;
  #asked;
  #loaded = {}; // promises by name

  /** What serves, for visitors: {name, note}; the note says why it is not what was asked for. */
  source;

  /**
   * Loads the network that the Demo needs.
   *
   * `base` is the page's address, `asked` is {id, revision} of a model repository, or null. One with
   * a single network, of either kind, is joined by the page's own other one.
   */
  static async start(base, asked) {
    const networks = new Networks();
    networks.#base = base;
    const [note, { builtIn }] = await Promise.all([asked && networks.#ask(asked), ownContent(base)]);
    networks.source ??= { name: builtIn, note };
    await networks.network("gray");
    return networks;
  }

  /** A network by its name; what could not be loaded is tried again the next time. */
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

  /** Loads the network at the root of a repository; returns why it does not serve, or "". */
  async #ask(asked) {
    const files = await fromHub(asked, "").catch(() => null);
    if (!files) return `${asked.id} could not be had from the Hub`;
    const root = await openNetwork(files).catch(() => null);
    if (!root) return `the file of ${asked.id} cannot be read`;
    this.#asked = asked;
    this.#loaded[root.name] = Promise.resolve(root);
    const joined = root.name === "gray" ? "" : `, with the built-in ${WORDS.gray}`;
    const note = files.cached ? "kept from an earlier visit" : "";
    this.source = { name: `${asked.id} at ${asked.revision}${joined}`, note };
    // By this file the Hub counts downloads, and a question for its head is enough.
    if (!files.cached) fetch(addressOf(asked, "config.json"), { method: "HEAD" }).catch(() => {});
    return "";
  }

  async #load(name) {
    if (this.#asked && name === "colour") {
      const files = await fromHub(this.#asked, "colour/").catch(() => null);
      const network = files && (await openNetwork(files).catch(() => null));
      if (network?.name === name) return network;
    }
    const files = await Promise.all(PARTS.map((part) => ownFile(this.#base, `${FOLDERS[name]}/${part}`)));
    if (!(await runtimeIsThere())) throw unloaded("could not be loaded");
    const network = await openNetwork(files).catch(() => {
      throw unloaded("is damaged");
    });
    return { ...network, builtIn: true };
  }
}

/** Loads what Python says of the page, its settings (see settings.js) included. */
async function ownContent(base) {
  const content = JSON.parse(new TextDecoder().decode(await ownFile(base, "content.json")));
  Object.assign(settings, content.settings);
  return content;
}

const unloaded = (what) => new Mistake(`A file of the network ${what}; please load the page again.`);

function ownFile(base, path) {
  return fetched(new URL(path, base)).catch(() => {
    throw unloaded("could not be loaded");
  });
}

const addressOf = ({ id, revision }, path) =>
  `${HUB}/${id}/resolve/${encodeURIComponent(revision)}/${path}`;

/** The files of a network in a folder of a repository, the root being "". */
async function fromHub(asked, folder) {
  const addresses = PARTS.map((part) => addressOf(asked, `${folder}onnx/${part}`));
  const store = await globalThis.caches?.open(CACHE).catch(() => null);
  try {
    const signal = AbortSignal.timeout(HUB_SECONDS * 1000);
    const files = await Promise.all(addresses.map((address) => fetched(address, { signal })));
    for (const [i, address] of addresses.entries())
      store?.put(address, new Response(files[i])).catch(() => {}); // the storage may be full
    return files;
  } catch (error) {
    const kept = await Promise.all(addresses.map((address) => store?.match(address)));
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
