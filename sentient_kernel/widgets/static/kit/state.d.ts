// The protocol between the kernel and the pages that show a view. The kernel's side is
// sentient_kernel/feeds (and the rows in projections/drawing/rows.py, report/live.py);
// tests/integration/test_view_protocol.py holds both sides against each other. Times are
// milliseconds since 1970. A payload whose numbers JavaScript could not hold is marked: see
// exact.js.

/** What the kernel sends. `n` counts without a gap, `now` is the kernel's clock. */
export type Message = Snapshot | Patch | Beat | Closed | Reply;
export interface Snapshot {
  kind: "snapshot";
  n: number;
  now: number;
  state: State;
}
/**
 * Rows by their key, null for those that are gone; texts as [where it goes on, what is added];
 * events one after the other.
 */
export interface Patch {
  kind: "patch";
  n: number;
  now: number;
  set?: State;
  text?: { [by: string]: [number, string] };
  events?: EventRow[];
}
export interface Beat {
  kind: "beat";
  n: number;
  now: number;
}
export interface Closed {
  kind: "closed";
  n: number;
  now?: number;
}
export interface Reply {
  kind: "reply";
  n: number;
  id: string;
  ok: boolean;
  message?: string;
  hint?: string;
  [field: string]: any;
}

/** What a page sends. */
export type Sent = Hello | Here | Bye | Do | Need | Fault;
export interface Hello {
  kind: "hello";
  page: string;
}
export interface Here {
  kind: "here";
  page: string;
}
export interface Bye {
  kind: "bye";
  page: string;
}
export interface Do {
  kind: "do";
  page: string;
  id: string;
  what: "decide" | "pause" | "resume" | "cancel" | "finish" | "steer";
  run: string;
  [field: string]: any;
}
export interface Need {
  kind: "need";
  page: string;
  id: string;
  what: "event" | "quote";
  [field: string]: any;
}
export interface Fault {
  kind: "error";
  page: string;
  where: string;
  message: string;
  stack: string;
}

/** What a view shows: each view has some of it. */
export interface State {
  run?: RunRow | null;
  phases?: PhaseRow[];
  steps?: { [key: string]: StepRow };
  approvals?: { [id: string]: ApprovalRow };
  sources?: { [name: string]: SourceRow };
  report?: ReportRow | null;
  texts?: { [by: string]: TextRow };
  events?: EventRow[];
  dropped?: number;
  runs?: { [id: string]: AskingRow };
  errors?: { [fingerprint: string]: ErrorRow };
  stats?: StatsRow;
  recent?: FailureRow[];
}

export interface RunRow {
  id: string;
  status: string;
  word: string;
  sign: string;
  colour: string;
  title: string;
  name: string;
  workflow: string;
  started: number | null;
  updated: number | null;
  ended: number | null;
  seconds: number | null;
  progress: number | null;
  message: string;
  done: number;
  running: number;
  failed: number;
  retried: number;
  recoveries: number;
  counts: string;
  cancelling: boolean;
  finishing: boolean;
  alive: boolean;
  heeds: string[];
  said: string[];
  trouble: TroubleRow | null;
  cost: string;
  foreign: ForeignRow | null;
}
export interface TroubleRow {
  heading: string;
  text: string;
  where: string;
  next: string;
  soft: boolean;
  final: boolean;
}
export interface ForeignRow {
  heading: string;
  text: string;
  names: any;
}
export interface PhaseRow {
  name: string;
  label: string;
  state: string;
  said: string;
}
export interface StepRow {
  key: string;
  i: number;
  title: string;
  name: string;
  status: string;
  tries: string;
  attempts: number;
  started: number | null;
  ended: number | null;
  seconds: number | null;
  why: string;
  effect: string;
}
export interface ApprovalRow {
  id: string;
  i: number;
  run: string;
  ask: string;
  question: string;
  payload: any;
  digest: string;
  form: any;
  status: string;
  requested: number | null;
  expires: number | null;
  decided: number | null;
  by: string;
  reason: string;
  answer: any;
  title: string;
}
export interface SourceRow {
  source: string;
  i: number;
  asked: number;
  found: number;
  documents: number;
  refusals: number;
  reason: string;
  query: string;
  refused: string[][];
  holds: string;
  gave: string;
  why: string;
}
export interface TextRow {
  by: string;
  text: string;
  at: number;
}
export interface AskingRow {
  id: string;
  title: string;
  status: string;
}
/** seq, time, kind, key of the step, what it says */
export type EventRow = [number, number, string, string, string];
export interface ErrorRow {
  fingerprint: string;
  i: number;
  type: string;
  message: string;
  hint: string;
  code: string;
  where: string;
  count: number;
  first: number | null;
  last: number | null;
  runs: string[];
  frames: any[];
}
export interface StatsRow {
  total: number;
  unique: number;
  evicted: number;
  by_type: any[][];
  per_minute: number[][];
}
export interface FailureRow {
  seq: number;
  run: string;
  at: number | null;
  type: string;
  message: string;
}
export interface ReportRow {
  question: string;
  answer: string;
  abstained: boolean;
  parts: string[];
  coverage: string;
  facts: any;
  claims: ClaimRow[];
  citations: CitationRow[];
  unanswered: GapRow[];
  disagreements: DisagreementRow[];
  markdown: string;
  bibtex: string;
  notes: string[];
}
export interface ClaimRow {
  text: string;
  verdict: string;
  citations: number[];
  part: any;
  reason: string;
  lead: any;
}
export interface CitationRow {
  n: number;
  document: string;
  title: string;
  uri: string;
  start: number;
  end: number;
  quote: string;
  before: string;
  after: string;
  source: string;
  placed: any;
  verified: boolean;
}
export interface GapRow {
  question: string;
  reason: string;
  sources: string[][];
}
export interface DisagreementRow {
  kind: string;
  why: string;
  sides: SideRow[];
}
export interface SideRow {
  text: string;
  citations: number[];
}
