// The worker: decodes, restores and encodes pictures, so that the page itself never stands still.
//
// It is asked {id, task, ...values} and answers {id, result}, {id, progress} or {id, error, mistake},
// where `mistake` says that the error is one sentence for the visitor. The page ends it to stop work
// and when it was idle, and starts another: so every question brings its file, and a key to know it by.

import { Mistake, saysOutOfMemory } from "../mistake.js";
import { checkSize } from "./capacity.js";
import { decode } from "./decode.js";
import { blended, choose, estimateSigma, plan, restore } from "./denoiser.js";
import { encodePng } from "./encode_png.js";
import { grayView } from "./gray_view.js";
import { metricsOf } from "./metrics.js";
import { Networks } from "./networks.js";
import { noisyPicture } from "./noise.js";
import { settings } from "./settings.js";

let started; // a promise of the networks
let viewed = null; // of the Demo: {key, view, notes}
let opened = null; // of Clean up: its plan, and {key, sigma, factor, restored}

const tasks = {
  /** Load the gray network, and return the name of what serves. */
  async start({ asked }) {
    started = load(asked);
    return (await started).source;
  },

  /** Add noise to a picture's gray view and remove it. */
  async trial({ file, key, sigma, seed }) {
    const gray = await (await started).network("gray");
    if (viewed?.key !== key) {
      const picture = await decode(file, checkSize);
      viewed = { key, view: grayView(picture), notes: picture.notes };
    }
    const { view, notes } = viewed;
    const noisy = noisyPicture(view, sigma, seed);
    const work = plan(gray, asPicture(noisy));
    const { data } = blended(work.picture, await restore(work, await estimateSigma(work)), 1);
    return {
      pictures: await Promise.all([view, noisy, data].map((pixels) => encodePng(asPicture(pixels)))),
      noisy: metricsOf(view, noisy),
      reconstructed: metricsOf(view, data),
      notes,
    };
  },

  /** Decode a picture to clean up, and return it as PNG. */
  async open({ file, key }) {
    const { picture } = await openedPicture(file, key);
    return { notes: picture.notes, before: await encodePng(picture) };
  },

  /** Clean a picture up, of `factor` times the sigma that is estimated; only what changed is done. */
  async cleanUp({ file, key, strength, factor }, progress) {
    const work = await openedPicture(file, key);
    work.sigma ??= await estimateSigma(work);
    const { sigma } = work;
    if (work.factor !== factor)
      work.restored = await restore(work, Math.min(1, factor * sigma), (share) => {
        progress({ share });
        return new Promise((resolve) => setTimeout(resolve)); // lets the Demo ask in between
      });
    work.factor = factor;
    const after = await encodePng(blended(work.picture, work.restored, strength));
    return { sigma, network: await (await started).words(work.network.name), after };
  },
};

async function load(asked) {
  try {
    return await Networks.start(new URL("./", import.meta.url), asked);
  } catch (error) {
    if (error instanceof Mistake) throw error;
    throw new Mistake(`This browser cannot run the network (${error.message}); please use a newer one.`);
  }
}

async function openedPicture(file, key) {
  const networks = await started;
  if (opened?.key === key) return opened;
  opened = null;
  const picture = await decode(file, checkSize);
  const network = await networks.network(choose(picture));
  opened = { key, ...plan(network, picture) };
  return opened;
}

function asPicture(data) {
  return { width: settings.viewSide, height: settings.viewSide, channels: 1, data };
}

self.onmessage = async ({ data: { id, task, ...values } }) => {
  try {
    const result = await tasks[task](values, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, result });
  } catch (error) {
    const mistake = error instanceof Mistake;
    const outOfMemory = !mistake && saysOutOfMemory(error);
    if (!mistake && !outOfMemory) console.error(error);
    const sentence = outOfMemory
      ? "This device has no memory left for the picture; close other tabs or make it smaller."
      : error.message;
    self.postMessage({ id, error: String(sentence ?? error), mistake: mistake || outOfMemory });
  }
};
