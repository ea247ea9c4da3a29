"""Answers without a model: sentences of the sources, chosen and ordered by rule. Pure.

plan.py         what a request asks, apart from how it wants its answer, and the questions in it;
                form_words.py has the words
sought.py       the words and the measure that a question looks for, and how texts are read for it
support.py      whether what was found is about the question at all
evidence.py     the sentences that answer, for one question and for a plan
write.py        the report: the statements that evidence makes, each once
disagree.py     statements that contradict one another
noise.py        what in a text is no statement
features.py     surface features of sentences, titles and rows of tables; quotes without markup
"""
