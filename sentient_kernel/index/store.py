"""The index: documents of named sources, cut into passages and found again by their words."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from sentient_kernel.documents import Document, Passage
from sentient_kernel.ids import DocumentId
from sentient_kernel.index import rank
from sentient_kernel.index._database import Connection, Database
from sentient_kernel.index.chunk import chunks

if TYPE_CHECKING:
    from apsw import SQLiteValue

__all__ = ["Index"]

_POOL = 100  # passages that are ranked again
_LINKS = 20  # passages that are added because a best one names their document
_SHARED = 3  # a title that more documents bear names none of them
_BATCH = 2_000_000  # characters written in one transaction, so that others get their turn
_UNSPACED = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0e7f])")


@dataclass(frozen=True, slots=True)
class _Row:
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


class Index:
    """Passages of documents, found by words. Threads and processes may share the file; it can be rebuilt from the sources.

    Args:
        path: The file.
        weights: How much each part of the ranking counts.

    Raises:
        SourceError: The file cannot be used.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> index = Index(folder.name + "/index.db")
        >>> index.put("notes", [Document(title="Bees", uri="bees.txt", text="Honey bees dance. They show where food is.")])
        1
        >>> [passage.title for passage in index.search("Why do bees dance?")]
        ['Bees']
        >>> index.close(); folder.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str], *, weights: rank.Weights = rank.DEFAULT) -> None:
        self._database = Database(path)
        self.weights = weights

    def put(self, source: str, documents: Iterable[Document], *, stamps: Mapping[str, str] | None = None) -> int:
        """Adds documents, or replaces those of the same uri. What has not changed is not cut and indexed again.

        Args:
            source: The name of the source that they belong to.
            documents: Taken one by one; written in portions, each of them whole or not at all.
            stamps: What tells later, by uri, that a document has not changed: its time and size, or a version.

        Returns:
            How many documents were new or changed.
        """
        changed, portion, size = 0, list[Document](), 0
        for document in documents:
            portion.append(document)
            size += len(document.text)
            if size >= _BATCH:
                changed += self._put(source, portion, stamps or {})
                portion, size = [], 0
        return changed + (self._put(source, portion, stamps or {}) if portion else 0)

    def remove(self, source: str, uris: Iterable[str]) -> int:
        """Removes documents of a source.

        Returns:
            How many there were.
        """
        with self._database.write() as db:
            held = _source_id(db, source)
            gone = 0
            for uri in set(uris):
                row = db.execute("SELECT id FROM document WHERE source = ? AND uri = ?", (held, _bytes(uri))).fetchone()
                if row:
                    _forget(db, row[0])
                    gone += 1
            return gone

    def drop(self, source: str) -> int:
        """Removes a source with all its documents.

        Returns:
            How many documents there were.
        """
        with self._database.write() as db:
            held = _source_id(db, source)
            rows = db.execute("SELECT id FROM document WHERE source = ?", (held,)).fetchall()
            for (document,) in rows:
                _forget(db, document)
            db.execute("DELETE FROM source WHERE id = ?", (held,))
            return len(rows)

    def stamps(self, source: str) -> dict[str, str]:
        """Returns the stamps of a source's documents by uri; an empty one where none was given."""
        with self._database.read() as db:
            rows = db.execute("SELECT uri, stamp FROM document WHERE source = ?", (_source_id(db, source),))
            return {_string(uri): stamp for uri, stamp in rows}

    def counts(self) -> dict[str, tuple[int, int]]:
        """Returns how many documents and passages each source has."""
        with self._database.read() as db:
            rows = db.execute(
                "SELECT s.name, count(d.id), coalesce(sum(d.passages), 0) FROM source s "
                "LEFT JOIN document d ON d.source = s.id GROUP BY s.id"
            )
            return {_string(name): (documents, passages) for name, documents, passages in rows}

    def document(self, document: DocumentId) -> Document | None:
        """Returns a document exactly as it was put, or None."""
        with self._database.read() as db:
            row = db.execute("SELECT b.snapshot FROM document d JOIN body b ON b.document = d.id WHERE d.hash = ?", (document,)).fetchone()
        return Document.from_snapshot(zlib.decompress(row[0])) if row else None

    def search(self, query: str, *, sources: Sequence[str] | None = None, k: int = 10) -> list[Passage]:
        """Returns the passages that fit a question best, best first; the same ones for the same question and contents.

        Any text is a question: what looks like an operator is a word. Blocks for some milliseconds.

        Args:
            query: A question or some words; beyond 4,000 characters or 32 words it is cut.
            sources: Where to look; everywhere without.
            k: How many passages at most.

        Returns:
            Passages; ``document(passage.document).text[passage.start : passage.end] == passage.text``.
        """
        if k < 1:
            return []
        with self._database.read() as db:
            words = db.words(_spaced(rank.clean(query)))
            wanted = rank.build_query(words, db.stems(words))
            allowed = _allowed(db, sources)
            if not wanted.words or (allowed is not None and not allowed):
                return []
            scores = _match(db, wanted, allowed, self.weights.title, max(_POOL, k))
            if not scores:
                return []
            rows = _rows(db, list(scores))
            final = self._rank(db, wanted, scores, rows, allowed)
        return [_passage(rows[key], final[key]) for key in rank.order(final)[:k]]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({str(self._database.path)!r})"

    def _put(self, source: str, documents: Sequence[Document], stamps: Mapping[str, str]) -> int:
        latest = {document.uri: document for document in documents}
        prepared = [(document, document.snapshot(), document.id) for document in latest.values()]
        changed = 0
        with self._database.write() as db:
            held = _source_id(db, source)
            if held is None:
                db.execute("INSERT INTO source (name) VALUES (?)", (_bytes(source),))
                held = db.db.last_insert_rowid()
            for document, snapshot, identity in prepared:
                stamp, uri = stamps.get(document.uri, ""), _bytes(document.uri)
                row = db.execute("SELECT id, hash FROM document WHERE source = ? AND uri = ?", (held, uri)).fetchone()
                if row and row[1] == identity:
                    db.execute("UPDATE document SET stamp = ? WHERE id = ?", (stamp, row[0]))
                    continue
                if row:
                    _forget(db, row[0])
                _insert(db, held, document, snapshot, stamp)
                changed += 1
        return changed

    def _rank(
        self, db: Connection, wanted: rank.Query, scores: Mapping[int, float], rows: dict[int, _Row], allowed: Sequence[int] | None
    ) -> dict[int, float]:
        """Ranks what was found again; adds rows that the best ones lead to."""
        total = db.execute("SELECT count(*) FROM passage").fetchone()[0]  # type: ignore[index]
        idf = {stem: _rarity(db, stem, total) for stem in wanted.stems}
        titles: dict[str, tuple[list[str], list[str]]] = {}
        candidates = [_candidate(db, row, scores[key], titles) for key, row in rows.items()]
        first = rank.first_pass(wanted, candidates, idf, self.weights)
        if not self.weights.link:
            return rank.second_pass(first, candidates, {}, self.weights)
        linked = self._linked(db, first, {each.key: each for each in candidates}, allowed, total)
        present = {each.document for each in candidates}
        missing = sorted((document for document in linked if document not in present), key=lambda document: (-linked[document], document))
        added = _rows(db, _first_passages(db, missing[:_LINKS]))
        rows.update(added)
        candidates += [_candidate(db, row, 0.0, titles) for row in added.values()]
        return rank.second_pass(first, candidates, linked, self.weights)

    def _linked(
        self,
        db: Connection,
        first: Mapping[int, float],
        candidates: Mapping[int, rank.Candidate],
        allowed: Sequence[int] | None,
        total: int,
    ) -> dict[int, float]:
        """Returns the documents whose titles the best passages name, and how good the best of those passages is: 0 to 1."""
        best = rank.order(first)[: self.weights.bridges]
        found: dict[int, float] = {}
        for key in best:
            strength = first[key] / first[best[0]] if first[best[0]] else 0.0
            for named, documents in _bearers(db, rank.named_titles(candidates[key].words), allowed).items():
                own = candidates[key].document in documents
                if own or len(documents) > _SHARED or (" " not in named and _rarity(db, db.stems([named])[0], total) < _TELLING):
                    continue
                for document in documents:
                    found[document] = max(found.get(document, 0.0), strength)
        return found


_TELLING = 3.0  # rarity from which a title of one word names a document


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _string(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _spaced(text: str) -> str:
    """Sets the characters of scripts without spaces apart, so that each of them is a word of the index."""
    return text if text.isascii() else _UNSPACED.sub(r" \1 ", text)


def _indexable(text: str) -> str:
    return _spaced(text).encode("utf-8", "replace").decode("utf-8")


def _source_id(db: Connection, source: str) -> int | None:
    row = db.execute("SELECT id FROM source WHERE name = ?", (_bytes(source),)).fetchone()
    return row[0] if row else None


def _allowed(db: Connection, sources: Sequence[str] | None) -> list[int] | None:
    """Returns the ids of the sources to look in; None for all there are."""
    if sources is None:
        return None
    ids = [held for source in dict.fromkeys(sources) if (held := _source_id(db, source)) is not None]
    everywhere = db.execute("SELECT count(*) FROM source").fetchone()[0]  # type: ignore[index]
    return None if len(ids) == everywhere and ids else ids


def _insert(db: Connection, source: int, document: Document, snapshot: bytes, stamp: str) -> None:
    spans = chunks(document.text)
    title = _indexable(document.title)
    named = " ".join(db.words(rank.fold_title(title)))[:200]
    db.execute(
        "INSERT INTO document (source, uri, hash, title, named, stamp, passages) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (source, _bytes(document.uri), document.id, _bytes(document.title), named, stamp, len(spans)),
    )
    key = db.db.last_insert_rowid()
    db.execute("INSERT INTO body (document, snapshot) VALUES (?, ?)", (key, zlib.compress(snapshot, 6)))
    for start, stop in spans:
        text = document.text[start:stop]
        db.execute("INSERT INTO passage (document, start, stop, text) VALUES (?, ?, ?, ?)", (key, start, stop, _bytes(text)))
        db.execute(
            "INSERT INTO words (rowid, title, text, source) VALUES (?, ?, ?, ?)",
            (db.db.last_insert_rowid(), title, _indexable(text), f"source{source}"),
        )


def _forget(db: Connection, document: SQLiteValue) -> None:
    db.execute("DELETE FROM words WHERE rowid IN (SELECT id FROM passage WHERE document = ?)", (document,))
    db.execute("DELETE FROM passage WHERE document = ?", (document,))
    db.execute("DELETE FROM body WHERE document = ?", (document,))
    db.execute("DELETE FROM document WHERE id = ?", (document,))


def _match(db: Connection, wanted: rank.Query, allowed: Sequence[int] | None, title: float, limit: int) -> dict[int, float]:
    """Returns the passages that hold any of the words, with their BM25: those of the highest, the older ones first among equals."""
    expression = rank.match_expression(wanted.words)
    expression = f"{{title text}} : ({expression})"
    if allowed is not None:
        expression += f" AND source : ({rank.match_expression(f'source{each}' for each in allowed)})"
    rows = db.execute(
        "SELECT rowid, bm25(words, ?, 1.0, 0.0) AS score FROM words WHERE words MATCH ? ORDER BY score, rowid LIMIT ?",
        (title, expression, limit),
    )
    return {key: -score for key, score in rows}


def _rows(db: Connection, keys: Sequence[int]) -> dict[int, _Row]:
    found = db.execute(
        "SELECT p.id, p.document, p.start, p.stop, p.text, d.title, d.uri, d.hash, s.name "
        "FROM json_each(?) k JOIN passage p ON p.id = k.value "
        "JOIN document d ON d.id = p.document JOIN source s ON s.id = d.source ORDER BY k.key",
        (json.dumps(keys),),
    )
    rows: dict[int, _Row] = {}
    for key, document, start, stop, text, title, uri, identity, source in found:
        rows[key] = _Row(key, document, start, stop, _string(text), _string(title), _string(uri), identity, _string(source))
    return rows


def _first_passages(db: Connection, documents: Sequence[int]) -> list[int]:
    rows = db.execute(
        "SELECT min(p.id) FROM json_each(?) k JOIN passage p ON p.document = k.value GROUP BY k.key", (json.dumps(documents),)
    )
    return [key for (key,) in rows]


def _bearers(db: Connection, titles: set[str], allowed: Sequence[int] | None) -> dict[str, set[int]]:
    """Returns the documents that bear one of the titles, by title."""
    found: dict[str, set[int]] = {}
    query: Any = db.execute(
        "SELECT d.named, d.id, d.source FROM json_each(?) k CROSS JOIN document d ON d.named = k.value AND d.named != ''",
        (json.dumps(sorted(titles)),),
    )
    for named, document, source in query:
        if allowed is None or source in allowed:
            found.setdefault(named, set()).add(document)
    return found


def _rarity(db: Connection, stem: str, total: int) -> float:
    row = db.execute("SELECT doc FROM vocabulary WHERE term = ?", (stem,)).fetchone()
    return rank.rarity(total, min(total, row[0]) if row else 0)


def _candidate(db: Connection, row: _Row, score: float, titles: dict[str, tuple[list[str], list[str]]]) -> rank.Candidate:
    words = db.words(_spaced(row.text))
    if row.title not in titles:
        title = db.words(_spaced(row.title))
        titles[row.title] = (title, db.stems(title))
    title, title_stems = titles[row.title]
    return rank.Candidate(row.key, row.document, score, words, db.stems(words), title, title_stems)


def _passage(row: _Row, score: float) -> Passage:
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
