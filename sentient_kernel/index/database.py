"""The file behind the index: its tables, and connections that many threads borrow."""

from __future__ import annotations

import hmac
import logging
import os
import re
import threading
import time
from _blake2 import blake2b
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import apsw

from sentient_kernel.errors import SourceError, UsageError
from sentient_kernel.files.sqlite import (
    Foreign,
    Tables,
    check_places,
    harden,
    hint,
    inode_of,
    make_file,
    set_aside,
    tables_made_by,
    tables_of,
    why,
)
from sentient_kernel.text.words import UNSPACED

__all__ = ["Connection", "IndexDatabase", "spaced"]

VERSION = 2
"""Of the tables below, and of the rules by which texts are cut: another version is built anew, as
all can be read again.
"""

MEMORY = ":memory:"
_TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2")
_BUSY_MS = 30_000
_REBUILD = "It can be rebuilt: delete the file and refresh the sources."
_IDLE = 4  # connections kept open between two borrowings
_UNSPACED = re.compile(f"([{UNSPACED}])")

# The texts of passages lie beside the full-text table, not in it: it holds words only, and a row is
# dropped without being read. Names and texts are bytes: file names and texts may hold characters
# that SQLite's strings cannot.
_SCHEMA = f"""
CREATE TABLE source (id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);
CREATE TABLE document (
    id INTEGER PRIMARY KEY, source INTEGER NOT NULL, uri BLOB NOT NULL, hash TEXT NOT NULL, title \
BLOB NOT NULL, named TEXT NOT NULL,
    stamp TEXT NOT NULL, passages INTEGER NOT NULL, UNIQUE (source, uri)
);
CREATE INDEX document_hash ON document (hash);
CREATE INDEX document_named ON document (named) WHERE named != '';
CREATE TABLE body (document INTEGER PRIMARY KEY, snapshot BLOB NOT NULL);
CREATE TABLE passage (id INTEGER PRIMARY KEY, document INTEGER NOT NULL, start INTEGER NOT NULL, \
stop INTEGER NOT NULL, text BLOB NOT NULL);
CREATE INDEX passage_document ON passage (document);
CREATE VIRTUAL TABLE words USING fts5 (title, text, source, content='', contentless_delete=1, \
tokenize='{" ".join(_TOKENIZER)}');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, 'row');
CREATE TABLE made (id INTEGER PRIMARY KEY CHECK (id = 1), name BLOB NOT NULL, sign BLOB NOT NULL);
"""
_SETTINGS = "SELECT k, v FROM words_config ORDER BY k"
_BROKEN = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, Foreign)

log = logging.getLogger("sentient_kernel.index")


@cache
def _ours() -> tuple[Tables, list[Any]]:
    """Returns the schema of an index, and what its full-text table is set to."""
    settings: list[Any] = []

    def make(db: apsw.Connection) -> None:
        db.execute(_SCHEMA).fetchall()
        settings.extend(db.execute(_SETTINGS).fetchall())

    return tables_made_by(make), settings


def spaced(text: str) -> str:
    """Sets the characters of scripts without spaces apart, so that each of them is a word of the
    index.
    """
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


class _Stems(dict[str, str]):
    """Stems by word, asked of the tokenizer once."""

    def __init__(self, tokenizer: apsw.FTS5Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, word: str) -> str:
        found: Any = self._tokenizer(
            word.encode(),
            apsw.FTS5_TOKENIZE_DOCUMENT,
            None,
            include_offsets=False,
            include_colocated=False,
        )
        self[word] = found[0] if found else word
        return self[word]


class Connection:
    """A connection, and the tokenizer of its full-text table.

    Args:
        path: The file, or ``:memory:``.

    Raises:
        Foreign: The file holds other tables than ours, or stands where no file of ours does.
        apsw.Error: It cannot be read.
    """

    def __init__(self, path: str) -> None:
        if path != MEMORY:
            check_places(Path(path))
        self.db = apsw.Connection(path)
        try:
            harden(self.db)
            self.db.set_busy_timeout(_BUSY_MS)
            self._check()
            self._split = self.db.fts5_tokenizer(_TOKENIZER[1], list(_TOKENIZER[2:]))
            self._known = _Stems(self.db.fts5_tokenizer(_TOKENIZER[0], list(_TOKENIZER[1:])))
        except BaseException:
            self.db.close()
            raise
        self.execute = self.db.execute

    def _check(self) -> None:
        found = tables_of(self.db)
        if found and (self.db.pragma("user_version") != VERSION or found != _ours()[0]):
            raise Foreign(
                "holds the tables of another version, of another program, or of somebody else"
            )
        if found and self.db.execute(_SETTINGS).fetchall() != _ours()[1]:
            raise Foreign("sets its full-text table to what this program never does")

    def words(self, text: str) -> list[str]:
        """Returns the words of a text, folded as the index folds them."""
        data = spaced(text).encode("utf-8", "replace")
        found: Any = self._split(
            data, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False, include_colocated=False
        )
        return list(found)

    def stems(self, words: list[str]) -> list[str]:
        """Returns the stems of folded words, one for each."""
        if len(self._known) > 200_000:
            self._known.clear()
        return list(map(self._known.__getitem__, words))

    def close(self) -> None:
        """Closes the connection."""
        self.db.close()


class IndexDatabase:
    """A SQLite file that can be thrown away, and the connections to it.

    Any number of threads and processes may use it at once: each borrowing has a connection of its
    own, writers of one process queue at a lock, those of several at SQLite's.

    Args:
        path: The file; made (0600) when it is not there, made anew when it is damaged, of another
            version, or of somebody else: whoever made it could have put any text in the place of a
            document.
        key: What tells an index that was made here from others.

    Raises:
        SourceError: The file cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str], key: bytes) -> None:
        self.path = Path(path)
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self._key = key
        self._file = str(self.path.absolute())
        for again in (True, False):
            inode = inode_of(self.path)
            try:
                self._make()
                break
            except _BROKEN as error:
                if not again:
                    raise self._unusable("opened", error) from error
                self._set_aside(inode, error)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Lends a connection; what is read through it is one state of the file."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.db.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Lends a connection inside a transaction, which is kept when the block ends well and
        undone otherwise.
        """
        self._check()
        with self._writing, self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.db.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the connections; one that is lent is closed when it comes back."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise UsageError(
                "The index was opened by the process that this one was forked from.",
                hint="Open it again in this process.",
            )
        if self._closed:
            raise UsageError(f"The index {str(self.path)!r} is closed.")

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        self._check()
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = Connection(self._file)
            yield connection
        except (apsw.Error, Foreign) as error:
            raise self._unusable("used", error) from error
        finally:
            with self._lock:
                if connection is not None and not self._closed and len(self._idle) < _IDLE:
                    self._idle.append(connection)
                    connection = None
            if connection is not None:
                connection.close()

    def _unusable(self, doing: str, error: Exception) -> SourceError:
        what = f"The index {str(self.path)!r} cannot be {doing}: {why(error)}."
        return SourceError(what, hint=hint(error, _REBUILD))

    def _set_aside(self, inode: int, error: Exception) -> None:
        try:
            said = set_aside(self.path, inode, error)
        except OSError as refused:
            raise self._unusable("made anew", refused) from error
        if said:
            log.warning("%s Its sources are read again.", said)

    def _make(self) -> None:
        """Makes the file and its tables, unless they are there."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_file(self.path)
        except (OSError, ValueError) as error:
            raise SourceError(
                f"The index cannot be kept at {str(self.path)!r}: {error}.",
                hint="Choose another home folder.",
            ) from error
        connection: Connection | None = None
        try:
            connection = Connection(self._file)
            _use_wal(connection)
            if connection.db.pragma("user_version") != VERSION:
                connection.execute("BEGIN IMMEDIATE")
                if not tables_of(connection.db):  # another process was not faster
                    connection.execute(_SCHEMA).fetchall()
                    name = os.urandom(16)
                    connection.execute(
                        "INSERT INTO made VALUES (1, ?, ?)", (name, self._sign(name))
                    )
                    connection.db.pragma("user_version", VERSION)
                connection.execute("COMMIT")
            name, sign = connection.execute("SELECT name, sign FROM made").fetchone() or (b"", b"")
            if not (
                isinstance(name, bytes)
                and isinstance(sign, bytes)
                and hmac.compare_digest(sign, self._sign(name))
            ):
                raise Foreign("was made elsewhere")
        except (apsw.Error, Foreign) as error:
            if connection is not None:
                connection.close()
            if isinstance(error, _BROKEN):
                raise
            raise self._unusable("opened", error) from error
        self._idle.append(connection)

    def _sign(self, name: bytes) -> bytes:
        return blake2b(name, key=self._key, digest_size=16, person=b"index").digest()


def _use_wal(connection: Connection) -> None:
    """Switches to WAL; SQLite does not wait for others when it changes the mode, so this does."""
    give_up = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.db.pragma("journal_mode", "wal")
            return
        except apsw.BusyError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
