"""What the index reads from its tables and writes to them: all of its SQL on documents and
passages.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sentient_kernel.documents import Document, Passage
from sentient_kernel.ids import DocumentId
from sentient_kernel.index import rank
from sentient_kernel.index.chunk import chunks
from sentient_kernel.index.database import Connection, spaced

if TYPE_CHECKING:
    from apsw import SQLiteValue


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage as it is stored."""

    key: int
    document: int
    start: int
    stop: int
    text: str
    title: str
    uri: str
    hash: str
    source: str


def to_bytes(text: str) -> bytes:
    """Returns a text as it is kept: also one that holds halves of characters."""
    return text.encode("utf-8", "surrogatepass")


def to_string(data: bytes) -> str:
    """Returns the text that :func:`to_bytes` was given."""
    return data.decode("utf-8", "surrogatepass")


def indexable(text: str) -> str:
    """Returns a text as the full-text table takes it."""
    return spaced(text).encode("utf-8", "replace").decode("utf-8")


def source_id(db: Connection, source: str) -> int | None:
    """Returns the id of a source, or None when nothing was put for it."""
    found: int | None = db.execute("SELECT id FROM source WHERE name = ?", (to_bytes(source),)).get
    return found


def find(db: Connection, source: int | None, uri: str) -> Any:
    """Returns the id and the hash of a document of a source, or None."""
    return db.execute(
        "SELECT id, hash FROM document WHERE source = ? AND uri = ?", (source, to_bytes(uri))
    ).fetchone()


def allowed_ids(db: Connection, sources: Sequence[str] | None) -> list[int] | None:
    """Returns the ids of the sources to look in; None for all there are."""
    if sources is None:
        return None
    ids = [held for source in dict.fromkeys(sources) if (held := source_id(db, source)) is not None]
    everywhere = db.execute("SELECT count(*) FROM source").fetchone()[0]  # type: ignore[index]
    return None if len(ids) == everywhere and ids else ids


def insert(
    db: Connection, source: int, document: Document, identity: DocumentId, stamp: str
) -> None:
    """Cuts a document and adds it with its passages; of a text of millions of characters one other
    copy is held at a time.
    """
    spans = chunks(document.text)
    title = indexable(document.title)
    named = " ".join(db.words(rank.fold_title(title)))[:200]
    db.execute(
        "INSERT INTO document (source, uri, hash, title, named, stamp, passages) VALUES (?, ?, ?,"
        " ?, ?, ?, ?)",
        (
            source,
            to_bytes(document.uri),
            identity,
            to_bytes(document.title),
            named,
            stamp,
            len(spans),
        ),
    )
    key = db.last_insert_rowid()
    db.execute("INSERT INTO body (document, snapshot) VALUES (?, ?)", (key, document.packed()))
    for start, stop in spans:
        text = document.text[start:stop]
        db.execute(
            "INSERT INTO passage (document, start, stop, text) VALUES (?, ?, ?, ?)",
            (key, start, stop, to_bytes(text)),
        )
        db.execute(
            "INSERT INTO words (rowid, title, text, source) VALUES (?, ?, ?, ?)",
            (db.last_insert_rowid(), title, indexable(text), f"source{source}"),
        )


def forget(db: Connection, document: SQLiteValue) -> None:
    """Removes a document with its passages."""
    db.execute(
        "DELETE FROM words WHERE rowid IN (SELECT id FROM passage WHERE document = ?)", (document,)
    )
    db.execute("DELETE FROM passage WHERE document = ?", (document,))
    db.execute("DELETE FROM body WHERE document = ?", (document,))
    db.execute("DELETE FROM document WHERE id = ?", (document,))


def match(
    db: Connection, wanted: rank.Query, allowed: Sequence[int] | None, title: float, limit: int
) -> dict[int, float]:
    """Returns the passages that hold any of the words, with their BM25: those of the highest, the
    older ones first among equals.
    """
    expression = rank.match_expression(wanted.words)
    expression = f"{{title text}} : ({expression})"
    if allowed is not None:
        expression += (
            f" AND source : ({rank.match_expression(f'source{each}' for each in allowed)})"
        )
    rows = db.execute(
        "SELECT rowid, bm25(words, ?, 1.0, 0.0) AS score FROM words WHERE words MATCH ? ORDER BY"
        " score, rowid LIMIT ?",
        (title, expression, limit),
    )
    return {key: -score for key, score in rows}


def passages(db: Connection, keys: Sequence[int]) -> dict[int, PassageRow]:
    """Returns passages by key, in the order of the keys."""
    found = db.execute(
        "SELECT p.id, p.document, p.start, p.stop, p.text, d.title, d.uri, d.hash, s.name "
        "FROM json_each(?) k JOIN passage p ON p.id = k.value "
        "JOIN document d ON d.id = p.document JOIN source s ON s.id = d.source ORDER BY k.key",
        (json.dumps(keys),),
    )
    rows: dict[int, PassageRow] = {}
    for key, document, start, stop, text, title, uri, identity, source in found:
        rows[key] = PassageRow(
            key,
            document,
            start,
            stop,
            to_string(text),
            to_string(title),
            to_string(uri),
            identity,
            to_string(source),
        )
    return rows


def first_passages(db: Connection, documents: Sequence[int]) -> list[int]:
    """Returns the key of the first passage of each document that has any."""
    rows = db.execute(
        "SELECT min(p.id) FROM json_each(?) k JOIN passage p ON p.document = k.value GROUP BY"
        " k.key",
        (json.dumps(documents),),
    )
    return [key for (key,) in rows]


def bearers(db: Connection, titles: set[str], allowed: Sequence[int] | None) -> dict[str, set[int]]:
    """Returns the documents that bear one of the titles, by title."""
    found: dict[str, set[int]] = {}
    query: Any = db.execute(
        "SELECT d.named, d.id, d.source FROM json_each(?) k CROSS JOIN document d ON d.named ="
        " k.value AND d.named != ''",
        (json.dumps(sorted(titles)),),
    )
    for named, document, source in query:
        if allowed is None or source in allowed:
            found.setdefault(named, set()).add(document)
    return found


def rarity_of(db: Connection, stem: str, total: int) -> float:
    """Returns how rare a stem is among ``total`` passages."""
    row = db.execute("SELECT doc FROM vocabulary WHERE term = ?", (stem,)).fetchone()
    return rank.rarity(total, min(total, row[0]) if row else 0)


def as_candidate(
    db: Connection, row: PassageRow, score: float, titles: dict[str, tuple[list[str], list[str]]]
) -> rank.Candidate:
    """Returns a passage as words; ``titles`` keeps those of titles, which many passages share."""
    words = db.words(row.text)
    if row.title not in titles:
        title = db.words(row.title)
        titles[row.title] = (title, db.stems(title))
    title, title_stems = titles[row.title]
    return rank.Candidate(row.key, row.document, score, words, db.stems(words), title, title_stems)


def as_passage(row: PassageRow, score: float) -> Passage:
    """Returns a passage as callers know it."""
    return Passage(
        document=DocumentId(row.hash),
        title=row.title,
        uri=row.uri,
        start=row.start,
        end=row.stop,
        text=row.text,
        score=score,
        source=row.source,
    )
