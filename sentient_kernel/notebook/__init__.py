"""What a run needs of a notebook: the output of its cell, live widgets, and a kernel that listens
while a cell waits.

May import: ``widgets``, ``feeds``, projections and the vocabulary. Knows neither workbench nor run:
it is given a ``ViewSource``, a protocol of ``feeds``, and ids.

    cell_output.py       what stands below the cell that shows a run, and the last line of it
    widget_registry.py   the live views of one workbench, one for each thing that is shown
    interaction.py       interrupts, and questions on the input line
    progress_line.py     what a call does that a cell waits for, while it does
    pump.py              lets comm messages through while a cell blocks the kernel
    to_html.py           a saved notebook as one HTML file that asks nobody for anything
    nested.py            for other libraries: ``asyncio.run`` in a cell
"""
