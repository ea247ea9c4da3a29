// @ts-check
// The view "run": how it stands, what it asks, its steps, what is being written, its report, and
// how to steer it.
import { approvalCard } from "./approval.js";
import {
  button,
  fill,
  h,
  keyed,
  outside,
  plain,
  region,
  roughly,
  text,
  duration,
} from "../kit/kit.js";
import { guard } from "../kit/kit.js";
import { fromKernel } from "../kit/exact.js";
import { payloadView } from "../form/payload.js";
import { reportPane } from "./report.js";
import { heeds, runSaid, steerLine } from "./steer.js";
import { stepsPane } from "./steps.js";
import { nowPane } from "./writing.js";

/** @typedef {import("../kit/store.js").Store} Store */
/** @typedef {import("../kit/link.js").Link} Link */

const WORKING_RUN = new Set(["pending", "running", "waiting"]);
const STANDING = new Set(["paused", "failed", "crashed", "cancelled"]);
/** @type {{[status: string]: string}} */
const PHASE_LOOKS = {
  waiting: "sk-w",
  paused: "sk-w",
  failed: "sk-x",
  crashed: "sk-x",
  cancelled: "sk-o",
};

/**
 * Returns what is said of a run that waits after its kernel has ended: its question stands, and
 * nobody would act on the answer.
 * @param {any} run
 */
function deserted(run) {
  return {
    heading: "No kernel executes this run",
    text: "An answer is kept all the same; it counts once the run goes on.",
    where: "",
    next: `Resume goes on where it was, and so does \`wb.resume('${run.id}')\`.`,
    soft: true,
  };
}

/**
 * Says whether a run waits for an answer and no kernel executes it.
 * @param {any} run
 */
function nobody(run) {
  return run.status === "waiting" && run.alive === false;
}

/**
 * Draws the view "run".
 * @param {HTMLElement} root
 * @param {Store} store
 * @param {Link} link
 * @param {AbortSignal} signal
 * @returns {void}
 */
export function drawRun(root, store, link, signal) {
  const report = part("report", link, () => reportPane(store, link, signal));
  const body = part("steps", link, () => runBody(store, signal));
  const folded = h(
    "details",
    { class: "sk-how-made" },
    h("summary", { class: "sk-foot" }, "Steps and sources ", h("span", { class: "sk-num" })),
  );
  const el = region(
    "Run",
    runHead(store, signal),
    runBar(store, link, signal),
    runPhases(store, signal),
    runSaid(store, signal),
    runForeign(store, signal),
    runAsks(store, link, signal),
    runTrouble(store, signal),
    report,
    body,
    steerLine(store, link, signal),
  );
  fill(root, el);
  store.select(
    (state) => state.run,
    (run) => {
      el.dataset.run = run.id;
      el.dataset.status = run.status;
    },
    signal,
  );
  store.select(
    (state) => [Boolean(state.report), state.run.counts],
    ([done, counts]) => {
      text(/** @type {Element} */ (folded.firstElementChild?.lastElementChild), `· ${counts}`);
      report.hidden = !done;
      if (done === (body.parentElement === folded)) return;
      if (done) {
        body.before(folded);
        folded.append(body);
      } else {
        folded.replaceWith(body);
      }
    },
    signal,
  );
}

/**
 * Returns a part of the view with a guard of its own: a fault in it leaves the rest as it is.
 * @param {string} where
 * @param {Link} link
 * @param {() => HTMLElement} make
 */
function part(where, link, make) {
  const holder = h("div", {});
  guard(holder, `run ${where}`, link, () => fill(holder, make()));
  return holder;
}

/**
 * @param {Store} store
 * @param {AbortSignal} signal
 */
function runHead(store, signal) {
  const sign = h("i", { aria: { hidden: true } });
  const word = h("span", { aria: { live: "polite" } });
  const state = h("span", { class: "sk-state" }, sign, word);
  const question = h("span", { class: "sk-q", role: "heading", aria: { level: 2 } });
  store.select(
    (s) => s.run,
    (run) => {
      state.className = `sk-state sk-${run.colour}`;
      text(sign, run.sign);
      text(word, run.word);
      fill(question, h("strong", {}, outside(run.title)));
    },
    signal,
  );
  return h("div", { class: "sk-head" }, state, question);
}

/**
 * @param {Store} store
 * @param {Link} link
 * @param {AbortSignal} signal
 */
function runBar(store, link, signal) {
  const time = h("span", { class: "sk-num", role: "timer" });
  const facts = h("span", { class: "sk-facts" });
  const controls = h("span", { class: "sk-controls" });
  const ask = (/** @type {string} */ what) =>
    link.ask({ kind: "do", what, run: store.state.run.id });
  const pause = button("Pause", () => ask("pause"), {
    title: "No further step begins; those under way finish",
  });
  const resume = button("Resume", () => ask("resume"), {
    title: "Goes on; finished steps are not run again",
  });
  const finish = button("Finish now", () => ask("finish"), {
    title: "Stops looking and writes with what there is",
  });
  const cancel = button("Cancel", () => sure(true), { bare: true });
  const yes = button("Cancel the run", () => ask("cancel").then(() => sure(false)), {});
  const no = button("Keep running", () => sure(false), { bare: true, local: true });
  const really = h(
    "span",
    { class: "sk-really", role: "group", aria: { label: "Cancel this run?" }, hidden: true },
    h("span", {}, "Cancel this run?"),
    yes,
    no,
  );
  really.addEventListener("keydown", (event) => {
    if (event.key === "Escape") sure(false);
  });
  const sure = (/** @type {boolean} */ on) => {
    really.hidden = !on;
    cancel.hidden = on;
    const next = on ? yes : cancel;
    if (next.isConnected) next.focus();
  };
  const tick = () => {
    const { run } = store.state;
    const works = WORKING_RUN.has(run.status) && run.started !== null;
    text(time, works ? roughly((store.now() - run.started) / 1000) : duration(run.seconds));
  };
  store.select(
    (state) => state.run,
    (run) => {
      tick();
      const works = WORKING_RUN.has(run.status);
      const share = works && run.progress ? `${Math.round(run.progress * 100)}%` : "";
      const name = run.name && run.name !== run.title ? run.name : "";
      const back = run.recoveries
        ? `taken up again ${run.recoveries === 1 ? "once" : `${run.recoveries} times`}`
        : "";
      fill(
        facts,
        ...[share, run.cost, name, back].filter(Boolean).map((fact) => outside(fact, "sk-num")),
      );
      const shown =
        works && !nobody(run)
          ? [
              run.cancelling ? null : pause,
              run.cancelling || run.finishing || !heeds(run, "finish") ? null : finish,
              run.cancelling ? null : cancel,
              really,
            ]
          : [];
      if ((STANDING.has(run.status) && !run.trouble?.final) || nobody(run)) shown.push(resume);
      if (run.status === "paused" || nobody(run)) shown.push(cancel, really);
      if (!works && run.status !== "paused") really.hidden = !(cancel.hidden = false);
      fill(controls, ...shown);
    },
    signal,
  );
  store.tick(tick, signal);
  return h("div", { class: "sk-bar" }, time, facts, h("span", { class: "sk-gap" }), controls);
}

/**
 * @param {Store} store
 * @param {AbortSignal} signal
 */
function runPhases(store, signal) {
  const phases = h("ol", { class: "sk-phases sk-num", aria: { label: "Phases" } });
  const filled = h("b", {});
  const meter = h(
    "div",
    {
      class: "sk-meter",
      role: "progressbar",
      aria: { label: "Progress", valuemin: 0, valuemax: 100 },
    },
    filled,
  );
  const holder = h("div", {}, phases, meter);
  store.select(
    (s) => Boolean(s.report) && s.run.ended !== null,
    (over) => (holder.hidden = over),
    signal,
  ); // the report says it better
  store.select(
    (state) => [state.phases, state.run.status, state.run.progress],
    ([all, status, progress]) => {
      const now = PHASE_LOOKS[status] ?? "sk-n";
      keyed(
        phases,
        all ?? [],
        (/** @type {any} */ phase) => phase.name,
        () => h("li", {}),
        (el, /** @type {any} */ phase) => {
          el.className = { done: "sk-d", now, todo: "" }[/** @type {string} */ (phase.state)] ?? "";
          if (phase.state === "now") el.setAttribute("aria-current", "step");
          else el.removeAttribute("aria-current");
          fill(el, phase.label, h("span", { class: "sk-sr" }, ` (${phase.said})`));
        },
      );
      phases.hidden = !all?.length;
      meter.hidden =
        Boolean(all?.length) ||
        progress === null ||
        progress === undefined ||
        status === "completed";
      const percent = Math.round(100 * Math.min(1, Math.max(0, progress ?? 0)));
      meter.setAttribute("aria-valuenow", String(percent));
      filled.style.width = `${percent}%`;
    },
    signal,
  );
  return holder;
}

/**
 * Where a run comes from that was written elsewhere, and what it names; the list is left to the
 * question about it while that is open.
 * @param {Store} store
 * @param {AbortSignal} signal
 */
function runForeign(store, signal) {
  const el = h("div", {
    class: "sk-ask",
    role: "note",
    aria: { label: "From elsewhere" },
    hidden: true,
  });
  const asks = (/** @type {any} */ state) =>
    Object.values(state.approvals ?? {}).some((one) => one.ask === "open" && one.status === "open");
  store.select(
    (state) => [state.run.foreign, asks(state)],
    ([foreign, asked]) => {
      el.hidden = !foreign;
      if (!foreign) return void fill(el);
      const heading = h("div", { class: "sk-h" }, h("strong", {}, outside(foreign.heading)));
      const named = asked ? null : payloadView(fromKernel(foreign.names));
      named?.setAttribute("aria-label", "What it names");
      fill(el, heading, h("p", {}, outside(foreign.text)), named);
    },
    signal,
  );
  return el;
}

/**
 * The questions that are open, and those that were answered while this view was there.
 * @param {Store} store
 * @param {Link} link
 * @param {AbortSignal} signal
 */
function runAsks(store, link, signal) {
  const cards = h("div", { class: "sk-asks-here" });
  const news = h("p", { class: "sk-sr", aria: { live: "polite" } });
  /** @type {Set<string>} */
  const seen = new Set();
  store.select(
    (state) => state.approvals,
    (/** @type {{[id: string]: any}} */ all) => {
      const inOrder = Object.values(all ?? {}).sort((a, b) => a.i - b.i);
      const fresh = inOrder.filter((one) => one.status === "open" && !seen.has(one.id));
      fresh.forEach((one) => seen.add(one.id));
      if (fresh.length)
        text(
          news,
          `Waits for your answer: ${fresh.map((one) => one.question).join("; ")}`.slice(0, 500),
        );
      const rank = (/** @type {any} */ one) => (one.status === "open" ? 1 : 0);
      const shown = inOrder
        .filter((one) => seen.has(one.id) && (rank(one) || one.run === store.state.run.id))
        .sort((a, b) => rank(a) - rank(b) || a.i - b.i);
      // What was answered long ago is in run.approvals; the newest answers stay in sight.
      const answered = shown.filter((one) => !rank(one));
      keyed(
        cards,
        shown.filter((one) => rank(one) || answered.indexOf(one) >= answered.length - 3),
        (one) => one.id,
        (one) => approvalCard(store, link, one.id, signal),
      );
    },
    signal,
  );
  return h("div", {}, news, cards);
}

/**
 * @param {Store} store
 * @param {AbortSignal} signal
 */
function runTrouble(store, signal) {
  const el = h("div", { hidden: true });
  store.select(
    (state) => [state.run.trouble, state.run.status, nobody(state.run)],
    ([known, , alone]) => {
      const trouble = known ?? (alone ? deserted(store.state.run) : null);
      el.hidden = !trouble;
      if (!trouble) return void fill(el);
      el.className = trouble.soft ? "sk-ask" : "sk-trouble";
      el.setAttribute("role", trouble.soft ? "note" : "alert");
      const said = trouble.text ? h("p", {}, outside(trouble.text)) : null;
      const where = trouble.where
        ? h("p", { class: "sk-soft sk-code" }, outside(trouble.where))
        : null;
      const next = trouble.next ? h("p", { class: "sk-soft" }, ...withCode(trouble.next)) : null;
      fill(
        el,
        h("div", { class: "sk-h" }, h("strong", {}, outside(trouble.heading))),
        said,
        where,
        next,
      );
    },
    signal,
  );
  return el;
}

/**
 * Returns a sentence with what stands between backticks set as code.
 * @param {string} sentence
 */
function withCode(sentence) {
  return plain(sentence)
    .split("`")
    .map((piece, i) => (i % 2 ? h("code", {}, piece) : piece));
}

/**
 * @param {Store} store
 * @param {AbortSignal} signal
 */
function runBody(store, signal) {
  const el = h("div", { class: "sk-body" });
  const steps = stepsPane(store, signal);
  const now = nowPane(store, signal, () => el.firstChild && arrange());
  const arrange = () => {
    el.classList.toggle("sk-one", Boolean(steps.hidden || now.hidden));
    el.hidden = Boolean(steps.hidden && now.hidden);
  };
  fill(el, steps, now);
  store.select((state) => state.steps, arrange, signal);
  arrange();
  return el;
}
