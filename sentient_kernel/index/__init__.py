"""Passages (full-text search, BM25): texts are cut, kept and found again by their words, without a
model and without a download.

May import: the values of ``documents`` and what everyone shares (``errors``, ``ids``). Knows no
run, step, journal or model.

Invariant: for every passage, ``document.text[start:end] == passage.text``; and all that is kept can
be rebuilt from the sources.

.. code-block:: text

    chunk      sentences and passages with exact offsets (pure)
    rank       what to look for, and in which order what was found is shown (pure)
    store      documents and passages in a file, put and searched by many threads and processes
    database   that file: its tables, and how it is made anew when it is broken
    records    all SQL on documents and passages
"""
