"""What runs in the limited child process: bytes of a file in, its text out.

Nothing here imports the rest of the package, and each format imports its library when the first
file of that kind arrives, so that a child is ready in some 30 ms. A child is told its limits when
it starts, opens no file that it is asked to read (the bytes come through a pipe), sees no
environment of its parent, and may die at any time: the parent (``sources/parse.py``) says so in one
sentence and starts another.
"""
