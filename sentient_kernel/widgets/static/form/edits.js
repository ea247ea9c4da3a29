// @ts-check
// What differs between two JSON values, as few edits as a person would count.
import { jsonOf } from "../kit/exact.js";

/**
 * One place of two aligned lists: both hold it (perhaps changed), or one of them does.
 * @typedef {{before?: any, after?: any, was: boolean, is: boolean, moved?: boolean}} Aligned
 */

// of the table that aligns two lists; longer ones are aligned at their ends only
const MOST_CELLS = 1_000_000;

/**
 * Says whether two JSON values are equal.
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
export function equal(a, b) {
  if (Object.is(a, b)) return true;
  // 1e20 is one number, however it came
  if (typeof a === "bigint" || typeof b === "bigint") return jsonOf(a) === jsonOf(b);
  if (
    !a ||
    !b ||
    typeof a !== "object" ||
    typeof b !== "object" ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
  );
}

/**
 * Says whether a JSON value is an object, so that its parts have names.
 * @param {any} value
 * @returns {boolean}
 */
export function isRecord(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/**
 * Counts the edits that lead from one value to the other: changed texts, figures and choices, parts
 * added, taken away, moved.
 * @param {any} before
 * @param {any} after
 * @returns {number}
 */
export function countEdits(before, after) {
  if (equal(before, after)) return 0;
  if (isRecord(before) && isRecord(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    const both = (/** @type {string} */ name) =>
      Object.hasOwn(before, name) && Object.hasOwn(after, name);
    return [...names].reduce(
      (n, name) => n + (both(name) ? countEdits(before[name], after[name]) : 1),
      0,
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const rows = aligned(before, after);
    // What was moved stands in both lists, at two places; it is one edit.
    return rows.reduce(
      (n, row) =>
        n + (row.was && row.is ? countEdits(row.before, row.after) : row.moved && row.was ? 0 : 1),
      0,
    );
  }
  return 1;
}

/**
 * Aligns two lists: what is in both stays together, what was replaced at the same place is a pair.
 * @param {any[]} before
 * @param {any[]} after
 * @returns {Aligned[]}
 */
export function aligned(before, after) {
  /** @type {Aligned[]} */
  const rows = [];
  /** @type {any[]} */
  let gone = [];
  /** @type {any[]} */
  let come = [];
  const settleGap = () => {
    // As many as stand on both sides are taken for changed ones, the nearest relatives first where
    // their number differs.
    const pairs = paired(gone, come);
    let next = 0;
    gone.forEach((one, i) => {
      const j = pairs[i];
      if (j === undefined) return void rows.push({ before: one, was: true, is: false });
      for (; next < j; next++) rows.push({ after: come[next], was: false, is: true });
      rows.push({ before: one, after: come[next++], was: true, is: true });
    });
    for (; next < come.length; next++) rows.push({ after: come[next], was: false, is: true });
    gone = [];
    come = [];
  };
  for (const [a, b] of commonRuns(before.map(keyOf), after.map(keyOf))) {
    if (a !== undefined && b !== undefined) {
      settleGap();
      rows.push({ before: before[a], after: after[b], was: true, is: true });
    } else if (a !== undefined) gone.push(before[a]);
    else if (b !== undefined) come.push(after[b]);
  }
  settleGap();
  return markMoved(rows);
}

/**
 * Pairs what is gone with what has come, in order; returns for each one gone the place of its
 * successor.
 * @param {any[]} gone
 * @param {any[]} come
 * @returns {(number | undefined)[]}
 */
function paired(gone, come) {
  if (gone.length === come.length) return gone.map((_, i) => i);
  let from = 0;
  return gone.map((one) => {
    const at = come.slice(from, from + 50).findIndex((other) => kinship(one, other) > 0.3);
    return at < 0 ? undefined : (from += at + 1) - 1;
  });
}

/**
 * Returns how much of two values' words is shared, 0 to 1.
 * @param {any} a
 * @param {any} b
 */
function kinship(a, b) {
  const [one, other] = [a, b].map(
    (v) =>
      new Set(
        keyOf(v)
          .slice(0, 4000)
          .toLowerCase()
          .match(/[\p{L}\p{N}]+/gu) ?? [],
      ),
  );
  if (!one.size || !other.size) return 0;
  return [...one].filter((word) => other.has(word)).length / Math.max(one.size, other.size);
}

/** @param {Aligned[]} rows */
function markMoved(rows) {
  /** @type {Map<string, Aligned[]>} */
  const gone = new Map();
  for (const row of rows)
    if (!row.is) gone.set(keyOf(row.before), [...(gone.get(keyOf(row.before)) ?? []), row]);
  for (const row of rows) {
    const twin = row.was ? undefined : gone.get(keyOf(row.after))?.shift();
    if (twin) row.moved = twin.moved = true;
  }
  return rows;
}

/** @param {any} value */
const keyOf = (value) => jsonOf(value);

/**
 * Aligns two texts word by word.
 * @param {string} before
 * @param {string} after
 * @returns {[kind: "same" | "gone" | "come", text: string][]}
 */
export function wordEdits(before, after) {
  const [a, b] = [before, after].map(
    (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [],
  );
  /** @type {[kind: "same" | "gone" | "come", text: string][]} */
  const parts = [];
  /** @type {(kind: "same" | "gone" | "come", text: string) => void} */
  const add = (kind, text) => {
    const last = parts.at(-1);
    if (last?.[0] === kind) last[1] += text;
    else parts.push([kind, text]);
  };
  for (const [i, j] of commonRuns(a, b)) {
    if (i !== undefined && j !== undefined) add("same", a[i]);
    else if (i !== undefined) add("gone", a[i]);
    else if (j !== undefined) add("come", b[j]);
  }
  return readable(parts);
}

/**
 * Joins edits that only a space separates, the gone before the come, so that a rewritten sentence
 * is not a patchwork.
 * @param {[kind: "same" | "gone" | "come", text: string][]} parts
 */
function readable(parts) {
  /** @type {[kind: "same" | "gone" | "come", text: string][]} */
  const out = [];
  let gone = "";
  let come = "";
  const give = () => {
    if (gone) out.push(["gone", gone]);
    if (come) out.push(["come", come]);
    gone = come = "";
  };
  parts.forEach(([kind, text], i) => {
    if (kind === "gone") gone += text;
    else if (kind === "come") come += text;
    else if (/^\s+$/.test(text) && gone && come && i < parts.length - 1)
      ((gone += text), (come += text));
    else (give(), out.push([kind, text]));
  });
  give();
  return out;
}

/**
 * Walks two lists side by side along their longest common part: [i, j] where they agree, [i,
 * undefined] or [undefined, j] elsewhere.
 * @param {string[]} a
 * @param {string[]} b
 * @returns {[number | undefined, number | undefined][]}
 */
function commonRuns(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (
    end < a.length - start &&
    end < b.length - start &&
    a[a.length - 1 - end] === b[b.length - 1 - end]
  )
    end++;
  /** @type {[number | undefined, number | undefined][]} */
  const walk = Array.from({ length: start }, (_, i) => [i, i]);
  const [n, m] = [a.length - start - end, b.length - start - end];
  if (n * m > MOST_CELLS) {
    for (let i = 0; i < n; i++) walk.push([start + i, undefined]);
    for (let j = 0; j < m; j++) walk.push([undefined, start + j]);
  } else {
    // table[i][j] is the length of the longest common part of a[i..] and b[j..].
    const table = Array.from({ length: n + 1 }, () => new Uint32Array(m + 1));
    for (let i = n - 1; i >= 0; i--)
      for (let j = m - 1; j >= 0; j--)
        table[i][j] =
          a[start + i] === b[start + j]
            ? table[i + 1][j + 1] + 1
            : Math.max(table[i + 1][j], table[i][j + 1]);
    let [i, j] = [0, 0];
    while (i < n || j < m) {
      if (i < n && j < m && a[start + i] === b[start + j]) walk.push([start + i++, start + j++]);
      else if (j >= m || (i < n && table[i + 1][j] >= table[i][j + 1]))
        walk.push([start + i++, undefined]);
      else walk.push([undefined, start + j++]);
    }
  }
  for (let k = end; k > 0; k--) walk.push([a.length - k, b.length - k]);
  return walk;
}
