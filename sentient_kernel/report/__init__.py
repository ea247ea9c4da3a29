"""The report: a value, and the forms that it is shown and kept in. Pure.

May import: ``projections``, ``text`` and the vocabulary. Knows no research: whoever makes a report,
it is shown alike.

    report.py         the report, its claims and citations, how well it answers
    html.py           as HTML, without a script
    markdown.py       as Markdown, and as a notebook
    console.py        in a terminal
    docx.py           as a Word file
    bibliography.py   BibTeX and CSL JSON
    live.py           as rows for a live view
    escape.py         text from outside, made harmless
"""
