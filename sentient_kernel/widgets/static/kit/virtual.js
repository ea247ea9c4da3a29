// @ts-check
// A scrolling list of any length that keeps only the rows in sight in the page.
import { guarded } from "./controls.js";
import { h, listen, text } from "./dom.js";

/**
 * @typedef {{row?: number, count: () => number, draw: (index: number, el: HTMLElement) => void,
 *   label: string}} VirtualList
 */

const AROUND = 6; // rows kept above and below what is in sight
// px; browsers draw no taller element, so a longer list is scrolled proportionally
const TALLEST = 8_000_000;

/**
 * Turns an element into such a list. A row's element is new and empty when it is first drawn, and
 * the same one when drawn again.
 * @param {HTMLElement} el gets its height from its style sheet or from 14 rows
 * @param {VirtualList} list row is the height of a row in px; count is asked at each redraw
 * @returns {{redraw: () => void, show: (index: number) => void}}
 */
export function virtual(el, { row = 24, count: countRows, draw, label }) {
  const sizer = h("div", { class: "sk-vsize", role: "presentation" });
  /** @type {Map<number, HTMLElement>} */
  const rows = new Map();
  let frame = 0;
  let n = 0;

  const fits = () => Math.max(1, Math.floor((el.clientHeight || row * 14) / row));
  const tall = () => Math.min(n * row, TALLEST);
  // In a list taller than an element may be, the part of the way scrolled says which row is first.
  const firstRow = () => {
    const way = tall() - el.clientHeight;
    if (n * row <= TALLEST || way <= 0) return Math.floor(el.scrollTop / row);
    return Math.round((el.scrollTop / way) * (n - fits()));
  };

  const place = (/** @type {boolean} */ again) => {
    const first = Math.max(0, Math.min(firstRow(), Math.max(0, n - 1)));
    const from = Math.max(0, first - AROUND);
    const to = Math.min(n, first + fits() + 1 + AROUND);
    for (const [index, one] of rows) {
      if (index >= from && index < to) continue;
      // the focus does not fall out of the page
      if (index < n && one.contains(document.activeElement)) continue;
      rows.delete(index);
      one.remove();
    }
    const squeezed = n * row > TALLEST ? el.scrollTop - first * row : 0;
    /** @type {HTMLElement | null} */
    let before = null;
    for (let index = from; index < to; index++) {
      let one = rows.get(index);
      const fresh = !one;
      if (!one) {
        one = h("div", {
          class: "sk-vrow",
          role: "listitem",
          aria: { posinset: index + 1 },
          style: `height:${row}px`,
        });
        rows.set(index, one);
      }
      const top = `translateY(${index * row + squeezed}px)`;
      if (one.style.transform !== top) one.style.transform = top;
      if (one.getAttribute("aria-setsize") !== String(n))
        one.setAttribute("aria-setsize", String(n));
      if (fresh || again) draw(index, one);
      if (fresh) before ? before.after(one) : sizer.prepend(one);
      before = one;
    }
  };

  const redraw = guarded(() => {
    n = countRows();
    const height = `${tall()}px`;
    if (sizer.style.height !== height) sizer.style.height = height;
    place(true);
  });
  const later = guarded(() => place(false));
  const soon = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      later();
    });
  };
  const to = (/** @type {number} */ index) => {
    const at = Math.max(0, Math.min(index, n - 1));
    const way = tall() - el.clientHeight;
    el.scrollTop = n * row <= TALLEST ? at * row : (at / Math.max(1, n - fits())) * way;
    place(false);
  };

  el.classList.add("sk-virtual");
  el.tabIndex = 0;
  el.dataset.lmSuppressShortcuts = "true";
  el.setAttribute("role", "list");
  el.setAttribute("aria-label", label);
  el.replaceChildren(sizer);
  listen(el, "scroll", soon, { passive: true });
  listen(el, "keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== el || event.ctrlKey || event.metaKey || event.altKey) return;
    const first = firstRow();
    const goal = {
      ArrowDown: first + 1,
      ArrowUp: first - 1,
      PageDown: first + fits() - 1,
      PageUp: first - fits() + 1,
      Home: 0,
      End: n - 1,
    }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    to(goal);
  });
  if (typeof ResizeObserver === "function") new ResizeObserver(soon).observe(el);
  redraw();
  return {
    redraw,
    show: guarded((/** @type {number} */ index) => {
      const first = firstRow();
      if (index < first || index >= first + fits()) to(index - Math.floor(fits() / 2));
    }),
  };
}
