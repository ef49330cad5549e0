// The worker: decodes, restores and encodes pictures, so that the page itself never stands still.
//
// It is asked {id, task, ...values} and answers {id, result}, {id, progress} or {id, error, mistake},
// where `mistake` says that the error is one sentence for the visitor.

import { checkSize, outOfMemory, saysOutOfMemory, secondsFor, timed } from "./capacity.js";
import { decode } from "./decode.js";
import { blended, estimateLevel, hasColours, restore } from "./denoiser.js";
import { encodePng } from "./encode_png.js";
import { grayView, VIEW_SIDE } from "./gray_view.js";
import { figures } from "./metrics.js";
import { Mistake } from "./mistake.js";
import { loadBundled, loadGrayNetwork, startRuntime } from "./networks.js";
import { noisyPicture } from "./noise.js";

class StoppedError extends Error {}

const { promise: runtimeModule, resolve: giveModule, reject: giveUp } = Promise.withResolvers();
runtimeModule.catch(() => {}); // told where it is waited for

let base, gray;
let colour = null; // loaded with the first coloured picture
let view = null; // of the Demo
let opened = null; // of Clean up: {picture, network, restored}
let stopped = false;

const tasks = {
  /** Receives the runtime, which the page compiles while this worker starts. */
  async runtime({ module }) {
    if (module) giveModule(module);
    else giveUp(new TypeError("no runtime"));
  },

  /** Loads the gray network. */
  async start({ address, threads, asked }) {
    base = address;
    startRuntime(base, threads, runtimeModule);
    const { network, source } = await loadGrayNetwork(base, asked);
    gray = network;
    return source;
  },

  /** Adds noise to a picture's gray view and removes it; the last picture where no file comes. */
  async trial({ file, sigma, seed }) {
    let notes = [];
    if (file) {
      const picture = await decode(file, checkSize);
      notes = picture.notes;
      view = grayView(picture);
    }
    const noisy = noisyPicture(view, sigma, seed);
    const restored = (await restoredPicture(gray, asPicture(noisy))).data;
    const pictures = await Promise.all(
      [view, noisy, restored].map((data) => encodePng(asPicture(data))),
    );
    return {
      pictures,
      noisy: figures(view, noisy, VIEW_SIDE),
      reconstructed: figures(view, restored, VIEW_SIDE),
      notes,
    };
  },

  /** Decodes a picture to clean up, and says how long that will take. */
  async open({ file, colourNetwork }) {
    opened = null;
    const picture = await decode(file, checkSize);
    const coloured = colourNetwork && hasColours(picture);
    if (coloured) colour ??= await loadBundled(base, "colour");
    const network = coloured ? colour : gray;
    const seconds = await secondsFor(network, picture);
    opened = { picture, network, level: null, restored: null };
    const { width, height, notes } = picture;
    return { width, height, notes, seconds, before: await encodePng(picture) };
  },

  /** Cleans up the picture that was opened last, of `factor` times the level that is estimated. */
  async cleanUp({ strength, factor }, progress) {
    const work = opened;
    stopped = false;
    work.level ??= await estimateLevel(work.network, work.picture);
    const { level } = work;
    work.restored = await timed(work.network, work.picture, Math.min(1, factor * level), async (share) => {
      progress({ share });
      await new Promise((resolve) => setTimeout(resolve)); // lets a stop come through
      if (stopped) throw new StoppedError();
    });
    return { level, after: await encodePng(blended(work.picture, work.restored, strength)) };
  },

  /** The same picture with another share of the correction. */
  async blend({ strength }) {
    return { after: await encodePng(blended(opened.picture, opened.restored, strength)) };
  },
};

const asPicture = (data) => ({ width: VIEW_SIDE, height: VIEW_SIDE, channels: 1, data });

async function restoredPicture(network, picture) {
  const level = await estimateLevel(network, picture);
  return blended(picture, await restore(network, picture, level), 1);
}

self.onmessage = async ({ data: { id, task, ...values } }) => {
  if (task === "stop") {
    stopped = true;
    return;
  }
  try {
    const result = await tasks[task](values, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, result });
  } catch (error) {
    if (error instanceof StoppedError) {
      self.postMessage({ id, result: null });
      return;
    }
    const told = saysOutOfMemory(error) ? outOfMemory() : error;
    if (told instanceof Mistake) self.postMessage({ id, error: told.message, mistake: true });
    else {
      console.error(error);
      self.postMessage({ id, error: String(error?.message ?? error), mistake: false });
    }
  }
};
