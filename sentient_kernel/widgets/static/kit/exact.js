// @ts-check
// Whole numbers beyond 2^53, which JavaScript's numbers would round: BigInts here, {"$int":
// "digits"} on the way.

const INT_MARK = "$int";
const JSON_TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const WHOLE_NUMBER = /^-?\d+$/;
// stands before digits while they are a text; nobody's text begins so
const BIG_SIGN = `\u0001${Math.random().toString(36).slice(2)}:`;
const BIG_WRITTEN = new RegExp(
  `"${JSON.stringify(BIG_SIGN).slice(1, -1).replace(/\\/g, "\\\\")}(-?\\d+)"`,
  "g",
);

/**
 * Returns the number that digits stand for, exactly.
 * @param {string} digits
 * @returns {number | bigint}
 */
export function exactNumber(digits) {
  const near = Number(digits);
  return WHOLE_NUMBER.test(digits) && !Number.isSafeInteger(near) ? BigInt(digits) : near;
}

/**
 * Returns a value from the kernel with its large numbers as BigInts.
 * @param {any} value
 * @returns {any}
 */
export function fromKernel(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(fromKernel);
  const inner = markedPart(value);
  if (typeof inner === "string" && WHOLE_NUMBER.test(inner)) return BigInt(inner);
  return renamed(inner && typeof inner === "object" ? inner : value, fromKernel);
}

/**
 * Returns a value as it is sent to the kernel.
 * @param {any} value
 * @returns {any}
 */
export function toKernel(value) {
  if (typeof value === "bigint") return { [INT_MARK]: String(value) };
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(toKernel);
  const sent = renamed(value, toKernel);
  return markedPart(value) === undefined ? sent : { [INT_MARK]: sent };
}

/**
 * Writes a value as JSON, with every digit of its numbers.
 * @param {any} value
 * @param {number} [indent]
 * @returns {string}
 */
export function jsonOf(value, indent) {
  const written =
    JSON.stringify(
      value,
      (_, part) => (typeof part === "bigint" ? `${BIG_SIGN}${part}` : part),
      indent,
    ) ?? "";
  return written.replace(BIG_WRITTEN, "$1");
}

/**
 * Reads JSON, with every digit of its numbers.
 * @param {string} text
 * @returns {any}
 * @throws {SyntaxError} it is not JSON
 */
export function parsedJson(text) {
  const near = JSON.parse(text); // what is wrong with it is said of the text as it was written
  let large = false;
  const sure = text.replace(JSON_TOKEN, (token) => {
    if (!WHOLE_NUMBER.test(token) || Number.isSafeInteger(Number(token))) return token;
    large = true;
    return JSON.stringify(`${BIG_SIGN}${token}`);
  });
  const revived = (/** @type {string} */ _, /** @type {any} */ part) =>
    typeof part === "string" && part.startsWith(BIG_SIGN)
      ? BigInt(part.slice(BIG_SIGN.length))
      : part;
  return large ? JSON.parse(sure, revived) : near;
}

/**
 * @param {{[name: string]: any}} value
 * @returns {any} what a mark holds; undefined where it is none
 */
function markedPart(value) {
  const names = Object.keys(value);
  return names.length === 1 && names[0] === INT_MARK ? value[INT_MARK] : undefined;
}

/**
 * @param {{[name: string]: any}} value
 * @param {(part: any) => any} act
 */
function renamed(value, act) {
  // also a name like __proto__
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, act(part)]));
}
