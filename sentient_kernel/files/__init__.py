"""Files that may come from somebody else.

May import: errors. The invariant: nothing in them runs, and nothing in them leads elsewhere.

    regular.py       regular files at the place where they are looked for, over no symbolic link
    sqlite.py        SQLite files: their tables are ours or none
    rebuildable.py   one that can be made anew: the cache and the index
"""
