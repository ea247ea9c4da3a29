"""The journal in one SQLite file.

The invariants: what was confirmed is on disk; a row is never changed; a file that somebody else
wrote runs nothing and is checked whole before it is believed.

    store.py          the journal
    append.py         events on their way in, group commit; commit.py puts them to disk together;
                      writer.py is the thread
    read.py           rows on their way out
    schema.py         the tables; tables.py checks that a file has these and no others
    opening.py        how a file is opened; location.py checks where it lies
    leases.py         who executes a run; holders.py whether that process lives
    check.py          the chain of hashes; check_rows.py the rows
    repair.py         what is left of a damaged file; pages.py reads its pages
    watermark.py      how far the file was confirmed, kept beside it
    marks.py          who wrote a row; trust.py takes a journal for one's own
"""
