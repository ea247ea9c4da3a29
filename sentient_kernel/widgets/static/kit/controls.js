// @ts-check
// Buttons and regions.
import { fill, h, outside } from "./dom.js";
import { currentGuard, shielded, told } from "./guard.js";

/** @typedef {import("./dom.js").Child} Child */
/**
 * @typedef {{main?: boolean, bare?: boolean, aria?: string | {[key: string]: any}, title?: string,
 *   local?: boolean, disabled?: boolean}} ButtonLook
 */

/** Buttons whose act is under way. @type {WeakSet<HTMLButtonElement>} */
const busyButtons = new WeakSet();
/**
 * How each button reaches the kernel, so that it can tell whether one is there. @type
 * {WeakMap<HTMLButtonElement, import("./link.js").Link>}
 */
const buttonLinks = new WeakMap();
/** Buttons that their view has switched off. @type {WeakSet<HTMLButtonElement>} */
const offButtons = new WeakSet();

/**
 * Makes a button. While what it does is under way it is disabled and busy; when that fails, the
 * sentence stands beside it.
 * @param {string} label
 * @param {() => any} act may return a promise
 * @param {ButtonLook} [look] main and bare are looks; aria is the accessible name where the label
 *   is not it, or aria attributes; local: needs no kernel, so it works on while the kernel is gone
 * @returns {HTMLButtonElement}
 */
export function button(label, act, { main, bare, aria, title, local, disabled } = {}) {
  const context = currentGuard();
  /** @type {HTMLElement | null} */
  let remark = null;
  const press = () => {
    if (busyButtons.has(el)) return undefined;
    remark?.remove();
    remark = null;
    const done = act();
    if (!(done instanceof Promise)) return undefined;
    const focused = document.activeElement === el;
    busyButtons.add(el);
    el.setAttribute("aria-busy", "true");
    settle(el);
    const after = () => {
      busyButtons.delete(el);
      el.removeAttribute("aria-busy");
      settle(el);
      if (focused && document.activeElement === document.body && !el.disabled)
        el.focus({ preventScroll: true });
    };
    return done.then(after, (error) => {
      after();
      remark = remarkOn(error);
      el.after(remark);
      if (error?.name !== "Refusal") {
        const [message, stack] = told(error);
        context?.link.send({ kind: "error", where: `button ${label}`, message, stack });
      }
    });
  };
  const name = typeof aria === "string" ? { label: aria } : aria;
  const look = main ? "sk-main" : bare ? "sk-bare" : undefined;
  const el = h(
    "button",
    {
      type: "button",
      class: look,
      aria: name,
      title,
      on: { click: press },
      data: local ? {} : { skDo: "" },
    },
    label,
  );
  if (context) buttonLinks.set(el, context.link);
  if (disabled) offButtons.add(el);
  settle(el);
  return el;
}

/**
 * Switches a button on or off.
 * @param {HTMLButtonElement} el
 * @param {boolean} on
 * @returns {void}
 */
export function enable(el, on) {
  if (on) offButtons.delete(el);
  else offButtons.add(el);
  settle(el);
}

/**
 * Brings a button's `disabled` in line with what holds: not switched off, not busy, and a kernel
 * there if it needs one.
 * @param {HTMLButtonElement} el
 * @param {import("./link.js").Link} [link] where the button was made without one
 * @returns {void}
 */
export function settle(el, link) {
  const gone = el.dataset.skDo !== undefined && (buttonLinks.get(el) ?? link)?.alive === false;
  const disabled = gone || busyButtons.has(el) || offButtons.has(el);
  if (el.disabled !== disabled) el.disabled = disabled;
}

/**
 * Returns a sentence that says why something was not done, with the hint.
 * @param {any} error
 */
function remarkOn(error) {
  const el = h("span", { class: "sk-remark sk-bad", role: "status" });
  const hint = error?.hint ? h("span", { class: "sk-soft" }, " ", outside(error.hint)) : null;
  // filled after it is in the page: then it is read out
  requestAnimationFrame(() => fill(el, outside(error?.message || String(error)), hint));
  return el;
}

/**
 * Makes a region with an accessible name, in the look of all views.
 * @param {string} label
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function region(label, ...children) {
  return h("section", { class: "sk", role: "region", aria: { label } }, ...children);
}

/**
 * Runs work under the guard in force now, also when it is called later.
 * @template {any[]} A
 * @param {(...given: A) => any} work
 * @returns {(...given: A) => any}
 */
export function guarded(work) {
  const context = currentGuard();
  return (...given) => shielded(context, () => work(...given));
}
