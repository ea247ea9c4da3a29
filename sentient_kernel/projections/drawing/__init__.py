"""Runs drawn: HTML and text that need no script, made from folds. Pure.

views.py    the views
parts.py    what they are made of
rows.py     what a table shows
table.py    tables of objects; frames.py makes DataFrames of them
words.py    how times, sums and states are said
style.py    the style sheet
exact.py    integers that JavaScript would round
"""
