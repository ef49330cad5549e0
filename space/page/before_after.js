// <before-after>: two pictures of one size over each other, and a line between them to move.
//
//   <before-after><img slot="after" src="…"><img slot="before" src="…"></before-after>
//
// Both pages use it. With the attribute `alone` the picture before stands there whole. A picture that
// does not fit can be seen in its own pixels, and be moved then.

const PARTS = `
  <div class="view"><div class="pictures">
    <slot name="after"></slot><slot name="before"></slot>
  </div></div>
  <input type="range" min="0" max="100" value="50"
    aria-label="How much of the picture before lies over the one after, in percent">
  <div class="line"></div><span>Before</span><span>After</span>
  <button aria-pressed="false" title="the picture's own pixels; drag to move">100 %</button>`;

// One cell that the pictures, the line, the names and the control share.
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host {
    --most: max(96px, 75vh * var(--ratio, 1));
    display: grid; width: 100%; max-width: var(--most); margin: auto; overflow: hidden;
  }
  :host([small]) { max-width: min(480px, var(--most)); }
  .view, input, .line, span, button { grid-area: 1 / 1; min-width: 0; }
  .view { overflow: hidden; max-height: 75vh; }
  .pictures { display: grid; background: white; }
  ::slotted(img) {
    grid-area: 1 / 1; width: 100%; height: auto; max-width: none; margin: 0;
  }
  ::slotted([slot="before"]) { clip-path: inset(0 calc(100% - var(--edge)) 0 0); }
  ::slotted([slot="after"]) { clip-path: inset(0 0 0 var(--edge)); }
  input {
    width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize; touch-action: pan-y;
    z-index: 2;
  }
  .line {
    width: 3px; margin-left: calc(var(--cut) - 1.5px); background: white;
    box-shadow: 0 0 0 1px black; pointer-events: none; z-index: 1;
  }
  input:focus-visible + .line { box-shadow: 0 0 0 4px Highlight; }
  span, button {
    place-self: end start; margin: 8px; padding: 0 8px; border: 0; border-radius: 4px;
    background: rgba(0, 0, 0, 0.7); color: white; font: inherit; font-size: 0.85em;
    pointer-events: none; z-index: 1;
  }
  span ~ span { justify-self: end; }
  button { place-self: start end; padding: 4px 10px; pointer-events: auto; cursor: pointer; z-index: 3; }
  :host([small]) ::slotted(img), :host([own-pixels]) ::slotted(img) { image-rendering: pixelated; }
  :host([fits]) button { display: none; }
  :host([alone]) :is(input, .line, span, button), :host([alone]) ::slotted([slot="after"]) { display: none; }
  :host([alone]) ::slotted(img) { clip-path: none; }
  /* The view scrolls, and the control moves to a strip below. */
  :host([own-pixels]) { max-width: 100%; }
  :host([own-pixels]) .view { overflow: auto; cursor: grab; }
  :host([own-pixels]) .pictures { width: var(--width); }
  :host([own-pixels]) input { grid-area: 2 / 1; height: 28px; opacity: 1; }
`);

class BeforeAfter extends HTMLElement {
  #view;
  #range;
  #button;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.innerHTML = PARTS;
    this.#view = root.querySelector(".view");
    this.#range = root.querySelector("input");
    this.#button = root.querySelector("button");
    this.#range.addEventListener("input", () => this.#place());
    this.#view.addEventListener("scroll", () => this.#place());
    this.#view.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#button.addEventListener("click", () => this.#zoom(!this.hasAttribute("own-pixels")));
    this.addEventListener("dragstart", (event) => event.preventDefault());
    this.addEventListener("load", () => this.#measure(), true); // it does not bubble
    new ResizeObserver(() => this.#measure()).observe(this.#view);
  }

  /** Tell small pictures, and those that fit; the screen's pixels may be smaller than CSS's. */
  #measure() {
    const { naturalWidth: width, naturalHeight: height } = this.querySelector("[slot=before]");
    this.style.setProperty("--ratio", width / height || 1);
    this.style.setProperty("--width", `${width / devicePixelRatio}px`);
    this.toggleAttribute("small", Math.max(width, height) < 256);
    if (!this.hasAttribute("own-pixels"))
      this.toggleAttribute("fits", width / devicePixelRatio <= this.#view.clientWidth);
    this.#place();
  }

  /** Cut the pictures where the line stands, of which only a part may be seen. */
  #place() {
    const { scrollLeft, clientWidth } = this.#view;
    const cut = this.#range.value / 100;
    this.style.setProperty("--cut", `${100 * cut}%`);
    this.style.setProperty("--edge", `${scrollLeft + cut * clientWidth}px`);
  }

  #zoom(on) {
    const view = this.#view;
    this.toggleAttribute("own-pixels", on);
    this.#button.setAttribute("aria-pressed", on);
    this.#button.textContent = on ? "fit" : "100 %";
    view.toggleAttribute("tabindex", on); // arrow keys scroll what has the focus
    view.scrollTo((view.scrollWidth - view.clientWidth) / 2, (view.scrollHeight - view.clientHeight) / 2);
    this.#place();
  }

  /** A mouse drags the picture; fingers scroll it by themselves. */
  #drag({ pointerType, pointerId }) {
    if (pointerType !== "mouse" || !this.hasAttribute("own-pixels")) return;
    const view = this.#view;
    const move = ({ movementX, movementY }) => view.scrollBy(-movementX, -movementY);
    view.setPointerCapture(pointerId);
    view.addEventListener("pointermove", move);
    view.addEventListener("lostpointercapture", () => view.removeEventListener("pointermove", move), { once: true });
  }
}

customElements.define("before-after", BeforeAfter);
