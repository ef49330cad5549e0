// Two pictures of one size over each other, and a line between them to move.
//
// The line follows the range control below (arrow keys, Home, End) or the pointer on the picture.
// At 100 % one pixel of the picture is one of the screen, and the pointer moves the picture instead.

import { find, showBlob } from "./dom.js";

const SMALL = 256; // pixels; smaller pictures are enlarged with hard pixels

export class BeforeAfter {
  #frame;
  #stack;
  #before;
  #after;
  #range;
  #zoom;

  constructor(root) {
    this.#frame = find(".frame", root);
    this.#stack = find(".stack", root);
    [this.#before, this.#after] = ["before", "after"].map((name) => find(`img.${name}`, root));
    this.#range = find("input[type=range]", root);
    this.#zoom = find("button.zoom", root);
    this.#range.addEventListener("input", () => this.#draw());
    this.#frame.addEventListener("scroll", () => this.#draw());
    this.#zoom?.addEventListener("click", () => this.#setZoom(!this.actual));
    this.#frame.addEventListener("pointerdown", (event) => this.#grab(event));
    for (const image of [this.#before, this.#after])
      image.addEventListener("load", () => this.#measure());
    new ResizeObserver(() => this.#draw()).observe(this.#frame);
  }

  /** Whether the picture is shown pixel for pixel. */
  get actual() {
    return this.#zoom?.getAttribute("aria-pressed") === "true";
  }

  /** Show new pictures; either may be left out, and without an `after` there is no line. */
  show({ before, after }) {
    if (before) showBlob(this.#before, before);
    if (after) showBlob(this.#after, after);
    this.#stack.classList.toggle("alone", !after);
    this.#draw();
  }

  #measure() {
    const width = this.#before.naturalWidth;
    this.#stack.classList.toggle("small", Math.max(width, this.#before.naturalHeight) < SMALL);
    this.#stack.style.setProperty("--width", `${width / devicePixelRatio}px`);
    this.#draw();
  }

  #setZoom(actual) {
    this.#zoom.setAttribute("aria-pressed", actual);
    this.#frame.classList.toggle("actual", actual);
    const { scrollWidth, scrollHeight, clientWidth, clientHeight } = this.#frame;
    this.#frame.scrollTo((scrollWidth - clientWidth) / 2, (scrollHeight - clientHeight) / 2);
    this.#draw();
  }

  /** Cut the upper picture where the line stands in the part that is seen. */
  #draw() {
    const { left } = this.#stack.getBoundingClientRect();
    const frame = this.#frame.getBoundingClientRect();
    const line = (frame.width * this.#range.value) / 100;
    this.#stack.style.setProperty("--cut", `${frame.left + line - left}px`);
  }

  #grab(start) {
    if (start.button !== 0) return;
    const { scrollLeft, scrollTop } = this.#frame;
    const move = (event) => {
      if (this.actual) {
        this.#frame.scrollLeft = scrollLeft - (event.clientX - start.clientX);
        this.#frame.scrollTop = scrollTop - (event.clientY - start.clientY);
        return;
      }
      const { left, width } = this.#frame.getBoundingClientRect();
      this.#range.value = (100 * (event.clientX - left)) / width;
      this.#draw();
    };
    const end = () => {
      this.#frame.removeEventListener("pointermove", move);
      this.#frame.removeEventListener("pointerup", end);
      this.#frame.removeEventListener("pointercancel", end);
    };
    if (start.pointerType === "touch" && this.actual) return; // the browser scrolls by itself
    start.preventDefault();
    this.#frame.setPointerCapture(start.pointerId);
    this.#frame.addEventListener("pointermove", move);
    this.#frame.addEventListener("pointerup", end);
    this.#frame.addEventListener("pointercancel", end);
    if (!this.actual) move(start);
  }
}
