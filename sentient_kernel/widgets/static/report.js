// @ts-check
// The report of a run: the answer, sentence by sentence, beside the quote that each sentence rests on.
import { heard } from "./address.js";
import { reportCopies } from "./copies.js";
import { evidencePane } from "./evidence.js";
import { count, duration, fill, h, listen, outside, plain, region, text } from "./kit.js";

/**
 * @typedef {object} Claim
 * @property {string} text
 * @property {string} [verdict]
 * @property {number[]} [citations]
 * @property {number | string} [part] the place of its question among the parts, 0 for the whole; or that question
 * @property {string} [reason]
 * @property {boolean} [lead]
 */

/**
 * @typedef {object} Report
 * @property {string} question
 * @property {string} [answer]
 * @property {boolean} [abstained]
 * @property {Claim[]} [claims]
 * @property {string[]} [parts]
 * @property {import("./evidence.js").Citation[]} [citations]
 * @property {{question: string, reason: string, sources: [string, string][]}[]} [unanswered]
 * @property {{kind: string, why: string, sides: Claim[]}[]} [disagreements]
 */

const REPORT_VERDICTS = new Map([
  ["unsupported", "unsupported"],
  ["misplaced", "quote not at its place"],
  ["unchecked", "not checked"],
]);

/**
 * Draws the view "report": how the run stands, the question, and the report once there is one.
 * @param {HTMLElement} root
 * @param {import("./store.js").Store} store
 * @param {import("./link.js").Link} link
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
      const nothing = report?.abstained && (!run || run.status === "completed");
      const [sign, word, colour] = nothing ? ["○", "Nothing found", "asks"] : [run?.sign ?? "○", run?.word ?? "No run", run?.colour ?? "soft"];
      state.className = `sk-state sk-${colour}`;
      fill(state, h("i", { aria: { hidden: "true" } }, sign), ` ${word}`);
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
  if (run.ended == null) return `The report is not written yet.${run.message ? ` ${run.message}` : ""}`;
  return `This run ended without a report.${run.trouble?.heading ? ` ${run.trouble.heading}` : ""}`;
}

/**
 * Returns the report as an element to put into another view; hidden while there is none.
 * @param {import("./store.js").Store} store
 * @param {import("./link.js").Link} link
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
 * @param {import("./store.js").Store} store
 * @param {import("./link.js").Link} link
 * @param {AbortSignal} signal
 * @param {boolean} alone whether nothing around it says how long the run took and what it cost
 * @returns {HTMLElement}
 */
function reportBox(store, link, signal, alone) {
  const facts = h("span", { class: "sk-facts sk-num" });
  const holder = h("div", {});
  const copies = reportCopies(() => String(/** @type {any} */ (store.state).run?.id ?? ""), link);
  const bar = h("div", { class: "sk-bar" }, facts, h("span", { class: "sk-gap" }), copies.controls);
  const box = h("div", { class: "sk-report", hidden: true }, bar, copies.fallback, holder);
  let drawn = "";
  store.select(
    (/** @type {any} */ s) => s.report,
    (/** @type {Report | null} */ report) => {
      box.hidden = !report;
      const now = report ? JSON.stringify(report) : "";
      if (now === drawn) return; // a snapshot said the same again: what is chosen, focused or marked stays
      drawn = now;
      fill(holder, report && reportBody(report, link));
    },
    signal,
  );
  store.select(
    (/** @type {any} */ s) => [s.run, s.report],
    (/** @type {[any, Report | null]} */ [run, report]) => {
      const said = report ? reportFacts(report) : [];
      if (alone && run?.seconds) said.unshift(duration(run.seconds));
      if (alone && run?.cost) said.push(run.cost);
      fill(facts, ...said.map((fact) => h("span", {}, fact)));
    },
    signal,
  );
  return box;
}

/** @param {Report} report */
function reportFacts(report) {
  const cited = report.citations ?? [];
  const weak = (report.claims ?? []).filter((one) => one.verdict === "unsupported" || one.verdict === "misplaced").length;
  const facts = [];
  if (cited.length) facts.push(`${cited.filter((one) => one.verified).length} of ${count(cited.length, "citation")} verified`);
  if (weak) facts.push(`${count(weak, "sentence")} unsupported`);
  return facts.length ? [facts.join(" · ")] : [];
}

/**
 * @param {Report} report
 * @param {import("./link.js").Link} link
 */
function reportBody(report, link) {
  const citations = new Map((report.citations ?? []).map((one) => [one.n, one]));
  const column = h("div", { class: "sk-answer" });
  const pane = citations.size ? evidencePane([...citations.values()], link, (n) => choose(n, null)) : null;
  const rep = h("div", { class: pane ? "sk-rep" : "sk-rep sk-one" }, column, pane?.el);
  const marks = () => /** @type {HTMLElement[]} */ ([...column.querySelectorAll(".sk-cite")]);

  /**
   * @param {number} n
   * @param {HTMLElement | null} from the mark that was pressed; null when it was chosen beside the text
   */
  function choose(n, from) {
    const own = from ?? marks().find((one) => one.dataset.cite === String(n)) ?? null;
    for (const one of marks()) {
      if (one.dataset.cite === String(n)) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
    for (const one of column.querySelectorAll(".sk-claim")) one.classList.toggle("sk-chosen", one.contains(own));
    pane?.show(n, from, own);
  }

  fill(column, ...reportSections(report, citations, (claim) => reportSentence(claim, citations, choose)));
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

/**
 * @param {Claim} claim
 * @param {Map<number, import("./evidence.js").Citation>} citations
 * @param {(n: number, from: HTMLElement) => void} choose
 */
function reportSentence(claim, citations, choose) {
  const marks = [];
  for (const n of claim.citations ?? []) {
    const one = citations.get(n);
    if (one) marks.push(reportMark(one, choose));
  }
  const verdict = claim.verdict ?? "supported";
  const look = verdict === "supported" ? undefined : "sk-weak";
  const [, start, end] = /^(.*\s)(\S{1,24})$/s.exec(claim.text) ?? [null, claim.text, ""];
  // The last word and the first mark stay together: no mark stands alone at the beginning of a line.
  const joined = h("span", { class: "sk-nowrap" }, h("span", { class: look }, end), marks.length > 0 && "\u00a0", marks[0]);
  const words = h("bdi", {}, h("span", { class: look }, start), joined, marks.slice(1).map((mark) => [" ", mark]).flat());
  if (verdict === "supported") return h("span", { class: "sk-claim" }, words, " ");
  const tag = h("span", { class: "sk-tag" }, REPORT_VERDICTS.get(verdict) ?? verdict);
  const reason = claim.reason ? [": ", outside(claim.reason.replace(/\.$/, ""))] : null;
  const said = h("span", { class: "sk-because sk-soft" }, heard("("), tag, reason, heard(")"));
  return h("span", { class: "sk-claim" }, words, " ", said, " ");
}

/**
 * @param {import("./evidence.js").Citation} one
 * @param {(n: number, from: HTMLElement) => void} choose
 */
function reportMark(one, choose) {
  const name = `Citation ${one.n}: ${plain(one.title) || "untitled"}${one.verified ? "" : ", not verified"}`;
  const mark = h("button", { type: "button", class: one.verified ? "sk-cite" : "sk-cite sk-unsure", title: name, data: { cite: one.n }, aria: { label: name } });
  listen(mark, "click", () => choose(one.n, mark));
  text(mark, one.verified ? one.n : `${one.n}?`);
  return mark;
}

/**
 * Returns the text column: first that nothing was found, where that is so; then the answer, its parts, disagreements and gaps.
 * @param {Report} report
 * @param {Map<number, import("./evidence.js").Citation>} citations
 * @param {(claim: Claim) => HTMLElement} sentence
 * @returns {HTMLElement[]}
 */
function reportSections(report, citations, sentence) {
  const claims = report.claims ?? [];
  const lead = claims.filter((one) => one.lead);
  const out = [];
  if (report.abstained) {
    out.push(h("p", { class: "sk-abstained", role: "note" }, h("strong", {}, "Nothing in the sources answers this question."), " So no answer is given."));
  }
  if (lead.length) out.push(h("p", { class: "sk-lead" }, lead.map(sentence)));
  else if (report.answer) out.push(h("p", { class: "sk-lead" }, outside(report.answer)));
  let above = "";
  for (const group of reportParagraphs(claims.filter((one) => !one.lead), citations)) {
    const title = reportPart(report, group[0].part);
    if (title && title !== above) out.push(h("div", { class: "sk-h", role: "heading", aria: { level: "3" } }, outside(title)));
    above = title;
    out.push(h("p", {}, group.map(sentence)));
  }
  for (const one of report.disagreements ?? []) {
    const sides = h("ul", {}, (one.sides ?? []).map((side) => h("li", {}, sentence(side))));
    out.push(h("div", { class: "sk-note", role: "group", aria: { label: "Sources disagree" } }, h("b", {}, "Sources disagree."), " ", outside(one.why), sides));
  }
  for (const one of report.unanswered ?? []) {
    const why = (one.sources ?? []).map(([name, reason]) => h("li", {}, outside(name), ": ", outside(reason, "sk-soft")));
    const reason = one.reason ? [" ", outside(one.reason, "sk-soft")] : [];
    out.push(h("div", { class: "sk-note", role: "group", aria: { label: "Not found" } }, h("b", {}, "Not found:"), " ", outside(one.question), reason, why.length > 0 && h("ul", {}, why)));
  }
  return out;
}

/**
 * Returns neighbouring sentences of one part that rest on the same document together.
 * @param {Claim[]} claims
 * @param {Map<number, import("./evidence.js").Citation>} citations
 * @returns {Claim[][]}
 */
function reportParagraphs(claims, citations) {
  /** @type {Claim[][]} */
  const groups = [];
  const ordered = [...claims].sort((a, b) => (typeof a.part === "number" && typeof b.part === "number" ? a.part - b.part : 0));
  const key = (/** @type {Claim} */ one) => `${one.part ?? 0} ${citations.get(one.citations?.[0] ?? -1)?.document ?? ""}`;
  for (const claim of ordered) {
    const last = groups.at(-1);
    if (last && key(last[0]) === key(claim)) last.push(claim);
    else groups.push([claim]);
  }
  return groups;
}

/**
 * @param {Report} report
 * @param {number | string | undefined} part
 */
function reportPart(report, part) {
  if (typeof part === "string") return part;
  return part ? (report.parts?.[part] ?? "") : "";
}
