"""What a person holds: a workbench with its home, its runs and their files.

May import: everything below; ``cli``, ``magics``, ``testing`` and a gateway stand on it. Nothing
here decides: arguments are checked and handed on. Nobody is handed the whole workbench: each part
takes what it uses.

    workbench.py     the facade: sources, research, runs, approvals
    run.py           a handle on one run; many at once, with partial failures as values
    view_source.py   what is known of runs, as of now, and what is done to them from a cell or a
        page; nothing is folded before somebody looks
    doctor.py        what this machine has
    run_file.py      the file that a run travels in: what belongs into it, how one is written
    open_run.py      takes one in, from anybody
    run_reading.py   reads one as a stranger's
    run_scan.py      what its events become in another home, and what they point to
"""
