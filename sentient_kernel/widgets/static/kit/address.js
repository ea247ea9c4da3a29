// @ts-check
// Addresses from outside: a link where one may follow it, else only words.
import { h, outside } from "./kit.js";

/**
 * Returns an address as a link where it is a plain web address with nothing odd in it, else as
 * text.
 * @param {string} uri
 * @returns {HTMLElement}
 */
export function addressText(uri) {
  if (!mayFollow(uri)) return outside(uri, "sk-code");
  return h(
    "a",
    { href: uri, rel: "noopener noreferrer", target: "_blank" },
    outside(uri),
    heard(" (opens a new tab)"),
  );
}

/**
 * Says whether an address is http or https, with a host, no user name and no odd characters; the
 * static report draws the same line.
 * @param {string} uri
 * @returns {boolean}
 */
export function mayFollow(uri) {
  if (
    !/^https?:\/\/[!-~]+$/i.test(uri) ||
    /["'<>\\^`{|}]/.test(uri) ||
    /^https?:\/\/[^/?#]*@/i.test(uri)
  )
    return false;
  try {
    return new URL(uri).hostname !== "";
  } catch {
    return false;
  }
}

/**
 * Returns words that are heard and not seen.
 * @param {string} words
 * @returns {HTMLElement}
 */
export function heard(words) {
  return h("span", { class: "sk-sr" }, words);
}
