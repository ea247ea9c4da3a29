// @ts-check
// The report of a run: the answer, sentence by sentence, beside the quote that each sentence rests
// on.
import { reportSections, reportSentence } from "./claims.js";
import { reportCopies } from "./copies.js";
import { evidencePane } from "./evidence.js";
import { duration, fill, h, listen, outside, region, text } from "../kit/kit.js";

/** @typedef {import("./claims.js").Report} Report */

/**
 * Draws the view "report": how the run stands, the question, and the report once there is one.
 * @param {HTMLElement} root
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {void}
 */
export function drawReport(root, store, link, signal) {
  const state = h("span", { class: "sk-state" });
  const question = h("span", { class: "sk-q", role: "heading", aria: { level: "2" } });
  const none = h("p", { class: "sk-none sk-soft", hidden: true });
  const pane = reportBox(store, link, signal, true);
  fill(root, region("Report", h("div", { class: "sk-head" }, state, question), pane, none));
  store.select(
    (/** @type {any} */ s) => [s.run, s.report],
    (/** @type {[any, Report | null]} */ [run, report]) => {
      state.className = `sk-state sk-${run?.colour ?? "soft"}`;
      fill(
        state,
        h("i", { aria: { hidden: "true" } }, run?.sign ?? "○"),
        ` ${run?.word ?? "No run"}`,
      );
      fill(question, h("strong", {}, outside(report?.question || run?.title || "")));
      none.hidden = Boolean(report);
      text(none, report ? "" : reportMissing(run));
    },
    signal,
  );
}

/**
 * Returns why there is no report, as a sentence.
 * @param {any} run
 */
function reportMissing(run) {
  if (!run) return "There is no run to report on.";
  if (run.ended == null)
    return `The report is not written yet.${run.message ? ` ${run.message}` : ""}`;
  return `This run ended without a report.${run.trouble?.heading ? ` ${run.trouble.heading}` : ""}`;
}

/**
 * Returns the report as an element to put into another view; hidden while there is none.
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function reportPane(store, link, signal) {
  const pane = reportBox(store, link, signal, false);
  pane.setAttribute("role", "region");
  pane.setAttribute("aria-label", "Report");
  return pane;
}

/**
 * @param {import("../kit/store.js").Store} store
 * @param {import("../kit/link.js").Link} link
 * @param {AbortSignal} signal
 * @param {boolean} alone whether nothing around it says how long the run took and what it cost
 * @returns {HTMLElement}
 */
function reportBox(store, link, signal, alone) {
  const facts = h("span", { class: "sk-facts sk-num" });
  const holder = h("div", {});
  const copies = reportCopies(() => /** @type {any} */ (store.state).report ?? null);
  const bar = h("div", { class: "sk-bar" }, facts, h("span", { class: "sk-gap" }), copies.controls);
  const box = h("div", { class: "sk-report", hidden: true }, bar, copies.fallback, holder);
  let drawn = "";
  store.select(
    (/** @type {any} */ s) => s.report,
    (/** @type {Report | null} */ report) => {
      box.hidden = !report;
      const now = report ? JSON.stringify(report) : "";
      // a snapshot said the same again: what is chosen, focused or marked stays
      if (now === drawn) return;
      drawn = now;
      fill(holder, report && reportBody(report, link));
    },
    signal,
  );
  store.select(
    (/** @type {any} */ s) => [s.run, s.report],
    (/** @type {[any, Report | null]} */ [run, report]) => {
      const said = report?.facts?.length ? [report.facts.join(" · ")] : [];
      if (alone && run?.seconds) said.unshift(duration(run.seconds));
      if (alone && run?.cost) said.push(run.cost);
      fill(facts, ...said.map((fact) => h("span", {}, fact)));
    },
    signal,
  );
  return box;
}

/**
 * @param {Report} report
 * @param {import("../kit/link.js").Link} link
 */
function reportBody(report, link) {
  const citations = new Map((report.citations ?? []).map((one) => [one.n, one]));
  const column = h("div", { class: "sk-answer" });
  const pane = citations.size
    ? evidencePane([...citations.values()], link, (n) => choose(n, null))
    : null;
  const rep = h("div", { class: pane ? "sk-rep" : "sk-rep sk-one" }, column, pane?.el);
  const marks = () => /** @type {HTMLElement[]} */ ([...column.querySelectorAll(".sk-cite")]);

  /**
   * @param {number} n
   * @param {HTMLElement | null} from the mark that was pressed; null when it was chosen beside the
   *   text
   */
  function choose(n, from) {
    const own = from ?? marks().find((one) => one.dataset.cite === String(n)) ?? null;
    for (const one of marks()) {
      if (one.dataset.cite === String(n)) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
    for (const one of column.querySelectorAll(".sk-claim"))
      one.classList.toggle("sk-chosen", one.contains(own));
    pane?.show(n, from, own);
  }

  fill(
    column,
    ...reportSections(report, citations, (claim) => reportSentence(claim, citations, choose)),
  );
  listen(rep, "keydown", (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const target = /** @type {HTMLElement} */ (event.target);
    if (!pane || !step || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (target.matches(".sk-cite")) {
      const all = marks();
      const next = all[(all.indexOf(target) + step + all.length) % all.length];
      next.focus();
      choose(Number(next.dataset.cite), next);
    } else if (target.closest(".sk-turn")) pane.turn(step);
    else return;
    event.preventDefault();
  });
  if (pane) choose([...citations.keys()][0], null);
  return rep;
}
