"""Reads Python packages without importing them: modules, names, docstrings."""
