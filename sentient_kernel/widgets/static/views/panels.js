// @ts-check
// The panels over all runs, and the one over a run's sources: a view each.
export { drawErrors } from "./errors.js";
export { drawInbox } from "./inbox.js";
export { drawSources } from "./sources.js";
