"""The steps of a research: plan, pick, write, check, and what the report was made with."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from operator import attrgetter
from typing import Any

from sentient_kernel.cache import Key
from sentient_kernel.engine import Context, fixed_name
from sentient_kernel.errors import NotFound, StepFailed
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Claim, Report
from sentient_kernel.research.extractive.evidence import Evidence, collect
from sentient_kernel.research.extractive.plan import SubQuestion, plan
from sentient_kernel.research.extractive.support import supports
from sentient_kernel.research.extractive.write import write
from sentient_kernel.research.library import Library
from sentient_kernel.research.model_registry import ModelRegistry
from sentient_kernel.research.verify.claims import check_report
from sentient_kernel.sources.base import Document, Health, Passage
from sentient_kernel.version import __version__

EMBEDDING_TTL = 30 * 86_400.0
"""Seconds for which an embedder's answer to the very same texts is served again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What one source gave for one sub-question."""

    part: int
    source: str
    passages: tuple[Passage, ...]
    health: Health


@fixed_name("research:make_plan")
def make_plan(question: str) -> list[SubQuestion]:
    """Returns what a question asks."""
    return list(plan(question))


@fixed_name("research:pick_evidence")
def pick_evidence(
    parts: list[SubQuestion], found: list[SearchResult], limit: int
) -> list[Evidence]:
    """Returns the sentences that answer, over all sources and parts; none when what was found only
    shares words with the question.
    """
    passages = by_part(found)
    held = supports(parts, passages)
    for part in parts:
        if held[part.id].shown and (part is parts[0] or part.kind == "part"):
            return list(collect(parts, passages, limit=limit))
    return []


@fixed_name("research:pick_quotes")
def pick_quotes(parts: list[SubQuestion], found: list[SearchResult]) -> list[Evidence]:
    """Returns the sentences that a model is shown, over all sources and parts."""
    from sentient_kernel.research.quoting import quoted

    return list(quoted(parts, by_part(found)))


@fixed_name("research:write_report")
def write_report(
    question: str,
    parts: list[SubQuestion],
    found: list[SearchResult],
    evidence: list[Evidence],
    healths: list[Health],
) -> Report:
    """Returns the report, its citations not yet checked."""
    return write(question, parts, evidence, healths, found=by_part(found))


@fixed_name("research:made_with")
def made_with(model: str, documents: list[str]) -> dict[str, Any]:
    """Returns what a report was made with: versions, the model, the prompts and the snapshots it
    cites, by their hashes.
    """
    names, prompts = ["trafilatura", "pypdfium2"], ""
    if model:
        from sentient_kernel.research.prompts import digest

        names, prompts = [*names, "pydantic-ai-slim"], digest()
    others = filter(None, (f"python {platform.python_version()}", *map(_versioned, names)))
    return {
        "sentient_kernel": f"{__version__} ({', '.join(others)})",
        "model": model,
        "prompts": prompts,
        "documents": documents,
    }


@cache
def _versioned(name: str) -> str:
    """Returns the name and version of what reads pages or asks models; empty where it is not
    installed.
    """
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return ""


def by_part(found: Sequence[SearchResult]) -> dict[int, list[Passage]]:
    """Returns the passages found for each sub-question, best first."""
    passages: dict[int, list[Passage]] = {}
    for one in found:
        passages.setdefault(one.part, []).extend(one.passages)
    for group in passages.values():
        group.sort(key=attrgetter("score"), reverse=True)
    return passages


@dataclass(slots=True, eq=False)
class Checking:
    """Checks the sentences of one research.

    Args:
        ctx: The run.
        library: The stored documents.
        models: Opens the embedder.
    """

    ctx: Context
    library: Library
    models: ModelRegistry

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

        @cache
        def stored(document: DocumentId) -> Document:
            try:
                return self.library.document(document)
            except NotFound:  # no quote stands in an empty text
                return Document(title="", uri="", text="")

        checked = check_report(draft, lambda one: stored(one).text, judged or {}, near or {})
        return checked.described(lambda one: stored(one).meta)

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
                vectors = await self.models.embedder(name).embed(texts)
                return json.dumps([[round(x, 6) for x in vector] for vector in vectors]).encode()

            key = Key("model", {"embedder": name, "texts": texts})
            vectors = json.loads(
                (await self.library.cache.call(key, embed, ttl=EMBEDDING_TTL)).data
            )
            others, of = vectors[: len(quotes)], vectors[len(quotes) :]
            return {
                text: similarity(vector, [others[place] for place in places], others)
                for (text, places), vector in zip(cited.items(), of, strict=True)
            }

        quotes = [one.quote for one in evidence]
        try:
            found: dict[str, float] = await self.ctx.step(
                compare, embedder, quotes, cited, title="compare meanings"
            )
            return found
        except StepFailed as error:
            notes.append(f"The embedder did not help to check sentences: {error.message}")
            return {}
