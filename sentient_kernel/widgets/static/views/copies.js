// @ts-check
// The buttons that copy a report, and what is shown when the browser keeps the clipboard to itself.
import { button, fill, guarded, h, text } from "../kit/kit.js";

/**
 * Returns the buttons and the place where the text stands, selected, when the clipboard refuses it.
 * The texts are part of the view's data, so that they can be had when the kernel is gone.
 * @param {() => import("./claims.js").Report | null} report
 * @returns {{controls: HTMLElement, fallback: HTMLElement}}
 */
export function reportCopies(report) {
  const fallback = h("div", { class: "sk-copy", hidden: true });
  // called after an answer came, when no guard is in force any more
  const select = guarded(reportSelected);
  const done = h("span", { class: "sk-ok", role: "status" });
  /**
   * @param {"markdown" | "bibtex"} format
   * @param {string} name
   */
  const copier = (format, name) => async () => {
    const from = document.activeElement;
    text(done, "");
    const copied = report()?.[format] ?? "";
    try {
      await navigator.clipboard.writeText(copied);
      fallback.hidden = true;
      text(done, `✓ ${name} copied`);
    } catch {
      const back = () => {
        fallback.hidden = true;
        if (from instanceof HTMLElement) from.focus();
      };
      select(fallback, name, copied, back);
    }
  };
  const markdown = button("Copy", copier("markdown", "Markdown"), {
    aria: "Copy (Markdown)",
    title: "Copy the report as Markdown",
    local: true,
  });
  const bibtex = button("BibTeX", copier("bibtex", "BibTeX"), {
    title: "Copy the works cited as BibTeX",
    local: true,
  });
  return { controls: h("span", { class: "sk-acts" }, markdown, bibtex, done), fallback };
}

/**
 * Shows a text, selected, for the reader to copy.
 * @param {HTMLElement} box
 * @param {string} name
 * @param {string} copied
 * @param {() => void} back closes it
 */
function reportSelected(box, name, copied, back) {
  const area = h("textarea", {
    rows: "8",
    spellcheck: false,
    readOnly: true,
    value: copied,
    aria: { label: `${name} of the report` },
  });
  const said = h(
    "p",
    { class: "sk-soft" },
    "The browser keeps the clipboard to itself here. " +
      "The text is selected: copy it from this field.",
  );
  fill(box, said, area, h("div", { class: "sk-row" }, button("Close", back, { local: true })));
  box.hidden = false;
  area.focus();
  area.select();
}
