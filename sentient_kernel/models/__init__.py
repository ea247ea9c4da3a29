"""Language models behind one protocol. Without any, research is extractive: reports are made of the sources' own sentences.

May import: the vocabulary (errors, settings), cache. Knows no run, no journal, no widget.
The invariant: an answer that was cut off or cannot be read is an error, never an answer.
"""
