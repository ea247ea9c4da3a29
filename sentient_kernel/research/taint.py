"""Which searches may leave this machine by themselves: information flow, known elsewhere as taint
and the rule of two. Pure.

A model that has read a person's own documents can put what stands there into its next query, in any
spelling; no list of words finds that. So it is not looked at what a query says, but at what its
writer had read. What the person said, a plan that a person saw and what public pages said may go
out. What a model wrote after own text was in one of its prompts is shown to a person first, word
for word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import Field, TypeAdapter

from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.plan import SubQuestion

Taint = tuple[str, ...]
"""Where own text came from that somebody had read when they wrote something: sources and hosts, by
name; empty for none.
"""

LONGEST = 1_000
"""Characters that a search may have as a person edits it."""


def own_sources(evidence: Iterable[Evidence]) -> Taint:
    """Returns the own sources that evidence is quoted from, each once; of what a search engine
    found, the hosts.
    """
    return tuple(dict.fromkeys(one.origin or one.source for one in evidence if one.own))


def joined(taint: Taint, more: Iterable[str]) -> Taint:
    """Returns both together: what was read once stays read.

    Example:
        >>> joined(("notes",), ["papers", "notes"])
        ('notes', 'papers')
    """
    return tuple(dict.fromkeys((*taint, *more)))


def needs_approval(part: SubQuestion, source: str) -> bool:
    """Tells whether a search may be sent to a source elsewhere only when a person agrees. What a
    source said may go back to it.
    """
    return any(read != source for read in part.taint)


def outgoing(part: SubQuestion, source: str, sent: Mapping[int, str]) -> str:
    """Returns what a source elsewhere is sent for a sub-question; empty for nothing.

    Args:
        part: The sub-question.
        source: The source's name.
        sent: What people agreed to, by sub-question. What is not in it is not sent.
    """
    return sent.get(part.id, "") if needs_approval(part, source) else part.query


def approval_schema(count: int) -> TypeAdapter[list[str]]:
    """Returns what an answer has to fit: at most so many searches, none of them long; an empty list
    sends nothing.
    """
    most = Annotated[list[Annotated[str, Field(max_length=LONGEST)]], Field(max_length=count)]
    return TypeAdapter(most)


def approval_question(parts: Sequence[SubQuestion], sources: Sequence[str]) -> str:
    """Returns what a person is asked before searches are sent.

    Example:
        >>> part = SubQuestion(id=1, text="Where?", query="hive at Graz", taint=("notes",))
        >>> approval_question([part], ["searxng", "arxiv"])
        'Send this search to searxng and arxiv? A model wrote it after it had read your own
        documents (notes). Edit it or strike it out.'
    """
    these, them = (
        (f"these {len(parts)} searches", "them") if len(parts) > 1 else ("this search", "it")
    )
    read = _listed(joined((), (name for part in parts for name in part.taint)))
    each = ", each to all of them" if len(parts) > 1 and len(sources) > 1 else ""
    where = f"{_listed(sources)}{each}"
    wrote = f"A model wrote {them} after it had read your own documents ({read})."
    return f"Send {these} to {where}? {wrote} Edit {them} or strike {them} out."


def agreed(parts: Sequence[SubQuestion], answer: Sequence[str]) -> dict[int, str]:
    """Returns what may be sent for each sub-question, as a person edited it.

    Args:
        parts: The sub-questions whose queries were shown, in that order.
        answer: What came back. Of fewer than were shown, those left unchanged stay with their own
            sub-question.

    Example:
        >>> parts = [SubQuestion(id=n, text=q, query=q) for n, q in enumerate(("one", "two",
        ...     "three"))]
        >>> agreed(parts, ["one", "", "drei"]), agreed(parts, ["three"]), agreed(parts, [])
        ({0: 'one', 2: 'drei'}, {2: 'three'}, {})
    """
    given = [text.strip() for text in answer]
    if len(given) == len(parts):
        return {part.id: text for part, text in zip(parts, given, strict=True) if text}
    kept = {part.id: part.query for part in parts if part.query in given}
    changed = iter([text for text in given if text and text not in kept.values()])
    for part in parts:
        if part.id not in kept and (text := next(changed, "")):
            kept[part.id] = text
    return kept


def said_of(
    asked: int, sent: int, sources: Collection[str], *, policy: str = "ask", reason: str = ""
) -> str:
    """Returns what a report says of searches that needed an approval. Their words stand in the
    approval alone: reports are passed on.

    Args:
        asked: How many needed one.
        sent: How many were sent.
        sources: Where to.
        policy: How the run answers such questions.
        reason: Why it was rejected, where it was.

    Example:
        >>> said_of(2, 2, ["web"], policy="auto")
        "2 searches written after reading your own documents were sent to web, shown to nobody, as
        the policy 'auto' allows."
    """
    where = _listed(sources)
    if policy == "auto" and sent:
        return f"{_searches(sent)} sent to {where}, shown to nobody, as the policy 'auto' allows."
    said = [f"{_searches(sent)} sent to {where} with a person's approval."] if sent else []
    if asked > sent:
        why = f": {reason}" if reason else ""
        said.append(
            f"{_searches(asked - sent)} not sent to {where}{why}. Only sources on this machine were"
            " searched with them."
        )
    return " ".join(said)


def _searches(count: int) -> str:
    return (
        f"{count} search{'es' if count > 1 else ''} written after reading your own documents"
        f" {'were' if count > 1 else 'was'}"
    )


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
