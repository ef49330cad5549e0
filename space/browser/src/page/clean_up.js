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
  #smoothness;
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
    this.#strength = this.#control("strength", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#blend(), BLEND_DELAY);
    });
    this.#smoothness = this.#control("smoothness", () => {});
    this.#smoothness.addEventListener("change", () => this.#again());
    find("button.stop", panel).addEventListener("click", () => {
      this.#waiting = [];
      engine.stop();
    });
    find("button.copy", panel).addEventListener("click", () => this.#copy());
    connectInput(panel, examples, (files) => this.receive(files));
  }

  #control(name, moved) {
    const input = find(`input[name=${name}]`, this.#panel);
    input.addEventListener("input", () => {
      find(".value", input.parentElement).textContent = Number(input.value).toFixed(2);
      moved();
    });
    return input;
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
      const after = await this.#removed(file.name, opened);
      if (several && after) this.#list(file.name, after);
      this.#tell(null);
    } catch (error) {
      this.#say("");
      this.#tell(error, several ? file.name : "");
    }
  }

  /** Removes the noise of the picture that is open; returns what is shown, null where stopped. */
  async #removed(name, opened) {
    this.#say(`Removing the noise, ${timeInWords(opened.seconds)} …`);
    const factor = Number(this.#smoothness.value);
    const cleaned = await this.#cleanUp(factor);
    if (cleaned === null) {
      this.#say("Stopped.");
      return null;
    }
    this.#say([noiseInWords(cleaned.level, factor), ...opened.notes].join(" "));
    this.#show(name, cleaned.after, opened);
    return cleaned.after;
  }

  /** The picture that is shown once more, with another smoothness. */
  async #again() {
    if (this.#busy || !this.#shown) return;
    const { file, opened } = this.#shown;
    this.#busy = true;
    let factor;
    try {
      do {
        factor = this.#smoothness.value;
        await this.#removed(file, opened);
      } while (this.#smoothness.value !== factor && !this.#waiting.length);
      this.#tell(null);
    } catch (error) {
      this.#say("");
      this.#tell(error);
    } finally {
      this.#busy = false;
    }
    if (this.#waiting.length) await this.receive([]);
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

  async #cleanUp(factor) {
    const row = find(".working", this.#panel);
    const bar = find("progress", row);
    const started = performance.now();
    bar.removeAttribute("value");
    row.hidden = false;
    try {
      const chosen = { strength: this.#chosen, factor };
      return await this.#engine.ask("cleanUp", chosen, ({ share }) => {
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

  #show(file, after, opened) {
    this.#shown = { file, opened, name: `${file.replace(/\.\w+$/, "")}_cleaned_up.png`, after };
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
    const { file, opened } = this.#shown;
    try {
      const { after } = await this.#engine.ask("blend", { strength: this.#chosen });
      if (!this.#busy) this.#show(file, after, opened);
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
