// About: the figures that were released with the network, and its plots.

import { find, make } from "./dom.js";

const NAMES = { noisy: "Noisy", model: "Residual U-Net" };
const PLOTS = {
  "comparison.png": "Noisy, reconstructed and original test faces",
  "psnr_vs_sigma.png": "PSNR against the noise level",
  "error_map.png": "Where the errors sit",
  "loss_curves.png": "Training and validation loss",
};

/** Fill the tab from the files of the network that came with the page. */
export async function showReleased(panel, folder) {
  const table = find("table", panel);
  const caption = find("caption", table);
  for (const [file, name] of Object.entries(PLOTS)) {
    const image = make("img", { src: `${folder}/${file}`, alt: name, loading: "lazy" });
    const figure = make("figure", {}, image, make("figcaption", {}, name));
    image.addEventListener("error", () => figure.remove());
    find(".plots", panel).append(figure);
  }
  try {
    const metrics = await (await fetch(`${folder}/metrics.json`)).json();
    const test = metrics.parts.test;
    const rows = Object.entries(test.methods).sort(([, a], [, b]) => b.psnr.mean - a.psnr.mean);
    for (const [name, { psnr, ssim, mse }] of rows)
      find("tbody", table).append(
        make(
          "tr",
          {},
          make("th", { scope: "row" }, NAMES[name] ?? name),
          make("td", {}, `${psnr.mean.toFixed(2)} (${psnr.low.toFixed(2)}–${psnr.high.toFixed(2)})`),
          make("td", {}, ssim.mean.toFixed(3)),
          make("td", {}, mse.mean.toFixed(5)),
        ),
      );
    caption.textContent =
      `Means over the ${test.count} test faces at σ = ${metrics.sigma}, PSNR with its 95 % interval.`;
  } catch {
    caption.textContent = "The network came without figures.";
  }
}
