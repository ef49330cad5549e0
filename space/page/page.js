// The before/after slider, and what Gradio's controls lack: keys, and small pictures seen large.

window.beforeAfter = (before, after) => {
  if (!before || !after) return "";
  const slider = document.createElement("before-after");
  for (const [slot, { url }] of Object.entries({ before, after }))
    slider.append(Object.assign(new Image(), { slot, src: url, alt: slot }));
  return slider.outerHTML;
};

// Only the browser knows how large a picture is, and Gradio gives its examples no text.
// `load` does not bubble, but it can be captured.
document.addEventListener(
  "load",
  ({ target }) => {
    if (!target.matches?.("img")) return;
    target.classList.toggle("small", target.naturalWidth < 256);
    target.alt ||= "example: click to use it";
  },
  true,
);

// Gradio's sliders tell of a release by the pointer only; a key that moves them is one too.
const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Enter"];
document.addEventListener("keyup", ({ target, key }) => {
  if (keys.includes(key) && target.matches("input") && target.closest(".releases"))
    target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
});
