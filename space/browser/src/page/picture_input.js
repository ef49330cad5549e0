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

/** Show examples to click. */
export function offerExamples(panel, examples, receive) {
  for (const path of examples) {
    const image = make("img", { src: path, alt: "", loading: "lazy" });
    const button = make("button", { type: "button", "aria-label": `Example: ${nameOf(path)}` }, image);
    button.addEventListener("click", async () => receive([await exampleFile(path)]));
    find(".examples", panel).append(button);
  }
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

export async function exampleFile(path) {
  return new File([await (await fetch(path)).blob()], path.split("/").at(-1));
}

/** "examples/drawn_2_still_life.png" is a still life, drawn. */
function nameOf(path) {
  const [kind, , ...words] = path.split("/").at(-1).replace(/\.\w+$/, "").split("_");
  return [...words, kind].join(" ");
}
