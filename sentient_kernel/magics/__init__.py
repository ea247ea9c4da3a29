"""IPython magics: a cell that begins with ``%%research``, and lines about runs.

May import: everything but ``cli`` and ``testing``.

    magics.py       the magics, and what the Tab key offers behind them
"""
