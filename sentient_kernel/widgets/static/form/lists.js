// @ts-check
// The field of a form that holds a list: its rows are written, added, removed and put in another
// order, all by keyboard too.
import { button, enable } from "../kit/controls.js";
import { focusKeeper, h, text } from "../kit/dom.js";
import { editorFor, firstProblem, focusFirst } from "./form.js";
import { blank, fieldFor } from "./schema.js";

/** @typedef {import("./form.js").Editor} Editor */
/**
 * @typedef {{editor: Editor, el: HTMLElement, number: HTMLElement, up: HTMLButtonElement, down:
 *   HTMLButtonElement, out: HTMLButtonElement}} Row
 */

/**
 * @param {any[]} value
 * @param {import("./form.js").About} about
 * @param {import("./form.js").FormContext} context
 * @returns {Editor}
 */
export function listField(value, about, context) {
  const { items, minItems = 0, maxItems = Infinity } = about.schema;
  const list = h("ol", { class: "sk-list", aria: { label: about.name } });
  const hint = h("span", { class: "sk-soft" });
  const problemText = h("span", { class: "sk-problem sk-bad", role: "status" });
  /** @type {Row[]} */
  let rows = [];

  const check = () => {
    if (rows.length < minItems) return `At least ${minItems} are needed.`;
    if (rows.length > maxItems) return `At most ${maxItems} fit.`;
    return "";
  };
  const arrange = () => {
    list.style.setProperty("--sk-digits", String(rows.length).length + "ch");
    rows.forEach((row, i) => {
      text(row.number, `${i + 1}.`);
      row.up.setAttribute("aria-label", `Move item ${i + 1} up`);
      row.down.setAttribute("aria-label", `Move item ${i + 1} down`);
      row.out.setAttribute("aria-label", `Remove item ${i + 1}`);
      enable(row.up, i > 0);
      enable(row.down, i < rows.length - 1);
    });
    enable(add, rows.length < maxItems);
    text(problemText, check());
    text(hint, rows.length > 1 ? "Alt and an arrow key move a row." : "");
  };
  const changed = () => {
    arrange();
    context.changed();
  };
  /** @type {(row: Row, by: number) => void} */
  const move = (row, by) => {
    const from = rows.indexOf(row);
    const to = from + by;
    if (to < 0 || to >= rows.length) return;
    const used = document.activeElement;
    const back = focusKeeper(list);
    rows.splice(to, 0, ...rows.splice(from, 1));
    list.insertBefore(row.el, rows[to + 1]?.el ?? null);
    back();
    changed();
    // At the end of the way the arrow that was pressed is switched off; the other one takes the
    // focus.
    if (used === row.up && row.up.disabled) row.down.focus();
    if (used === row.down && row.down.disabled) row.up.focus();
  };
  /** @type {(row: Row) => void} */
  const remove = (row) => {
    const at = rows.indexOf(row);
    rows.splice(at, 1);
    row.el.remove();
    changed();
    (rows[at] ?? rows[at - 1])?.editor.focus();
    if (!rows.length) add.focus();
  };
  /** @type {(one: any) => Row} */
  const make = (one) => {
    const simple = fieldFor(items, one, context.whole, context.depth).kind === "text";
    const editor = editorFor(
      items,
      one,
      { name: "Item", schema: items, needed: true },
      { ...context, changed },
    );
    const number = h("span", { class: "sk-label sk-num", aria: { hidden: true } });
    const look = { bare: true, local: true };
    const up = button("↑", () => move(row, -1), { ...look, title: "Move up" });
    const down = button("↓", () => move(row, 1), { ...look, title: "Move down" });
    const out = button("✕", () => remove(row), { ...look, title: "Remove" });
    const el = h(
      "li",
      { class: "sk-item" },
      number,
      editor.el,
      h("span", { class: "sk-tools" }, up, down, out),
    );
    const checked = {
      ...editor,
      problem: () =>
        editor.problem() ||
        (simple && !editor.value().trim() ? "Write something or remove it." : ""),
    };
    /** @type {Row} */
    const row = { editor: checked, el, number, up, down, out };
    el.addEventListener("keydown", (event) => {
      if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        event.preventDefault();
        event.stopPropagation();
        move(row, event.key === "ArrowUp" ? -1 : 1);
      } else if (
        simple &&
        event.key === "Enter" &&
        !event.shiftKey &&
        !event.isComposing &&
        event.target instanceof HTMLTextAreaElement
      ) {
        event.preventDefault();
        insert(rows.indexOf(row) + 1);
      }
    });
    return row;
  };
  /** @type {(at: number) => void} */
  const insert = (at) => {
    if (rows.length >= maxItems) return;
    const row = make(blank(items, context.whole));
    rows.splice(at, 0, row);
    list.insertBefore(row.el, rows[at + 1]?.el ?? null);
    changed();
    row.editor.focus();
  };
  const add = button("Add", () => insert(rows.length), {
    local: true,
    aria: `Add an item to ${about.name}`,
  });
  rows = value.map(make);
  list.append(...rows.map((row) => row.el));
  arrange();
  const parts = () => rows.map((row, i) => ({ about: `item ${i + 1}`, editor: row.editor }));
  return {
    el: h(
      "div",
      { class: "sk-list-field" },
      list,
      h("div", { class: "sk-row" }, add, hint, problemText),
    ),
    value: () => rows.map((row) => row.editor.value()),
    problem: () => check() || firstProblem(parts()),
    focus: (wrong) =>
      rows.length
        ? focusFirst(
            rows.map((row) => row.editor),
            wrong,
          )
        : add.focus(),
  };
}
