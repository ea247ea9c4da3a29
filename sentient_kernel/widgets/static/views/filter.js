// @ts-check
// What narrows a list of events: a search box, a button for each kind, and the story of one step.
import { button, count, fill, guarded, h, keyed, listen, outside, text } from "../kit/kit.js";

/** @typedef {import("./rows.js").Rows} Rows */

const EVENT_TYPING = 180; // ms without a key before the filter is applied
const EVENT_KINDS = 5; // chips shown before the rest is asked for

/**
 * Returns the search box, the kinds, and what narrows the list to one step.
 * @param {Rows} rows
 * @param {() => void} changed is called before the filter is another one
 * @param {HTMLElement[]} figures what stands beside the search box
 * @param {AbortSignal} signal
 * @returns {{el: HTMLElement, counted: () => void, story: (key: string) => void}}
 */
export function eventFilter(rows, changed, figures, signal) {
  const box = h("input", {
    type: "search",
    class: "sk-find",
    placeholder: "Filter: kind, step, words",
    aria: { label: "Filter events by kind, step or words" },
    spellcheck: false,
    autocomplete: "off",
  });
  const chips = h("div", { class: "sk-chips", role: "group", aria: { label: "Kinds" } });
  const kinds = h("span", { class: "sk-kinds" });
  const step = h("span", { class: "sk-chips" });
  let all = false;
  const more = button("", () => ((all = !all), counted()), { bare: true, local: true });
  fill(chips, kinds, more);
  let timer = 0;
  const apply = guarded(() => {
    changed();
    rows.want({ words: box.value.toLowerCase().split(/\s+/).filter(Boolean) });
  });
  listen(box, "input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, EVENT_TYPING);
  });
  signal.addEventListener("abort", () => clearTimeout(timer));

  /** @param {string} kind */
  function toggle(kind) {
    const wanted = new Set(rows.wanted.kinds);
    if (!wanted.delete(kind)) wanted.add(kind);
    changed();
    rows.want({ kinds: wanted });
    counted();
  }

  /** @param {string | null} key */
  function story(key) {
    const back = button("All steps", () => (story(null), box.focus()), { local: true });
    fill(step, key !== null && [h("span", {}, "Story of step ", outside(key, "sk-code")), back]);
    changed();
    rows.want({ key });
  }

  function counted() {
    const known = [...rows.kinds].filter(([kind, n]) => n > 0 || rows.wanted.kinds.has(kind));
    const some = all
      ? known
      : known.filter(([kind], i) => i < EVENT_KINDS || rows.wanted.kinds.has(kind));
    keyed(
      kinds,
      some,
      ([kind]) => kind,
      eventChip(toggle),
      (el, [kind, n]) => {
        const on = rows.wanted.kinds.has(kind);
        el.setAttribute("aria-pressed", String(on));
        text(/** @type {Element} */ (el.firstElementChild), on ? "✓ " : "");
        text(/** @type {Element} */ (el.lastElementChild), n.toLocaleString("en-US"));
      },
    );
    const hidden = known.length - some.length;
    more.hidden = known.length <= EVENT_KINDS;
    more.setAttribute("aria-expanded", String(all));
    text(more, all ? "Fewer kinds" : `${count(hidden, "more kind")}`);
  }

  const el = h(
    "div",
    { class: "sk-filter" },
    h("div", { class: "sk-filter-row" }, box, step, h("span", { class: "sk-figures" }, figures)),
    chips,
  );
  return { el, counted, story };
}

/** @param {(kind: string) => void} toggle */
function eventChip(toggle) {
  return (/** @type {[string, number]} */ [kind]) => {
    const el = button("", () => toggle(kind), { local: true });
    el.classList.add("sk-chip");
    fill(
      el,
      h("span", { aria: { hidden: "true" } }),
      outside(eventKind(kind)),
      " ",
      h("span", { class: "sk-soft sk-num" }),
    );
    return el;
  };
}

/**
 * Returns a kind as words.
 * @param {string} kind
 */
export function eventKind(kind) {
  return kind.replaceAll("_", " ");
}
