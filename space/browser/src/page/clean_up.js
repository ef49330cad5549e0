// Clean up: pictures that are noisy already, restored in their own size and colours.

import { find, make, offer } from "./dom.js";
import { connectInput, exampleFile } from "./picture_input.js";
import { BeforeAfter } from "./slider.js";
import { noiseInWords, timeInWords } from "./words.js";

const LONG = 20; // seconds; longer work is started by hand
const BLEND_DELAY = 150; // milliseconds that the strength has to rest

export class CleanUp {
  #panel;
  #engine;
  #colourNetwork; // whether there is one
  #tell;
  #slider;
  #strength;
  #waiting = []; // files that came while another was worked on
  #busy = false;
  #shown = null; // {name, after} of the picture that is shown
  #timer;

  constructor(panel, engine, examples, colourNetwork, tell) {
    this.#panel = panel;
    this.#colourNetwork = colourNetwork;
    this.#engine = engine;
    this.#tell = tell;
    this.#slider = new BeforeAfter(find(".before-after", panel));
    this.#strength = find("input[name=strength]", panel);
    this.#strength.addEventListener("input", () => {
      find(".value", panel).textContent = Number(this.#strength.value).toFixed(2);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#blend(), BLEND_DELAY);
    });
    find("button.stop", panel).addEventListener("click", () => {
      this.#waiting = [];
      engine.stop();
    });
    find("button.copy", panel).addEventListener("click", () => this.#copy());
    connectInput(panel, examples, (files) => this.receive(files));
  }

  /** Cleans up pictures, one after the other. */
  async receive(files) {
    this.#waiting.push(...files);
    if (this.#busy) return;
    this.#busy = true;
    const several = files.length > 1;
    find(".done", this.#panel).replaceChildren();
    try {
      while (this.#waiting.length) await this.#work(this.#waiting.shift(), several);
    } finally {
      this.#busy = false;
    }
  }

  async begin(path) {
    await this.receive([await exampleFile(path)]);
  }

  async #work(file, several) {
    this.#shown = null;
    find(".result", this.#panel).hidden = true;
    try {
      this.#say("Reading the picture …");
      const opened = await this.#engine.ask("open", {
        file,
        colourNetwork: this.#colourNetwork,
      });
      this.#slider.show({ before: opened.before });
      find(".viewer", this.#panel).hidden = false;
      if (opened.seconds > LONG && !several && !(await this.#agreed(opened))) {
        this.#say("Nothing was done.");
        return;
      }
      this.#say(`Removing the noise, ${timeInWords(opened.seconds)} …`);
      const cleaned = await this.#cleanUp();
      if (cleaned === null) {
        this.#say("Stopped.");
        return;
      }
      this.#say([noiseInWords(cleaned.level), ...opened.notes].join(" "));
      this.#show(file.name, cleaned.after);
      if (several) this.#list(file.name, cleaned.after);
      this.#tell(null);
    } catch (error) {
      this.#say("");
      this.#tell(error, several ? file.name : "");
    }
  }

  /** Asks before a long run. */
  #agreed({ width, height, seconds }) {
    const question = find(".question", this.#panel);
    const size = `${width.toLocaleString("en")}×${height.toLocaleString("en")} pixels`;
    this.#say(`${size}: this will take ${timeInWords(seconds)}.`);
    question.hidden = false;
    const start = find("button.start", question);
    start.focus();
    return new Promise((resolve) => {
      const answered = (answer) => () => {
        question.hidden = true;
        resolve(answer);
      };
      start.onclick = answered(true);
      find("button.leave", question).onclick = answered(false);
    });
  }

  async #cleanUp() {
    const row = find(".working", this.#panel);
    const bar = find("progress", row);
    const started = performance.now();
    bar.removeAttribute("value");
    row.hidden = false;
    try {
      return await this.#engine.ask("cleanUp", { strength: this.#chosen }, ({ share }) => {
        bar.value = share;
        const left = ((performance.now() - started) / 1000) * (1 / share - 1);
        if (left > 1) this.#say(`Removing the noise, ${timeInWords(left)} left …`);
      });
    } finally {
      row.hidden = true;
    }
  }

  get #chosen() {
    return Number(this.#strength.value);
  }

  #show(name, after) {
    this.#shown = { name: `${name.replace(/\.\w+$/, "")}_cleaned_up.png`, after };
    this.#slider.show({ after });
    offer(find("a.download", this.#panel), after, this.#shown.name);
    find(".result", this.#panel).hidden = false;
  }

  #list(name, after) {
    const link = make("a", {}, `Download ${name}`);
    offer(link, after, `${name.replace(/\.\w+$/, "")}_cleaned_up.png`);
    find(".done", this.#panel).append(make("li", {}, link));
  }

  async #blend() {
    if (this.#busy || !this.#shown) return;
    const { name } = this.#shown;
    try {
      const { after } = await this.#engine.ask("blend", { strength: this.#chosen });
      if (!this.#busy) this.#show(name.replace("_cleaned_up", ""), after);
    } catch (error) {
      this.#tell(error);
    }
  }

  async #copy() {
    const button = find("button.copy", this.#panel);
    try {
      const item = new ClipboardItem({ "image/png": this.#shown.after });
      await navigator.clipboard.write([item]);
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
