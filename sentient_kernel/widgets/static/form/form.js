// @ts-check
// A form for any JSON value, made from its schema; what a form cannot do is edited as JSON,
// checked.
import { guarded } from "../kit/controls.js";
import { h, plain } from "../kit/dom.js";
import { isRecord } from "./edits.js";
import { jsonOf } from "../kit/exact.js";
import { choiceField, flagField, jsonField, numberField, textField } from "./fields.js";
import { listField } from "./lists.js";
import { blank, fieldFor, schemaOf } from "./schema.js";

/**
 * A part of a form.
 * @typedef {object} Editor
 * @property {HTMLElement} el
 * @property {() => any} value what it holds now
 * @property {() => string} problem the first thing that has to be corrected, as a sentence; empty
 *   where nothing has
 * @property {(wrong?: boolean) => void} focus goes to its first input, or to the first wrong one
 */
/** @typedef {import("./schema.js").Schema} Schema */
/** @typedef {{whole: Schema, changed: () => void, depth: number}} FormContext */
/**
 * @typedef {{name: string, schema: Schema, needed?: boolean}} About what a field is called, and
 *   what is known about it
 */

/**
 * Returns a form for a value.
 * @param {Schema | null} schema null: it is made from the value
 * @param {any} value
 * @param {() => void} changed called after each change
 * @returns {Editor}
 */
export function formFor(schema, value, changed) {
  const whole = schema && Object.keys(schema).length ? schema : schemaOf(value);
  const form = editorFor(
    whole,
    value,
    { name: "Value", schema: whole, needed: true },
    { whole, changed: guarded(changed), depth: 0 },
  );
  return {
    ...form,
    el: h("div", { class: "sk-form", role: "group", aria: { label: "Edit" } }, form.el),
  };
}

/**
 * Returns the editor for a value of this schema.
 * @param {Schema | boolean | undefined} schema
 * @param {any} value
 * @param {About} about
 * @param {FormContext} context
 * @returns {Editor}
 */
export function editorFor(schema, value, about, context) {
  const field = fieldFor(schema, value, context.whole, context.depth);
  const known = { ...about, schema: field.schema };
  const deeper = { ...context, depth: context.depth + 1 };
  switch (field.kind) {
    case "text":
      return textField(value ?? "", known, context.changed);
    case "number":
      return numberField(value, known, context.changed);
    case "flag":
      return flagField(value === true, known, context.changed);
    case "choice":
      return choiceField(value, known, context.changed);
    case "list":
      return listField(value ?? [], known, deeper);
    case "record":
      return recordField(value ?? {}, known, deeper);
    case "maybe":
      return maybeField(value, known, field.inner ?? {}, deeper);
    default:
      return jsonField(value ?? null, known, context.changed);
  }
}

/**
 * Parts with names. Those of the value that the schema does not know are kept, and can be edited
 * too.
 * @param {{[name: string]: any}} value
 * @param {About} about
 * @param {FormContext} context
 * @returns {Editor}
 */
function recordField(value, about, context) {
  /** @type {{[name: string]: Schema}} */
  const properties = about.schema.properties ?? {};
  const required = new Set(about.schema.required ?? []);
  const names = [...new Set([...Object.keys(value), ...Object.keys(properties)])];
  const parts = names.map((name) => {
    const schema = Object.hasOwn(properties, name) ? properties[name] : schemaOf(value[name]);
    const given = Object.hasOwn(value, name);
    const first = given ? value[name] : blank(schema, context.whole);
    const editor = editorFor(schema, first, { name, schema, needed: required.has(name) }, context);
    // What was not given and is not needed stays away until somebody writes something there.
    return {
      name,
      editor,
      schema,
      always: given || required.has(name),
      first: jsonOf(editor.value()),
    };
  });
  const rows = parts.map(({ name, editor, schema, always }) => {
    const note =
      isRecord(schema) && schema.description
        ? h("p", { class: "sk-soft" }, schema.description)
        : null;
    const label = h(
      "span",
      {},
      h("bdi", {}, name),
      !always && h("span", { class: "sk-soft" }, " (may stay empty)"),
    );
    return h(
      "div",
      { class: "sk-field" },
      h("div", { class: "sk-label", aria: { hidden: true } }, label),
      h("div", {}, editor.el, note),
    );
  });
  return {
    el: h("div", { class: "sk-record", role: "group", aria: { label: about.name } }, ...rows),
    value: () => {
      const kept = parts.filter(
        (part) => part.always || jsonOf(part.editor.value()) !== part.first,
      );
      return Object.fromEntries(kept.map((part) => [part.name, part.editor.value()]));
    },
    problem: () => firstProblem(parts.map((part) => ({ ...part, about: part.name }))),
    focus: (wrong) =>
      focusFirst(
        parts.map((part) => part.editor),
        wrong,
      ),
  };
}

/**
 * A value or none.
 * @param {any} value
 * @param {About} about
 * @param {Schema} inner
 * @param {FormContext} context
 * @returns {Editor}
 */
function maybeField(value, about, inner, context) {
  const none = value === null || value === undefined;
  const editor = editorFor(inner, none ? blankOf(inner, context) : value, about, context);
  const place = h("div", { hidden: none }, editor.el);
  const flag = h("input", {
    type: "checkbox",
    checked: !none,
    aria: { label: `${plain(about.name)}: give a value` },
  });
  flag.addEventListener("change", () => {
    place.hidden = !flag.checked;
    if (flag.checked) editor.focus();
    context.changed();
  });
  return {
    el: h(
      "div",
      {},
      h("label", { class: "sk-flag" }, flag, h("span", { class: "sk-soft" }, "give a value")),
      place,
    ),
    value: () => (flag.checked ? editor.value() : null),
    problem: () => (flag.checked ? editor.problem() : ""),
    focus: (wrong) => (flag.checked ? editor.focus(wrong) : flag.focus()),
  };
}

/**
 * @param {Schema} inner
 * @param {FormContext} context
 */
function blankOf(inner, context) {
  const { default: _, ...rest } = inner; // its default may be the null that it stands beside
  return blank(rest, context.whole);
}

/**
 * Returns the first problem of several parts, with the part's name before it.
 * @param {{about: string, editor: Editor}[]} parts
 * @returns {string}
 */
export function firstProblem(parts) {
  for (const { about, editor } of parts) {
    const problem = editor.problem();
    if (problem) return `${about}: ${problem}`;
  }
  return "";
}

/**
 * @param {Editor[]} editors
 * @param {boolean} [wrong]
 */
export function focusFirst(editors, wrong = false) {
  (wrong ? editors.find((editor) => editor.problem()) : editors[0])?.focus(wrong);
}
