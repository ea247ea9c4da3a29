// @ts-check
// The way to the kernel and back: requests with their replies, and whether anybody is there.
import { currentGuard, hasStopped, shielded } from "./guard.js";

/** @typedef {{[key: string]: any, kind: string}} Sent */
/**
 * @typedef {{send: (message: any) => void}} Wire what carries messages: a widget's model, or a
 *   connection of the web page
 */

const SILENCE = 15_000;
const HELLO_AGAIN = 5_000;
// the kernel takes a page that it has not heard for 20 s for closed, and asks elsewhere
const HERE = 8_000;

/**
 * What the kernel says instead of doing what was asked, or that nobody answers: one sentence, and a
 * hint.
 */
export class Refusal extends Error {
  /**
   * @param {string} message
   * @param {string} [hint]
   * @param {boolean} [sure] whether the kernel said it, so that nothing was done
   */
  constructor(message, hint = "", sure = false) {
    super(message);
    this.name = "Refusal";
    this.hint = hint;
    this.sure = sure;
  }
}

export class Link {
  /**
   * @param {Wire} wire
   * @param {AbortSignal} [signal] ends it
   */
  constructor(wire, signal) {
    this.wire = wire;
    /**
     * False when there was no word from the kernel for 15 s or sending failed: everything is read
     * only.
     */
    this.alive = true;
    /**
     * True once the kernel said that the workbench was closed: nobody will answer, however long one
     * waits.
     */
    this.closed = false;
    /** @private */ this.heardAt = Date.now();
    /** @private */ this.saidHelloAt = 0;
    // Views of one widget hear each other's replies, so each has a name of its own, and the names
    // of its requests begin with it.
    /** @private */ this.page = Math.random().toString(36).slice(2, 10);
    /** @private */ this.sentAt = 0;
    /** @private */ this.asked = 0;
    /**
     * @private @type {Map<string, {done: (reply: any) => void, fail: (error: Refusal) => void}>}
     */
    this.open = new Map();
    /**
     * @private @type {Set<{draw: (alive: boolean) => void, context: import("./guard.js").Guarding |
     *   null}>}
     */
    this.watchers = new Set();
    const timer = setInterval(() => this.look(), 1000);
    signal?.addEventListener("abort", () => {
      clearInterval(timer);
      this.send({ kind: "bye" });
    });
  }

  /**
   * Sends a message; never throws. A failure makes the link dead until the kernel is heard again.
   * @param {Sent} message
   * @returns {boolean} whether it went out
   */
  send(message) {
    try {
      this.wire.send({ ...message, page: this.page });
      this.sentAt = Date.now();
      return true;
    } catch {
      this.setAlive(false);
      return false;
    }
  }

  /**
   * Asks for a snapshot, but not again while one is awaited.
   * @returns {void}
   */
  hello() {
    if (Date.now() - this.saidHelloAt < HELLO_AGAIN) return;
    this.saidHelloAt = Date.now();
    this.send({ kind: "hello" });
  }

  /**
   * Sends a request and waits for its reply.
   * @param {{[key: string]: any, what: string, kind?: string}} message kind is "do" where it is not
   *   given; the id is added here
   * @param {number} [ms]
   * @returns {Promise<any>} the reply
   * @throws {Refusal} a sentence: why it was refused, or that no answer came
   */
  ask(message, ms = 10_000) {
    if (this.closed)
      return Promise.reject(
        new Refusal(
          "The workbench is closed, so nothing was sent.",
          "Run the notebook's cells again.",
        ),
      );
    if (!this.alive)
      return Promise.reject(
        new Refusal("The kernel is gone, so nothing was sent.", "Run the cell again."),
      );
    const id = `${this.page}-r${++this.asked}`;
    if (!this.send({ kind: "do", ...message, id })) {
      return Promise.reject(
        new Refusal("The kernel cannot be reached, so nothing was sent.", "Run the cell again."),
      );
    }
    return new Promise((resolve, reject) => {
      const late = () => {
        this.open.delete(id);
        reject(
          new Refusal(
            `No answer from the kernel within ${Math.round(ms / 1000)} s.`,
            "It may still come; what is shown here is up to date.",
          ),
        );
      };
      const timer = setTimeout(late, ms);
      this.open.set(id, {
        done: (reply) => (clearTimeout(timer), resolve(reply)),
        fail: (error) => (clearTimeout(timer), reject(error)),
      });
    });
  }

  /**
   * Calls `draw` now and whenever `alive` changes.
   * @param {(alive: boolean) => void} draw
   * @param {AbortSignal} [signal] ends it
   * @returns {void}
   */
  watch(draw, signal) {
    if (signal?.aborted) return;
    const watcher = { draw, context: currentGuard() };
    this.watchers.add(watcher);
    signal?.addEventListener("abort", () => this.watchers.delete(watcher));
    draw(this.alive);
  }

  /**
   * Takes note that the kernel spoke, and gives a reply to whom it is for.
   * @param {any} message
   * @returns {void}
   */
  heard(message) {
    this.heardAt = Date.now();
    if (message.kind === "closed") {
      this.closed = true;
      this.setAlive(false);
      return;
    }
    if (this.closed) return;
    if (message.kind === "snapshot") this.saidHelloAt = 0;
    this.setAlive(true);
    if (message.kind !== "reply") return;
    const request = this.open.get(message.id);
    this.open.delete(message.id);
    if (message.ok) request?.done(message);
    else
      request?.fail(
        new Refusal(
          message.message || "The kernel refused, without saying why.",
          message.hint,
          true,
        ),
      );
  }

  /** @private */
  look() {
    if (this.closed) return;
    if (Date.now() - this.heardAt < SILENCE) {
      if (Date.now() - this.sentAt > HERE) this.send({ kind: "here" });
      return;
    }
    this.setAlive(false);
    this.hello(); // a kernel that is back answers
  }

  /**
   * @private
   * @param {boolean} alive
   */
  setAlive(alive) {
    if (alive === this.alive) return;
    this.alive = alive;
    if (!alive) {
      const who = this.closed ? "The workbench was closed" : "The kernel is gone";
      const error = new Refusal(
        `${who}; whether this was done is not known.`,
        "Look at the run when it is back.",
      );
      for (const request of this.open.values()) request.fail(error);
      this.open.clear();
    }
    for (const each of [...this.watchers]) {
      if (hasStopped(each.context)) this.watchers.delete(each);
      else shielded(each.context, () => each.draw(alive));
    }
  }
}
