// @ts-check
// What views are written with, and how a view gets into a cell.
import { settle } from "./controls.js";
import { fill, h, text } from "./dom.js";
import { guard, told } from "./guard.js";
import { Link } from "./link.js";
import { Store } from "./store.js";

export { fill, focusKeeper, h, keyed, listen, outside, plain, svg, text } from "./dom.js";
export { button, enable, guarded, region, settle } from "./controls.js";
export { guard, shielded } from "./guard.js";
export { Link, Refusal } from "./link.js";
export { Store } from "./store.js";
export { virtual } from "./virtual.js";
export { count, duration, moment, roughly } from "./words.js";

// views of all runs
const RUNLESS = new Set(["inbox", "errors"]);

/** @typedef {(root: HTMLElement, store: Store, link: Link, signal: AbortSignal) => void} Draw */
/**
 * @typedef {{send: (message: any) => void, on: (name: string, act: (message: any) => void) => void,
 *   off: (name: string, act: any) => void}} Model
 */

/**
 * Makes a view into what anywidget loads: it says hello, draws once the first snapshot is there,
 * and keeps faults, keys and a dead kernel from doing harm.
 * @param {string} name
 * @param {Draw} draw
 * @returns {{render: (given: {model: Model, el: HTMLElement, signal?: AbortSignal}) => () => void}}
 */
export function mount(name, draw) {
  return {
    render({ model, el, signal }) {
      const ends = new AbortController();
      const link = new Link(model, ends.signal);
      const store = new Store();
      const waitsFor = RUNLESS.has(name) ? "kernel" : "run";
      const root = h(
        "div",
        { class: "sk-root", data: { skView: name } },
        h("p", { class: "sk-loading" }, `Connecting to the ${waitsFor}…`),
      );
      const banner = h("p", { class: "sk-gone", role: "status" });
      el.append(h("div", { class: "sk-mount" }, banner, root));
      isolateKeys(root, ends.signal);
      let drawn = false;
      const begin = () => {
        drawn = true;
        hideKept(store, name, ends.signal);
        guard(root, name, link, () => {
          fill(root);
          draw(root, store, link, ends.signal);
        });
      };
      const take = (/** @type {any} */ message) => {
        if (typeof message?.kind !== "string") return;
        try {
          link.heard(message);
          if (link.closed) {
            // nothing comes any more; what is kept beside this view is what there is to see
            return;
          }
          if (!store.take(message)) link.hello();
        } catch (error) {
          // A message that cannot be read is a fault of ours: it is reported, and a snapshot puts
          // things right.
          const [text, stack] = told(error);
          link.send({ kind: "error", where: `${name} message`, message: text, stack });
          store.n = null;
          link.hello();
        }
        if (!drawn && store.state) begin();
      };
      link.watch((alive) => {
        if (!alive && !drawn) fill(root);
        showAlive(alive, root, banner, store, link);
      }, ends.signal);
      // A front end that restarts its kernel says that the widget has lost its comm; sending shows
      // it once that is torn down, so it is tried in a moment instead of waiting for the silence.
      const lost = () => void setTimeout(() => link.send({ kind: "here" }));
      model.on("comm_live_update", lost);
      model.on("msg:custom", take);
      link.hello();
      const end = () => {
        model.off("comm_live_update", lost);
        model.off("msg:custom", take);
        ends.abort();
      };
      signal?.addEventListener("abort", end);
      return end;
    },
  };
}

/**
 * Keeps plain keys from the notebook, whose commands delete cells and turn them into others;
 * combinations still reach it.
 * @param {HTMLElement} root
 * @param {AbortSignal} signal
 */
function isolateKeys(root, signal) {
  const keep = (/** @type {KeyboardEvent} */ event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  };
  root.addEventListener("keydown", keep, { signal });
}

/**
 * @param {boolean} alive
 * @param {HTMLElement} root
 * @param {HTMLElement} banner
 * @param {Store} store
 * @param {Link} link
 */
function showAlive(alive, root, banner, store, link) {
  // what is kept of it beside this view says so too, but is hidden by it
  const run = store.state?.run?.id;
  const back =
    run &&
    h("span", { class: "sk-soft" }, " · ", h("code", {}, `wb.run('${run}')`), " shows it again");
  // somebody closed it on purpose: nothing to be alarmed at
  banner.classList.toggle("sk-closed", link.closed);
  fill(
    banner,
    !alive && [link.closed ? "Workbench closed: read only" : "Kernel gone: read only", back],
  );
  root.classList.toggle("sk-dead", !alive);
  store.stopped = alive ? null : store.now();
  for (const el of root.querySelectorAll("button[data-sk-do]"))
    settle(/** @type {HTMLButtonElement} */ (el), link);
}

/**
 * Hides the static views that stand in the page for those without a kernel, as long as this live
 * one is there.
 * @param {Store} store
 * @param {string} name of the view: what is kept of one that is about no single run goes by it
 * @param {AbortSignal} signal
 */
function hideKept(store, name, signal) {
  const style = document.createElement("style");
  document.head.append(style);
  signal.addEventListener("abort", () => style.remove());
  const hide = (/** @type {string} */ id) => {
    const kept = `[data-kept="${CSS.escape(id)}"]`;
    // A cell's output that holds a live view too is never hidden whole.
    const alone = `.jp-OutputArea-child:has(${kept}):not(:has([data-sk-view]))`;
    text(style, id ? `${kept},${alone}{display:none!important}` : "");
  };
  store.select((state) => (state ? (state.run?.id ?? name) : ""), hide, signal);
}
