// @ts-check
// A JSON value drawn so that a person reads what will be done: texts, lists, pairs. Nothing is left
// out; what is long scrolls.
import { h, outside, reachable } from "../kit/dom.js";
import { aligned, equal, isRecord, wordEdits } from "./edits.js";
import { jsonOf } from "../kit/exact.js";

const PARTS_DRAWN = 3_000; // of a larger value its JSON is shown, whole, as one text
const DEPTH_DRAWN = 8;

/**
 * Returns a value as texts, lists and pairs; with `after`, what was taken away and what was added
 * is marked in place.
 * @param {any} value
 * @param {any} [after] the value after edits
 * @returns {HTMLElement}
 */
export function payloadView(value, after = value) {
  const box = h("div", {
    class: "sk-payload",
    role: "group",
    aria: { label: "What is to be approved" },
  });
  if (value === null && after === null) return box;
  const big = parts(value, PARTS_DRAWN) + parts(after, PARTS_DRAWN) > PARTS_DRAWN;
  if (!big) box.append(changed(value, after, 0));
  else if (equal(value, after)) box.append(asJson(value));
  else box.append(h("del", {}, asJson(value)), h("ins", {}, asJson(after)));
  if (typeof ResizeObserver === "function") new ResizeObserver(() => reachable(box)).observe(box);
  return box;
}

/**
 * Counts the parts of a value, up to a limit.
 * @param {any} value
 * @param {number} most
 * @returns {number}
 */
function parts(value, most) {
  if (value === null || typeof value !== "object") return 1;
  let n = 1;
  for (const part of Object.values(value)) if ((n += parts(part, most - n)) > most) break;
  return n;
}

/**
 * @param {any} value
 * @param {number} depth
 * @returns {Node}
 */
function shown(value, depth) {
  if (typeof value === "string")
    return value ? outside(value, "sk-exact") : h("span", { class: "sk-soft" }, "(empty)");
  if (value === null || typeof value !== "object")
    return h("span", { class: "sk-num" }, jsonOf(value));
  if (!Object.keys(value).length)
    return h("span", { class: "sk-soft" }, Array.isArray(value) ? "(an empty list)" : "(nothing)");
  if (depth >= DEPTH_DRAWN) return asJson(value);
  if (Array.isArray(value))
    return h("ol", {}, ...value.map((part) => h("li", {}, shown(part, depth + 1))));
  return pairs(
    Object.entries(value).map(([name, part]) => [outside(name), shown(part, depth + 1)]),
  );
}

/**
 * @param {any} before
 * @param {any} after
 * @param {number} depth
 * @returns {Node}
 */
function changed(before, after, depth) {
  if (equal(before, after)) return shown(before, depth);
  if (typeof before === "string" && typeof after === "string" && before && after)
    return words(before, after);
  if (
    depth < DEPTH_DRAWN &&
    Array.isArray(before) &&
    Array.isArray(after) &&
    before.length + after.length
  ) {
    return h("ol", {}, ...aligned(before, after).map((row) => listRow(row, depth + 1)));
  }
  if (depth < DEPTH_DRAWN && isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return pairs(
      names.map((name) => {
        if (!Object.hasOwn(after, name))
          return [h("del", {}, outside(name)), h("del", {}, shown(before[name], depth + 1))];
        if (!Object.hasOwn(before, name))
          return [h("ins", {}, outside(name)), h("ins", {}, shown(after[name], depth + 1))];
        return [outside(name), changed(before[name], after[name], depth + 1)];
      }),
    );
  }
  return h("span", {}, h("del", {}, shown(before, depth)), " ", h("ins", {}, shown(after, depth)));
}

/**
 * @param {import("./edits.js").Aligned} row
 * @param {number} depth
 */
function listRow(row, depth) {
  if (row.was && row.is) return h("li", {}, changed(row.before, row.after, depth));
  const note = row.moved
    ? h("span", { class: "sk-soft" }, row.was ? " (moved)" : " (moved here)")
    : null;
  // What is gone has no number of its own, so that the others keep those they will have.
  if (row.was)
    return h("li", { class: "sk-gone-row" }, h("del", {}, shown(row.before, depth)), note);
  return h("li", {}, h("ins", {}, shown(row.after, depth)), note);
}

/**
 * @param {string} before
 * @param {string} after
 */
function words(before, after) {
  const marks = wordEdits(before, after);
  const same = marks.reduce((n, [kind, text]) => n + (kind === "same" ? text.trim().length : 0), 0);
  // Of a sentence that was written anew, the old one and the new one read better than what they
  // have in common.
  if (same < Math.min(before.length, after.length) * 0.25) {
    return h(
      "span",
      {},
      h("del", {}, outside(before, "sk-exact")),
      " ",
      h("ins", {}, outside(after, "sk-exact")),
    );
  }
  const tags = /** @type {const} */ ({ same: "span", gone: "del", come: "ins" });
  return h("bdi", { class: "sk-exact" }, ...marks.map(([kind, text]) => h(tags[kind], {}, text)));
}

/** @param {[Node, Node][]} rows */
function pairs(rows) {
  return h(
    "dl",
    { class: "sk-given" },
    ...rows.flatMap(([name, part]) => [h("dt", {}, name), h("dd", {}, part)]),
  );
}

/** @param {any} value */
function asJson(value) {
  return h("pre", { class: "sk-code" }, jsonOf(value, 2));
}
