// The before/after slider, and what Gradio's controls lack: keys, and small pictures seen large.
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

window.beforeAfter = (before, after, beforeName, afterName) => {
  if (!before || !after) return "";
  const picture = (file, name, kind) =>
    `<img class="${kind}" src="${escaped(file.url)}" alt="${name}">`;
  return `<div class="before-after" style="--cut: 50%">
    ${picture(after, afterName, "after")}${picture(before, beforeName, "before")}
    <input type="range" min="0" max="100" value="50"
      aria-label="How much of ‘${beforeName}’ lies over ‘${afterName}’, in percent"
      oninput="this.parentElement.style.setProperty('--cut', this.value + '%')">
    <div class="line"></div><span class="name">${beforeName}</span><span class="name">${afterName}</span>
  </div>`;
};

// The address of a file that the page itself brought along.
window.withAddress = (file) => ({
  ...file,
  url: `${window.gradio_config.root}/gradio_api/file=${encodeURI(file.path)}`,
});

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
