"""What a notebook shows live: widgets that follow a run while it works, and take what a person answers.

May import: ``projections``, ``journal``, and what everyone shares; ipywidgets and anywidget are loaded here alone. Knows no workbench: a
:class:`~sentient_kernel.widgets.feeds.Desk` is what it looks at, and a function takes what pages ask for.

The invariant: a page has seen everything that was sent to it, in order. Messages carry numbers without a gap; a page that misses one says
hello again and gets a snapshot.

    feeds     what a view is told: everything at first, and then what has changed; decides, sends nothing
    sender    one thread: a few messages a second, in order, and the replies to what pages ask
    store     the widget: small traits, numbered messages, which pages are there
    bundle    the modules of ``static`` put together, one ESM and one style sheet for each view
    static    plain ESM with JSDoc types: kit.js and what it is made of, then a file for each view
"""
