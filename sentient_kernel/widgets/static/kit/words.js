// @ts-check
// Figures in words, as the static views say them.

/**
 * Returns a length of time as people say it; empty for null.
 * @param {number | null | undefined} seconds
 * @returns {string}
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  if (seconds < 59.95)
    return seconds < 9.95 ? `${Math.max(seconds, 0).toFixed(1)} s` : `${seconds.toFixed(0)} s`;
  const whole = Math.round(seconds);
  for (const [big, small, size, part] of /** @type {[string, string, number, number][]} */ ([
    ["d", "h", 86400, 3600],
    ["h", "min", 3600, 60],
    ["min", "s", 60, 1],
  ])) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / part);
    return `${Math.floor(whole / size)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
  }
  return `${whole} s`;
}

/**
 * Returns a length of time without its smallest part, for what ticks: whole seconds, then minutes;
 * empty for null.
 * @param {number | null | undefined} seconds
 * @returns {string}
 */
export function roughly(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  return duration(seconds < 59.95 ? Math.max(10, Math.floor(seconds)) : seconds).replace(
    /^10 s$/,
    `${Math.max(0, Math.floor(seconds))} s`,
  );
}

/**
 * Returns a point in time to the second, in UTC; empty for null.
 * @param {number | null | undefined} ms since 1970
 * @returns {string}
 */
export function moment(ms) {
  return ms === null || ms === undefined
    ? ""
    : `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/**
 * Returns a number with its noun, in the plural where it has to be.
 * @param {number} n
 * @param {string} noun in the singular
 * @returns {string}
 */
export function count(n, noun) {
  const figure = n.toLocaleString("en-US");
  if (n === 1) return `${figure} ${noun}`;
  if (/[^aeiou]y$/.test(noun)) return `${figure} ${noun.slice(0, -1)}ies`;
  return `${figure} ${noun}${/(s|x|ch|sh)$/.test(noun) ? "es" : "s"}`;
}
