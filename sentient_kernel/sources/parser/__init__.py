"""What runs in the limited child process: bytes of a file in, its text out.

Nothing here imports the rest of the package, and each format imports its library when the first
file of that kind arrives, so that a child is ready in some 30 ms. A child is told its limits when
it starts, opens no file that it is asked to read (the bytes come through a pipe), sees no
environment of its parent, and may die at any time: the parent (``sources.local.parse``) says so
in one sentence and starts another.

    main.py     the loop: limits first, then frames in and frames out
    common.py   what all formats share; known.py normalises metadata
    bounds.py   frames, and fields that are cut
    plain.py    text, Markdown, reStructuredText, Python, tables, JSON, notebooks
    html.py     HTML files; page.py the main text of a web page
    pdf.py      PDF
    office.py   Word, PowerPoint, Excel, EPUB; archive.py reads their zips under caps
    works.py    XML of arXiv and PubMed
    python/     modules, names and docstrings of packages
"""
