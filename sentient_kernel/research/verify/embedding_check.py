"""Compares sentences with their quotes in meaning, where an embedder is set and their words alone do not tell. A recorded step."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from sentient_kernel.cache import Cache, Key
from sentient_kernel.engine import Context, fixed_name
from sentient_kernel.errors import StepFailed
from sentient_kernel.models.embedding import Embedder
from sentient_kernel.report.report import Claim
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.model_calls import LIVES
from sentient_kernel.research.verify.similarity import nearness

__all__ = ["nearest"]


async def nearest(
    ctx: Context,
    doubtful: Sequence[Claim],
    evidence: Sequence[Evidence],
    name: str,
    opened: Callable[[str], Embedder],
    cache: Cache,
    notes: list[str],
) -> dict[str, float]:
    """Returns how near sentences are to what they cite; nothing where the embedder does not answer, which is noted.

    Args:
        ctx: The run.
        doubtful: The sentences.
        evidence: All quotes that they could cite.
        name: The embedder's.
        opened: Opens it.
        cache: Keeps what it answered.
        notes: What a reader of the report has to know.
    """
    at = {(one.document, one.start, one.end): n for n, one in enumerate(evidence)}
    cited = {claim.text: [at[one.place] for one in claim.citations if one.place in at] for claim in doubtful}

    @fixed_name("research:compare")
    async def compare(name: str, quotes: list[str], cited: dict[str, list[int]]) -> dict[str, float]:
        texts = [*quotes, *cited]

        async def embed() -> bytes:
            return json.dumps([[round(x, 6) for x in vector] for vector in await opened(name).embed(texts)]).encode()

        hit = await cache.call(Key("model", {"embedder": name, "texts": texts}), embed, ttl=LIVES)
        vectors = json.loads(hit.data)
        others = vectors[: len(quotes)]
        of = zip(cited.items(), vectors[len(quotes) :], strict=True)
        return {text: nearness(vector, [others[place] for place in places], others) for (text, places), vector in of}

    try:
        found: dict[str, float] = await ctx.step(compare, name, [one.quote for one in evidence], cited, title="compare meanings")
    except StepFailed as error:
        notes.append(f"The embedder did not help to check sentences: {error.message}")
        return {}
    return found
