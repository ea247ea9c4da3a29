"""Where evidence comes from: folders, files, the documentation of installed packages, the web and scholarly services.

A source reads documents, finds passages in them, and says of itself what it holds, what it could not read and why.

May import: ``index``, ``cache``, ``transport``, and what everyone shares (``errors``, ``ids``, ``clock``, ``settings``).
Knows no run, step or journal.

Invariant: bytes from outside are only ever parsed in a limited child process (``_parser``), and one bad document costs nothing
but itself: it is named in the source's health with a reason of one sentence, and everything else is read.

.. code-block:: text

    base       the values that sources, index and agents exchange
    opening    which source a user's word stands for
    local      what sources on this machine share: reading in threads and children, searching, health
    folder     a folder or a file                  files      walks and opens without leaving the folder
    packages   documentation of installed packages installed  what is installed, and whether it has changed
    parse      the parent's side of parsing        _parser    the child's side

    outside    the way to other machines: cached, guarded, read in a child
    remote     what sources on other machines share: asking, holding, health
    fit        which passages of what a search brought fit the query
    pages      pages of the web as documents       web        a page that is named, and what search engines share
    searxng, tavily, brave                          search engines; keyed: what those with a key share
    wikipedia, arxiv, openalex, crossref, pubmed    services of knowledge; scholarly: what the last four share
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

    return getattr(import_module("sentient_kernel.sources." + ("opening" if name == "open_source" else "base")), name)
