// @ts-check
// The text of a report: sentences with the marks of what they cite, in paragraphs, with what
// sources disagree on and what was not found.
import { heard } from "../kit/address.js";
import { h, listen, outside, plain, text } from "../kit/kit.js";

/** @typedef {import("./evidence.js").Citation} Citation */

/**
 * @typedef {object} Claim
 * @property {string} text
 * @property {string} [verdict]
 * @property {number[]} [citations]
 * @property {number | string} [part] the place of its question among the parts, 0 for the whole; or
 *   that question
 * @property {string} [reason]
 * @property {boolean} [lead]
 */

/**
 * @typedef {object} Report
 * @property {string} question
 * @property {string} [answer]
 * @property {boolean} [abstained]
 * @property {string[]} [facts] how well it answers, how many quotes stand at their place, how many
 *   sentences are unsupported
 * @property {Claim[]} [claims]
 * @property {string[]} [parts]
 * @property {Citation[]} [citations]
 * @property {{question: string, reason: string, sources: [string, string][]}[]} [unanswered]
 * @property {string[]} [notes] what a reader has to know of how it was made
 * @property {string} [markdown] the whole of it, to be copied
 * @property {string} [bibtex] the works that it cites, to be copied
 * @property {{kind: string, why: string, sides: Claim[]}[]} [disagreements]
 */

const REPORT_VERDICTS = new Map([
  ["unsupported", "unsupported"],
  ["misplaced", "quote not at its place"],
  ["unchecked", "not checked"],
]);

/**
 * Returns a sentence with its marks; one that is not supported is underlined, and says so with the
 * reason.
 * @param {Claim} claim
 * @param {Map<number, Citation>} citations
 * @param {(n: number, from: HTMLElement) => void} choose
 */
export function reportSentence(claim, citations, choose) {
  const marks = [];
  for (const n of claim.citations ?? []) {
    const one = citations.get(n);
    if (one) marks.push(reportMark(one, choose));
  }
  const verdict = claim.verdict ?? "supported";
  const look = verdict === "supported" ? undefined : "sk-weak";
  const [, start, end] = /^(.*\s)(\S{1,24})$/s.exec(claim.text) ?? [null, claim.text, ""];
  // The last word and the first mark stay together: no mark stands alone at the beginning of a
  // line.
  const joined = h(
    "span",
    { class: "sk-nowrap" },
    h("span", { class: look }, end),
    marks.length > 0 && "\u00a0",
    marks[0],
  );
  const words = h(
    "bdi",
    {},
    h("span", { class: look }, start),
    joined,
    marks
      .slice(1)
      .map((mark) => [" ", mark])
      .flat(),
  );
  if (verdict === "supported") return h("span", { class: "sk-claim" }, words, " ");
  const tag = h("span", { class: "sk-tag" }, REPORT_VERDICTS.get(verdict) ?? verdict);
  const reason = claim.reason ? [": ", outside(claim.reason.replace(/\.$/, ""))] : null;
  const said = h("span", { class: "sk-because sk-soft" }, heard("("), tag, reason, heard(")"));
  return h("span", { class: "sk-claim" }, words, " ", said, " ");
}

/**
 * @param {Citation} one
 * @param {(n: number, from: HTMLElement) => void} choose
 */
function reportMark(one, choose) {
  const doubt = one.verified ? "" : ", does not carry the sentence";
  const name = `Citation ${one.n}: ${plain(one.title) || "untitled"}${doubt}`;
  const mark = h("button", {
    type: "button",
    class: one.verified ? "sk-cite" : "sk-cite sk-unsure",
    title: name,
    data: { cite: one.n },
    aria: { label: name },
  });
  listen(mark, "click", () => choose(one.n, mark));
  text(mark, one.verified ? one.n : `${one.n}?`);
  return mark;
}

/**
 * Returns the text column: first that nothing was found, where that is so; then the answer, its
 * parts, disagreements and gaps.
 * @param {Report} report
 * @param {Map<number, Citation>} citations
 * @param {(claim: Claim) => HTMLElement} sentence
 * @returns {HTMLElement[]}
 */
export function reportSections(report, citations, sentence) {
  const claims = report.claims ?? [];
  const lead = claims.filter((one) => one.lead);
  const out = [];
  if (report.abstained) {
    out.push(
      h(
        "p",
        { class: "sk-abstained", role: "note" },
        h("strong", {}, "Nothing in the sources answers this question."),
        " So no answer is given.",
      ),
    );
  }
  if (lead.length) out.push(h("p", { class: "sk-lead" }, lead.map(sentence)));
  else if (report.answer) out.push(h("p", { class: "sk-lead" }, outside(report.answer)));
  let above = "";
  for (const group of reportParagraphs(
    claims.filter((one) => !one.lead),
    citations,
  )) {
    const title = reportPart(report, group[0].part);
    if (title && title !== above)
      out.push(h("div", { class: "sk-h", role: "heading", aria: { level: "3" } }, outside(title)));
    above = title;
    out.push(h("p", {}, group.map(sentence)));
  }
  for (const one of report.disagreements ?? []) {
    const sides = h(
      "ul",
      {},
      (one.sides ?? []).map((side) => h("li", {}, sentence(side))),
    );
    out.push(
      h(
        "div",
        { class: "sk-note", role: "group", aria: { label: "Sources disagree" } },
        h("b", {}, "Sources disagree."),
        " ",
        outside(one.why),
        sides,
      ),
    );
  }
  for (const one of report.unanswered ?? []) {
    const why = (one.sources ?? []).map(([name, reason]) =>
      h("li", {}, outside(name), ": ", outside(reason, "sk-soft")),
    );
    const reason = one.reason ? [" ", outside(one.reason, "sk-soft")] : [];
    out.push(
      h(
        "div",
        { class: "sk-note", role: "group", aria: { label: "Not found" } },
        h("b", {}, "Not found:"),
        " ",
        outside(one.question),
        reason,
        why.length > 0 && h("ul", {}, why),
      ),
    );
  }
  for (const note of report.notes ?? [])
    out.push(
      h(
        "div",
        { class: "sk-note", role: "group", aria: { label: "Note" } },
        h("b", {}, "Note:"),
        " ",
        outside(note),
      ),
    );
  return out;
}

/**
 * Returns neighbouring sentences of one part that rest on the same document together.
 * @param {Claim[]} claims
 * @param {Map<number, Citation>} citations
 * @returns {Claim[][]}
 */
function reportParagraphs(claims, citations) {
  /** @type {Claim[][]} */
  const groups = [];
  const ordered = [...claims].sort((a, b) =>
    typeof a.part === "number" && typeof b.part === "number" ? a.part - b.part : 0,
  );
  const key = (/** @type {Claim} */ one) =>
    `${one.part ?? 0} ${citations.get(one.citations?.[0] ?? -1)?.document ?? ""}`;
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
