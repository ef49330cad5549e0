// The page's side of the worker.

/** Something that the visitor can act on; its message is one sentence for them. */
export class Mistake extends Error {}

const CRASHED =
  "The browser ended the work, probably because the device ran out of memory; please load the page again.";

export class Engine {
  #worker;
  #waiting = new Map();
  #next = 0;

  /** Starts the worker. It comes from a blob, so that it inherits this page's security policy. */
  constructor() {
    const script = new URL("worker.js", document.baseURI).href;
    const source = new Blob([`import ${JSON.stringify(script)};`], { type: "text/javascript" });
    this.#worker = new Worker(URL.createObjectURL(source), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.#waiting.values()) reject(new Mistake(CRASHED));
      this.#waiting.clear();
    };
  }

  /** Asks for a task; `progress` receives what is reported on the way. */
  ask(task, values = {}, progress = () => {}) {
    const id = (this.#next += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, progress });
      this.#worker.postMessage({ id, task, ...values });
    });
  }

  /** Ends the cleaning up that is going on: its answer will be null. */
  stop() {
    this.#worker.postMessage({ task: "stop" });
  }

  #receive({ id, result, progress, error, mistake }) {
    const asked = this.#waiting.get(id);
    if (!asked) return;
    if (progress) {
      asked.progress(progress);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) asked.resolve(result);
    else asked.reject(mistake ? new Mistake(error) : new Error(error));
  }
}

/** At most all cores but one where the page may share memory between threads, else one. */
export function threadsToUse() {
  return self.crossOriginIsolated ? Math.max(1, (navigator.hardwareConcurrency ?? 1) - 1) : 1;
}
