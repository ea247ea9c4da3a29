// @ts-check
// The fields of a form that hold one value: a text, a number, a yes or no, a choice, and anything
// as JSON.
import { h, plain, text } from "../kit/dom.js";
import { exactNumber, jsonOf, parsedJson } from "../kit/exact.js";

/** @typedef {import("./form.js").Editor} Editor */
/** @typedef {import("./form.js").About} About */

let fieldNumber = 0;

/**
 * Makes an input with a place for what is wrong with it, which is checked after each change and
 * shown when it is.
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} input
 * @param {() => any} value
 * @param {() => string} check
 * @param {() => void} changed
 * @returns {Editor}
 */
function checkedField(input, value, check, changed) {
  const note = h("span", { class: "sk-problem sk-bad", id: `sk-problem-${++fieldNumber}` });
  const look = () => {
    const problem = check();
    text(note, problem);
    if (problem) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    if (problem) input.setAttribute("aria-describedby", note.id);
    return problem;
  };
  const after = () => {
    look();
    changed();
  };
  input.addEventListener(
    input instanceof HTMLSelectElement || input.type === "checkbox" ? "change" : "input",
    after,
  );
  return {
    el: h("div", { class: "sk-input" }, input, note),
    value,
    problem: look,
    focus: () => input.focus(),
  };
}

/**
 * A text that grows with what is written. Enter ends no line in a short one; Shift and Enter does.
 * @param {string} value
 * @param {About} about
 * @param {() => void} changed
 * @returns {Editor}
 */
export function textField(value, about, changed) {
  const { minLength = 0, maxLength = Infinity, pattern, format } = about.schema;
  const lines = value.includes("\n") || value.length > 400 || format === "textarea";
  const input = h("textarea", {
    rows: lines ? 4 : 1,
    value,
    spellcheck: true,
    dir: "auto",
    aria: { label: about.name, required: about.needed },
  });
  input.defaultValue = value;
  // the browser writes line ends its own way; a text that nobody touched stays as it was given
  const first = input.value;
  const given = () => (input.value === first ? value : input.value);
  if (!lines) input.classList.add("sk-line-input");
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !lines && !event.shiftKey && !event.isComposing)
      event.preventDefault();
  });
  const check = () => {
    const length = [...input.value].length;
    if (!length && about.needed && value) return "Write something here.";
    if (length < minLength) return `At least ${minLength} characters are needed.`;
    if (length > maxLength) return `At most ${maxLength} characters fit, these are ${length}.`;
    if (pattern && !matches(pattern, input.value)) return `This has to match ${pattern}.`;
    return "";
  };
  return checkedField(input, given, check, changed);
}

/**
 * @param {string} pattern
 * @param {string} value
 */
function matches(pattern, value) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // a pattern of another dialect: the kernel checks it
  }
}

/**
 * @param {number | bigint | undefined} value
 * @param {About} about
 * @param {() => void} changed
 * @returns {Editor}
 */
export function numberField(value, about, changed) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, type } = about.schema;
  const whole = type === "integer";
  const step = multipleOf ?? (whole ? 1 : "any");
  const input = h("input", {
    type: "number",
    value: String(value ?? ""),
    min: minimum,
    max: maximum,
    step,
    aria: { label: about.name, required: about.needed },
  });
  const given = () => (Number.isNaN(input.valueAsNumber) ? null : exactNumber(input.value));
  const check = () => {
    const n = given();
    if (n === null) return "A number is needed.";
    if (whole && typeof n === "number" && !Number.isInteger(n)) return "A whole number is needed.";
    if (n < (minimum ?? -Infinity)) return `At least ${minimum}.`;
    if (n > (maximum ?? Infinity)) return `At most ${maximum}.`;
    if (n <= (exclusiveMinimum ?? -Infinity)) return `More than ${exclusiveMinimum}.`;
    if (n >= (exclusiveMaximum ?? Infinity)) return `Less than ${exclusiveMaximum}.`;
    return "";
  };
  return checkedField(input, given, check, changed);
}

/**
 * @param {boolean} value
 * @param {About} about
 * @param {() => void} changed
 * @returns {Editor}
 */
export function flagField(value, about, changed) {
  const input = h("input", { type: "checkbox", checked: value, aria: { label: about.name } });
  return checkedField(
    input,
    () => input.checked,
    () => "",
    changed,
  );
}

/**
 * @param {any} value
 * @param {About} about
 * @param {() => void} changed
 * @returns {Editor}
 */
export function choiceField(value, about, changed) {
  /** @type {any[]} */
  const given = about.schema.enum;
  const at = given.findIndex((one) => jsonOf(one) === jsonOf(value));
  const choices = at < 0 && value !== undefined ? [value, ...given] : given;
  const options = choices.map((one, i) =>
    h("option", { value: String(i) }, plain(typeof one === "string" ? one : jsonOf(one))),
  );
  const input = h("select", { aria: { label: about.name } }, ...options);
  input.value = String(Math.max(at, 0));
  const chosen = () => choices[Number(input.value)];
  const check = () =>
    given.some((one) => jsonOf(one) === jsonOf(chosen())) ? "" : "Choose one of those offered.";
  return checkedField(input, chosen, check, changed);
}

/**
 * Anything, as JSON.
 * @param {any} value
 * @param {About} about
 * @param {() => void} changed
 * @returns {Editor}
 */
export function jsonField(value, about, changed) {
  const first = jsonOf(value, 2) || "null";
  const rows = Math.min(14, Math.max(3, first.split("\n").length));
  const input = h("textarea", {
    class: "sk-code",
    rows,
    value: first,
    spellcheck: false,
    aria: { label: `${plain(about.name)} as JSON` },
  });
  input.defaultValue = first;
  let last = value;
  const read = () => {
    try {
      last = parsedJson(input.value);
      return "";
    } catch (error) {
      return `This is not JSON: ${error instanceof Error ? error.message : error}.`;
    }
  };
  return checkedField(input, () => (read(), last), read, changed);
}
