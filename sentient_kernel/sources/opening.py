"""Opens sources: from a path, a URL, or a word such as ``"packages"`` or ``"arxiv"``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, cast

from sentient_kernel.errors import ConfigurationError, UsageError
from sentient_kernel.plugins import plugin, plugins
from sentient_kernel.redaction import shown as shown_text
from sentient_kernel.sources.base import Source
from sentient_kernel.spelling import nearest

if TYPE_CHECKING:
    from sentient_kernel.index.store import Index
    from sentient_kernel.settings import Settings
    from sentient_kernel.sources.web.fetch import Outside

__all__ = ["PLUGINS", "WORDS", "is_place", "missing", "open_source"]

PLUGINS = "sentient_kernel.sources"
"""The entry points of packages that bring sources: a function of (spec, settings, outside) under
the word that it is asked for by.
"""
WORDS = {
    "searxng": "web.searxng:SearxngSource",
    "tavily": "web.keyed:TavilySource",
    "brave": "web.keyed:BraveSource",
    "wikipedia": "scholarly.wikipedia:WikipediaSource",
    "arxiv": "scholarly.arxiv:ArxivSource",
    "openalex": "scholarly.openalex:OpenalexSource",
    "crossref": "scholarly.crossref:CrossrefSource",
    "pubmed": "scholarly.pubmed:PubmedSource",
}
"""Sources that are asked anew for each query, by the word for them; "web" is the search engine that
is set.
"""

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://")
_WORD = re.compile(r"[A-Za-z][\w-]{0,40}(?::[^\0]{0,1000})?")
_PARTS = ("name", "refresh", "search", "document", "health")


def is_place(spec: str) -> bool:
    """Tells whether what a user says is a file or folder, and not a word or an address. A folder
    that is called so is ``./web``.
    """
    word = spec.partition(":")[0]
    if word == "packages" or spec == "web" or spec in WORDS or _SCHEME.match(spec):
        return False
    return not _WORD.fullmatch(spec) or os.path.exists(spec) or plugin(PLUGINS, word) is None


def missing(given: str, others: Iterable[str] = ()) -> UsageError | None:
    """Returns what to say of a place that is not there: the word or the neighbour that was probably
    meant; None where it is there.

    Args:
        given: What the user wrote.
        others: Further words that would have meant something.
    """
    path = Path(given).expanduser()
    if "\0" in given or not is_place(given) or os.path.lexists(path):
        return None
    words = ["packages", "web", *WORDS, *plugins(PLUGINS), *others] if path.name == given else []
    meant = nearest(given, words)
    if not meant and (neighbour := nearest(path.name, _entries(path.parent))):
        meant = given.removesuffix(path.name) + neighbour
    hint = (
        f"Did you mean {meant!r}?"
        if meant
        else "Give a folder, a file, an address, 'packages', 'web' or another library."
    )
    return UsageError(f"There is no source, file or folder {given!r}.", hint=hint)


def _entries(folder: Path) -> list[str]:
    """Returns the names in a folder, at most a thousand."""
    try:
        names = [entry.name for entry in islice(os.scandir(folder), 1_000)]
    except OSError:
        return []
    return [name for name in names if not name.startswith(".")]


def open_source(
    spec: str | os.PathLike[str],
    index: Index,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    shown: str | None = None,
    outside: Outside | Callable[[], Outside] | None = None,
) -> Source:
    """Returns the source that ``spec`` stands for. Nothing is read yet: that is
    :meth:`Source.refresh`.

    Args:
        spec: ``"packages"`` (a folder of that name is ``"./packages"``),
            ``"packages:pandas,numpy"`` for some of them, ``"web"`` for the search engine that is
            set, ``"searxng"``, ``"tavily"``, ``"brave"``, ``"wikipedia"``, ``"arxiv"``,
            ``"openalex"``, ``"crossref"``, ``"pubmed"``, the address of a page, the word for a
            source that another package brings, a folder or a file.
        index: Where the passages of local sources are kept.
        settings: The workbench's settings. Local sources need none.
        name: What to call it; what it is in the index stays ``spec``, so that it is found there
            under any name.
        shown: What stands for the path of a folder or file in what people read; ``spec`` when not
            given.
        outside: The way to other machines, or what makes it; local sources need none.

    Raises:
        UsageError: It stands for nothing that can be a source; says what can.
        ConfigurationError: A setting that it needs is missing, or the package that brings it does
            not work.

    Example:
        >>> open_source("packages", None)
        PackagesSource('packages')
    """
    text = os.fspath(spec)
    if text.partition(":")[0] == "packages":
        from sentient_kernel.sources.local.packages import PackagesSource

        names = [name.strip() for name in text.partition(":")[2].split(",") if name.strip()]
        if ":" in text and not names:
            raise UsageError(
                "'packages:' names no package.",
                hint="Write packages:pandas,numpy or packages for all.",
            )
        return PackagesSource(index, names=names or None, name=name or text, key=text)
    if not is_place(text):
        if _SCHEME.match(text) and not text.lower().startswith(("http://", "https://")):
            raise UsageError(
                f"{text!r} is not the address of a page.",
                hint="Pages begin with https:// or http://.",
            )
        made = outside() if callable(outside) else outside
        if made is None:
            raise UsageError(
                f"{text!r} needs the network, which was not given.", hint="Add it with wb.add(...)."
            )
        return _remote(text, made, name or text)
    from sentient_kernel.sources.local.folder import FolderSource

    return FolderSource(
        text, index, name=name, key=PurePath(os.path.normpath(text)).as_posix(), shown=shown
    )


def _remote(spec: str, outside: Outside, name: str) -> Source:
    if spec == "web" or spec in WORDS:
        from sentient_kernel.sources.web.web import configured

        word = configured(outside.settings) if spec == "web" else spec
        module, _, cls = WORDS[word].partition(":")
        source: Source = getattr(import_module(f"sentient_kernel.sources.{module}"), cls)(
            outside, name=name, key=word
        )
        return source
    if _SCHEME.match(spec):
        from sentient_kernel.sources.web.web import UrlSource

        return UrlSource(spec, outside, name=name)
    return _brought(spec, outside)


def _brought(spec: str, outside: Outside) -> Source:
    """Opens a source that another package brings."""
    word = spec.partition(":")[0]
    found = plugin(PLUGINS, word)
    if found is None:
        raise UsageError(f"No package brings a source {word!r}.")
    who = (
        f"The source {word!r} of the package"
        f" {found.dist.name if found.dist is not None else found.value!r}"
    )
    try:
        made = found.load()(spec, outside.settings, outside)
    except ConfigurationError:
        raise
    except Exception as error:
        said = " ".join(shown_text(str(error)).split())[:200]
        raise ConfigurationError(
            f"{who} cannot be opened: {type(error).__name__}: {said}.",
            hint="Update or remove that package, or leave the source out.",
        ) from error
    if lacking := [part for part in _PARTS if not hasattr(made, part)]:
        raise ConfigurationError(
            f"{who} is not a source: it lacks {', '.join(lacking)}.",
            hint="Update or remove that package.",
        )
    return cast(Source, made)
