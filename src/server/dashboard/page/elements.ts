/**
 * Making and changing elements. Text only ever comes in as text: what clients and applications
 * wrote is never read as markup, and the page's policy lets nothing else happen.
 */

export type Child = Node | string;

const SVG = "http://www.w3.org/2000/svg";

/** @param name tag, with its classes behind dots: `td.number.muted` */
export function element(name: string, ...children: Child[]): HTMLElement {
  const [tag = "div", ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length > 0) made.classList.add(...classes);
  made.append(...children);
  return made;
}

export function svgElement(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
): SVGElement {
  const [tag = "g", ...classes] = name.split(".");
  const made = document.createElementNS(SVG, tag);
  if (classes.length > 0) made.classList.add(...classes);
  setAttributes(made, attributes);
  return made;
}

export function setAttributes(
  changed: Element,
  attributes: Readonly<Record<string, string | number>>,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value);
    if (changed.getAttribute(name) !== text) changed.setAttribute(name, text);
  }
}

/** Does nothing where the text is there already: most of the page does not change in a second. */
export function setText(changed: Element, text: string): void {
  if (changed.textContent !== text) changed.textContent = text;
}

export function setShown(changed: HTMLElement | SVGElement, isShown: boolean): void {
  changed.toggleAttribute("hidden", !isShown);
}

/** The element of the page with that id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** A button that does nothing by itself, such as sending a form. */
export function button(text: string, label: string, onClick: () => void): HTMLButtonElement {
  const made = element("button", text) as HTMLButtonElement;
  made.type = "button";
  made.ariaLabel = label;
  made.addEventListener("click", onClick);
  return made;
}
