// The Demo: a clean picture, the same with noise, and what the network makes of it.

import { Mistake } from "../mistake.js";
import { compare, find, offer, showBlob } from "./dom.js";
import { connectInput } from "./picture_input.js";
import { gainInWords } from "./words.js";

const NAMES = ["original", "noisy", "reconstructed"];

export class Demo {
  #panel;
  #engine;
  #tell;
  #sigma;
  #seed;
  received = null; // the file of the picture
  #asked = 0; // trials asked for; only the last one is shown

  constructor(panel, engine, tell) {
    this.#panel = panel;
    this.#engine = engine;
    this.#tell = tell;
    this.#sigma = find("input[name=sigma]", panel);
    this.#seed = find("input[name=seed]", panel);
    this.#sigma.addEventListener("input", () => {
      find(".value", panel).textContent = Number(this.#sigma.value).toFixed(2);
    });
    for (const control of [this.#sigma, this.#seed])
      control.addEventListener("input", () => this.#run());
    connectInput(panel, (files) => this.receive(files));
  }

  /** Show a picture, noisy and reconstructed. */
  async receive([file]) {
    this.received = file;
    await this.#run();
  }

  async #run() {
    if (!this.received) return;
    const turn = (this.#asked += 1);
    try {
      const trial = await this.#engine.ask("trial", { file: this.received, ...this.#settings() });
      if (turn === this.#asked) this.#show(trial);
    } catch (error) {
      if (turn === this.#asked) this.#tell(error);
    }
  }

  #settings() {
    const { value, max } = this.#seed;
    const seed = Number(value);
    if (value === "" || !Number.isInteger(seed) || seed < 0 || seed > Number(max))
      throw new Mistake(`The seed must be a whole number from 0 to ${max}.`);
    return { sigma: Number(this.#sigma.value), seed };
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
    compare(find("before-after", this.#panel), { before: pictures[1], after: pictures[2] });
    this.#tell(null);
  }
}
