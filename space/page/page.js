// The before/after slider, at the window's width or in the picture's own pixels, and what Gradio's
// controls lack: keys, and small pictures seen large.
const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

window.beforeAfter = (before, after, beforeName, afterName) => {
  if (!before || !after) return "";
  const picture = (file, name, kind) =>
    `<img class="${kind}" src="${escaped(file.url)}" alt="${name}" draggable="false">`;
  return `<div class="before-after" style="--cut: 50%; --ratio: 1">
    <div class="view"><div class="pictures">
      ${picture(after, afterName, "after")}${picture(before, beforeName, "before")}
    </div></div>
    <input type="range" min="0" max="100" value="50"
      aria-label="How much of ‘${beforeName}’ lies over ‘${afterName}’, in percent">
    <div class="line"></div><span class="name">${beforeName}</span><span class="name">${afterName}</span>
    <button class="zoom" aria-pressed="false" title="the picture's own pixels; drag to move">100 %</button>
  </div>`;
};

// Where the line stands in the picture: with the picture's own pixels only a part of it is seen.
const place = (slider) => {
  const view = slider.querySelector(".view");
  const cut = slider.querySelector("input").value / 100;
  slider.style.setProperty("--cut", `${100 * cut}%`);
  slider.style.setProperty("--edge", `${view.scrollLeft + cut * view.clientWidth}px`);
};

const zoom = (slider, on) => {
  const view = slider.querySelector(".view");
  slider.classList.toggle("own-pixels", on);
  slider.querySelector(".zoom").setAttribute("aria-pressed", on);
  slider.querySelector(".zoom").textContent = on ? "fit" : "100 %";
  view.toggleAttribute("tabindex", on); // arrow keys scroll what has the focus
  if (on) {
    view.scrollLeft = (view.scrollWidth - view.clientWidth) / 2;
    view.scrollTop = (view.scrollHeight - view.clientHeight) / 2;
  }
  place(slider);
};

// Pictures that do not fit in their own pixels, which on dense screens are smaller than CSS's.
const measure = (slider) => {
  const picture = slider.querySelector("img.after");
  slider.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight || 1);
  slider.style.setProperty("--width", `${picture.naturalWidth / devicePixelRatio}px`);
  const seen = slider.querySelector(".pictures").clientWidth;
  const fits = picture.naturalWidth / devicePixelRatio <= seen;
  if (!slider.classList.contains("own-pixels")) slider.classList.toggle("zoomable", !fits);
  place(slider);
};

const sliderOf = ({ target }) => target.closest?.(".before-after");
document.addEventListener("input", (event) => sliderOf(event) && place(sliderOf(event)));
document.addEventListener("scroll", (event) => sliderOf(event) && place(sliderOf(event)), true);
window.addEventListener("resize", () =>
  document.querySelectorAll(".before-after").forEach((slider) => measure(slider)),
);
document.addEventListener("click", (event) => {
  if (!event.target.matches?.(".zoom")) return;
  const slider = sliderOf(event);
  zoom(slider, !slider.classList.contains("own-pixels"));
});
// A mouse drags the picture; fingers scroll it by themselves.
document.addEventListener("pointerdown", (event) => {
  const view = event.target.closest?.(".own-pixels .view");
  if (!view || event.pointerType !== "mouse") return;
  view.setPointerCapture(event.pointerId);
  const move = ({ movementX, movementY }) => view.scrollBy(-movementX, -movementY);
  view.addEventListener("pointermove", move);
  view.addEventListener(
    "lostpointercapture", () => view.removeEventListener("pointermove", move), { once: true },
  );
});

// Only the browser knows how large a picture is, and Gradio gives its examples no text.
// `load` does not bubble, but it can be captured.
document.addEventListener(
  "load",
  ({ target }) => {
    if (!target.matches?.("img")) return;
    target.classList.toggle("small", target.naturalWidth < 256);
    target.alt ||= "example: click to use it";
    const slider = target.closest(".before-after");
    if (slider) measure(slider);
  },
  true,
);

// Gradio's sliders tell of a release by the pointer only; a key that moves them is one too.
const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Enter"];
document.addEventListener("keyup", ({ target, key }) => {
  if (keys.includes(key) && target.matches("input") && target.closest(".releases"))
    target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
});
