"""The documentation of what is installed, as a source: README texts and docstrings, read with
``ast`` and never imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

from sentient_kernel.errors import SourceError
from sentient_kernel.index.store import Index
from sentient_kernel.sources.base import Document, Health, Passage
from sentient_kernel.sources.local.base import LocalSource, Work, sentence
from sentient_kernel.sources.local.installed import (
    Distribution,
    installed,
    normal,
    standard_library,
)
from sentient_kernel.sources.local.package_names import AskedNames, expanded, ordered
from sentient_kernel.sources.local.parse import Parser, ParserLimits

_READER = "2"  # counts up when packages are read differently, so that they are all read again
_LIMITS = ParserLimits(wall=300.0, cpu=120, memory=2 << 30)
_POOL = 100  # passages that are weighed again
# every distribution has this document; it is written last, so that its stamp says that all of them
# are there
_LAST = "README"


class PackagesSource(LocalSource):
    """README texts and docstrings of the distributions installed in an environment, and of Python
    itself.

    Things carry the names that people use, ``pandas.DataFrame.loc`` for what is defined in
    ``pandas.core.indexing``, and what a package exports comes before what it keeps for itself.
    Tests, private modules and copies of others' code are left out.

    Args:
        index: Where its passages are kept.
        names: Which distributions; all when not given. ``python`` is the standard library and the
            language reference.
        paths: The environment, as in ``sys.path``, whose value it is when not given; with paths of
            their own, Python is left out unless it is named.

    Example:
        >>> PackagesSource(None, names=["pandas"])
        PackagesSource('packages')
    """

    def __init__(
        self,
        index: Index,
        *,
        names: Iterable[str] | None = None,
        paths: Iterable[str] | None = None,
        name: str = "packages",
        key: str | None = None,
    ) -> None:
        super().__init__(name, index, key=key)
        self._names = None if names is None else {normal(one) for one in names}
        self._paths = None if paths is None else list(paths)

    def _read(self, work: Work) -> Health:
        """Compares the environment with the index, reads the distributions that differ, and forgets
        those that are gone.
        """
        work.tell("Looking at what is installed")
        wanted, missing = self._wanted()
        refused = [(one, "It is not installed in this environment.") for one in sorted(missing)]
        held = _by_distribution(self._index.stamps(self._key))
        current = {_prefix(one) for one in wanted}
        for prefix, stamps in held.items():
            if prefix not in current:
                self._index.remove(self._key, stamps)
        todo = [
            one
            for one in wanted
            if held.get(_prefix(one), {}).get(_prefix(one) + _LAST) != _stamp(one)
        ]
        read = 0
        with closing(work.in_children(todo, lambda: Parser(_LIMITS), _ask)) as read_ones:
            for number, (one, result) in enumerate(read_ones, 1):
                shown = f"{one.name} {one.version}"
                work.count(f"Reading {self.name}", "packages", number, len(todo))
                if isinstance(result, SourceError):
                    refused.append((shown, sentence(result)))
                    documents = {}
                else:
                    documents = self._documents(one, result)
                if stale := held.get(_prefix(one), {}).keys() - documents.keys():
                    self._index.remove(self._key, stale)
                last = sorted(
                    documents.values(), key=lambda document: document.uri.endswith("/" + _LAST)
                )
                self._index.put(self._key, last, stamps=dict.fromkeys(documents, _stamp(one)))
                read += len(documents)
        health = self._counted(Health(source=self.name, read=read, refused=tuple(refused)))
        return health if health.documents else replace(health, reason=self._empty(refused))

    def _wanted(self) -> tuple[list[Distribution], set[str]]:
        """Returns the distributions to hold, and the names asked for that are not installed."""
        found = installed(sys.path if self._paths is None else self._paths)
        if (self._paths is None and self._names is None) or "python" in (self._names or ()):
            found.append(standard_library())
        if self._names is None:
            return found, set()
        named = {normal(one.name): one for one in found if normal(one.name) in self._names}
        return list(named.values()), self._names - named.keys()

    def _documents(self, one: Distribution, result: dict[str, Any]) -> dict[str, Document]:
        """Returns the documents of a distribution by uri."""
        found: dict[str, Document] = {}
        shown = f"{one.name} {one.version}"
        for item in result["documents"]:
            uri = _prefix(one) + item["place"]
            meta = {
                "distribution": one.name,
                "version": one.version,
                "licence": result["licence"],
                "kind": item["kind"],
                "exported": item["exported"] or one.request.get("exported", False),
            }
            if one.own:
                meta["own"] = True
            title = shown if item["kind"] == "readme" else f"{item['title']} ({shown})"
            found.setdefault(
                uri, Document(title=title, uri=uri, text=item["text"], source=self._key, meta=meta)
            )
        return found

    def _found(self, query: str, k: int) -> list[Passage]:
        """Asks for more than is wanted and ranks it again by what is known of the things that
        passages are about.
        """
        passages = self._index.search(expanded(query), sources=[self._key], k=max(k, _POOL))
        asked = AskedNames(query)
        metas = {passage.document: self._meta(passage) for passage in passages}
        ranked = ordered(
            [
                (passage.score * asked.weight(passage, metas[passage.document]), passage)
                for passage in passages
            ]
        )
        # Each keeps the score of its place: how far the best stands out says whether anything
        # answers, and names must not feign that.
        return [
            replace(
                passage,
                score=passages[place].score,
                own=metas[passage.document].get("own", False) is True,
            )
            for place, passage in enumerate(ranked[:k])
        ]

    def _meta(self, passage: Passage) -> dict[str, Any]:
        document = self._index.document(passage.document)
        return {} if document is None else document.meta

    def _empty(self, refused: list[tuple[str, str]]) -> str:
        """Says why there is nothing."""
        if self._names is not None and refused:
            return f"{refused[0][0]}: {refused[0][1]}"
        return (
            "No installed distribution was found on"
            f" {len(sys.path if self._paths is None else self._paths)} import paths."
        )


def _ask(parser: Parser, one: Distribution) -> dict[str, Any]:
    return parser.package({"name": one.name, "version": one.version, **one.request}, name="It")


def _stamp(one: Distribution) -> str:
    return f"{_READER}:{one.stamp}"


def _prefix(one: Distribution) -> str:
    return f"package:{one.name}=={one.version}/"


def _by_distribution(stamps: dict[str, str]) -> dict[str, dict[str, str]]:
    """Returns what the index holds, grouped by distribution and version."""
    found: dict[str, dict[str, str]] = {}
    for uri, stamp in stamps.items():
        found.setdefault(uri.partition("/")[0] + "/", {})[uri] = stamp
    return found
