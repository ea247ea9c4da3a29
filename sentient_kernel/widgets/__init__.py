"""What a notebook shows live: widgets that follow a run while it works, and take what a person
answers.

May import: ``feeds``, ``projections`` and what everyone shares; ipywidgets and anywidget are loaded
here alone. Knows no workbench: a :class:`~sentient_kernel.feeds.feeds.ViewSource` is what it looks
at.

    store.py    the widget: small traits, and a channel to the pages that show it
    bundle.py   the modules of ``static`` put together, one ESM and one style sheet for each view
    static/     plain ESM with JSDoc types: ``kit`` is what views are made of, ``form`` edits values
                by their schema, and ``views`` has a file for each view
"""
