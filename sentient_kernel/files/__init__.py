"""Files that may come from somebody else.

May import: errors, ids. The invariant: nothing in them runs, and nothing in them leads elsewhere.

    regular.py   regular files at the place where they are looked for, over no symbolic link
    sqlite.py    SQLite files: their tables are ours or none
"""
