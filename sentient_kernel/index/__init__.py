"""Passages: texts are cut, kept and found again by their words, without a model and without a download.

May import: the values of ``documents`` and what everyone shares (``errors``, ``ids``). Knows no run, step, journal or model.

Invariant: for every passage, ``document.text[start:end] == passage.text``; and all that is kept can be rebuilt from the sources.

.. code-block:: text

    chunk      sentences and passages with exact offsets (pure)
    rank       what to look for, and in which order what was found is shown (pure)
    store      documents and passages in a file, put and searched by many threads and processes
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentient_kernel.index.chunk import chunks, sentences
    from sentient_kernel.index.rank import fuse
    from sentient_kernel.index.store import Index

__all__ = ["Index", "chunks", "fuse", "sentences"]

_HOMES = {"Index": "store", "chunks": "chunk", "fuse": "rank", "sentences": "chunk"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sentient_kernel.index.{_HOMES[name]}"), name)
