// @ts-check
// The events that a list shows: which of them pass the filter, and how many there are of each kind.
// Long work is done in slices.

/**
 * @typedef {[seq: number, at: number, kind: string, key: string | null, text: string]} Row as the
 *   kernel sends it
 */
/**
 * @typedef {{words: string[], kinds: Set<string>, key: string | null}} Wanted what passes: all
 *   words, one of the kinds, this step
 */

const ROWS_SLICE = 8; // ms of work before the page gets its turn
const ROWS_LOOK = 256; // rows between two looks at the clock

/**
 * Follows an array of rows that grows at its end and loses rows at its beginning, and keeps the
 * rows that pass a filter.
 *
 * Nothing is made for a row but a place in an array, so that 100,000 of them cost little.
 */
export class Rows {
  /**
   * @param {(finished: boolean) => void} changed is called after each slice of work, and with true
   *   when there is no more to do
   */
  constructor(changed) {
    this.changed = changed;
    /** @type {Row[]} the array followed */
    this.source = [];
    /** @type {Wanted} */
    this.wanted = { words: [], kinds: new Set(), key: null };
    /** @type {Row[]} rows that pass; in use only while something is filtered */
    this.passed = [];
    /** @type {Row[] | null} rows that pass a filter that is still being applied */
    this.coming = null;
    /**
     * @type {Map<string, number>} how many rows there are of each kind, in the order in which they
     *   first came
     */
    this.kinds = new Map();
    /** @private Up to which seq rows were counted, and looked at for the filter. */
    this.countedTo = 0;
    /** @private */
    this.soughtTo = 0;
    /**
     * @private @type {Row[]} the rows counted, so that they can be subtracted when they are dropped
     */
    this.held = [];
    /** @private */
    this.gone = 0;
    /** @private */
    this.timer = 0;
  }

  /** Whether not all rows are shown. */
  get filtered() {
    return this.wanted.words.length > 0 || this.wanted.kinds.size > 0 || this.wanted.key !== null;
  }

  /** Whether a filter is still being applied. */
  get busy() {
    return this.coming !== null;
  }

  /** The rows to show. @returns {Row[]} */
  get shown() {
    return this.filtered || this.coming ? this.passed : this.source;
  }

  /**
   * Takes note of an array that grew, lost rows at its beginning, or is another one.
   * @param {Row[]} source
   * @returns {number} how many of the rows shown are gone from the beginning
   */
  follow(source) {
    const other = source !== this.source;
    const whole = !this.filtered && !this.coming;
    this.source = source;
    if (other) this.restart();
    const gone = this.forget();
    this.work();
    return other ? 0 : whole ? gone[0] : gone[1];
  }

  /**
   * Applies another filter; what was shown stays until the new rows are known.
   * @param {Partial<Wanted>} wanted
   * @returns {void}
   */
  want(wanted) {
    if (!this.filtered && !this.coming) this.passed = this.source;
    this.wanted = { ...this.wanted, ...wanted };
    this.coming = [];
    this.soughtTo = 0;
    this.work();
  }

  /** Ends the work that is still to be done. */
  stop() {
    clearTimeout(this.timer);
  }

  /** @private */
  restart() {
    this.kinds = new Map([...this.kinds.keys()].map((kind) => [kind, 0]));
    this.held = [];
    this.gone = this.countedTo = this.soughtTo = 0;
    if (this.filtered || this.coming) this.coming = [];
  }

  /**
   * Lets go of rows that the source no longer holds.
   * @private
   * @returns {[number, number]} how many of all rows, and of those that pass
   */
  forget() {
    const oldest = this.source.length ? this.source[0][0] : Infinity;
    const before = this.gone;
    while (this.gone < this.held.length && this.held[this.gone][0] < oldest) {
      const kind = this.held[this.gone++][2];
      this.kinds.set(kind, (this.kinds.get(kind) ?? 1) - 1);
    }
    const all = this.gone - before;
    if (this.gone > 50_000) {
      this.held.splice(0, this.gone);
      this.gone = 0;
    }
    if (this.coming) this.coming.splice(0, rowFrom(this.coming, oldest));
    if (!this.filtered || this.passed === this.source) return [all, 0];
    const passed = rowFrom(this.passed, oldest);
    this.passed.splice(0, passed);
    return [all, passed];
  }

  /** @private Works for one slice, and leaves the rest for the next one. */
  work() {
    clearTimeout(this.timer);
    const until = performance.now() + ROWS_SLICE;
    const done = this.count(until) && this.seek(until);
    if (done && this.coming) {
      this.passed = this.coming;
      this.coming = null;
    }
    if (!done) this.timer = setTimeout(() => this.work(), 0);
    this.changed(done);
  }

  /** @private @param {number} until @returns {boolean} whether all rows are counted */
  count(until) {
    const { source, held, kinds } = this;
    for (let i = rowFrom(source, this.countedTo + 1); i < source.length; i++) {
      const row = source[i];
      held.push(row);
      kinds.set(row[2], (kinds.get(row[2]) ?? 0) + 1);
      this.countedTo = row[0];
      if (i % ROWS_LOOK === 0 && performance.now() > until) return i + 1 === source.length;
    }
    return true;
  }

  /** @private @param {number} until @returns {boolean} whether all rows were looked at */
  seek(until) {
    if (!this.filtered) return true;
    const into = this.coming ?? this.passed;
    const { source, wanted } = this;
    for (let i = rowFrom(source, this.soughtTo + 1); i < source.length; i++) {
      const row = source[i];
      if (rowPasses(row, wanted)) into.push(row);
      this.soughtTo = row[0];
      if (i % ROWS_LOOK === 0 && performance.now() > until) return i + 1 === source.length;
    }
    return true;
  }
}

/**
 * @param {Row} row
 * @param {Wanted} wanted
 */
function rowPasses(row, { words, kinds, key }) {
  if (key !== null && row[3] !== key) return false;
  if (kinds.size && !kinds.has(row[2])) return false;
  if (!words.length) return true;
  const said = `${row[2]} ${row[3] ?? ""} ${row[4]} ${row[0]}`.toLowerCase();
  return words.every((word) => said.includes(word));
}

/**
 * Returns the place of the first row with this seq or a later one.
 * @param {Row[]} rows in order of seq
 * @param {number} seq
 */
function rowFrom(rows, seq) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
