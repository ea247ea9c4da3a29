"""The index: documents of named sources, cut into passages and found again by their words."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from types import TracebackType
from typing import Any

from sentient_kernel.documents import Document, Passage
from sentient_kernel.ids import DocumentId
from sentient_kernel.index import rank
from sentient_kernel.index import records as records
from sentient_kernel.index.database import Connection, IndexDatabase
from sentient_kernel.installation import installation

_POOL = 100  # passages that are ranked again
_LINKS = 20  # passages that are added because a best one names their document
_SHARED = 3  # a title that more documents bear names none of them
_TELLING = 3.0  # rarity from which a title of one word names a document
_MOST_SNAPSHOT = 256 << 20  # bytes of a document, unpacked
_BATCH = 2_000_000  # characters written in one transaction, so that others get their turn


class Index:
    """Passages of documents, found by words. Threads and processes may share the file; it can be
    rebuilt from the sources.

    Args:
        path: The file.
        weights: How much each part of the ranking counts.
        key: What tells an index that was made here from others; default: this installation's.

    Raises:
        SourceError: The file cannot be used.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> index = Index(folder.name + "/index.db")
        >>> index.put("notes", [Document(title="Bees", uri="bees.txt",
        ...     text="Honey bees dance. They show where food is.")])
        1
        >>> [passage.title for passage in index.search("Why do bees dance?")]
        ['Bees']
        >>> index.close(); folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        weights: rank.Weights = rank.DEFAULT,
        key: bytes | None = None,
    ) -> None:
        self._database = IndexDatabase(path, installation().key if key is None else key)
        self.weights = weights

    def put(
        self, source: str, documents: Iterable[Document], *, stamps: Mapping[str, str] | None = None
    ) -> int:
        """Adds documents, or replaces those of the same uri. What has not changed is not cut and
        indexed again.

        Args:
            source: The name of the source that they belong to.
            documents: Taken one by one; written in portions, each of them whole or not at all.
            stamps: What tells later, by uri, that a document has not changed: its time and size, or
                a version.

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

        def work(db: Connection) -> int:
            held, gone = records.source_id(db, source), 0
            for uri in set(uris):
                row = records.find(db, held, uri)
                if row:
                    records.forget(db, row[0])
                    gone += 1
            return gone

        return self._database.write(work)

    def drop(self, source: str) -> int:
        """Removes a source with all its documents.

        Returns:
            How many documents there were.
        """

        def work(db: Connection) -> int:
            held = records.source_id(db, source)
            rows = db.execute("SELECT id FROM document WHERE source = ?", (held,)).fetchall()
            for (document,) in rows:
                records.forget(db, document)
            db.execute("DELETE FROM source WHERE id = ?", (held,))
            return len(rows)

        return self._database.write(work)

    def stamps(self, source: str) -> dict[str, str]:
        """Returns the stamps of a source's documents by uri; an empty one where none was given."""
        query = (
            "SELECT d.uri, d.stamp FROM source s JOIN document d ON d.source = s.id WHERE s.name"
            " = ?"
        )
        rows = self._rows(query, records.to_bytes(source))
        return {records.to_string(uri): stamp for uri, stamp in rows}

    def counts(self) -> dict[str, tuple[int, int]]:
        """Returns how many documents and passages each source has."""
        query = (
            "SELECT s.name, count(d.id), coalesce(sum(d.passages), 0) FROM source s "
            "LEFT JOIN document d ON d.source = s.id GROUP BY s.id"
        )
        return {
            records.to_string(name): (documents, passages)
            for name, documents, passages in self._rows(query)
        }

    def document(self, document: DocumentId) -> Document | None:
        """Returns a document exactly as it was put, or None: also when what stands in its place is
        not what its id says.
        """
        query = (
            "SELECT b.snapshot FROM document d JOIN body b ON b.document = d.id WHERE d.hash = ?"
        )
        rows = self._rows(f"{query} LIMIT 1", document)
        return _unpacked(rows[0][0], document) if rows else None

    def _rows(self, query: str, *values: str | bytes) -> list[Any]:
        return self._database.read(lambda db: db.execute(query, values).fetchall())

    def search(
        self, query: str, *, sources: Sequence[str] | None = None, k: int = 10
    ) -> list[Passage]:
        """Returns the passages that fit a question best, best first; the same ones for the same
        question and contents.

        Any text is a question: what looks like an operator is a word. Blocks for some milliseconds.

        Args:
            query: A question or some words; beyond 4,000 characters or 32 words it is cut.
            sources: Where to look; everywhere without.
            k: How many passages at most.

        Returns:
            Passages;
            ``document(passage.document).text[passage.start : passage.end] == passage.text``.
        """
        return self._database.read(lambda db: self._search(db, query, sources, k)) if k > 0 else []

    def close(self) -> None:
        """Closes the file."""
        self._database.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Index({str(self._database.path)!r})"

    def _put(self, source: str, documents: Sequence[Document], stamps: Mapping[str, str]) -> int:
        latest = {document.uri: document for document in documents}
        prepared = [(document, document.id) for document in latest.values()]

        def work(db: Connection) -> int:
            changed, held = 0, records.source_id(db, source)
            if held is None:
                db.execute("INSERT INTO source (name) VALUES (?)", (records.to_bytes(source),))
                held = db.last_insert_rowid()
            for document, identity in prepared:
                stamp = stamps.get(document.uri, "")
                row = records.find(db, held, document.uri)
                if row and row[1] == identity:
                    db.execute("UPDATE document SET stamp = ? WHERE id = ?", (stamp, row[0]))
                    continue
                if row:
                    records.forget(db, row[0])
                records.insert(db, held, document, identity, stamp)
                changed += 1
            return changed

        return self._database.write(work)

    def _search(
        self, db: Connection, query: str, sources: Sequence[str] | None, k: int
    ) -> list[Passage]:
        """Finds passages by their words, then ranks them again, with others that the best ones lead
        to.
        """
        words = db.words(rank.clean(query))
        wanted = rank.build_query(words, db.stems(words))
        allowed = records.allowed_ids(db, sources)
        if not wanted or (allowed is not None and not allowed):
            return []
        scores = records.match(db, wanted, allowed, self.weights.title, max(_POOL, k))
        rows = records.passages(db, list(scores))
        total = db.execute("SELECT count(*) FROM passage").get
        idf = {stem: records.rarity_of(db, stem, total) for stem in wanted}
        titles: dict[str, tuple[list[str], list[str]]] = {}
        candidates = {
            key: records.as_candidate(db, key, row, scores[key], titles)
            for key, row in rows.items()
        }
        first = rank.first_pass(wanted, list(candidates.values()), idf, self.weights)
        linked: Mapping[int, float] = (
            self._linked(db, first, candidates, allowed, total) if self.weights.link else {}
        )
        present = {each.document for each in candidates.values()}
        missing = [key for key in rank.order(linked) if key not in present]
        added = records.passages(db, records.first_passages(db, missing[:_LINKS]))
        for key, row in added.items():
            rows[key] = row
            candidates[key] = records.as_candidate(db, key, row, 0.0, titles)
        final = rank.second_pass(first, list(candidates.values()), linked, self.weights)
        return [replace(rows[key][1], score=final[key]) for key in rank.order(final)[:k]]

    def _linked(
        self,
        db: Connection,
        first: Mapping[int, float],
        candidates: Mapping[int, rank.Candidate],
        allowed: Sequence[int] | None,
        total: int,
    ) -> dict[int, float]:
        """Returns the documents whose titles the best passages name, and how good the best of those
        passages is: 0 to 1.
        """
        best = rank.order(first)[: self.weights.bridges]
        found: dict[int, float] = {}
        for key in best:
            strength = first[key] / first[best[0]] if first[best[0]] else 0.0
            for named, documents in records.bearers(
                db, rank.named_titles(candidates[key].words), allowed
            ).items():
                own = candidates[key].document in documents
                if (
                    own
                    or len(documents) > _SHARED
                    or (
                        " " not in named
                        and records.rarity_of(db, db.stems([named])[0], total) < _TELLING
                    )
                ):
                    continue
                for document in documents:
                    found[document] = max(found.get(document, 0.0), strength)
        return found


def _unpacked(packed: bytes, document: DocumentId) -> Document | None:
    try:
        inflate = zlib.decompressobj()
        snapshot = inflate.decompress(packed, _MOST_SNAPSHOT)
    except (zlib.error, TypeError):
        return None
    whole = inflate.eof and sha256(snapshot).hexdigest() == document
    return Document.from_snapshot(snapshot) if whole else None
