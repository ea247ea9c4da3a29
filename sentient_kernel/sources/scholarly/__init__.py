"""Open services of scholarly works and of Wikipedia.

base.py       what they share: one call gives works with their abstracts
wikipedia.py  Wikipedia, or another MediaWiki
arxiv.py, openalex.py, crossref.py, pubmed.py   one service each
"""
