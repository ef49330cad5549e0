// Small helpers to find and make elements.

export const find = (selector, within = document) => within.querySelector(selector);

/** Make an element with attributes and children; text is never read as HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Show a picture and forget the one that was there. */
export function showBlob(image, blob) {
  const before = image.src;
  image.src = URL.createObjectURL(blob);
  if (before.startsWith("blob:")) URL.revokeObjectURL(before);
}

/** Show the picture before, after, or both in a slider. */
export function compare(slider, pictures) {
  for (const [slot, blob] of Object.entries(pictures)) showBlob(find(`[slot=${slot}]`, slider), blob);
  slider.toggleAttribute("alone", !pictures.after);
  slider.hidden = false;
}

/** Let a link download a picture. */
export function offer(link, blob, name) {
  if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = name;
}
