"""Show: pure folds of events into frozen values, and those values as tables, text and HTML.

A fold takes one record at a time (:meth:`Fold.apply`), does a constant amount of work for it and
gives a frozen view when asked. Time comes from the records, never from a clock, so the same records
always give the same view: live, after a restart, and a year later.

May import the vocabulary (events, ids, clock, errors) and nothing else of the package; pandas only
in ``drawing/frames``. The invariant: folding the first half and then the second gives what folding
all at once gives.

    base.py       what every fold is
    folds.py      the folds of one run, and of all runs
    runs.py       what a run is, how it is doing, and how far it is
    activity.py   what it did: its steps, what each source gave, what it used, its events as rows
    approvals.py  what runs ask people, and what became of it
    errors.py     the error tracker
    foreign.py    what a run that was written elsewhere names
    drawing/      views, as HTML and text
"""
