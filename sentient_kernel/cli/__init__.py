"""The command line: what is said in a shell becomes calls of a workbench, one function a command.

May import: everything but ``magics`` and ``testing``. The invariants: an error is one sentence on
stderr and an exit code; nothing is asked of a person where nobody sits at the terminal.

    main.py        the commands and their exit codes
    arguments.py   what can be said
    terminal.py    a run shown and steered in a terminal
    lab.py         ``sentient-kernel lab``: JupyterLab with the tutorials
    trust.py       ``sentient-kernel trust``: what somebody else wrote, shown, and then taken for
        one's own
"""
