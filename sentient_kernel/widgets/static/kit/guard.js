// @ts-check
// What keeps a fault in one view from going further: every draw and every handler runs inside a
// guard.
import { h } from "./dom.js";
import { button } from "./controls.js";

/** @typedef {import("./link.js").Link} Link */

/**
 * The guard under which code runs, and what becomes of it when that code throws.
 * @typedef {object} Guarding
 * @property {Link} link where faults are reported
 * @property {Guarding | null} outer the guard around this one
 * @property {boolean} stopped whether its view has stopped; nothing is drawn for it any more
 * @property {(error: unknown) => void} fail shows the card instead of the view and reports the
 *   error
 */

/** @type {Guarding | null} */
let guarding = null;

/**
 * Returns the guard under which the caller runs, or null.
 * @returns {Guarding | null}
 */
export function currentGuard() {
  return guarding;
}

/**
 * Says whether the view of this guard, or of one around it, has stopped.
 * @param {Guarding | null} context
 * @returns {boolean}
 */
export function hasStopped(context) {
  for (let each = context; each; each = each.outer) if (each.stopped) return true;
  return false;
}

/**
 * Runs a function under a guard and returns what it returns; a throw becomes that guard's card, and
 * undefined is returned.
 * @template T
 * @param {Guarding | null} context
 * @param {() => T} work
 * @returns {T | undefined}
 */
export function shielded(context, work) {
  const before = guarding;
  guarding = context;
  try {
    return work();
  } catch (error) {
    if (!context) throw error;
    context.fail(error);
    return undefined;
  } finally {
    guarding = before;
  }
}

/**
 * Runs `draw` so that a fault in it, now or later in a handler, a selection or a tick that it made,
 * shows a card in `el`.
 * @param {HTMLElement} el what the card replaces the children of
 * @param {string} where the view's name, for the report
 * @param {Link} link
 * @param {() => void} draw draws from the start each time it is called
 * @returns {void}
 */
export function guard(el, where, link, draw) {
  const outer = guarding;
  const begin = () => {
    /** @type {Guarding} */
    const context = {
      link,
      outer,
      stopped: false,
      fail(error) {
        // one fault, one card: what else comes from a stopped view is its echo
        if (context.stopped) return;
        context.stopped = true;
        const [message, stack] = told(error);
        link.send({ kind: "error", where, message, stack });
        shielded(outer, () => el.replaceChildren(oops(where, message, stack, again)));
      },
    };
    shielded(context, draw);
  };
  const again = () => {
    el.replaceChildren();
    begin();
    // The button that was pressed is gone; whoever works by keyboard goes on in the view.
    const next = el.querySelector("button, input, summary, [tabindex='0']");
    if (next instanceof HTMLElement && document.activeElement === document.body)
      next.focus({ preventScroll: true });
  };
  begin();
}

/**
 * Returns an error's message and stack, whatever was thrown, both short enough to send.
 * @param {unknown} error
 * @returns {[string, string]}
 */
export function told(error) {
  if (error instanceof Error)
    return [(error.message || error.name).slice(0, 2000), (error.stack ?? "").slice(0, 8000)];
  return [String(error).slice(0, 2000), ""];
}

/**
 * @param {string} where
 * @param {string} message
 * @param {string} stack
 * @param {() => void} again
 */
function oops(where, message, stack, again) {
  return h(
    "div",
    { class: "sk sk-oops", role: "alert" },
    h("p", {}, h("b", { class: "sk-bad" }, "✕ This view stopped."), " The run itself goes on."),
    h("p", { class: "sk-soft" }, h("bdi", {}, `${where}: ${message}`)),
    h("div", { class: "sk-row" }, button("Draw again", again, { local: true })),
    stack && h("details", {}, h("summary", {}, "Details"), h("pre", { class: "sk-code" }, stack)),
  );
}
