// @ts-check
// The pane beside a report that shows the quote behind a sentence, in its context.
import { addressText } from "../kit/address.js";
import { button, fill, h, outside, plain, text } from "../kit/kit.js";

/**
 * @typedef {object} Citation
 * @property {number} n
 * @property {string} document
 * @property {string} title
 * @property {string} uri
 * @property {number} start
 * @property {number} end
 * @property {string} quote
 * @property {string} before
 * @property {string} after
 * @property {string} source
 * @property {boolean} placed whether the quote stands at its place
 * @property {boolean} verified whether it does, and the sentence that cites it is supported
 */

/**
 * @typedef {object} EvidencePane
 * @property {HTMLElement} el
 * @property {(n: number, from: HTMLElement | null, own: HTMLElement | null) => void} show shows a
 *   citation; `from` is the mark that was pressed, `own` a mark of that citation, to go back to
 * @property {(step: number) => void} turn goes to the next or the previous citation
 */

const EVIDENCE_AROUND = 160;

/**
 * Returns the pane, still empty.
 * @param {Citation[]} citations at least one
 * @param {import("../kit/link.js").Link} link
 * @param {(n: number) => void} choose is told which citation somebody turned to; it calls `show`
 * @returns {EvidencePane}
 */
export function evidencePane(citations, link, choose) {
  const place = h("span", { class: "sk-num" });
  const spoken = h("p", { class: "sk-sr", role: "status" });
  const body = h("div", {});
  let at = 0;
  const turn = (/** @type {number} */ step) =>
    choose(citations[(at + step + citations.length) % citations.length].n);
  const turns = h(
    "span",
    { class: "sk-turn" },
    place,
    button("‹", () => turn(-1), {
      bare: true,
      aria: "Previous citation",
      title: "Previous citation (left arrow)",
      local: true,
    }),
    button("›", () => turn(1), {
      bare: true,
      aria: "Next citation",
      title: "Next citation (right arrow)",
      local: true,
    }),
  );
  const card = h(
    "div",
    { class: "sk-evidence-card" },
    h("div", { class: "sk-t" }, h("b", {}, "Evidence"), turns),
    spoken,
    body,
  );
  const el = h("aside", { class: "sk-evidence", aria: { label: "Evidence" } }, card);
  let first = true;
  return {
    el,
    turn,
    show(n, from, own) {
      at = Math.max(
        0,
        citations.findIndex((one) => one.n === n),
      );
      const one = citations[at];
      text(place, `${at + 1} of ${citations.length}`);
      fill(body, evidenceOf(one, link, own));
      // Said only when somebody chose it: the first one is shown unasked.
      const title = plain(one.title) || "untitled";
      const said = `Citation ${one.n} of ${citations.length}: ${title}, ${evidenceWord(one)}`;
      if (!first) text(spoken, said);
      first = false;
      if (from) evidenceBeside(el, card, from);
    },
  };
}

/**
 * Brings the card to the height of the mark that was pressed; where the pane stands below the text,
 * scrolls to it.
 * @param {HTMLElement} pane
 * @param {HTMLElement} card
 * @param {HTMLElement} from
 */
function evidenceBeside(pane, card, from) {
  const frame = pane.getBoundingClientRect();
  const mark = from.getBoundingClientRect();
  if (mark.left > frame.left || mark.right > frame.left) {
    card.style.marginTop = "";
    pane.scrollIntoView({ block: "nearest" });
    return;
  }
  const room = Math.max(0, frame.height - card.offsetHeight - 32);
  card.style.marginTop = `${Math.round(Math.min(room, Math.max(0, mark.top - frame.top - 48)))}px`;
}

/** @param {Citation} one */
function evidenceWord(one) {
  return one.placed ? "at its place" : "not at its place";
}

/**
 * @param {Citation} one
 * @param {import("../kit/link.js").Link} link
 * @param {HTMLElement | null} own
 */
function evidenceOf(one, link, own) {
  const quote = h("div", {
    class: "sk-quote",
    role: "group",
    aria: { label: "Quote in its context" },
  });
  const near = () =>
    fill(quote, ...evidenceQuote(evidenceTail(one.before), one.quote, evidenceHead(one.after)));
  near();
  let wide = false;
  const context = button(
    "Open in context",
    async () => {
      if (!wide) {
        const reply = await link.ask({
          kind: "need",
          what: "quote",
          document: one.document,
          start: one.start,
          end: one.end,
        });
        fill(
          quote,
          ...evidenceQuote(
            String(reply.before ?? ""),
            String(reply.quote ?? one.quote),
            String(reply.after ?? ""),
          ),
        );
        const mark = quote.querySelector("mark");
        quote.tabIndex = 0; // it scrolls now, so the keyboard must reach it
        quote.dataset.lmSuppressShortcuts = "true";
        quote.classList.add("sk-wide-quote");
        if (mark) quote.scrollTop = mark.offsetTop - quote.offsetTop - 60;
      } else {
        near();
        quote.removeAttribute("tabindex");
        quote.classList.remove("sk-wide-quote");
      }
      wide = !wide;
      text(context, wide ? "Less context" : "Open in context");
    },
    { bare: true },
  );
  const back = own
    ? button("Back to the sentence", () => own.focus(), { bare: true, local: true })
    : null;
  const place =
    one.end > one.start &&
    `characters ${one.start.toLocaleString("en-US")} to ${one.end.toLocaleString("en-US")}`;
  const where = [
    one.source && outside(one.source),
    place && h("span", { class: "sk-nowrap" }, place),
  ];
  const number = h("span", { class: "sk-cite sk-still", aria: { hidden: "true" } }, String(one.n));
  return h(
    "div",
    {},
    h(
      "p",
      { class: "sk-evidence-title" },
      number,
      " ",
      h("b", {}, outside(one.title || "untitled")),
    ),
    h(
      "p",
      { class: "sk-soft sk-num" },
      h(
        "span",
        { class: one.placed ? "sk-ok" : "sk-asks" },
        h("span", { aria: { hidden: "true" } }, one.placed ? "✓ " : "◇ "),
        evidenceWord(one),
      ),
      ...where.filter(Boolean).flatMap((part) => [" · ", part || null]),
    ),
    quote,
    one.uri ? h("p", { class: "sk-evidence-from" }, addressText(one.uri)) : null,
    h("div", { class: "sk-evidence-acts" }, context, back),
  );
}

/**
 * @param {string} before
 * @param {string} quote
 * @param {string} after
 * @returns {Node[]}
 */
function evidenceQuote(before, quote, after) {
  // The context comes word for word; where its outer white space was taken off, one blank keeps the
  // words apart.
  const [left, right] = [
    /\S$/.test(before) && /^\w/.test(quote) ? " " : "",
    /^\w/.test(after) ? " " : "",
  ];
  return [
    h(
      "bdi",
      {},
      h("span", { class: "sk-soft" }, before, left),
      h("mark", {}, quote),
      h("span", { class: "sk-soft" }, right, after),
    ),
  ];
}

/**
 * Returns the end of a text from a whole word on.
 * @param {string} before
 */
function evidenceTail(before) {
  const raw = before ?? "";
  return raw.length > EVIDENCE_AROUND
    ? `… ${raw.slice(-EVIDENCE_AROUND).replace(/^\S*\s/, "")}`
    : raw;
}

/**
 * Returns the beginning of a text up to a whole word.
 * @param {string} after
 */
function evidenceHead(after) {
  const raw = after ?? "";
  return raw.length > EVIDENCE_AROUND
    ? `${raw.slice(0, EVIDENCE_AROUND).replace(/\s\S*$/, "")} …`
    : raw;
}
