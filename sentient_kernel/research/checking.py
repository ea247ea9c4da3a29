"""The step that checks a report against the stored snapshots, and the one that compares meanings
where an embedder is set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sentient_kernel.cache import Key
from sentient_kernel.engine import Context, fixed_name
from sentient_kernel.errors import NotFound, StepFailed
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Claim, Report
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.library import Library
from sentient_kernel.research.model_registry import ModelRegistry
from sentient_kernel.research.verify.claims import check_report
from sentient_kernel.sources.base import Document

__all__ = ["Checking"]

EMBEDDING_TTL = 30 * 86_400.0
"""Seconds for which an embedder's answer to the very same texts is served again."""


class Checking:
    """Checks the sentences of one research.

    Args:
        ctx: The run.
        library: The stored documents.
        models: Opens the embedder.
    """

    def __init__(self, ctx: Context, library: Library, models: ModelRegistry) -> None:
        self._ctx = ctx
        self._library = library
        self._models = models

    @fixed_name("research:verify")
    def verify(
        self,
        draft: Report,
        judged: dict[str, str] | None = None,
        near: dict[str, float] | None = None,
    ) -> Report:
        """Checks every citation of a report against the stored snapshots.

        Args:
            draft: The report.
            judged: By sentence the words of its quotes by which a model takes it for supported.
            near: By sentence its similarity to its quotes, as an embedder sees it.
        """
        stored = cache(self._stored)

        def text_of(document: DocumentId) -> str | None:
            found = stored(document)
            return found.text if found else None

        def meta_of(document: DocumentId) -> Mapping[str, Any]:
            found = stored(document)
            return found.meta if found else {}

        return check_report(draft, text_of, judged or {}, near or {}).described(meta_of)

    def _stored(self, document: DocumentId) -> Document | None:
        try:
            return self._library.document(document)
        except NotFound:
            return None

    async def similarity(
        self,
        doubtful: Sequence[Claim],
        evidence: Sequence[Evidence],
        embedder: str,
        notes: list[str],
    ) -> dict[str, float]:
        """Returns how similar sentences are to what they cite; nothing where the embedder does not
        answer, which is noted.

        Args:
            doubtful: The sentences.
            evidence: All quotes that they could cite.
            embedder: Its name.
            notes: What a reader of the report has to know.
        """
        from sentient_kernel.research.verify.claims import similarity

        at = {(one.document, one.start, one.end): n for n, one in enumerate(evidence)}
        cited = {
            claim.text: [at[one.place] for one in claim.citations if one.place in at]
            for claim in doubtful
        }

        @fixed_name("research:compare")
        async def compare(
            name: str, quotes: list[str], cited: dict[str, list[int]]
        ) -> dict[str, float]:
            texts = [*quotes, *cited]

            async def embed() -> bytes:
                vectors = await self._models.embedder(name).embed(texts)
                return json.dumps([[round(x, 6) for x in vector] for vector in vectors]).encode()

            key = Key("model", {"embedder": name, "texts": texts})
            vectors = json.loads(
                (await self._library.cache.call(key, embed, ttl=EMBEDDING_TTL)).data
            )
            others, of = vectors[: len(quotes)], vectors[len(quotes) :]
            return {
                text: similarity(vector, [others[place] for place in places], others)
                for (text, places), vector in zip(cited.items(), of, strict=True)
            }

        quotes = [one.quote for one in evidence]
        try:
            found: dict[str, float] = await self._ctx.step(
                compare, embedder, quotes, cited, title="compare meanings"
            )
        except StepFailed as error:
            notes.append(f"The embedder did not help to check sentences: {error.message}")
            return {}
        return found
