"""Whether a quote supports a sentence. Pure.

claims.py            the verdict on a sentence, and on every sentence of a report
rules.py             the table of rules: what each finds, costs and says
contradictions.py    direction, who did what, scope, rate, hedges
quantities.py        numbers, units, years
similarity.py        cosine similarity of a sentence to its quotes
"""
