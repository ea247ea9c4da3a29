// @ts-check
// What happens right now in a run: what is being written and by whom, what was said last, what the
// sources give.
import { reachable } from "../kit/dom.js";
import { count, fill, h, keyed, outside, text } from "../kit/kit.js";

/** @typedef {import("../kit/store.js").Store} Store */
/** @typedef {{by: string, text: string, at: number, end: number}} Written */

const PANES = 4;
const TEXT_DRAWN = 8_000; // characters of one text in the page; older ones are in the events
const SOURCES_SHOWN = 8;
const WORKS = new Set(["pending", "running", "waiting"]);

/**
 * Returns the column beside the steps; hidden while there is nothing in it.
 * @param {Store} store
 * @param {AbortSignal} signal
 * @param {(hidden: boolean) => void} changed called when it is hidden or shown
 * @returns {HTMLElement}
 */
export function nowPane(store, signal, changed) {
  const label = h("b", {});
  const more = h("span", {});
  const head = h("p", { class: "sk-t" }, label, more);
  const message = h("p", { class: "sk-message" });
  const panes = h("div", { class: "sk-writers" });
  const list = h("dl", { class: "sk-src sk-num" });
  const rest = h("p", { class: "sk-more" });
  const sources = h(
    "div",
    { class: "sk-part" },
    h("p", { class: "sk-t" }, h("b", {}, "Sources")),
    list,
    rest,
  );
  const pane = h("div", { class: "sk-now" }, head, message, panes, sources);
  /** @type {Map<string, {end: number, turn: number}>} */
  const grown = new Map();
  let turn = 0;

  /**
   * At most four texts, those that grew last, in the order in which they began: a pane does not
   * jump.
   */
  const writers = (/** @type {Written[]} */ all) => {
    turn++;
    for (const one of all)
      if (grown.get(one.by)?.end !== one.end) grown.set(one.by, { end: one.end, turn });
    const kept = new Set(
      [...all]
        .sort((a, b) => (grown.get(b.by)?.turn ?? 0) - (grown.get(a.by)?.turn ?? 0))
        .slice(0, PANES),
    );
    return all.length > PANES ? all.filter((one) => kept.has(one)) : all;
  };
  const arrange = () => {
    head.hidden = message.hidden && !panes.firstChild;
    const hidden = Boolean(head.hidden && sources.hidden);
    pane.hidden = hidden;
    changed(hidden);
  };

  store.select(
    (state) => [state.run?.status, state.run?.message, state.texts],
    ([status, said, texts]) => {
      const over = status === "completed";
      const works = WORKS.has(status);
      const all = over ? [] : Object.values(texts ?? {}).filter((one) => one.text);
      const shown = writers(all);
      text(label, works ? "Now" : "Said last");
      text(
        more,
        all.length > shown.length ? `${count(all.length - shown.length, "more text")}` : "",
      );
      text(message, over ? "" : (said ?? ""));
      message.hidden = over || !said;
      keyed(
        panes,
        shown,
        (one) => one.by,
        makeWriter,
        (el, one) => drawWriter(el, one, works),
      );
      arrange();
    },
    signal,
  );
  store.select(
    (state) => state.sources,
    (given) => {
      const all = Object.values(given ?? {}).sort((a, b) => a.i - b.i);
      keyed(
        list,
        all.slice(0, SOURCES_SHOWN),
        (one) => one.source,
        () => h("div", {}),
        drawSource,
      );
      text(
        rest,
        all.length > SOURCES_SHOWN ? `${count(all.length - SOURCES_SHOWN, "more source")}` : "",
      );
      sources.hidden = !all.length;
      arrange();
    },
    signal,
  );
  return pane;
}

/** @param {Written} one */
function makeWriter(one) {
  const words = h("bdi", { class: "sk-words", dir: "auto" });
  const scroll = h(
    "div",
    { class: "sk-say sk-tail" },
    words,
    h("span", { class: "sk-cursor", aria: { hidden: true } }),
  );
  const who = one.by ? h("p", { class: "sk-by sk-soft" }, outside(one.by)) : null;
  return h(
    "div",
    {
      class: "sk-writer",
      role: "group",
      aria: { label: one.by ? `Written by ${one.by}` : "Being written" },
    },
    who,
    scroll,
  );
}

/**
 * @param {HTMLElement} el
 * @param {Written} one
 * @param {boolean} works
 */
function drawWriter(el, one, works) {
  const scroll = /** @type {HTMLElement} */ (el.querySelector(".sk-tail"));
  const words = /** @type {HTMLElement} */ (el.querySelector(".sk-words"));
  el.classList.toggle("sk-writing", works);
  if (el.dataset.end === String(one.end)) return;
  el.dataset.end = String(one.end);
  // Whoever scrolled back to read stays there; otherwise the end is in sight.
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 24;
  text(words, drawnText(words.textContent ?? "", one.text));
  const follow = () => {
    scroll.scrollTop = scroll.scrollHeight;
    reachable(scroll);
  };
  if (atEnd) scroll.isConnected ? follow() : requestAnimationFrame(follow);
}

/**
 * Returns the end of a text that is drawn: what is drawn already and goes on stays where it is
 * until it is much too long.
 * @param {string} drawn
 * @param {string} whole
 */
function drawnText(drawn, whole) {
  if (whole.length <= TEXT_DRAWN) return whole;
  const last = drawn.slice(-200);
  const known = last ? whole.lastIndexOf(last) : -1;
  const begin = known < 0 ? -1 : known + last.length - drawn.length;
  if (begin >= 0 && whole.length - begin <= TEXT_DRAWN * 2) return whole.slice(begin);
  const cut = whole.slice(-TEXT_DRAWN);
  return `${cut.slice(Math.max(0, cut.search(/\s/)) + 1)}`;
}

/**
 * @param {HTMLElement} el
 * @param {any} source
 */
function drawSource(el, source) {
  const gave = h("dd", { class: source.why ? "sk-asks" : undefined }, source.gave);
  const why = source.why ? h("dd", { class: "sk-why sk-asks" }, outside(source.why)) : null;
  const holds = source.holds ? h("span", { class: "sk-soft" }, ` ${source.holds}`) : null;
  const said = JSON.stringify([source.gave, source.why, source.holds]);
  if (el.dataset.said === said) return;
  el.dataset.said = said;
  fill(el, h("dt", {}, outside(source.source), holds), gave, why);
}
