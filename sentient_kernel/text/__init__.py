"""Words: the tokenizer, the stemmer, the stop list and the scripts without spaces. Pure.

May import: nothing. The one stop list serves the index, the sources' searches and the research. The
full-text index splits and stems by SQLite's own rules (unicode61, Porter), which ranking follows;
sentences are judged by the stems of ``words``, which prefer joining.

Measured before that was left so: snowballstemmer 3.1 (English, Porter) instead of the stems here
kept the gold sentences of SciFact and the answers of COVID-QA, lost 1 and 3 points of citation
precision, and took two to five times as long for a word seen first.

words.py    all of it
"""
