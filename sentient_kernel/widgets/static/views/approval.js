// @ts-check
// A question to a person: what is asked, exactly what would be done, and the ways to answer.
import {
  button,
  duration,
  enable,
  fill,
  guard,
  h,
  moment,
  outside,
  Refusal,
  roughly,
  text,
} from "../kit/kit.js";
import { countEdits } from "../form/edits.js";
import { fromKernel, toKernel } from "../kit/exact.js";
import { formFor } from "../form/form.js";
import { payloadView } from "../form/payload.js";

/** @typedef {import("../kit/store.js").Store} Store */
/** @typedef {import("../kit/link.js").Link} Link */

/** @type {{[ask: string]: string}} */
const ASK_WORDS = {
  plan: "plan",
  spend: "spending",
  tool: "tool call",
  fetch: "fetch",
  effect: "effect",
  question: "question",
  open: "from elsewhere",
};
/** What answers are called, by the title of a form. @type {{[form: string]: [string, string]}} */
const DECIDE_WORDS = { RaisedLimits: ["Raise the limit", "Stop and write with what is there"] };
/** @type {{[status: string]: [sign: string, colour: string, word: string]}} */
const ANSWER_WORDS = {
  approved: ["✓", "ok", "Approved"],
  edited: ["✓", "ok", "Approved with edits"],
  rejected: ["✕", "bad", "Rejected"],
  expired: ["–", "soft", "Expired: nobody answered in time"],
  withdrawn: ["–", "soft", "Withdrawn: the run does not ask this any more"],
};
const OVER_SENTENCE = "This question is not open any more.";

/**
 * Returns the card of one approval. It says "recorded" only once the kernel has said so, and keeps
 * what was typed when it refuses.
 * @param {Store} store its state.approvals holds the approval
 * @param {Link} link
 * @param {string} id
 * @param {AbortSignal} [signal] ends it
 * @returns {HTMLElement} a region Approval
 */
export function approvalCard(store, link, id, signal) {
  const el = h("div", {
    class: "sk-ask",
    role: "region",
    aria: { label: "Approval" },
    data: { approval: id },
  });
  guard(el, "approval", link, () => drawCard(el, store, link, id, signal));
  return el;
}

/**
 * @param {HTMLElement} el
 * @param {Store} store
 * @param {Link} link
 * @param {string} id
 * @param {AbortSignal} [signal]
 */
function drawCard(el, store, link, id, signal) {
  /** @type {any} the approval as it was drawn: what an answer answers */
  let shown = null;
  /** @type {any} the payload after edits */
  let draft;
  /** @type {import("../form/form.js").Editor | null} */
  let editor = null;
  let recorded = "";
  let refused = ""; // why the kernel did not take the last answer given here

  const question = h("div", { class: "sk-h", role: "heading", aria: { level: 3 } });
  const kind = h("span", {});
  const what = h("div", { class: "sk-what" });
  const note = h("p", { class: "sk-soft", role: "status" });
  const outcome = h("p", { class: "sk-outcome", role: "status", tabindex: "-1" });
  const timing = h("span", { class: "sk-num" });

  const edits = () => countEdits(shown.payload, editor ? editor.value() : draft);
  const relabel = () => {
    const n = edits();
    const [yes, no] = DECIDE_WORDS[shown?.form?.title] ?? ["Approve", "Reject…"];
    text(approve, n ? `${yes} with ${n} ${n === 1 ? "edit" : "edits"}` : yes);
    text(reject, no);
    reject.setAttribute("aria-label", no === "Reject…" ? "Reject" : no);
    text(edit, editor ? "Done editing" : "Edit");
    undo.hidden = !n;
  };
  const showWhat = () => {
    fill(what, editor ? editor.el : payloadView(shown.payload, draft));
    relabel();
  };
  const closeEditor = () => {
    if (!editor) return;
    const problem = editor.problem();
    if (problem) {
      editor.focus(true);
      throw new Refusal(sentence(problem));
    }
    draft = editor.value();
    editor = null;
    showWhat();
  };
  /** @type {(decision: "approve" | "reject", given: {[key: string]: any}) => Promise<void>} */
  const decide = async (decision, given) => {
    const asked = shown;
    if (asked?.status !== "open" || recorded) throw new Refusal(OVER_SENTENCE);
    const others = [approve, edit, undo, reject, send, keep];
    others.forEach((one) => enable(one, false));
    refused = "";
    try {
      const message = {
        kind: "do",
        what: "decide",
        approval: id,
        run: asked.run,
        decision,
        digest: asked.digest,
      };
      await link.ask({ ...message, edited: false, payload: null, reason: "", ...given });
    } catch (error) {
      // The buttons and what stands beside them go when the question is over; that this answer did
      // not count stays to be read.
      if (error instanceof Refusal && error.sure) refused = error.message;
      if (shown.status !== "open") showState();
      throw error;
    } finally {
      others.forEach((one) => enable(one, true));
    }
    recorded = decision === "reject" ? "rejected" : given.edited ? "edited" : "approved";
    const within = el.contains(document.activeElement) || document.activeElement === document.body;
    showState();
    if (within) outcome.focus({ preventScroll: true });
  };

  const approve = button(
    "Approve",
    async () => {
      closeEditor();
      const edited = edits() > 0;
      await decide("approve", edited ? { edited, payload: toKernel(draft) } : {});
    },
    { main: true },
  );
  const edit = button("Edit", async () => {
    if (editor) return closeEditor();
    editor = formFor(shown.form, draft, relabel);
    showWhat();
    editor.focus();
  });
  const undo = button(
    "Undo edits",
    () => {
      draft = shown.payload;
      editor = null;
      showWhat();
      edit.focus();
    },
    { bare: true, local: true },
  );

  const reason = h("input", {
    type: "text",
    class: "sk-grow",
    placeholder: "Why not? (may stay empty)",
    maxlength: 2000,
    aria: { label: "Reason" },
  });
  const send = button("Reject", () => decide("reject", { reason: reason.value.trim() }));
  const keep = button("Back", () => rejecting(false), { bare: true, local: true });
  const reasonRow = h("div", { class: "sk-row sk-reason", hidden: true }, reason, send, keep);
  const rejecting = (/** @type {boolean} */ on) => {
    reasonRow.hidden = !on;
    answers.hidden = on;
    reject.setAttribute("aria-expanded", String(on));
    (on ? reason : reject).focus();
  };
  const reject = button(
    "Reject…",
    async () => {
      if (DECIDE_WORDS[shown.form?.title]) await decide("reject", { reason: "" });
      else rejecting(true);
    },
    { aria: { label: "Reject", expanded: "false" } },
  );
  reasonRow.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    rejecting(false);
  });
  const digest = h("code", {
    class: "sk-soft",
    title: "Of exactly what is shown: an answer counts for this and nothing else",
  });
  const answers = h(
    "div",
    { class: "sk-row sk-answers" },
    approve,
    edit,
    undo,
    reject,
    h("span", { class: "sk-gap" }),
    timing,
    kind,
    digest,
  );

  const times = () => {
    if (!shown) return;
    const left =
      shown.expires === null || shown.expires === undefined
        ? null
        : (shown.expires - store.now()) / 1000;
    text(timing, left === null ? "" : left > 0 ? `expires in ${roughly(left)}` : "expired");
    timing.classList.toggle("sk-bad", left !== null && left < 60);
  };
  const showState = () => {
    const status = shown.status !== "open" ? shown.status : recorded || "open";
    const open = status === "open";
    el.dataset.status = status;
    el.classList.toggle("sk-answered", !open);
    if (!open) editor = null;
    answers.hidden = !open || !reasonRow.hidden;
    if (!open) reasonRow.hidden = true;
    outcome.hidden = open;
    if (open) return void showWhat();
    if (refused) text(note, `Your answer was not recorded. ${refused}`);
    const [sign, colour, word] = ANSWER_WORDS[status] ?? ["–", "soft", status];
    const who = shown.by ? [" by ", outside(shown.by)] : [];
    const waited =
      shown.decided && shown.requested
        ? ` after ${duration((shown.decided - shown.requested) / 1000)}`
        : "";
    const when = shown.decided
      ? h("span", { class: "sk-soft sk-num" }, ` · ${moment(shown.decided)}${waited}`)
      : null;
    const why = shown.reason ? h("span", {}, ": ", outside(shown.reason)) : null;
    const sure = recorded ? h("span", { class: "sk-soft" }, " · recorded") : null;
    const said = h("span", { class: `sk-${colour}` }, h("b", {}, `${sign} ${word}`));
    fill(outcome, said, ...who, why, when, sure);
    const after =
      shown.status === "edited" && shown.answer !== null
        ? shown.answer
        : recorded === "edited"
          ? draft
          : shown.payload;
    const whole = payloadView(shown.payload, after);
    fill(
      what,
      shown.payload === null
        ? null
        : h("details", {}, h("summary", { class: "sk-soft" }, "What was asked"), whole),
    );
  };

  fill(el, question, outcome, note, what, answers, reasonRow);
  store.select(
    (state) => state.approvals?.[id],
    (/** @type {any} */ told) => {
      if (!told) return; // its card is being taken away
      const approval = {
        ...told,
        payload: fromKernel(told.payload),
        answer: fromKernel(told.answer),
        form: fromKernel(told.form),
      };
      const other = shown && shown.digest !== approval.digest;
      if (!shown || other) {
        if (shown && countEdits(shown.payload, editor ? editor.value() : draft))
          text(
            note,
            "The question has changed meanwhile; your edits of the old one were put aside.",
          );
        draft = approval.payload;
        editor = null;
        recorded = refused = "";
      }
      const settled = shown?.status === approval.status && !other;
      shown = approval;
      fill(question, h("strong", {}, outside(approval.question)));
      text(kind, ASK_WORDS[approval.ask] ?? approval.ask);
      edit.hidden = approval.ask === "open"; // what a run from elsewhere names stands as it is
      text(
        digest,
        approval.digest ? `${approval.digest.slice(0, 4)}·${approval.digest.slice(4, 8)}` : "",
      );
      digest.title = approval.digest;
      times();
      if (!settled || approval.status !== "open") showState();
    },
    signal,
  );
  store.tick(times, signal);
}

/** @param {string} text */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
