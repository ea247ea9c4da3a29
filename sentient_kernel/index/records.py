"""What the index reads from its tables and writes to them: all of its SQL on documents and
passages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sentient_kernel.documents import Document, Passage
from sentient_kernel.ids import DocumentId
from sentient_kernel.index import rank
from sentient_kernel.index.chunk import chunks
from sentient_kernel.index.database import Connection, spaced


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


def forget(db: Connection, document: Any) -> None:
    """Removes a document with its passages."""
    db.execute(
        "DELETE FROM words WHERE rowid IN (SELECT id FROM passage WHERE document = ?)", (document,)
    )
    db.execute("DELETE FROM passage WHERE document = ?", (document,))
    db.execute("DELETE FROM body WHERE document = ?", (document,))
    db.execute("DELETE FROM document WHERE id = ?", (document,))


def match(
    db: Connection,
    wanted: Mapping[str, str],
    allowed: Sequence[int] | None,
    title: float,
    limit: int,
) -> dict[int, float]:
    """Returns the passages that hold any of the words, with their BM25: those of the highest, the
    older ones first among equals.
    """
    expression = rank.match_expression(wanted.values())
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


def passages(db: Connection, keys: Sequence[int]) -> dict[int, tuple[int, Passage]]:
    """Returns passages by key, in the order of the keys, each with the key of its document."""
    found = db.execute(
        "SELECT p.id, p.document, p.start, p.stop, p.text, d.title, d.uri, d.hash, s.name "
        "FROM json_each(?) k JOIN passage p ON p.id = k.value "
        "JOIN document d ON d.id = p.document JOIN source s ON s.id = d.source ORDER BY k.key",
        (json.dumps(keys),),
    )
    rows: dict[int, tuple[int, Passage]] = {}
    for key, document, start, stop, text, title, uri, identity, source in found:
        rows[key] = (
            document,
            Passage(
                document=DocumentId(identity),
                title=to_string(title),
                uri=to_string(uri),
                start=start,
                end=stop,
                text=to_string(text),
                score=0.0,
                source=to_string(source),
            ),
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
    db: Connection,
    key: int,
    row: tuple[int, Passage],
    score: float,
    titles: dict[str, tuple[list[str], list[str]]],
) -> rank.Candidate:
    """Returns a passage as words; ``titles`` keeps those of titles, which many passages share."""
    document, passage = row
    words = db.words(passage.text)
    if passage.title not in titles:
        title = db.words(passage.title)
        titles[passage.title] = (title, db.stems(title))
    return rank.Candidate(key, document, score, words, db.stems(words), *titles[passage.title])
