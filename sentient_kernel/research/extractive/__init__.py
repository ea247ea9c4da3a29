"""Answers without a model: sentences of the sources, chosen and ordered by rule. Pure.

form.py         what a request is about, and how it wants its answer; form_words.py has the words
plan.py         the questions that a question holds
support.py      whether what was found is about the question at all
evidence.py     the sentences that answer
collect.py      evidence for all parts of a question
statements.py   the statements that evidence makes, each once
disagree.py     statements that contradict one another
write.py        the report
measures.py     the measure that a question asks for
noise.py        what in a text is no statement
sought.py       the words that a question looks for, and how texts are read for them
tables.py       rows of tables with the names of their columns
features.py     surface features of sentences, and what a document is called
"""
