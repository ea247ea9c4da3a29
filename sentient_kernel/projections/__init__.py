"""Show: pure folds of events into frozen values, and those values as tables, text and HTML.

A fold takes one record at a time (:meth:`Fold.apply`), does a constant amount of work for it and
gives a frozen view when asked. Time comes from the records, never from a clock, so the same records
always give the same view: live, after a restart, and a year later.

May import the vocabulary (events, ids, clock, errors) and nothing else of the package; pandas only
in ``frames``.
The invariant: folding the first half and then the second gives what folding all at once gives.
"""
