// The page's side of the worker, which is started when there is work, and ended to stop it.

import { Mistake } from "../mistake.js";

const IDLE = 5 * 60_000; // milliseconds after which its memory is given back
const CRASHED =
  "The browser ended the work, probably because the device ran out of memory; please try a smaller picture.";
const NOT_STARTED =
  "This browser cannot run the network, or a part of the page could not be loaded; " +
  "please load the page again, or open it in a newer browser.";

export class Engine {
  #asked;
  #worker = null;
  #answered = false;
  #waiting = new Map(); // {message, resolve, reject, progress} by id
  #next = 0;
  #keys = new WeakMap(); // of files
  #idle;

  /** Start a first worker; `asked` is {id, revision} of a model repository, or null. */
  constructor(asked) {
    this.#asked = asked;
    this.source = this.ask("start", { asked }); // a promise of the name of what serves
  }

  /** Ask for a task; `progress` receives what is reported on the way. */
  ask(task, values = {}, progress = () => {}) {
    const id = (this.#next += 1);
    const { file } = values;
    if (file && !this.#keys.has(file)) this.#keys.set(file, id);
    const message = { id, task, ...values, key: file && this.#keys.get(file) };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { message, resolve, reject, progress });
      this.#post(message);
    });
  }

  /** End the cleaning up that is going on: its answer will be null. */
  stop() {
    this.#end();
    for (const [id, { message, resolve }] of this.#waiting)
      if (message.task === "cleanUp") {
        this.#waiting.delete(id);
        resolve(null);
      } else this.#post(message);
  }

  #post(message) {
    clearTimeout(this.#idle);
    if (!this.#worker) this.#begin(message.task);
    this.#worker.postMessage(message);
  }

  /** The worker comes from a blob, so that it inherits this page's security policy. */
  #begin(task) {
    const script = new URL("worker.js", document.baseURI).href;
    const source = new Blob([`import ${JSON.stringify(script)};`], { type: "text/javascript" });
    this.#worker = new Worker(URL.createObjectURL(source), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end();
      for (const { reject } of this.#waiting.values())
        reject(new Mistake(this.#answered ? CRASHED : NOT_STARTED));
      this.#waiting.clear();
    };
    if (task !== "start") this.#worker.postMessage({ task: "start", asked: this.#asked });
  }

  #end() {
    this.#worker?.terminate();
    this.#worker = null;
  }

  #receive({ id, result, progress, error, mistake }) {
    this.#answered = true;
    const question = this.#waiting.get(id);
    if (!question) return;
    if (progress) {
      question.progress(progress);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) question.resolve(result);
    else question.reject(mistake ? new Mistake(error) : new Error(error));
    if (!this.#waiting.size) this.#idle = setTimeout(() => this.#end(), IDLE);
  }
}
