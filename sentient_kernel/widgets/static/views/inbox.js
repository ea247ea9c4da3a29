// @ts-check
// The view "inbox": the questions of all runs that wait for a person, and those that were answered
// lately.
import { approvalCard } from "./approval.js";
import { count, fill, guarded, h, keyed, moment, outside, region, text } from "../kit/kit.js";

/**
 * @typedef {object} Asked
 * @property {string} id
 * @property {string} run
 * @property {string} question
 * @property {string} status
 * @property {number | null} requested
 * @property {number | null} decided
 * @property {string} by
 * @property {string} reason
 * @property {string} title
 */
/** @typedef {{id: string, title: string, open: Asked[]}} Asking a run with its open questions */

const INBOX_STAYS = 8000; // ms that a card stays after its question was answered
const INBOX_ANSWERS = new Map([
  ["approved", ["✓", "approved", "ok"]],
  ["edited", ["✓", "approved with edits", "ok"]],
  ["rejected", ["✕", "rejected", "bad"]],
  ["expired", ["–", "expired", "soft"]],
  ["withdrawn", ["–", "withdrawn", "soft"]],
]);

/**
 * Draws the view "inbox".
 * @param {HTMLElement} root
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {void}
 */
export function drawInbox(root, store, link, signal) {
  const state = h("span", { class: "sk-state" });
  const spoken = h("p", { class: "sk-sr", role: "status", aria: { live: "polite" } });
  const open = h("div", { class: "sk-inbox" });
  const summary = h("summary", { class: "sk-foot" });
  const answered = h("ul", { class: "sk-answered-list" });
  const fold = h("details", { hidden: true }, summary, answered);
  fill(root, region("Inbox", h("div", { class: "sk-head" }, state), spoken, open, fold));
  const cards = inboxCards(open, store, link, signal);
  /** @type {Set<string> | null} the questions that were open when last looked at */
  let known = null;
  store.select(
    (/** @type {any} */ s) => s.approvals,
    (/** @type {{[id: string]: Asked} | undefined} */ approvals) => {
      const all = Object.values(approvals ?? {});
      const asking = all
        .filter((one) => one.status === "open")
        .sort((a, b) => (a.requested ?? 0) - (b.requested ?? 0));
      const done = all
        .filter((one) => one.status !== "open")
        .sort((a, b) => (b.decided ?? b.requested ?? 0) - (a.decided ?? a.requested ?? 0));
      state.className = `sk-state sk-${asking.length ? "asks" : "ok"}`;
      const [sign, words] = asking.length
        ? ["◆", `${count(asking.length, "question")} waiting`]
        : ["✓", "Nothing waits for you"];
      fill(state, h("i", { aria: { hidden: "true" } }, sign), ` ${words}`);
      cards(all);
      fold.hidden = done.length === 0;
      text(summary, `Answered (${done.length})`);
      keyed(answered, done, (one) => `${one.id} ${one.status}`, inboxAnswer);
      // Only what came since is read out, the newest last.
      const fresh = asking.filter((one) => known && !known.has(one.id));
      if (fresh.length)
        text(
          spoken,
          fresh
            .map((one) => `New question from ${one.title || "a run"}: ${one.question}`)
            .join(" "),
        );
      known = new Set(asking.map((one) => one.id));
    },
    signal,
  );
}

/**
 * Returns a function that draws the cards of the open questions under the titles of their runs. A
 * card whose question was just answered stays for a while, so that one reads what became of it, and
 * as long as somebody works in it.
 * @param {HTMLElement} el
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {(all: Asked[]) => void}
 */
function inboxCards(el, store, link, signal) {
  /** @type {Map<string, {card: HTMLElement, ends: AbortController, until: number}>} */
  const held = new Map();
  /** @type {Asked[]} */
  let latest = [];
  let timer = 0;
  const later = guarded(() => cards(latest));
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    for (const one of held.values()) one.ends.abort();
  });

  /** @param {string} id */
  const make = (id) => {
    const ends = new AbortController();
    const card = approvalCard(store, link, id, ends.signal);
    held.set(id, { card, ends, until: Infinity });
    return card;
  };
  /** @param {Asked} one */
  const stays = (one) => {
    const own = held.get(one.id);
    if (one.status === "open" || !own) return one.status === "open";
    if (own.until === Infinity) own.until = Date.now() + INBOX_STAYS;
    return Date.now() < own.until || own.card.contains(document.activeElement);
  };

  /** @param {Asked[]} all */
  function cards(all) {
    latest = all;
    clearTimeout(timer);
    const shown = all.filter(stays).sort((a, b) => (a.requested ?? 0) - (b.requested ?? 0));
    keyed(
      el,
      inboxRuns(shown),
      (run) => run.id,
      inboxRun,
      (box, run) =>
        keyed(
          /** @type {Element} */ (box.lastElementChild),
          run.open,
          (one) => one.id,
          (one) => make(one.id),
        ),
    );
    const ids = new Set(shown.map((one) => one.id));
    for (const [id, one] of held) {
      if (ids.has(id)) continue;
      one.ends.abort();
      held.delete(id);
    }
    if (shown.some((one) => one.status !== "open")) timer = setTimeout(later, 2000);
  }
  return cards;
}

/**
 * Returns the runs that ask, in the order in which they first did.
 * @param {Asked[]} asking
 * @returns {Asking[]}
 */
function inboxRuns(asking) {
  /** @type {Map<string, Asking>} */
  const runs = new Map();
  for (const one of asking) {
    const run = runs.get(one.run) ?? { id: one.run, title: one.title, open: [] };
    run.open.push(one);
    runs.set(one.run, run);
  }
  return [...runs.values()];
}

/** @param {Asking} run */
function inboxRun(run) {
  const title = h(
    "div",
    { class: "sk-inbox-title", role: "heading", aria: { level: "2" } },
    outside(run.title || run.id),
  );
  return h(
    "div",
    { class: "sk-inbox-run", role: "group", aria: { label: run.title || run.id } },
    title,
    h("div", {}),
  );
}

/** @param {Asked} one */
function inboxAnswer(one) {
  const [sign, word, colour] = INBOX_ANSWERS.get(one.status) ?? ["–", one.status, "soft"];
  const when = one.decided ?? one.requested;
  return h(
    "li",
    {},
    h(
      "div",
      {},
      h(
        "span",
        { class: `sk-${colour}` },
        h("span", { aria: { hidden: "true" } }, `${sign} `),
        word,
      ),
      one.by ? [" by ", outside(one.by)] : null,
      when ? h("span", { class: "sk-soft sk-num" }, ` · ${moment(when)}`) : null,
    ),
    h("div", {}, outside(one.question)),
    one.title ? h("div", { class: "sk-soft" }, outside(one.title)) : null,
    one.reason ? h("div", { class: "sk-soft" }, "Reason: ", outside(one.reason)) : null,
  );
}
