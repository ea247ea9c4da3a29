"""Where evidence comes from: folders, files, the documentation of installed packages, the web and
scholarly services.

A source reads documents, finds passages in them, and says of itself what it holds, what it could
not read and why.

May import: ``index``, ``cache``, ``transport``, and what everyone shares (``errors``, ``ids``,
``clock``, ``settings``). Knows no run, step or journal.

Invariant: bytes from outside are only ever parsed in a limited child process (``parser``), and one
bad document costs nothing but itself: it is named in the source's health with a reason of one
sentence, and everything else is read.

.. code-block:: text

    base.py         the values that sources, index and research exchange
    opening.py      which source a user's word stands for
    local/          folders and files, and the documentation of installed packages; parse.py is the
                    parent's side of parsing
    parser/         the child's side of parsing; parser/python reads packages without importing them
    web/            other machines: fetch.py is the way to them (cached, guarded, read in a child),
                    base.py what such sources share, pages.py pages as documents, web.py a page that
                    is named and search engines; searxng, keyed (Tavily and Brave)
    scholarly/      open services: wikipedia, arxiv, openalex, crossref, pubmed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentient_kernel.sources.base import Document, Health, Passage, Progress, Source
    from sentient_kernel.sources.opening import open_source

__all__ = ["Document", "Health", "Passage", "Progress", "Source", "open_source"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(
        import_module(
            "sentient_kernel.sources." + ("opening" if name == "open_source" else "base")
        ),
        name,
    )
