// The Demo: a clean picture, the same with noise, and what the network makes of it.

import { find, offer, showBlob } from "./dom.js";
import { Mistake } from "./engine.js";
import { connectInput, exampleFile } from "./picture_input.js";
import { BeforeAfter } from "./slider.js";
import { gainInWords } from "./words.js";

const MAX_SIGMA = 0.3;
const MAX_SEED = 2 ** 32 - 1;
const NAMES = ["original", "noisy", "reconstructed"];

export class Demo {
  #panel;
  #engine;
  #tell;
  #slider;
  #sigma;
  #seed;
  #asked = 0; // trials asked for; only the last one is shown

  constructor(panel, engine, examples, tell) {
    this.#panel = panel;
    this.#engine = engine;
    this.#tell = tell;
    this.#slider = new BeforeAfter(find(".before-after", panel));
    this.#sigma = find("input[name=sigma]", panel);
    this.#seed = find("input[name=seed]", panel);
    this.#sigma.addEventListener("input", () => {
      find(".value", panel).textContent = Number(this.#sigma.value).toFixed(2);
    });
    for (const control of [this.#sigma, this.#seed])
      control.addEventListener("input", () => this.#run());
    connectInput(panel, examples, ([file]) => this.receive([file]));
  }

  /** Shows what becomes of a picture. */
  async receive([file]) {
    await this.#run(file);
  }

  /** Shows what becomes of an example. */
  async begin(path) {
    await this.#run(await exampleFile(path));
  }

  async #run(file) {
    const turn = (this.#asked += 1);
    try {
      const trial = await this.#engine.ask("trial", { file, ...this.#settings() });
      if (turn === this.#asked) this.#show(trial);
    } catch (error) {
      if (turn === this.#asked) this.#tell(error);
    }
  }

  #settings() {
    const seed = Number(this.#seed.value);
    if (this.#seed.value === "" || !Number.isInteger(seed) || seed < 0 || seed > MAX_SEED)
      throw new Mistake(`The seed must be a whole number from 0 to ${MAX_SEED}.`);
    return { sigma: Math.min(MAX_SIGMA, Number(this.#sigma.value)), seed };
  }

  #show({ pictures, notes, ...figures }) {
    NAMES.forEach((name, i) => {
      const part = find(`figure.${name}`, this.#panel);
      showBlob(find("img", part), pictures[i]);
      offer(find("a", part), pictures[i], `${name}.png`);
    });
    for (const name of NAMES.slice(1)) {
      const cells = this.#panel.querySelectorAll(`tr.${name} td`);
      const { psnr, ssim, mse } = figures[name];
      [`${psnr.toFixed(2)} dB`, ssim.toFixed(3), mse.toFixed(5)].forEach((text, i) => {
        cells[i].textContent = text;
      });
    }
    find(".verdict", this.#panel).textContent = [gainInWords(figures), ...notes].join(" ");
    this.#slider.show({ before: pictures[1], after: pictures[2] });
    this.#tell(null);
  }
}
