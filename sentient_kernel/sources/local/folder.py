"""A folder, or one file, as a source: read recursively and held inside, again only where something
has changed.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sentient_kernel.errors import ParseError, SourceError, UsageError
from sentient_kernel.ids import DocumentId
from sentient_kernel.sources.base import Document, Health, Passage
from sentient_kernel.sources.local.base import Children, LocalSource, Work, sentence
from sentient_kernel.sources.local.files import (
    FoundFile,
    mark_of,
    open_inside,
    pieces,
    too_long,
    walk,
)
from sentient_kernel.sources.local.parse import Parsed, Parser

if TYPE_CHECKING:
    from sentient_kernel.index.store import Index

__all__ = ["FolderSource"]

_READER = "1"  # counts up when files are read differently, so that they are all read again
_BATCH = 64
_BATCH_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What the index remembers of a file; one that could not be read has a reason and no hash.

    Such a file stands in the index as an empty document, so that it is not tried again until it
    changes.
    """

    mark: str = ""
    hash: str = ""
    document: DocumentId | None = None
    reason: str = ""

    @classmethod
    def read(cls, text: str) -> _Stamp:
        reader, _, rest = text.partition(":")
        if reader != _READER or rest.count(":") < 3:
            return cls()
        mark, digest, document, reason = rest.split(":", 3)
        return cls(mark, digest, DocumentId(document) if document else None, reason)

    def __str__(self) -> str:
        return f"{_READER}:{self.mark}:{self.hash}:{self.document or ''}:{self.reason}"


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
        self._formats, self._limits = parser().formats, parser().limits
        place = _resolved(given, self._formats)
        self._single = None if place.is_dir() else place.name
        self._root = place if place.is_dir() else place.parent
        self._given = PurePosixPath(Path(given).as_posix())
        self._label = (
            self._given
            if shown is None
            else PurePosixPath(Path(os.path.normpath(shown)).as_posix())
        )
        self._most = most

    def _read(self, work: Work) -> Health:
        """Compares the folder with the index, reads what differs, and forgets what is gone."""
        known = dict(self._index.stamps(self._key))
        refused: list[tuple[str, str]] = []
        kinds: Counter[str] = Counter()
        todo: list[FoundFile] = []
        present: set[str] = set()
        for found in self._files():
            work.tell(f"Looking through {self.name}")
            uri, label = self._uri(found.relative), self._labelled(found.relative)
            kind = PurePosixPath(found.relative).suffix.lower()
            if found.refused:
                refused.append((label, f"It {found.refused}."))
            elif kind not in self._formats:
                kinds[kind or "no ending"] += 1
            elif reason := self._unfit(found):
                refused.append((label, reason))
            else:
                present.add(uri)
                stamp = _Stamp.read(known.get(uri, ""))
                if stamp.mark != found.mark:
                    todo.append(found)
                elif stamp.reason:
                    refused.append((label, stamp.reason))
        if gone := [uri for uri in known if uri not in present]:
            self._index.remove(self._key, gone)
        read = self._read_files(work, todo, known, refused)
        health = self._counted(Health(source=self.name, read=read, refused=tuple(sorted(refused))))
        return self._reasoned(health, kinds)

    def _read_files(
        self,
        work: Work,
        todo: list[FoundFile],
        known: dict[str, str],
        refused: list[tuple[str, str]],
    ) -> int:
        """Reads files, keeps their documents in batches, and returns how many were read."""
        documents: list[Document] = []
        stamps: dict[str, str] = {}
        failed: list[str] = []
        read = 0

        def keep() -> None:
            if failed:
                self._index.remove(self._key, failed)
            self._index.put(self._key, documents, stamps=stamps)
            documents.clear()
            stamps.clear()
            failed.clear()

        if not todo:
            return 0
        with Children(work, len(todo), self._parser) as children:
            for number, (found, result) in enumerate(
                children.map(lambda parser, file: self._parse(parser, file, known), todo), 1
            ):
                uri, label = self._uri(found.relative), self._labelled(found.relative)
                work.count(f"Reading {self.name}", "files", number, len(todo))
                if isinstance(result, ParseError):
                    stamp = _Stamp(found.mark, reason=sentence(result))
                    documents.append(
                        Document(
                            title="",
                            uri=uri,
                            text="",
                            source=self._key,
                            meta={"refused": stamp.reason},
                        )
                    )
                elif isinstance(result, SourceError):
                    # Not the file's own fault: it is tried again the next time.
                    refused.append((label, sentence(result)))
                    failed.append(uri)
                    continue
                else:
                    document, stamp = result
                    read += uri not in known or stamp.hash != _Stamp.read(known[uri]).hash
                    documents.append(document)
                stamps[uri] = str(stamp)
                if stamp.reason:
                    refused.append((label, stamp.reason))
                if (
                    len(stamps) >= _BATCH
                    or sum(len(document.text) for document in documents) > _BATCH_CHARACTERS
                ):
                    keep()
        keep()
        return read

    def _parse(
        self, parser: Parser, found: FoundFile, known: dict[str, str]
    ) -> tuple[Document, _Stamp]:
        """Reads one file, or takes it from the index when only its time has changed. Raises
        SourceError with the reason.
        """
        uri = self._uri(found.relative)
        before = _Stamp.read(known.get(uri, ""))
        file = open_inside(self._root, found.relative)
        try:
            digest = hashlib.sha256()
            if before.hash:
                for _ in _counted(file, self._limits.file, digest.update):
                    pass
                same = digest.hexdigest()[:32] == before.hash
                held = self._index.document(before.document) if same and before.document else None
                if held is not None:
                    return held, replace(before, mark=mark_of(os.fstat(file)))
                os.lseek(file, 0, os.SEEK_SET)
                digest = hashlib.sha256()
            parsed = parser.parse(
                _counted(file, self._limits.file, digest.update),
                suffix=PurePosixPath(found.relative).suffix,
                name="It",
            )
        finally:
            os.close(file)
        document = self._document(uri, parsed)
        return document, _Stamp(
            found.mark, digest.hexdigest()[:32], document.id, self._cut(document)
        )

    def _document(self, uri: str, parsed: Parsed) -> Document:
        path = PurePosixPath(uri)
        title = " ".join((parsed.title or path.name).split())
        return Document(
            title=title,
            uri=uri,
            text=parsed.text,
            source=self._key,
            meta={"format": path.suffix.lower()[1:], **parsed.meta},
        )

    def _empty_documents(self) -> int:
        """Returns how many documents of the index stand for files that could not be read."""
        return sum(
            1 for stamp in self._index.stamps(self._key).values() if not _Stamp.read(stamp).hash
        )

    def _files(self) -> Iterator[FoundFile]:
        """Yields the files to read: those of the folder, or the one."""
        if self._single is None:
            if not self._root.is_dir():
                raise SourceError(
                    f"The folder {self.name!r} is not there any more; what was read from it before"
                    " is kept."
                )
            yield from walk(self._root, most=self._most)
            return
        try:
            status = (self._root / self._single).stat()
        except OSError as error:
            raise SourceError(
                f"The file {self.name!r} cannot be read any more: {error.strerror}."
            ) from None
        yield FoundFile(self._single, mark_of(status), status.st_size)

    def _uri(self, relative: str) -> str:
        """Returns what the index calls a file."""
        return str(self._given) if self._single is not None else str(self._given / relative)

    def _labelled(self, relative: str) -> str:
        """Returns what people read for a file."""
        return str(self._label) if self._single is not None else str(self._label / relative)

    def _shown(self, passage: Passage) -> Passage:
        relative = (
            ""
            if self._single is not None
            else passage.uri.removeprefix(str(self._given)).removeprefix("/")
        )
        return replace(passage, source=self.name, uri=self._labelled(relative))

    def _unfit(self, found: FoundFile) -> str:
        """Says why a file is not even opened, or nothing."""
        if found.size > self._limits.file:
            return f"It {too_long(found.size, self._limits.file)}."
        return "It is empty." if found.size == 0 else ""

    def _cut(self, document: Document) -> str:
        return (
            f"Only its first {self._limits.characters:,} characters were read."
            if document.meta.get("truncated")
            else ""
        )

    def _reasoned(self, health: Health, kinds: Counter[str]) -> Health:
        """Returns the health with the reason why there is nothing, where there is nothing."""
        if health.documents:
            return health
        count = sum(kinds.values())
        shown = ", ".join(sorted(kinds)[:5]) + (", ..." if len(kinds) > 5 else "")
        if health.refused:
            uri, why = health.refused[0]
            more = (
                f" (and {len(health.refused) - 1} more like it)" if len(health.refused) > 1 else ""
            )
            reason = f"It holds nothing that could be read: {uri}{more}: {why}"
        elif count:
            files = "1 file, which is not" if count == 1 else f"{count:,} files, none"
            reason = f"It holds {files} of a kind that can be read ({shown})."
        else:
            reason = "It is empty."
        return Health(source=health.source, read=health.read, refused=health.refused, reason=reason)


def _counted(file: int, most: int, take: Callable[[bytes], object]) -> Iterator[bytes]:
    """Yields the bytes of an open file and takes their hash on the way.

    Raises:
        ParseError: There are too many.
        SourceError: The disk says no.
    """
    try:
        for piece in pieces(file, most):
            take(piece)
            yield piece
    except SourceError as error:
        raise ParseError(f"It {error.message}.") from None
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror}.") from None


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
