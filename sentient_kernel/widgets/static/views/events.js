// @ts-check
// The view "events": what the journal holds, as a list that one can follow, filter, and open row by
// row.
import { eventDetail } from "./event.js";
import { eventFilter, eventKind } from "./filter.js";
import {
  button,
  count,
  fill,
  guarded,
  h,
  listen,
  outside,
  region,
  text,
  virtual,
} from "../kit/kit.js";
import { Rows } from "./rows.js";

/** @typedef {import("./rows.js").Row} EventRow */

const EVENT_ROW = 24; // px
/** @type {EventRow[]} */
const NO_EVENTS = [];

/**
 * Draws the view "events".
 * @param {HTMLElement} root
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {void}
 */
export function drawEvents(root, store, link, signal) {
  const total = h("span", { class: "sk-num sk-soft" });
  const older = h("span", { class: "sk-num sk-soft" });
  const newest = button("Go to the newest", () => follow(true), { local: true });
  const list = h("div", { class: "sk-events-list" });
  const none = h("p", { class: "sk-none sk-soft", hidden: true });
  const beside = h("div", { class: "sk-events-side", hidden: true });
  const spoken = h("p", { class: "sk-sr", role: "status" });
  let following = true;
  let cursor = -1; // the row that the keyboard stands on
  let newer = 0; // rows that came while nobody followed
  let length = 0;
  let narrowed = false; // whether somebody waits to hear what a filter left
  /** @type {EventRow | null} */
  let opened = null;

  const rows = new Rows(guarded((/** @type {boolean} */ done) => drawn(done)));
  const filter = eventFilter(
    rows,
    () => ((narrowed = true), follow(true)),
    [total, older, newest],
    signal,
  );
  const body = h(
    "div",
    { class: "sk-events" },
    h("div", { class: "sk-events-main" }, list, none),
    beside,
  );
  fill(root, region("Events", eventHead(store, signal), filter.el, body, spoken));
  newest.hidden = true;
  const pane = virtual(list, {
    row: EVENT_ROW,
    label: "Events",
    count: () => rows.shown.length,
    draw: (index, el) => drawEvent(el, rows.shown[index], opened),
  });

  /** @param {boolean} done whether all rows are counted and filtered */
  function drawn(done) {
    if (!done && rows.busy) return text(total, "Filtering…");
    const now = rows.shown.length;
    if (!following) newer += Math.max(0, now - length);
    length = now;
    pane.redraw();
    if (following) pane.show(now - 1);
    list.hidden = now === 0;
    none.hidden = now !== 0;
    text(none, rows.source.length ? "No event passes this filter." : "No events yet.");
    const said = rows.filtered
      ? `${count(now, "event")} of ${rows.source.length.toLocaleString("en-US")}`
      : count(now, "event");
    text(total, said);
    if (narrowed && done) text(spoken, said); // and not at every event that comes
    narrowed &&= !done;
    filter.counted();
    drawNewest();
  }

  function drawNewest() {
    newest.hidden = following || length === 0;
    text(
      newest,
      newer ? `Go to the newest · ${newer.toLocaleString("en-US")} new` : "Go to the newest",
    );
  }

  /** @param {boolean} on */
  function follow(on) {
    const pressed = document.activeElement === newest;
    following = on;
    if (on) {
      newer = 0;
      list.scrollTop = list.scrollHeight;
      if (pressed) list.focus({ preventScroll: true }); // the button goes away
    }
    drawNewest();
  }

  listen(
    list,
    "scroll",
    () => {
      const end = list.scrollTop + list.clientHeight >= list.scrollHeight - EVENT_ROW;
      if (end !== following) {
        following = end;
        if (end) newer = 0;
        drawNewest();
      }
    },
    { passive: true },
  );

  /** @param {number} index */
  function stand(index) {
    cursor = Math.max(0, Math.min(index, rows.shown.length - 1));
    pane.show(cursor);
    const own = list.querySelector(`[aria-posinset="${cursor + 1}"] button`);
    if (own instanceof HTMLElement) own.focus({ preventScroll: true });
  }

  // Before the list's own keys, which only scroll it: here a row is stood on, so that Enter can
  // open it.
  listen(
    body,
    "keydown",
    (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && opened) {
        event.stopPropagation();
        return close();
      }
      if (!list.contains(/** @type {Node} */ (event.target))) return;
      const page = Math.max(1, Math.floor(list.clientHeight / EVENT_ROW) - 1);
      const first = Math.ceil(list.scrollTop / EVENT_ROW);
      const last = rows.shown.length - 1;
      const inside = event.target !== list;
      const at = inside ? cursor : following ? last + 1 : first - 1;
      /** @type {{[key: string]: number}} */
      const goals = {
        ArrowDown: at + 1,
        ArrowUp: at - 1,
        PageDown: at + page,
        PageUp: at - page,
        Home: 0,
        End: last,
      };
      const goal = event.key === "Enter" && !inside ? (following ? last : first) : goals[event.key];
      if (goal === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      stand(goal);
    },
    { capture: true },
  );

  listen(list, "focusin", (/** @type {FocusEvent} */ event) => {
    const at = eventIndex(event.target);
    if (at >= 0) cursor = at;
  });
  listen(list, "click", (/** @type {MouseEvent} */ event) => {
    const at = eventIndex(event.target);
    if (at >= 0 && rows.shown[at]) open(rows.shown[at]);
  });

  /** @param {EventRow} row */
  function open(row) {
    opened = row;
    fill(beside, eventDetail(row, link, { close, story: filter.story }, signal));
    beside.hidden = false;
    body.classList.add("sk-opened");
    text(spoken, `Event ${row[0]} is open after the list. Escape closes it.`);
    pane.redraw();
  }

  function close() {
    const index = opened ? rows.shown.indexOf(opened) : -1;
    const within = beside.contains(document.activeElement) || list.contains(document.activeElement);
    opened = null;
    beside.hidden = true;
    fill(beside);
    body.classList.remove("sk-opened");
    text(spoken, "");
    pane.redraw();
    if (!within) return;
    if (index >= 0) stand(index);
    else list.focus({ preventScroll: true });
  }

  signal.addEventListener("abort", () => rows.stop());
  store.select(
    (/** @type {any} */ s) => [s.events ?? NO_EVENTS, s.events?.length ?? 0, s.dropped ?? 0],
    ([events, , dropped]) => {
      const gone = rows.follow(events);
      if (gone) {
        // What is read stays where it is while older rows go.
        cursor -= gone;
        if (!following) list.scrollTop -= gone * EVENT_ROW;
      }
      text(older, dropped ? `${count(dropped, "older one")} not held here` : "");
    },
    signal,
  );
}

/**
 * @param {import("../kit/store.js").Store} store
 * @param {AbortSignal} signal
 */
function eventHead(store, signal) {
  const state = h("span", { class: "sk-state" });
  const about = h("span", { class: "sk-q", role: "heading", aria: { level: "2" } });
  store.select(
    (/** @type {any} */ s) => s.run ?? null,
    (run) => {
      state.hidden = !run;
      state.className = `sk-state sk-${run?.colour ?? "soft"}`;
      fill(state, run && [h("i", { aria: { hidden: "true" } }, run.sign), ` ${run.word}`]);
      fill(about, h("strong", {}, run ? outside(run.title) : "Events of all runs"));
    },
    signal,
  );
  return h("div", { class: "sk-head" }, state, about);
}

/** @type {[RegExp, string, string][]} */
const EVENT_SIGNS = [
  [/failed|error|blocked|lagged/, "✕", "sk-bad"],
  [/approval_requested|expired|retried|paused|cancel/, "◆", "sk-asks"],
  [/completed|decided/, "✓", "sk-ok"],
];

/**
 * Draws one row; its element is empty at first and used again for other rows.
 * @param {HTMLElement} el
 * @param {EventRow | undefined} row
 * @param {EventRow | null} opened
 */
function drawEvent(el, row, opened) {
  let own = /** @type {HTMLElement | null} */ (el.firstElementChild);
  if (!own) {
    own = h(
      "button",
      { type: "button", class: "sk-event", tabindex: "-1" },
      h("span", { class: "sk-event-at sk-num sk-soft" }),
      h("span", { class: "sk-event-sign", aria: { hidden: "true" } }),
      h("bdi", { class: "sk-event-kind" }),
      h("bdi", { class: "sk-event-text" }),
      h("bdi", { class: "sk-event-key sk-soft" }),
    );
    el.append(own);
  }
  if (!row) return;
  const [at, sign, kind, said, key] = own.children;
  text(at, eventTime(row[1]));
  const [, mark, look] = EVENT_SIGNS.find(([pattern]) => pattern.test(row[2])) ?? [
    null,
    "·",
    "sk-soft",
  ];
  text(sign, mark);
  const wanted = `sk-event-sign ${look}`;
  if (sign.className !== wanted) sign.className = wanted;
  text(kind, eventKind(row[2]));
  text(said, row[4]);
  text(key, row[3] ?? "");
  if (row === opened) own.setAttribute("aria-current", "true");
  else own.removeAttribute("aria-current");
}

/**
 * Returns the time of day to the millisecond, with a Z for UTC.
 * @param {number} ms
 */
function eventTime(ms) {
  return Number.isFinite(ms) ? new Date(ms).toISOString().slice(11) : "";
}

/** @param {EventTarget | null} target */
function eventIndex(target) {
  const row = target instanceof Element ? target.closest("[aria-posinset]") : null;
  return row ? Number(row.getAttribute("aria-posinset")) - 1 : -1;
}
