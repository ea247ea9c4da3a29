"""What a run needs of a notebook: the output of its cell, live widgets, and a kernel that listens while a cell waits.

May import: ``widgets``, ``feeds``, projections and the vocabulary. Knows no workbench.

    cell_output.py       what stands below the cell that shows a run, and the last line of it
    widget_registry.py   which live views there are
    interaction.py       interrupts, and questions on the input line
    pump.py              lets comm messages through while a cell blocks the kernel
    to_html.py           a saved notebook as one HTML file that asks nobody for anything
    nested.py            for other libraries: ``asyncio.run`` in a cell
"""
