"""The pure steps of a research: plan, pick, write, and what the report was made with."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sentient_kernel.engine import fixed_name
from sentient_kernel.report.report import Report
from sentient_kernel.research.extractive.evidence import Evidence, collect
from sentient_kernel.research.extractive.plan import SubQuestion, plan
from sentient_kernel.research.extractive.support import supports
from sentient_kernel.research.extractive.write import write
from sentient_kernel.sources.base import Health, Passage

__all__ = [
    "SearchResult",
    "by_part",
    "made_with",
    "make_plan",
    "merged",
    "pick_evidence",
    "pick_quotes",
    "write_report",
]

_READERS = ("trafilatura", "pypdfium2")
_ASKS = "pydantic-ai-slim"


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
    from sentient_kernel import __version__

    others = [f"python {platform.python_version()}"]
    others += [
        f"{name} {version}" for name, version in _installed().items() if model or name in _READERS
    ]
    prompts = ""
    if model:
        from sentient_kernel.research.prompts import digest

        prompts = digest()
    return {
        "sentient_kernel": f"{__version__} ({', '.join(others)})",
        "model": model,
        "prompts": prompts,
        "documents": documents,
    }


@cache
def _installed() -> dict[str, str]:
    """Returns the versions of what reads pages and asks models, where it is installed.

    From the names of folders: importlib.metadata would read whole files for it, which takes longer
        than a search.
    """
    found = dict[str, str]()
    for folder in sys.path:
        if folder.endswith("-packages"):
            with suppress(OSError):
                for entry in os.listdir(folder):
                    name, _, version = entry.removesuffix(".dist-info").partition("-")
                    if entry.endswith(".dist-info"):
                        found.setdefault(name.lower().replace("_", "-"), version)
    return {name: found[name] for name in (*_READERS, _ASKS) if name in found}


def by_part(found: Sequence[SearchResult]) -> dict[int, list[Passage]]:
    """Returns the passages found for each sub-question, best first."""
    passages: dict[int, list[Passage]] = {}
    for one in found:
        passages.setdefault(one.part, []).extend(one.passages)
    for group in passages.values():
        group.sort(key=lambda passage: -passage.score)
    return passages


def merged(healths: Sequence[Health], found: Sequence[SearchResult]) -> list[Health]:
    """Returns how each source did over the whole run: what its refresh refused, and why its
    searches came back empty.
    """
    whole = []
    for health in healths:
        searches = [one for one in found if one.source == health.source]
        reason, refused = health.reason, dict.fromkeys(health.refused)
        if all(not one.passages for one in searches):
            reason = next(filter(None, [reason, *(one.health.reason for one in searches)]), "")
        for one in searches:
            refused |= dict.fromkeys(one.health.refused)
        whole.append(replace(health, reason=reason, refused=tuple(refused)))
    return whole
