"""Reads Python packages without importing them: modules, names, docstrings.

packages.py    one installed distribution: its README and docstrings
modules.py     what a module defines, read with ``ast``
naming.py      the name that people use for a thing
docstrings.py  docstrings as text; doclines.py and docmarks.py read their lines and marks
"""
