"""The research: a workflow that plans, searches, reads, writes and checks.

May import: ``report``, ``engine``, ``models``, ``sources``, ``index``, ``cache``, ``text`` and the
vocabulary. Knows no widget and no workbench.

The invariants: every sentence of a report leads to a quote that stands at its place in a stored
text; nothing that a model wrote after it read one's own documents is sent elsewhere before a person
agreed; a report without a model is made by rule alone.

    workflow.py         the order of things, each arrow a recorded step
    gathering.py        what a research knows so far, and its searches
    with_model.py       what a model adds: it asks back, plans, looks for gaps, writes
    steps.py            its steps: plan, pick, write, check
    library.py          the sources, the index and the stored documents of a workbench
    model_registry.py   the models that were opened
    model_calls.py      a run's way to its model: within its budget, through the cache, recorded
    spending.py         what a run may spend, reserved before a call and booked after it
    prompts.py          what a model is asked, and what its answers mean
    quoting.py          the quotes that a model is shown
    cites.py            the numbers of quotes as models write them
    assemble.py         a report made of what a model wrote
    coverage.py         how well a report answers
    taint.py            what one's own documents have touched, and what may be sent elsewhere
                        (information flow)
    extractive/         answers by rule: plan, evidence, sentences
    verify/             whether a quote supports a sentence
"""
