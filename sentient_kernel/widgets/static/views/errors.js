// @ts-check
// The view "errors": what went wrong, how often, where, and what to do about it.
import { heard } from "../kit/address.js";
import { reachable } from "../kit/dom.js";
import {
  count,
  duration,
  fill,
  guarded,
  h,
  keyed,
  listen,
  moment,
  outside,
  region,
  svg,
  text,
} from "../kit/kit.js";

/**
 * @typedef {object} ErrorGroup
 * @property {string} fingerprint
 * @property {string} type
 * @property {string} message
 * @property {string} hint
 * @property {string} code
 * @property {string} where
 * @property {number} count
 * @property {number} first
 * @property {number} last
 * @property {string[]} runs
 * @property {string[]} frames
 * @property {number} i
 */
/**
 * @typedef {{total: number, unique: number, evicted: number, by_type: [string, number][],
 *   per_minute: [number, number][]}} ErrorFigures
 */
/** @typedef {{seq: number, run: string, at: number, type: string, message: string}} Failure */

const ERRORS_EVERY = 5000; // ms between two looks at the clock: "12 s ago" must not stand still
const ERRORS_MINUTES = 60;
const ERRORS_TYPES = 12; // types and failures listed; the journal holds them all
const ERRORS_RECENT = 20;
const ERRORS_RUNS = 8; // runs that a group remembers; it may have met more

/**
 * Draws the view "errors".
 * @param {HTMLElement} root
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {void}
 */
export function drawErrors(root, store, link, signal) {
  const state = h("span", { class: "sk-state" });
  const kinds = h("span", { class: "sk-soft sk-num" });
  const strip = h("div", { class: "sk-strip" });
  const groups = h("div", { role: "rowgroup" });
  const heads = ["Error", "Where", "Last seen", "Runs", "Count"].map((name) =>
    h("div", { role: "columnheader" }, name),
  );
  const table = h(
    "div",
    { class: "sk-errors", role: "table", aria: { label: "Kinds of errors" } },
    h("div", { role: "rowgroup" }, h("div", { class: "sk-error-head", role: "row" }, heads)),
    groups,
  );
  const recent = h("ol", { class: "sk-recent", aria: { label: "Recent errors" } });
  if (typeof ResizeObserver === "function")
    new ResizeObserver(() => reachable(recent)).observe(recent);
  const types = h("dl", { class: "sk-src sk-num" });
  const evicted = h("p", { class: "sk-foot sk-num", hidden: true });
  const below = h(
    "div",
    { class: "sk-body" },
    h(
      "div",
      {},
      h("div", { class: "sk-t" }, h("b", { role: "heading", aria: { level: "3" } }, "Recent")),
      recent,
    ),
    h(
      "div",
      {},
      h("div", { class: "sk-t" }, h("b", { role: "heading", aria: { level: "3" } }, "By type")),
      types,
    ),
  );
  fill(
    root,
    region("Errors", h("div", { class: "sk-head" }, state, kinds), strip, table, evicted, below),
  );

  store.select(
    (/** @type {any} */ s) => s.stats,
    (/** @type {ErrorFigures | undefined} */ stats) => {
      const total = stats?.total ?? 0;
      state.className = `sk-state sk-${total ? "bad" : "ok"}`;
      fill(
        state,
        h("i", { aria: { hidden: "true" } }, total ? "✕" : "✓"),
        total ? ` ${count(total, "error")}` : " No errors",
      );
      text(kinds, total ? count(stats?.unique ?? 0, "kind") : "");
      for (const el of [strip, table, below]) el.hidden = total === 0;
      evicted.hidden = !stats?.evicted;
      text(
        evicted,
        stats?.evicted ? `${count(stats.evicted, "error")} of kinds that are no longer kept` : "",
      );
      keyed(
        types,
        (stats?.by_type ?? []).slice(0, ERRORS_TYPES),
        ([type]) => type,
        errorType,
        (el, [, n]) =>
          text(/** @type {Element} */ (el.lastElementChild), n.toLocaleString("en-US")),
      );
    },
    signal,
  );
  store.select(
    (/** @type {any} */ s) => s.errors,
    (/** @type {{[fingerprint: string]: ErrorGroup} | undefined} */ errors) => {
      const ordered = Object.values(errors ?? {}).sort((a, b) => a.i - b.i || b.last - a.last);
      keyed(
        groups,
        ordered,
        (one) => one.fingerprint,
        () => h("div", { class: "sk-error", role: "presentation" }),
        errorRow,
      );
      errorAges(groups, store.now());
    },
    signal,
  );
  store.select(
    (/** @type {any} */ s) => s.recent,
    (/** @type {Failure[] | undefined} */ failures) => {
      const newest = [...(failures ?? [])].sort((a, b) => b.seq - a.seq).slice(0, ERRORS_RECENT);
      keyed(recent, newest, (one) => one.seq, errorFailure);
      reachable(recent);
    },
    signal,
  );
  const look = guarded(() => {
    errorAges(groups, store.now());
    errorStrip(strip, /** @type {any} */ (store.state).stats?.per_minute ?? [], store.now());
  });
  store.select((/** @type {any} */ s) => s.stats, look, signal);
  const timer = setInterval(look, ERRORS_EVERY);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** @param {string} type */
function errorKind(type) {
  return type.slice(type.lastIndexOf(".") + 1);
}

/** @param {[string, number]} entry */
function errorType([type]) {
  return h(
    "div",
    { class: "sk-pair" },
    h("dt", { title: type }, outside(errorKind(type))),
    h("dd", {}),
  );
}

/** @param {Failure} one */
function errorFailure(one) {
  const said = [
    h("b", {}, outside(errorKind(one.type))),
    one.message ? ": " : "",
    outside(one.message),
  ];
  return h("li", {}, h("span", { class: "sk-soft sk-num" }, moment(one.at)), h("div", {}, said));
}

/**
 * The group that each row shows, so that a row is drawn again only when its group is another. @type
 * {WeakMap<HTMLElement, ErrorGroup>}
 */
const errorDrawn = new WeakMap();

/**
 * @param {HTMLElement} el
 * @param {ErrorGroup} one
 */
function errorRow(el, one) {
  if (errorDrawn.get(el) === one) return;
  const open = el.querySelector("button")?.getAttribute("aria-expanded") === "true";
  const fresh = !errorDrawn.has(el);
  errorDrawn.set(el, one);
  const many = one.runs.length >= ERRORS_RUNS ? `${one.runs.length}+` : String(one.runs.length);
  const cells = [
    h("div", { class: "sk-error-where", role: "cell" }, outside(one.where, "sk-code")),
    h(
      "div",
      { class: "sk-error-last", role: "cell" },
      h("time", {
        class: "sk-ago",
        datetime: new Date(one.last).toISOString(),
        data: { at: one.last },
      }),
      h("span", { class: "sk-soft sk-num" }, moment(one.last)),
    ),
    h(
      "div",
      { class: "sk-error-runs sk-num", role: "cell" },
      many,
      h("span", { class: "sk-unit" }, one.runs.length === 1 ? " run" : " runs"),
    ),
    h(
      "div",
      { class: "sk-error-count sk-num", role: "cell" },
      one.count.toLocaleString("en-US"),
      h("span", { class: "sk-unit" }, one.count === 1 ? " time" : " times"),
    ),
  ];
  const more = h(
    "div",
    { class: "sk-error-more", role: "row", hidden: !open },
    h("div", { role: "cell", aria: { colspan: "5" } }, errorMore(one)),
  );
  if (fresh) {
    const press = h("button", {
      type: "button",
      class: "sk-error-open",
      aria: { expanded: "false" },
    });
    listen(press, "click", () => {
      const opened = press.getAttribute("aria-expanded") !== "true";
      press.setAttribute("aria-expanded", String(opened));
      /** @type {HTMLElement} */ (el.lastElementChild).hidden = !opened;
    });
    fill(
      el,
      h(
        "div",
        { class: "sk-error-row", role: "row" },
        h("div", { class: "sk-error-said", role: "cell" }, press),
        cells,
      ),
      more,
    );
  } else {
    const row = /** @type {HTMLElement} */ (el.firstElementChild);
    fill(row, row.firstElementChild, cells); // the button stays, and the focus on it
    /** @type {HTMLElement} */ (el.lastElementChild).replaceWith(more);
  }
  const press = /** @type {HTMLElement} */ (el.querySelector("button"));
  fill(
    press,
    h("span", { class: "sk-caret", aria: { hidden: "true" } }),
    h("b", { class: "sk-bad" }, outside(errorKind(one.type))),
    one.message ? ": " : "",
    outside(one.message),
  );
}

/** @param {ErrorGroup} one */
function errorMore(one) {
  const facts = h("dl", { class: "sk-facts-list" });
  const add = (/** @type {string} */ name, /** @type {any} */ value) =>
    value && facts.append(h("dt", {}, name), h("dd", { class: "sk-num" }, value));
  add("What to do", one.hint && outside(one.hint));
  add("Class", outside(one.type, "sk-code"));
  add("First seen", one.first && moment(one.first));
  add(
    "Runs",
    one.runs.length > 0 &&
      h(
        "ul",
        { class: "sk-runs" },
        one.runs.map((run) => h("li", {}, outside(run, "sk-code"))),
      ),
  );
  const frames = h(
    "ol",
    { class: "sk-frames" },
    one.frames.map((frame) => h("li", {}, outside(frame, "sk-code"))),
  );
  return [
    facts,
    one.frames.length > 0 && h("p", { class: "sk-soft" }, "Where it happened, innermost last"),
    one.frames.length > 0 && frames,
  ];
}

/**
 * Brings all "12 s ago" up to date.
 * @param {HTMLElement} el
 * @param {number} now
 */
function errorAges(el, now) {
  for (const one of el.querySelectorAll(".sk-ago"))
    text(one, errorAgo(now - Number(/** @type {HTMLElement} */ (one).dataset.at)));
}

/** @param {number} ms */
function errorAgo(ms) {
  if (!(ms > 1500)) return "just now";
  return ms < 59_500
    ? `${Math.round(ms / 1000)} s ago`
    : `${duration(ms / 1000).replace(/ \d+ s$/, "")} ago`;
}

/**
 * Draws how many errors there were in each minute of the last hour, as bars and in words.
 * @param {HTMLElement} el
 * @param {[number, number][]} minutes those without errors may be missing
 * @param {number} now
 */
function errorStrip(el, minutes, now) {
  const last = Math.floor(now / 60_000);
  const figures = new Map(
    minutes
      .map(([at, n]) => [Math.floor(at / 60_000) - last + ERRORS_MINUTES - 1, n])
      .filter(([i]) => i >= 0 && i < ERRORS_MINUTES)
      .map(([i, n]) => /** @type {[number, number]} */ ([i, n])),
  );
  const mark = `${last} ${JSON.stringify(minutes)}`;
  if (el.dataset.mark === mark) return;
  el.dataset.mark = mark;
  const sum = [...figures.values()].reduce((a, b) => a + b, 0);
  const [at, most] = [...figures].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0]);
  const clock = (/** @type {number} */ i) =>
    new Date((last - ERRORS_MINUTES + 1 + i) * 60_000).toISOString().slice(11, 16);
  const said = sum
    ? `${count(sum, "error")} in the last hour, most in one minute: ${most}, at ${clock(at)} UTC`
    : "No errors in the last hour";
  const bars = [...figures].map(([i, n]) => {
    const tall = Math.max(2, (26 * n) / most);
    return svg("rect", { x: i * 10 + 1, y: 28 - tall, width: 8, height: tall, rx: 1 });
  });
  const base = svg("path", { d: `M0 28.5H${ERRORS_MINUTES * 10}` });
  const picture = svg(
    "svg",
    {
      viewBox: `0 0 ${ERRORS_MINUTES * 10} 29`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
      focusable: "false",
    },
    base,
    ...bars,
  );
  const scale = h(
    "div",
    { class: "sk-strip-scale sk-soft sk-num", aria: { hidden: "true" } },
    h("span", {}, clock(0)),
    h("span", {}, `${clock(ERRORS_MINUTES - 1)} UTC`),
  );
  fill(el, h("p", { class: "sk-soft sk-num" }, heard("Errors per minute: "), said), picture, scale);
}
