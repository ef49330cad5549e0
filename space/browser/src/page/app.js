// The page: starts the worker, connects the tabs, and says what serves.

import "../../../page/before_after.js";
import { Mistake } from "../mistake.js";
import { showReleased } from "./about.js";
import { CleanUp } from "./clean_up.js";
import { Demo } from "./demo.js";
import { find } from "./dom.js";
import { Engine } from "./engine.js";
import { connectDropAndPaste, offerExamples } from "./picture_input.js";
import { connectTabs } from "./tabs.js";

const { MODEL_ID: id, MODEL_REVISION: revision } = window.huggingface?.variables ?? {};
const engine = new Engine(id ? { id, revision: revision || "main" } : null);
const examples = fetch("content.json").then(async (response) => (await response.json()).examples);
const parts = {
  demo: new Demo(find("#demo"), engine, tell),
  "clean-up": new CleanUp(find("#clean-up"), engine, tell),
};
const seen = new Set();
let shown = parts.demo;

/** Show one sentence about what went wrong, or take it away. */
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

function opened(name) {
  const first = !seen.has(name);
  seen.add(name);
  shown = parts[name] ?? shown;
  if (parts[name]) tell(null);
  if (first && parts[name]) begin(parts[name], name);
  else if (first) showReleased(find("#about"), "model");
}

/** Begin a tab with its examples. */
async function begin(part, name) {
  const paths = await examples.catch(() => ({})); // the worker says what is wrong with the page
  await offerExamples(find(`#${name}`), paths[name === "demo" ? "demo" : "cleanUp"] ?? [], part);
  navigator.serviceWorker?.register("service_worker.js").catch(() => {}); // not over plain http
}

async function sayWhatServes() {
  try {
    find("#serving").textContent = `Serving ${await engine.source}.`;
  } catch (error) {
    tell(error);
    find("#serving").textContent = "Nothing serves.";
    find("#demo .verdict").textContent = "";
  }
}

connectDropAndPaste((files) => shown.receive(files));
connectTabs(find("[role=tablist]"), opened);
sayWhatServes();
if (id) {
  const code = find("#about code.load");
  code.textContent = code.textContent.replace("OWNER/olivetti-denoiser", id);
}
find("#about a.model").href = `https://huggingface.co/${id ?? "OWNER/olivetti-denoiser"}`;
