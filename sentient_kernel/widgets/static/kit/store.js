// @ts-check
// The state that one widget shows, and who wants to know when which part of it changes.
import { currentGuard, hasStopped, shielded } from "./guard.js";

/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Message} Message */
/** @typedef {import("./state.js").Patch} Patch */
/** @typedef {import("./guard.js").Guarding | null} Context */
/**
 * @typedef {{selector: (state: any) => any, draw: (value: any) => void, last: any, context:
 *   Context}} Selection
 */

const MAPS = new Set(["steps", "approvals", "sources", "errors", "runs"]);
const TEXT_KEPT = 20_000;
const EVENTS_KEPT = 200_000;
const EVENTS_AT_ONCE = 5_000; // dropped together, so that a full list is not moved for every row
const WORKING = new Set(["pending", "running", "waiting"]);

export class Store {
  constructor() {
    /**
     * @type {any} a State: what is shown; null before the first snapshot. Changed parts are new
     *   objects, unchanged ones keep their identity.
     */
    this.state = null;
    /** @type {number | null} the number of the last message taken */
    this.n = null;
    /**
     * @type {number | null} while the kernel is gone: the moment at which its clock stands still
     */
    this.stopped = null;
    this.ahead = 0;
    /** @type {Set<Selection>} */
    this.selections = new Set();
    /** @type {Set<{draw: () => void, context: Context}>} */
    this.ticks = new Set();
    /** @type {ReturnType<typeof setInterval> | null} */
    this.timer = null;
    this.frame = 0;
  }

  /**
   * Returns the kernel's clock, ms since 1970.
   * @returns {number}
   */
  now() {
    return this.stopped ?? performance.now() + this.ahead;
  }

  /**
   * Takes a snapshot, a patch, a beat or a reply.
   * @param {Message} message
   * @returns {boolean} false when a message before this one is missing, so that only a snapshot
   *   helps
   */
  take(message) {
    const whole = message.kind === "snapshot";
    if (!whole && (this.n === null || message.n !== this.n + 1)) return false;
    this.n = message.n ?? null;
    this.clock(message.now);
    if (whole) {
      this.state = this.state
        ? alike(this.state, withEnds(message.state))
        : withEnds(message.state);
    } else if (message.kind === "patch") {
      const next = patched(this.state, message);
      if (!next) return ((this.n = null), false);
      this.state = next;
    }
    if (whole || message.kind === "patch") this.schedule();
    return true;
  }

  /**
   * Draws now, and again in an animation frame each time what `selector` gives is another thing (or
   * an array of other things).
   * @param {(state: any) => any} selector
   * @param {(value: any) => void} draw
   * @param {AbortSignal} [signal] ends it
   * @returns {void}
   */
  select(selector, draw, signal) {
    if (signal?.aborted) return;
    const selection = { selector, draw, last: selector(this.state), context: currentGuard() };
    this.selections.add(selection);
    signal?.addEventListener("abort", () => this.selections.delete(selection));
    draw(selection.last);
  }

  /**
   * Draws now and every second while something is under way.
   * @param {() => void} draw
   * @param {AbortSignal} [signal] ends it
   * @returns {void}
   */
  tick(draw, signal) {
    if (signal?.aborted) return;
    const one = { draw, context: currentGuard() };
    this.ticks.add(one);
    this.timer ??= setInterval(() => this.beat(), 1000);
    signal?.addEventListener("abort", () => {
      this.ticks.delete(one);
      if (this.ticks.size || this.timer === null) return;
      clearInterval(this.timer);
      this.timer = null;
    });
    draw();
  }

  /**
   * Says whether anything shown changes with time alone.
   * @returns {boolean}
   */
  underWay() {
    const { run, runs, approvals } = this.state ?? {};
    if (this.stopped !== null) return false;
    if (run && WORKING.has(run.status)) return true;
    if (Object.values(runs ?? {}).some((r) => WORKING.has(r?.status))) return true;
    return Object.values(approvals ?? {}).some((a) => a?.status === "open");
  }

  /** @private */
  beat() {
    if (!this.underWay()) return;
    requestAnimationFrame(() => {
      for (const each of [...this.ticks]) {
        if (hasStopped(each.context)) this.ticks.delete(each);
        else shielded(each.context, each.draw);
      }
    });
  }

  /** @private Asks for one frame in which everything that changed is drawn. */
  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.flush();
    });
  }

  /** Draws what changed, at once. */
  flush() {
    for (const each of [...this.selections]) {
      if (hasStopped(each.context)) this.selections.delete(each);
      else if (this.selections.has(each)) shielded(each.context, () => redraw(each, this.state));
    }
  }

  /**
   * Sets the clock by a message. The quickest message came nearest to the truth; a jump (a machine
   * that slept) is believed.
   * @private
   * @param {number | undefined} now
   */
  clock(now) {
    if (now === undefined) return;
    const ahead = now - performance.now();
    this.ahead = Math.abs(ahead - this.ahead) > 2000 ? ahead : Math.max(ahead, this.ahead);
  }
}

/**
 * @param {Selection} selection
 * @param {any} state
 */
function redraw(selection, state) {
  const value = selection.selector(state);
  const last = selection.last;
  if (Object.is(value, last)) return;
  if (
    Array.isArray(value) &&
    Array.isArray(last) &&
    value.length === last.length &&
    value.every((v, i) => Object.is(v, last[i]))
  )
    return;
  selection.last = value;
  selection.draw(value);
}

/**
 * Returns the state after a patch, or null when text is missing in between.
 * @param {State} state
 * @param {Patch} patch
 * @returns {State | null}
 */
function patched(state, patch) {
  /** @type {{[key: string]: any}} */
  const next = { ...state };
  for (const [key, value] of Object.entries(patch.set ?? {})) {
    if (!MAPS.has(key) || !value) {
      next[key] = key === "texts" ? withEnds({ texts: value }).texts : value;
      continue;
    }
    const map = { ...next[key], ...value };
    for (const [name, entry] of Object.entries(value)) if (entry === null) delete map[name];
    next[key] = map;
  }
  if (patch.text) {
    const texts = new Map(Object.entries(next.texts ?? {})); // an author may be called __proto__
    for (const [by, [offset, more]] of Object.entries(patch.text)) {
      const longer = lengthened(texts.get(by) ?? { by, text: "", at: 0, end: 0 }, offset, more);
      if (!longer) return null;
      texts.set(by, longer);
    }
    next.texts = Object.fromEntries(texts);
  }
  if (patch.events?.length) {
    next.events ??= [];
    for (const row of patch.events) next.events.push(row);
    if (next.events.length > EVENTS_KEPT) {
      const gone = next.events.length - EVENTS_KEPT + EVENTS_AT_ONCE;
      next.events.splice(0, gone);
      next.dropped = (next.dropped ?? 0) + gone;
    }
  }
  return next;
}

/**
 * Appends to a text, or returns null when the place is not where it ends. Places count code points,
 * as Python does, from the start of the whole text; `at` is that of the first character kept.
 * @param {any} held
 * @param {number} offset
 * @param {string} more
 */
function lengthened(held, offset, more) {
  if (offset !== held.end) return null;
  const end = offset + points(more);
  const text = held.text + more;
  if (text.length <= TEXT_KEPT * 1.25) return { ...held, text, end };
  const kept = tail(text, TEXT_KEPT);
  return { ...held, text: kept, end, at: end - points(kept) };
}

/**
 * Counts code points.
 * @param {string} text
 * @returns {number}
 */
function points(text) {
  let pairs = 0;
  for (let i = 0; i < text.length; i++)
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00)
      pairs++;
  return text.length - pairs;
}

/**
 * Returns the end of a text, cut at a line or a word where there is one.
 * @param {string} text
 * @param {number} most
 */
function tail(text, most) {
  const cut = text.slice(-most);
  const gap = cut.search(/\s/);
  return gap >= 0 && gap < 200 ? cut.slice(gap + 1) : cut.replace(/^[\udc00-\udfff]/, "");
}

/**
 * Notes for each text where it ends.
 * @param {State} state
 * @returns {State}
 */
function withEnds(state) {
  if (!state.texts) return state;
  /** @type {[string, any][]} */
  const texts = Object.entries(state.texts);
  return {
    ...state,
    texts: Object.fromEntries(
      texts.map(([by, t]) => [by, { ...t, end: (t.at ?? 0) + points(t.text) }]),
    ),
  };
}

/**
 * Returns the new value with the parts of the old one that are equal to it, so that a snapshot
 * another tab asked for redraws nothing.
 * @param {any} old
 * @param {any} now
 * @returns {any}
 */
function alike(old, now) {
  if (Object.is(old, now)) return old;
  if (
    !old ||
    !now ||
    typeof old !== "object" ||
    typeof now !== "object" ||
    Array.isArray(old) !== Array.isArray(now)
  )
    return now;
  // events: one that grows, compared by its length
  if (Array.isArray(now) && now.length > 1000) return now;
  const names = Object.keys(now);
  let same = names.length === Object.keys(old).length;
  const parts = names.map((name) => {
    const part = Object.hasOwn(old, name) ? alike(old[name], now[name]) : now[name];
    if (!Object.hasOwn(old, name) || !Object.is(part, old[name])) same = false;
    return part;
  });
  if (same) return old;
  // also a name like __proto__
  return Array.isArray(now) ? parts : Object.fromEntries(names.map((name, i) => [name, parts[i]]));
}
