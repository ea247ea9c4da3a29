"""Picks what a model is shown of what the searches found. Pure.

Words choose among sentences here, but they never decide that there is nothing to show: pages speak
of a buyer as of somebody who acquired, and the model sees that they mean the same. So every part of
the question keeps its best passages, whatever words they use, and a sentence comes with its
neighbours: who is introduced in one is told of in the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.research.extractive.evidence import CONTEXT, TWIN, Evidence, select
from sentient_kernel.research.extractive.features import pointing
from sentient_kernel.research.extractive.noise import Kind, excused, noisy
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import asked, content, titled

QUOTES = 9_000
"""Characters of all quotes together: with what is asked of them and the answer, they fit into 4,096
tokens, as local models have.
"""
_WHOLE, _PART = 20, 8
"""Sentences for the whole question, and for each of its parts, that their words choose."""
_HEARD, _EACH = 8, 2
"""The best passages of the question (of a part half as many) and of each source: a sentence at
least is shown of them.
"""
_FULL = 2
"""The best passages that are shown whole; of the others, what stands beside the sentences that are
chosen.
"""
_LONGEST, _TITLE, _MARKS = 700, 80, 12
"""Characters that a prompt shows of a quote, of its title, and around both."""


def quoted(
    parts: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]], *, most: int = QUOTES
) -> tuple[Evidence, ...]:
    """Returns the sentences that a model is shown: part by part, the best document first, in the
    order of its text.

    Args:
        parts: What was asked, the whole question first.
        found: What the searches found for each, by id, best first.
        most: Characters of all together. Where there are more, every part keeps its best.

    Example:
        >>> text = "Lumen Optics made lenses. In 2016 Brightwell acquired the firm."
        >>> page = Passage(document=DocumentId("d"), title="News", uri="n.txt", start=0,
        ...     end=len(text), text=text, score=3.0)
        >>> part = SubQuestion(id=0, text="Who is the buyer of Lumen?",
        ...     query="Who is the buyer of Lumen?")
        >>> [one.quote for one in quoted([part], {0: [page]})]
        ['Lumen Optics made lenses.', 'In 2016 Brightwell acquired the firm.']
    """
    lists = [_best(part, found.get(part.id, ()), whole=part is parts[0]) for part in parts]
    chosen: list[Evidence] = []
    bags: list[frozenset[str]] = []
    order: dict[tuple[int, DocumentId], int] = {}
    size = 0
    # the first of each list, then the second of each, and so on
    for one in filter(None, chain.from_iterable(zip_longest(*lists))):
        known = next((n for n, other in enumerate(chosen) if _overlap(one, other)), None)
        if known is not None:
            # a place is quoted once, under the part that it answers best
            if one.cover > chosen[known].cover:
                chosen[known] = replace(one, score=max(one.score, chosen[known].score))
                order.setdefault((one.part, one.document), len(order))
            continue
        bag = frozenset(content(one.quote))
        if not one.score and any(len(bag & other) > TWIN * len(bag | other) for other in bags):
            continue  # it says in the same words what is shown already
        size += min(len(one.quote), _LONGEST) + min(len(one.title), _TITLE) + _MARKS
        if size > most and chosen:
            break
        order.setdefault((one.part, one.document), len(order))
        chosen.append(one)
        bags.append(bag)
    places = {part.id: at for at, part in enumerate(parts)}
    return tuple(
        sorted(chosen, key=lambda one: (places[one.part], order[one.part, one.document], one.start))
    )


def _best(part: SubQuestion, passages: Sequence[Passage], *, whole: bool) -> list[Evidence]:
    """Returns the best sentences for a part, best first.

    First come those that its words choose, and one of each of its best passages; then what stands
    beside those.
    """
    picked = list(select(part.query, passages, limit=_WHOLE if whole else _PART, part=part.id))
    heard, terms = _heard(passages, _HEARD if whole else _HEARD // 2), asked(part.query)
    about = excused(part.query)
    beside: list[Evidence] = []
    for rank, passage in enumerate(passages):
        if rank not in heard and all(one.document != passage.document for one in picked):
            continue
        said = [_evidence(part, passage, *span) for span in sentences(passage.text)]
        said = [one for one in said if _says(one.quote, passage.title, about)]
        hits = [n for n, one in enumerate(said) if any(_overlap(one, other) for other in picked)]
        if said and not hits and rank in heard:
            hits = [
                max(
                    range(len(said)),
                    key=lambda n: sum(terms.get(term, 0.0) for term in set(content(said[n].quote))),
                )
            ]
            picked.insert(rank, said[hits[0]])
        if rank < _FULL:
            beside += said
        for n in hits:
            before = rank in heard or bool(pointing(said[n].quote))
            beside += said[max(0, n - before) : n + 2]
    return [*picked, *beside]


def _heard(passages: Sequence[Passage], most: int) -> frozenset[int]:
    """Returns the ranks of the best passages; those of several sources, whose scores say nothing of
    each other, among them.
    """
    seen = Counter[str]()
    heard = []
    for rank, passage in enumerate(passages):
        seen[passage.source] += 1
        if rank < most or seen[passage.source] <= _EACH:
            heard.append(rank)
    return frozenset(heard)


def _evidence(part: SubQuestion, passage: Passage, start: int, end: int) -> Evidence:
    """Returns a sentence that stands in a good passage, whatever its words."""
    return Evidence(
        document=passage.document,
        title=passage.title,
        uri=passage.uri,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
        score=0.0,
        part=part.id,
        passage=round(passage.score, 4),
        source=passage.source,
        own=passage.own,
        origin=passage.origin,
        before=passage.text[max(0, start - CONTEXT) : start],
        after=passage.text[end : end + CONTEXT],
    )


def _says(quote: str, title: str, about: frozenset[Kind]) -> bool:
    """Tells whether a stretch of a text is a sentence that says something, not its heading or
    noise.
    """
    return (
        not noisy(quote, about)
        and not quote.startswith("#")
        and not frozenset(content(quote)) <= titled(title)
    )


def _overlap(one: Evidence, other: Evidence) -> bool:
    return one.document == other.document and one.start < other.end and other.start < one.end
