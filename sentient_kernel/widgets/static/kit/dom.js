// @ts-check
// Elements made, filled and matched to data in place. Outside text enters the page here, and only
// as text.
import { currentGuard, shielded } from "./guard.js";

/** @typedef {Node | string | number | null | undefined | false} Child */
/**
 * @typedef {{[key: string]: any, class?: string, text?: string,
 *   on?: {[type: string]: (event: any) => any}, data?: {[key: string]: any},
 *   aria?: {[key: string]: any}}} Props
 */

// As failures.py says it: characters that a reader cannot see but that move, hide or break what is
// around them.
const HIDDEN_CHARACTERS = new RegExp(
  [
    String.raw`[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5`,
    String.raw`\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0`,
    String.raw`\ufff0-\ufffb]|\p{Surrogate}`,
    String.raw`|[\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]`,
  ].join(""),
  "gu",
);
// Of these, what scripts and emoji need where it stands: one variation of a symbol or an ideograph,
// a joiner between two letters or symbols.
const LETTER = [
  String.raw`(?![\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164`,
  String.raw`\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}])(?![\u0000-\u007f])[\p{L}\p{M}]`,
].join("");
const SYMBOL = String.raw`[\p{So}\p{Sm}\p{Sk}\u203c\u2049\u3030\u303d]`;
const IDEOGRAPH = String.raw`(?=\p{Lo})[\u3400-\u9fff\u{20000}-\u{10ffff}]`;
const JOINT = new RegExp(
  [
    String.raw`(?<=${SYMBOL})[\ufe0e\ufe0f]`,
    String.raw`(?<=[0-9#*])[\ufe0e\ufe0f](?=\u20e3)`,
    String.raw`(?<=${LETTER})[\u200c\u200d](?=${LETTER})`,
    String.raw`(?<=[\p{So}\p{Sk}]|${SYMBOL}\ufe0f)\u200d(?=[\p{So}\p{Sm}])`,
    String.raw`(?<=[\u1820-\u18aa])[\u180b-\u180d]`,
    String.raw`(?<=${IDEOGRAPH})[\ufe00-\ufe0d\u{e0100}-\u{e01ef}]`,
  ].join("|"),
  "uy",
);
const BLANKS = /(?! )[^\S\n\t]|[\u2800\p{Cn}\p{Co}]/gu;
const FOCUSABLE = new Set(["A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "TEXTAREA"]);
const AS_PROPERTIES = new Set([
  "value",
  "checked",
  "disabled",
  "hidden",
  "open",
  "selected",
  "readOnly",
  "indeterminate",
  "spellcheck",
]);
const SAFE_LINK = /^(https?:\/\/|mailto:|#)/i;

/**
 * Makes hidden characters visible, as `[U+202E]`; newlines and tabs stay.
 * @param {unknown} value
 * @returns {string}
 */
export function plain(value) {
  return String(value ?? "")
    .replace(/\r\n/g, "\n")
    .replace(HIDDEN_CHARACTERS, (c, at, whole) =>
      ((JOINT.lastIndex = at), JOINT.test(whole)) ? c : named(c),
    );
}

/**
 * Makes all that cannot be seen visible, also what scripts and emoji need: for what a person agrees
 * to.
 * @param {unknown} value
 * @returns {string}
 */
export function exact(value) {
  return String(value ?? "")
    .replace(/\r\n/g, "\n")
    .replace(HIDDEN_CHARACTERS, named)
    .replace(BLANKS, named);
}

/**
 * @param {string} c
 * @returns {string}
 */
function named(c) {
  return `[U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`;
}

/**
 * Makes an element. Strings among the children become text; null and false are left out; handlers
 * run under the current guard.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props] class, text, style, data: {}, aria: {}, on: {}; the rest are properties of
 *   inputs or attributes
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 * @throws {TypeError} for an attribute that could run code
 */
export function h(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined) continue;
    if (key === "class") el.className = value;
    else if (key === "text") el.textContent = plain(value);
    else if (key === "style") el.style.cssText = value;
    else if (key === "on")
      for (const [type, act] of Object.entries(value)) listen(el, type, /** @type {any} */ (act));
    else if (key === "data")
      for (const [k, v] of Object.entries(value)) v != null && (el.dataset[k] = String(v));
    else if (key === "aria")
      for (const [k, v] of Object.entries(value))
        v != null && el.setAttribute(`aria-${k.toLowerCase()}`, plain(v));
    else if (AS_PROPERTIES.has(key)) /** @type {any} */ (el)[key] = value;
    else setAttribute(el, key, value);
  }
  if (FOCUSABLE.has(el.tagName) || el.hasAttribute("tabindex"))
    el.dataset.lmSuppressShortcuts = "true";
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    el.append(child instanceof Node ? child : plain(child));
  }
  return el;
}

/**
 * Makes an element of a drawing.
 * @param {string} tag
 * @param {{[name: string]: string | number}} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(el, name, value);
  el.append(...children);
  return el;
}

/**
 * @param {Element} el
 * @param {string} name
 * @param {any} value
 */
function setAttribute(el, name, value) {
  if (/^on|^src|^formaction$/i.test(name))
    throw new TypeError(`the attribute ${name} is not for views`);
  if (value === false) return;
  if (name === "href") {
    if (!SAFE_LINK.test(String(value).trim())) return; // the words stay, the link does not
    if (!String(value).startsWith("#"))
      (el.setAttribute("rel", "noopener noreferrer"), el.setAttribute("target", "_blank"));
  }
  el.setAttribute(name, value === true ? "" : name === "title" ? plain(value) : String(value));
}

/**
 * Adds a handler that runs under the guard in force now.
 * @param {EventTarget} target
 * @param {string} type
 * @param {(event: any) => any} act may return a promise; a rejection is a fault too
 * @param {AddEventListenerOptions} [options]
 * @returns {void}
 */
export function listen(target, type, act, options) {
  const context = currentGuard();
  target.addEventListener(
    type,
    (event) => {
      const done = shielded(context, () => act(event));
      if (done instanceof Promise) done.catch((error) => context?.fail(error));
    },
    options,
  );
}

/**
 * Returns outside text as an element that cannot change the direction of what stands around it.
 * @param {unknown} value
 * @param {string} [name] a class
 * @returns {HTMLElement}
 */
export function outside(value, name) {
  return h("bdi", { class: name, text: name === "sk-exact" ? exact(value) : plain(value) });
}

/**
 * Gives an element these children, touching nothing when they are the ones it has.
 * @param {Element} el
 * @param {...(Child | Child[])} children
 * @returns {void}
 */
export function fill(el, ...children) {
  const wanted = /** @type {(Node | string | number)[]} */ (
    children.flat().filter((c) => c !== null && c !== undefined && c !== false)
  );
  const held = [...el.childNodes].filter((node) => !isRemark(node));
  const same =
    wanted.length === held.length &&
    wanted.every((c, i) =>
      c instanceof Node
        ? c === held[i]
        : held[i] instanceof Text && /** @type {Text} */ (held[i]).data === plain(c),
    );
  if (same) return;
  const back = focusKeeper(el);
  el.replaceChildren(...wanted.map((c) => (c instanceof Node ? c : plain(c))));
  back();
}

/**
 * Sets an element's text when it is another one. Text that only grew is appended, so that a
 * selection in it stays.
 * @param {Element} el
 * @param {unknown} value
 * @returns {void}
 */
export function text(el, value) {
  const wanted = plain(value);
  const node = el.firstChild;
  if (!(node instanceof Text) || node.nextSibling) {
    if (el.textContent !== wanted) el.textContent = wanted;
  } else if (node.data !== wanted) {
    if (node.data && wanted.startsWith(node.data)) node.appendData(wanted.slice(node.data.length));
    else node.data = wanted;
  }
}

/**
 * Puts an element into the tab order exactly while it scrolls: then the keyboard must reach it.
 * @param {HTMLElement} el
 * @returns {void}
 */
export function reachable(el) {
  const scrolls = el.scrollHeight > el.clientHeight + 1;
  if (scrolls === el.hasAttribute("tabindex")) return;
  el.toggleAttribute("tabindex", scrolls);
  if (scrolls) ((el.tabIndex = 0), (el.dataset.lmSuppressShortcuts = "true"));
}

/** @type {WeakMap<Element, Map<string, HTMLElement>>} */
const keyedChildren = new WeakMap();

/**
 * Makes, moves and removes children so that they match the items, in place: focus and selection
 * stay where they are.
 * @template T
 * @param {Element} parent holds nothing but these children
 * @param {Iterable<T>} items
 * @param {(item: T, index: number) => string | number} key
 * @param {(item: T) => HTMLElement} make
 * @param {(el: HTMLElement, item: T) => void} [update] also called right after make
 * @returns {void}
 */
export function keyed(parent, items, key, make, update) {
  const held = keyedChildren.get(parent) ?? new Map();
  /** @type {Map<string, HTMLElement>} */
  const next = new Map();
  let index = 0;
  for (const item of items) {
    const name = String(key(item, index++));
    const el = next.get(name) ?? held.get(name) ?? make(item);
    next.set(name, el);
    update?.(el, item);
  }
  keyedChildren.set(parent, next);
  const back = focusKeeper(parent);
  for (const [name, el] of held) if (next.get(name) !== el) el.remove();
  let cursor = parent.firstElementChild;
  for (const el of next.values()) {
    while (cursor && isRemark(cursor)) cursor = cursor.nextElementSibling;
    if (cursor === el) cursor = cursor.nextElementSibling;
    else parent.insertBefore(el, cursor);
  }
  back();
}

/**
 * Says whether a node is a remark that a button left beside itself; such ones are not among the
 * children that views manage.
 * @param {Node} node
 */
function isRemark(node) {
  return node instanceof Element && node.classList.contains("sk-remark");
}

/**
 * Remembers what has the focus inside an element, and returns a function that gives it back should
 * moving have taken it.
 * @param {Element} el
 * @returns {() => void}
 */
export function focusKeeper(el) {
  const active = document.activeElement;
  if (!(active instanceof HTMLElement) || !el.contains(active) || active === el) return () => {};
  const marks =
    active instanceof HTMLTextAreaElement ||
    (active instanceof HTMLInputElement && active.type === "text");
  const range = marks ? [active.selectionStart, active.selectionEnd] : null;
  return () => {
    if (document.activeElement === active || !active.isConnected) return;
    active.focus({ preventScroll: true });
    if (range) /** @type {HTMLInputElement} */ (active).setSelectionRange(range[0], range[1]);
  };
}
