// Ways for a picture to come in: chosen, dropped anywhere, pasted, or an example that is clicked.

import { find, make } from "./dom.js";

/** Call `receive(files)` for pictures chosen in this part of the page. */
export function connectInput(panel, receive) {
  const input = find("input[type=file]", panel);
  input.addEventListener("change", () => {
    if (input.files.length) receive([...input.files]);
    input.value = ""; // so that the same file can be chosen again
  });
}

/** Show examples to click in a part of the page, which gets the first where no picture was chosen yet. */
export async function offerExamples(panel, examples, part) {
  for (const path of examples) {
    const image = make("img", { src: path, alt: "", loading: "lazy" });
    const button = make("button", { type: "button", "aria-label": `Example: ${nameOf(path)}` }, image);
    button.addEventListener("click", async () => part.receive([await exampleFile(path)]));
    find(".examples", panel).append(button);
  }
  const file = examples.length ? await exampleFile(examples[0]) : null;
  if (file && !part.received) await part.receive([file]);
}

/** Call `receive(files)` for files that are dropped on the page or pasted into it. */
export function connectDropAndPaste(receive) {
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!isFile(event)) return;
    event.preventDefault();
    if (event.dataTransfer.files.length) receive([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", ({ clipboardData }) => {
    if (clipboardData?.files.length) receive([...clipboardData.files]);
  });
}

async function exampleFile(path) {
  return new File([await (await fetch(path)).blob()], path.split("/").at(-1));
}

/** "examples/drawn_2_still_life.png" is a still life, drawn. */
function nameOf(path) {
  const [kind, , ...words] = path.split("/").at(-1).replace(/\.\w+$/, "").split("_");
  return [...words, kind].join(" ");
}
