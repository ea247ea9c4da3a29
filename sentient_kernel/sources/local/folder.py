"""A folder, or one file, as a source: read recursively and held inside, again only where something
has changed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sentient_kernel.errors import ParseError, SourceError, UsageError
from sentient_kernel.ids import DocumentId
from sentient_kernel.index.store import Index
from sentient_kernel.sources.base import Document, Health, Passage
from sentient_kernel.sources.local.base import LocalSource, Work, sentence
from sentient_kernel.sources.local.files import (
    FoundFile,
    mark_of,
    open_inside,
    pieces,
    too_long,
    walk,
)
from sentient_kernel.sources.local.parse import Parser

_READER = "1"  # counts up when files are read differently, so that they are all read again


class _Stamp(NamedTuple):
    """What the index remembers of a file; one that could not be read has a reason and no hash.

    Such a file stands in the index as an empty document, so that it is not tried again until it
    changes.
    """

    reader: str = _READER
    mark: str = ""
    hash: str = ""
    document: str = ""
    reason: str = ""

    @classmethod
    def read(cls, text: str) -> _Stamp:
        fields = text.split(":", 4)
        return cls(*fields) if fields[0] == _READER and len(fields) == 5 else cls()


class FolderSource(LocalSource):
    """The readable files below a folder, or one file.

    Files keep the path that the user gave for the folder, so that citations read as the user knows
    them. Hidden files and folders, ``node_modules``, ``venv`` and the like are left out. Nothing
    outside of the folder is ever opened.

    Args:
        path: A folder or a file.
        index: Where its passages are kept.
        name: What it is called; the path when not given.
        key: What it is called in the index; its name when not given.
        shown: What stands for the path in what people read, for a path that was made absolute; the
            path when not given.
        parser: Makes the parser of its files, with other limits or with formats of your own.
        most: How many files are looked at.

    Raises:
        UsageError: There is no such folder or file, it is neither, or it cannot be read.

    Example:
        >>> FolderSource("no/such/folder", None)
        Traceback (most recent call last):
        sentient_kernel.errors.UsageError: There is no file or folder 'no/such/folder'.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        index: Index,
        *,
        name: str | None = None,
        key: str | None = None,
        shown: str | None = None,
        parser: Callable[[], Parser] = Parser,
        most: int = 50_000,
    ) -> None:
        given = os.path.normpath(os.fspath(path)) if os.fspath(path) else ""
        super().__init__(name or PurePosixPath(Path(given)).as_posix(), index, key=key)
        self._parser = parser
        example = parser()
        self._formats, self._limits = example.formats, example.limits
        place = _resolved(given, self._formats)
        self._single = None if place.is_dir() else place.name
        self._root = place if place.is_dir() else place.parent
        self._given = PurePosixPath(Path(given).as_posix())
        label = given if shown is None else os.path.normpath(shown)
        self._label = PurePosixPath(Path(label).as_posix())
        self._most = most

    def _read(self, work: Work) -> Health:
        """Compares the folder with the index, reads what differs, and forgets what is gone."""
        stamps = self._index.stamps(self._key)
        known = {uri: _Stamp.read(stamp) for uri, stamp in stamps.items()}
        refused: list[tuple[str, str]] = []
        kinds: Counter[str] = Counter()
        todo: list[tuple[str, FoundFile]] = []
        present: set[str] = set()
        for uri, found in self._files():
            work.tell(f"Looking through {self.name}")
            kind = PurePosixPath(found.relative).suffix.lower()
            if found.refused:
                refused.append((uri, f"It {found.refused}."))
            elif kind not in self._formats:
                kinds[kind or "no ending"] += 1
            elif found.size > self._limits.file:
                refused.append((uri, f"It {too_long(found.size, self._limits.file)}."))
            elif not found.size:
                refused.append((uri, "It is empty."))
            else:
                present.add(uri)
                stamp = known.get(uri, _Stamp())
                if stamp.mark != found.mark:
                    todo.append((uri, found))
                elif stamp.reason:
                    refused.append((uri, stamp.reason))
        if gone := known.keys() - present:
            self._index.remove(self._key, gone)
        new: dict[str, str] = {}
        self._index.put(self._key, self._documents(work, todo, known, new, refused), stamps=new)
        read = sum(
            _Stamp.read(stamp).hash not in ("", known.get(uri, _Stamp()).hash)
            for uri, stamp in new.items()
        )
        named = sorted((self._labelled(uri), why) for uri, why in refused)
        health = self._counted(Health(source=self.name, read=read, refused=tuple(named)))
        return health if health.documents else replace(health, reason=_nothing(named, kinds))

    def _documents(
        self,
        work: Work,
        todo: list[tuple[str, FoundFile]],
        known: dict[str, _Stamp],
        stamps: dict[str, str],
        refused: list[tuple[str, str]],
    ) -> Iterator[Document]:
        """Yields the documents of files as they are read; each has its stamp by then."""

        def read(parser: Parser, item: tuple[str, FoundFile]) -> tuple[Document, _Stamp]:
            return self._parse(parser, *item, known.get(item[0], _Stamp()))

        with closing(work.in_children(todo, self._parser, read)) as read_ones:
            for number, ((uri, found), result) in enumerate(read_ones, 1):
                work.count(f"Reading {self.name}", "files", number, len(todo))
                if isinstance(result, ParseError):
                    stamp = _Stamp(mark=found.mark, reason=sentence(result))
                    meta = {"refused": stamp.reason}
                    document = Document(title="", uri=uri, text="", source=self._key, meta=meta)
                elif isinstance(result, SourceError):
                    # Not the file's own fault: it is tried again the next time.
                    refused.append((uri, sentence(result)))
                    self._index.remove(self._key, [uri])
                    continue
                else:
                    document, stamp = result
                stamps[uri] = ":".join(stamp)
                if stamp.reason:
                    refused.append((uri, stamp.reason))
                yield document

    def _parse(
        self, parser: Parser, uri: str, found: FoundFile, before: _Stamp
    ) -> tuple[Document, _Stamp]:
        """Reads one file, or takes it from the index when only its time has changed. Raises
        SourceError with the reason.
        """
        file = open_inside(self._root, found.relative)
        try:
            digest = hashlib.sha256()
            if before.hash:
                for _ in pieces(file, self._limits.file, digest.update):
                    pass
                same = digest.hexdigest()[:32] == before.hash
                held = self._index.document(DocumentId(before.document)) if same else None
                if held is not None:
                    return held, before._replace(mark=mark_of(os.fstat(file)))
                os.lseek(file, 0, os.SEEK_SET)
                digest = hashlib.sha256()
            path = PurePosixPath(uri)
            data = pieces(file, self._limits.file, digest.update)
            parsed = parser.parse(data, suffix=PurePosixPath(found.relative).suffix, name="It")
        finally:
            os.close(file)
        document = Document(
            title=" ".join((parsed.title or path.name).split()),
            uri=uri,
            text=parsed.text,
            source=self._key,
            meta={"format": path.suffix.lower()[1:], **parsed.meta},
        )
        cut = f"Only its first {self._limits.characters:,} characters were read."
        return document, _Stamp(
            mark=found.mark,
            hash=digest.hexdigest()[:32],
            document=document.id,
            reason=cut if document.meta.get("truncated") else "",
        )

    def _empty_documents(self) -> int:
        """Returns how many documents of the index stand for files that could not be read."""
        stamps = self._index.stamps(self._key).values()
        return sum(not _Stamp.read(stamp).hash for stamp in stamps)

    def _files(self) -> Iterator[tuple[str, FoundFile]]:
        """Yields the files to read, those of the folder or the one, by what the index calls
        them.
        """
        if self._single is None:
            if not self._root.is_dir():
                raise SourceError(
                    f"The folder {self.name!r} is not there any more; what was read from it before"
                    " is kept."
                )
            for found in walk(self._root, most=self._most):
                yield str(self._given / found.relative), found
            return
        try:
            status = (self._root / self._single).stat()
        except OSError as error:
            raise SourceError(
                f"The file {self.name!r} cannot be read any more: {error.strerror}."
            ) from None
        yield str(self._given), FoundFile(self._single, mark_of(status), status.st_size)

    def _labelled(self, uri: str) -> str:
        """Returns what people read for a file."""
        return str(self._label / uri.removeprefix(str(self._given)).removeprefix("/"))

    def _shown(self, passage: Passage) -> Passage:
        return replace(passage, source=self.name, uri=self._labelled(passage.uri))


def _nothing(refused: Sequence[tuple[str, str]], kinds: Counter[str]) -> str:
    """Says why there is nothing."""
    if refused:
        label, why = refused[0]
        more = f" (and {len(refused) - 1} more like it)" if len(refused) > 1 else ""
        return f"It holds nothing that could be read: {label}{more}: {why}"
    if not kinds:
        return "It is empty."
    count = kinds.total()
    shown = ", ".join(sorted(kinds)[:5]) + (", ..." if len(kinds) > 5 else "")
    files = "1 file, which is not" if count == 1 else f"{count:,} files, none"
    return f"It holds {files} of a kind that can be read ({shown})."


def _resolved(given: str, formats: Mapping[str, str]) -> Path:
    """Returns the folder or file that a user names, with links followed: the user's own choice,
    unlike what lies in it.
    """
    if not given or "\0" in given:
        raise UsageError(f"{given!r} is not the name of a file or folder.")
    path = Path(given).expanduser()
    try:
        place = path.resolve(strict=True)
    except FileNotFoundError:
        raise UsageError(f"There is no file or folder {given!r}.") from None
    except (OSError, RuntimeError) as error:
        raise UsageError(
            f"{given!r} cannot be opened: {getattr(error, 'strerror', None) or error}."
        ) from None
    if not (place.is_dir() or place.is_file()):
        raise UsageError(f"{given!r} is neither a file nor a folder.")
    if not os.access(place, os.R_OK | (os.X_OK if place.is_dir() else 0)):
        raise UsageError(f"{given!r} may not be read by this user.")
    if place.is_file() and place.suffix.lower() not in formats:
        raise UsageError(
            f"{given!r} is of a kind that cannot be read.",
            hint=f"What can be read: {' '.join(sorted(formats))}.",
        )
    return place
