"""The file behind the index: its tables, and the tokenizer of its words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import closing
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any, TypeVar

import apsw

from sentient_kernel.files.rebuildable import RebuildableFile
from sentient_kernel.files.sqlite import Foreign, tables_of
from sentient_kernel.text.words import UNSPACED

T = TypeVar("T")


VERSION = 2
"""Of the tables below, and of the rules by which texts are cut: another version is built anew, as
all can be read again.
"""

_TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2")
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


@cache
def _settings() -> list[Any]:
    """Returns what the full-text table of a new index is set to."""
    with closing(apsw.Connection(":memory:")) as db:
        db.execute(_SCHEMA).fetchall()
        return db.execute(_SETTINGS).fetchall()


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


class Connection(apsw.Connection):
    """A connection, and the tokenizer of its full-text table."""

    @cached_property
    def _split(self) -> apsw.FTS5Tokenizer:
        return self.fts5_tokenizer(_TOKENIZER[1], list(_TOKENIZER[2:]))

    @cached_property
    def _known(self) -> _Stems:
        return _Stems(self.fts5_tokenizer(_TOKENIZER[0], list(_TOKENIZER[1:])))

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


class IndexDatabase(RebuildableFile[Connection]):
    """The file of the index. One that was made elsewhere is made anew too: whoever made it could
    have put any text in the place of a document.

    Args:
        path: The file.
        key: What tells an index that was made here from others.

    Raises:
        SourceError: The file cannot be used.
    """

    name = "index"
    version = VERSION
    schema = _SCHEMA

    def __init__(self, path: str | os.PathLike[str], key: bytes) -> None:
        self._key = key
        super().__init__(path, Connection)

    def check(self, db: Connection) -> None:
        """Looks at the tables, and at what the full-text table is set to."""
        super().check(db)
        if tables_of(db) and db.execute(_SETTINGS).fetchall() != _settings():
            raise Foreign("sets its full-text table to what this program never does")

    def fill(self, db: Connection) -> None:
        """Signs a new file."""
        name = os.urandom(16)
        db.execute("INSERT INTO made VALUES (1, ?, ?)", (name, self._sign(name)))

    def recognize(self, db: Connection) -> None:
        """Looks for the sign of this installation."""
        name, sign = db.execute("SELECT name, sign FROM made").fetchone() or (b"", b"")
        if type(name) is not bytes or sign != self._sign(name):
            raise Foreign("was made elsewhere")

    def read(self, work: Callable[[Connection], T]) -> T:
        """Returns what work reads of one state of the file."""

        def reading(db: Connection) -> T:
            db.execute("BEGIN")
            try:
                return work(db)
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

        return super().read(reading)

    def _sign(self, name: bytes) -> bytes:
        return blake2b(name, key=self._key, digest_size=16, person=b"index").digest()
