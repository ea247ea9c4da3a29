// @ts-check
// What people tell a run while it works: what its workflow listens to, the line to steer it with,
// and what was said.
import { button, fill, h, outside, Refusal, text } from "../kit/kit.js";

/** @typedef {import("../kit/store.js").Store} Store */
/** @typedef {import("../kit/link.js").Link} Link */

const STEERABLE = new Set(["pending", "running", "waiting"]);

/**
 * Says whether the workflow of a run listens to a request.
 * @param {any} run
 * @param {"steer" | "finish"} what
 */
export function heeds(run, what) {
  return (run.heeds ?? []).includes(what);
}

/**
 * What people told the run while it worked.
 * @param {Store} store
 * @param {AbortSignal} signal
 */
export function runSaid(store, signal) {
  const list = h("ul", {});
  const el = h("div", { class: "sk-said" }, h("div", { class: "sk-t" }, "You said"), list);
  store.select(
    (state) => state.run.said,
    (said) => {
      el.hidden = !said?.length;
      const row = (/** @type {string} */ each) => h("li", {}, "“", outside(each), "”");
      fill(list, ...(said ?? []).map(row));
    },
    signal,
  );
  return el;
}

/**
 * @param {Store} store
 * @param {Link} link
 * @param {AbortSignal} signal
 */
export function steerLine(store, link, signal) {
  const input = h("input", {
    type: "text",
    class: "sk-grow",
    placeholder: "What to look at, what to leave out",
    maxlength: 4000,
    aria: { label: "Steer the run" },
  });
  const said = h("span", { class: "sk-soft", role: "status" });
  const send = button("Send", async () => {
    const words = input.value.trim();
    if (!words) {
      input.focus();
      throw new Refusal("Write what it should do first.");
    }
    await link.ask({ kind: "do", what: "steer", run: store.state.run.id, text: words });
    if (input.value.trim() === words) input.value = "";
    text(said, "Sent; it is taken up before the next step.");
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) send.click();
  });
  input.addEventListener("input", () => text(said, ""));
  const el = h(
    "div",
    { class: "sk-steer", role: "group", aria: { label: "Steer" } },
    input,
    send,
    said,
  );
  store.select(
    (state) => state.run,
    (run) => {
      const over = !STEERABLE.has(run.status) || (run.status === "waiting" && run.alive === false);
      el.hidden = over || run.cancelling || run.finishing || !heeds(run, "steer");
    },
    signal,
  );
  link.watch((alive) => (input.readOnly = !alive), signal);
  return el;
}
