// Clean up: pictures that are noisy already, restored in their own size and colours.

import { compare, find, make, offer } from "./dom.js";
import { connectInput } from "./picture_input.js";
import { restoredInWords, timeInWords } from "./words.js";

const DELAY = 150; // milliseconds that the controls have to rest

export class CleanUp {
  #panel;
  #engine;
  #tell;
  #slider;
  #controls;
  #work = Promise.resolve(); // what is asked for is done one after the other
  #turn = 0; // what was asked for before a stop is left out
  received = false; // whether a picture was chosen
  #shown = null; // {file, opened, chosen, after} of the picture that is shown
  #timer;

  constructor(panel, engine, tell) {
    this.#panel = panel;
    this.#engine = engine;
    this.#tell = tell;
    this.#slider = find("before-after", panel);
    this.#controls = [...panel.querySelectorAll(".controls input[type=range]")];
    for (const control of this.#controls) {
      control.addEventListener("input", () => {
        find(".value", control.parentElement).textContent = Number(control.value).toFixed(2);
      });
      // Another smoothness takes as long as the picture itself: not while the control is dragged.
      control.addEventListener(control.name === "strength" ? "input" : "change", () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#enqueue(() => this.#again()), DELAY);
      });
    }
    find("button.stop", panel).addEventListener("click", () => {
      this.#turn += 1;
      engine.stop();
    });
    find("button.copy", panel).addEventListener("click", () => this.#copy());
    connectInput(panel, (files) => this.receive(files));
  }

  /** Clean up pictures, one after the other. */
  async receive(files) {
    this.received = true;
    const several = files.length > 1;
    this.#enqueue(() => {
      this.#tell(null);
      find(".done", this.#panel).replaceChildren();
    });
    for (const file of files)
      this.#enqueue(() => this.#cleanUp(file, several), several ? file.name : "");
    await this.#work;
  }

  #enqueue(job, about = "") {
    const turn = this.#turn;
    this.#work = this.#work.then(async () => {
      if (turn !== this.#turn) return;
      try {
        await job();
      } catch (error) {
        this.#say("");
        this.#tell(error, about);
      }
    });
  }

  async #cleanUp(file, several) {
    this.#shown = null;
    find(".result", this.#panel).hidden = true;
    this.#say("Reading the picture …");
    const opened = await this.#engine.ask("open", { file });
    compare(this.#slider, { before: opened.before });
    await this.#remove(file, opened);
    if (!several || !this.#shown) return;
    const link = make("a", {}, `Download ${file.name}`);
    offer(link, this.#shown.after, nameOf(file));
    find(".done", this.#panel).append(make("li", {}, link));
  }

  /** The picture that is shown once more, where the controls were moved. */
  async #again() {
    if (!this.#shown || String(this.#shown.chosen) === String(this.#chosen)) return;
    this.#tell(null);
    await this.#remove(this.#shown.file, this.#shown.opened);
  }

  /** Remove the noise of a picture that was opened, and show the restored one. */
  async #remove(file, opened) {
    const chosen = this.#chosen;
    const [factor, strength] = chosen;
    const row = find(".working", this.#panel);
    const bar = find("progress", row);
    const started = performance.now();
    bar.removeAttribute("value");
    row.hidden = false;
    this.#say("Removing the noise …");
    try {
      const cleaned = await this.#engine.ask("cleanUp", { file, strength, factor }, ({ share }) => {
        bar.value = share;
        const left = ((performance.now() - started) / 1000) * (1 / share - 1);
        if (left > 1) this.#say(`Removing the noise, ${timeInWords(left)} left …`);
      });
      this.#say(cleaned ? [restoredInWords(cleaned, strength, factor), ...opened.notes].join(" ") : "Stopped.");
      if (cleaned) this.#show({ file, opened, chosen, after: cleaned.after });
    } finally {
      row.hidden = true;
    }
  }

  /** Smoothness and strength. */
  get #chosen() {
    return this.#controls.map((control) => Number(control.value));
  }

  #show(shown) {
    this.#shown = shown;
    compare(this.#slider, { after: shown.after });
    offer(find("a.download", this.#panel), shown.after, nameOf(shown.file));
    find(".result", this.#panel).hidden = false;
  }

  async #copy() {
    const button = find("button.copy", this.#panel);
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": this.#shown.after })]);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copying is not allowed here: please download";
    }
    setTimeout(() => (button.textContent = "Copy"), 3000);
  }

  #say(text) {
    find(".status", this.#panel).textContent = text;
  }
}

const nameOf = ({ name }) => `${name.replace(/\.\w+$/, "")}_cleaned_up.png`;
