// The before/after slider, and what Gradio's sliders lack for those who use the keyboard alone.
const escaped = (text) =>
  text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

window.beforeAfter = (before, after, beforeName, afterName) => {
  if (!before || !after) return "";
  const picture = (file, name, kind) =>
    `<img class="${kind}" src="${escaped(file.url)}" alt="${name}"
      onload="this.classList.toggle('pixels', this.naturalWidth < 512)">`;
  return `<div class="before-after" style="--cut: 50%">
    ${picture(after, afterName, "after")}${picture(before, beforeName, "before")}
    <input type="range" min="0" max="100" value="50"
      aria-label="How much of ‘${beforeName}’ lies over ‘${afterName}’, in percent"
      oninput="this.parentElement.style.setProperty('--cut', this.value + '%')">
    <div class="line"></div>
    <span class="name">${beforeName}</span><span class="name after">${afterName}</span>
  </div>`;
};

// Gradio's sliders tell of a release by the pointer only; keys and typed numbers are releases too.
const release = (event) => {
  const slider = event.target.closest?.(".releases");
  if (slider && event.target.matches("input"))
    event.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
};
const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Enter"];
document.addEventListener("keyup", (event) => keys.includes(event.key) && release(event));
