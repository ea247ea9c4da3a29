"""Whether a quote supports a sentence. Pure.

claims.py       the verdict on a sentence, and on every sentence of a report; similarity in meaning
rules.py        the table of rules: what each finds, costs and says
quantities.py   numbers, units, years
"""
