// The page: starts the worker, connects the tabs, and says what serves.

import { showReleased } from "./about.js";
import { CleanUp } from "./clean_up.js";
import { Demo } from "./demo.js";
import { find } from "./dom.js";
import { Engine, Mistake, threadsToUse } from "./engine.js";
import { connectDropAndPaste } from "./picture_input.js";
import { compiled } from "./runtime.js";
import { connectTabs } from "./tabs.js";

const { MODEL_ID: id, MODEL_REVISION: revision } = window.huggingface?.variables ?? {};

const engine = new Engine();
const threads = threadsToUse();
const started = engine.ask("start", {
  address: document.baseURI,
  threads,
  asked: id ? { id, revision: revision || "main" } : null,
});
compiled("runtime/ort.wasm.bin").then(
  (module) => engine.ask("runtime", { module }),
  () => engine.ask("runtime", { module: null }),
);
const content = fetch("content.json").then((response) => response.json());

/** Shows one sentence about what went wrong, or takes it away. */
function tell(error, about = "") {
  const sentence =
    error === null || error instanceof Mistake
      ? (error?.message ?? "")
      : "Something went wrong here; another picture may work.";
  if (error && !(error instanceof Mistake)) console.error(error);
  const alert = find("#alert");
  alert.textContent = [about, sentence].filter(Boolean).join(": ");
  alert.hidden = !sentence;
}

async function main() {
  // Both at once, so that neither fails unheard while the other is waited for.
  const [{ examples, colour }, source] = await Promise.all([content, started]);
  const demo = new Demo(find("#demo"), engine, examples.demo, tell);
  const cleanUp = new CleanUp(find("#clean-up"), engine, examples.cleanUp, colour, tell);
  const parts = { demo, "clean-up": cleanUp };
  const firsts = { demo: examples.demo[0], "clean-up": examples.cleanUp[0] };
  const seen = new Set();
  let shown = demo;

  const serving = [`Serving ${source.name}`, source.note].filter(Boolean).join("; ");
  find("#serving").textContent =
    `${serving}. ${threads === 1 ? "One thread" : `${threads} threads`} of this device.`;

  connectDropAndPaste((files) => shown.receive(files));
  connectTabs(find("[role=tablist]"), (name) => {
    tell(null);
    if (!parts[name]) {
      if (!seen.has(name)) showReleased(find("#about"), "model");
    } else {
      shown = parts[name];
      if (!seen.has(name)) shown.begin(firsts[name]).then(keepForOffline, tell);
    }
    seen.add(name);
  });
  const link = `https://huggingface.co/${id ?? "OWNER/olivetti-denoiser"}`;
  find("#about code.load").textContent = find("#about code.load").textContent.replace(
    "OWNER/olivetti-denoiser",
    id ?? "OWNER/olivetti-denoiser",
  );
  find("#about a.model").href = link;
}

/** Keeps every file for visits without a network, once the first answer is there. */
function keepForOffline() {
  navigator.serviceWorker?.register("service_worker.js").catch(() => {}); // not over plain http
}

main().catch((error) => {
  tell(error);
  find("#serving").textContent = "Nothing serves.";
});
