// @ts-check
// One event in full, beside the list.
import { fromKernel, jsonOf } from "../kit/exact.js";
import { button, fill, guarded, h, moment, outside, text } from "../kit/kit.js";

const EVENT_MOST = 20_000; // characters of an event that are drawn at first

/**
 * Returns an event's kind, place, time and step at once, and the whole of it as soon as the kernel
 * has said it.
 * @param {import("./rows.js").Row} row
 * @param {import("../kit/link.js").Link} link
 * @param {{close: () => void, story: (key: string) => void}} acts
 * @param {AbortSignal} signal
 * @returns {HTMLElement}
 */
export function eventDetail(row, link, { close, story }, signal) {
  const [seq, at, kind, key, said] = row;
  const whole = h(
    "div",
    { aria: { live: "off", busy: "true" } },
    h("p", { class: "sk-soft" }, "Asking for the whole event…"),
  );
  const facts = [
    [
      "When",
      `${moment(at).replace(" UTC", "")}.${String(Math.floor(at) % 1000).padStart(3, "0")} UTC`,
    ],
    key !== null && key !== "" ? ["Step", outside(key, "sk-code")] : null,
    said ? ["Says", outside(said)] : null,
  ];
  const list = h("dl", { class: "sk-facts-list" });
  for (const fact of facts)
    if (fact) list.append(h("dt", {}, fact[0]), h("dd", { class: "sk-num" }, fact[1]));
  const tell = button("Story of this step", () => story(String(key)), { local: true });
  const head = h(
    "div",
    { class: "sk-t" },
    h("b", { role: "heading", aria: { level: "3" } }, `Event ${seq.toLocaleString("en-US")}`),
    button("Close", close, { bare: true, local: true, title: "Close (Escape)" }),
  );
  const told = guarded(
    (/** @type {any} */ reply) => signal.aborted || fill(whole, eventJson(reply.data)),
  );
  const refused = guarded(
    (/** @type {any} */ error) =>
      signal.aborted ||
      fill(
        whole,
        h(
          "p",
          { class: "sk-bad" },
          "✕ ",
          outside(error.message),
          " ",
          outside(error.hint ?? "", "sk-soft"),
        ),
      ),
  );
  link
    .ask({ kind: "need", what: "event", seq })
    .then(told, refused)
    .finally(() => whole.setAttribute("aria-busy", "false"));
  return h(
    "div",
    { role: "group", aria: { label: `Event ${seq}` } },
    head,
    h("p", { class: "sk-event-title" }, outside(kind.replaceAll("_", " "))),
    list,
    key ? h("div", { class: "sk-row" }, tell) : null,
    whole,
  );
}

/** @param {unknown} data */
function eventJson(data) {
  const all = jsonOf(fromKernel(data), 2);
  const shown = h(
    "pre",
    { class: "sk-json", tabindex: "0", role: "group", aria: { label: "The whole event, as JSON" } },
    all.slice(0, EVENT_MOST),
  );
  if (all.length <= EVENT_MOST) return [shown];
  const rest = button(
    `Show all ${all.length.toLocaleString("en-US")} characters`,
    () => (text(shown, all), rest.remove()),
    {
      local: true,
    },
  );
  return [shown, rest];
}
