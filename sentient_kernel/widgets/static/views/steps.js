// @ts-check
// The steps of a run: each with its lane on the run's time axis, how long it took, its tries, and
// why it failed.
import {
  button,
  count,
  duration,
  fill,
  guarded,
  h,
  keyed,
  listen,
  outside,
  text,
  virtual,
} from "../kit/kit.js";

/** @typedef {import("../kit/store.js").Store} Store */
/**
 * @typedef {{key: string, i: number, title: string, status: string, tries: string,
 *   started: number | null, ended: number | null, seconds: number | null, why: string, effect:
 *   string}} Step
 */
/**
 * @typedef {{sign: HTMLElement, name: HTMLElement, bar: HTMLElement, took: HTMLElement, why:
 *   HTMLElement, step: Step | null}} StepParts
 */

const STEPS_WHOLE = 14; // up to so many are all in the page; more scroll
const STEP_ROW = 24;
/** @type {{[status: string]: [sign: string, colour: string, lane: string]}} */
const STEP_LOOKS = {
  running: ["●", "run", "sk-l-run"],
  retrying: ["↻", "asks", "sk-l-run"],
  completed: ["✓", "ok", ""],
  failed: ["✕", "bad", "sk-l-bad"],
  interrupted: ["–", "soft", "sk-l-cut"],
};
/** @type {[status: string, word: string][]} */
const LOOK_AT = [
  ["failed", "failed"],
  ["retrying", "tried again"],
  ["interrupted", "cut off"],
  ["running", "running"],
];
/** @type {WeakMap<HTMLElement, StepParts>} */
const stepParts = new WeakMap();

/**
 * Returns the pane of all steps; hidden while there are none.
 * @param {Store} store
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function stepsPane(store, signal) {
  const counts = h("span", { class: "sk-num" });
  const few = h("div", { class: "sk-steplist sk-num", role: "list", aria: { label: "Steps" } });
  const jumps = h("div", { class: "sk-row sk-jumps", hidden: true });
  const many = h("div", { class: "sk-steplist sk-num", hidden: true });
  const pane = h(
    "div",
    { class: "sk-steppane", hidden: true },
    h("p", { class: "sk-t" }, h("b", {}, "Steps"), counts),
    few,
    jumps,
    many,
  );
  /** @type {Step[]} */
  let steps = [];
  /** @type {ReturnType<typeof virtual> | null} */
  let list = null;
  let found = -1; // the place of the step that was jumped to
  // while a run works its newest steps are in sight, unless somebody looks at others
  let follows = true;

  const axis = () => {
    const { run } = store.state;
    const from = run?.started ?? steps[0]?.started ?? 0;
    return {
      from,
      span: Math.max(
        1,
        (run?.ended ?? (run?.running ? store.now() : run?.updated) ?? store.now()) - from,
      ),
      now: store.now(),
    };
  };
  const draw = () => {
    pane.hidden = !steps.length;
    const long = steps.length > STEPS_WHOLE;
    few.hidden = long;
    many.hidden = jumps.hidden = !long;
    const at = axis();
    if (!long)
      return void keyed(
        few,
        steps,
        (step) => step.key,
        () => stepRow(),
        (el, step) => drawStep(el, step, at, true),
      );
    keyed(few, [], String, () => few);
    list ??= startList();
    list.redraw();
    if (follows && store.state.run?.ended == null) list.show(steps.length - 1);
    drawJumps();
  };
  const startList = () => {
    listen(many, "scroll", () => {
      const below = many.scrollHeight - many.scrollTop - many.clientHeight;
      if (many.clientHeight) follows = below < STEP_ROW * 2;
    });
    // once more when it is in the page and has a height
    requestAnimationFrame(guarded(() => draw()));
    return virtual(many, {
      row: STEP_ROW,
      count: () => steps.length,
      draw: (index, el) => drawRow(index, el),
      label: "Steps",
    });
  };
  const drawRow = (/** @type {number} */ index, /** @type {HTMLElement} */ el) => {
    if (!el.firstChild) makeParts(el);
    el.classList.toggle("sk-found", index === found);
    drawStep(el, steps[index], axis(), false);
  };
  const drawJumps = () => {
    const wanted = LOOK_AT.filter(([status]) => steps.some((step) => step.status === status));
    jumps.hidden = !wanted.length;
    keyed(
      jumps,
      wanted,
      ([status]) => status,
      ([status, word]) =>
        button("", () => jump(status), {
          bare: true,
          local: true,
          title: `Show the next one that is ${word}`,
        }),
      (el, [status, word]) => {
        const [sign, colour] = STEP_LOOKS[status];
        el.classList.add(`sk-${colour}`);
        const n = steps.filter((step) => step.status === status).length;
        text(el, `${sign} ${n.toLocaleString("en-US")} ${word}`);
      },
    );
  };
  const jump = (/** @type {string} */ status) => {
    const after = steps.findIndex((step, i) => i > found && step.status === status);
    follows = false;
    found = after >= 0 ? after : steps.findIndex((step) => step.status === status);
    list?.show(found);
    list?.redraw();
  };

  store.select(
    (state) => state.steps,
    (/** @type {{[key: string]: Step}} */ now) => {
      steps = Object.values(now ?? {}).sort((a, b) => a.i - b.i);
      draw();
    },
    signal,
  );
  store.select(
    (state) => [state.run?.counts, state.run?.ended],
    ([said]) => {
      text(counts, said ?? count(steps.length, "step"));
      draw();
    },
    signal,
  );
  store.tick(draw, signal);
  return pane;
}

function stepRow() {
  const el = h("div", { role: "listitem" });
  makeParts(el);
  return el;
}

/** @param {HTMLElement} el */
function makeParts(el) {
  const sign = h("span", { class: "sk-sign" });
  const name = h("span", { class: "sk-name" });
  const bar = h("b", {});
  const took = h("span", { class: "sk-s sk-soft" });
  const why = h("span", { class: "sk-why sk-soft", hidden: true });
  el.classList.add("sk-step");
  fill(el, sign, name, h("span", { class: "sk-lane", aria: { hidden: true } }, bar), took, why);
  stepParts.set(el, { sign, name, bar, took, why, step: null });
}

/**
 * @param {HTMLElement} el
 * @param {Step} step
 * @param {{from: number, span: number, now: number}} axis
 * @param {boolean} roomy whether a second line says why
 */
function drawStep(el, step, axis, roomy) {
  const at = stepParts.get(el);
  if (!at) return;
  if (at.step !== step) nameStep(el, at, step, roomy);
  const working = step.status === "running" || step.status === "retrying";
  const end = step.ended ?? (working ? axis.now : step.started);
  text(
    at.took,
    duration(
      step.seconds ?? (step.started !== null && end !== null ? (end - step.started) / 1000 : null),
    ),
  );
  at.bar.hidden = step.started === null;
  if (step.started === null || end === null) return;
  const left = Math.min(98.5, Math.max(0, (100 * (step.started - axis.from)) / axis.span));
  const width = Math.min(100 - left, Math.max(0, (100 * (end - step.started)) / axis.span));
  const place = `left:${left.toFixed(1)}%;width:${width.toFixed(1)}%`;
  if (at.bar.dataset.place !== place) at.bar.style.cssText = at.bar.dataset.place = place;
}

/**
 * Writes what changes only with the step itself.
 * @param {HTMLElement} el
 * @param {StepParts} at
 * @param {Step} step
 * @param {boolean} roomy
 */
function nameStep(el, at, step, roomy) {
  const [sign, colour, lane] = STEP_LOOKS[step.status] ?? ["○", "soft", ""];
  at.step = step;
  el.dataset.step = step.key;
  el.dataset.status = step.status;
  el.title = [step.title, step.tries, step.why].filter(Boolean).join(" · ").slice(0, 600);
  at.sign.className = `sk-sign sk-${colour}`;
  fill(
    at.sign,
    h("span", { aria: { hidden: true } }, sign),
    h("span", { class: "sk-sr" }, `${step.status} `),
  );
  at.name.className = "sk-name";
  const aside = [step.tries, step.effect === "once" ? "once" : "", roomy ? "" : step.why]
    .filter(Boolean)
    .join(" · ")
    .slice(0, 300);
  fill(
    at.name,
    outside(step.title.slice(0, 300)),
    aside ? h("span", { class: "sk-soft" }, " · ", outside(aside)) : null,
  );
  at.bar.className = lane;
  at.why.hidden = !roomy || !step.why;
  fill(at.why, step.why && roomy ? outside(step.why.slice(0, 2000), at.name.className) : null);
}
