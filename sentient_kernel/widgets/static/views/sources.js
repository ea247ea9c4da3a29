// @ts-check
// The view "sources": what each source was asked and gave, what could not be used, and why where
// nothing came.
import { addressText } from "../kit/address.js";
import { count, fill, h, keyed, outside, region } from "../kit/kit.js";

/**
 * @typedef {object} SourceSeen
 * @property {string} source
 * @property {number} i
 * @property {number} asked
 * @property {number} found
 * @property {number} documents
 * @property {number} refusals
 * @property {string} reason
 * @property {string} query
 * @property {[string, string][]} refused
 * @property {string} gave
 * @property {string} why
 */

/**
 * Draws the view "sources".
 * @param {HTMLElement} root
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {void}
 */
export function drawSources(root, store, link, signal) {
  const state = h("span", { class: "sk-state" });
  const about = h("span", { class: "sk-q", role: "heading", aria: { level: "2" } });
  const none = h("p", { class: "sk-none sk-soft" }, "No source was asked yet.");
  const list = h("ul", { class: "sk-sources" });
  fill(root, region("Sources", h("div", { class: "sk-head" }, state, about), list, none));
  store.select(
    (/** @type {any} */ s) => s.run ?? null,
    (run) => {
      state.className = `sk-state sk-${run?.colour ?? "soft"}`;
      fill(state, run && [h("i", { aria: { hidden: "true" } }, run.sign), ` ${run.word}`]);
      fill(about, h("strong", {}, outside(run?.title ?? "Sources")));
    },
    signal,
  );
  store.select(
    (/** @type {any} */ s) => s.sources,
    (/** @type {{[name: string]: SourceSeen} | undefined} */ sources) => {
      const ordered = Object.values(sources ?? {}).sort((a, b) => a.i - b.i);
      none.hidden = ordered.length > 0;
      list.hidden = ordered.length === 0;
      keyed(
        list,
        ordered,
        (one) => one.source,
        () => h("li", { class: "sk-source" }),
        sourceRow,
      );
    },
    signal,
  );
}

/** What each row shows. @type {WeakMap<HTMLElement, SourceSeen>} */
const sourceDrawn = new WeakMap();

/**
 * @param {HTMLElement} el
 * @param {SourceSeen} one
 */
function sourceRow(el, one) {
  if (sourceDrawn.get(el) === one) return;
  sourceDrawn.set(el, one);
  const open = el.querySelector("details")?.open ?? false;
  const focused =
    el.querySelector("summary") !== null && el.querySelector("summary") === document.activeElement;
  const facts = [
    one.documents ? `${count(one.documents, "document")} held` : null,
    one.asked ? `asked ${one.asked === 1 ? "once" : count(one.asked, "time")}` : "not asked yet",
    one.refusals ? `${one.refusals.toLocaleString("en-US")} not usable` : null,
  ];
  const gave = one.why
    ? h("span", { class: "sk-asks" }, h("span", { aria: { hidden: "true" } }, "◇ "), one.gave)
    : h("span", { class: "sk-ok" }, h("span", { aria: { hidden: "true" } }, "✓ "), one.gave);
  fill(
    el,
    h(
      "div",
      { class: "sk-source-head" },
      h("b", { role: "heading", aria: { level: "3" } }, outside(one.source)),
      h("span", { class: "sk-num sk-nowrap" }, gave),
    ),
    h("p", { class: "sk-soft sk-num" }, facts.filter(Boolean).join(" · ")),
    one.why ? h("p", { class: "sk-asks" }, outside(one.why)) : null,
    one.query
      ? h(
          "p",
          {},
          h("span", { class: "sk-soft" }, one.asked > 1 ? "Asked last: " : "Asked: "),
          outside(one.query),
        )
      : null,
    one.refused.length ? sourceRefused(one, open) : null,
  );
  if (focused) el.querySelector("summary")?.focus({ preventScroll: true });
}

/**
 * @param {SourceSeen} one
 * @param {boolean} open
 */
function sourceRefused(one, open) {
  const hidden = one.refusals - one.refused.length;
  const rows = one.refused.map(([uri, reason]) =>
    h("li", {}, addressText(uri), h("div", { class: "sk-soft" }, outside(reason))),
  );
  const more =
    hidden > 0 && h("p", { class: "sk-soft sk-num" }, `${count(hidden, "older one")} not listed`);
  return h(
    "details",
    { open },
    h("summary", {}, `What could not be used (${one.refusals.toLocaleString("en-US")})`),
    h("ul", { class: "sk-refused" }, rows),
    more,
  );
}
