"""Whether a quote supports a sentence. Pure, but for ``embedding_check``.

claims.py            the verdict on a sentence
contradictions.py    negation, direction, who did what
quantities.py        numbers, units, years
similarity.py        cosine similarity of a sentence to its quotes
embedding_check.py   asks an embedder, as a recorded step
"""
