"""Picks what a model is shown of what the searches found. Pure.

Words choose among sentences here, but they never decide that there is nothing to show: pages speak of a
buyer as of somebody who acquired, and the model sees that they mean the same. So every part of the
question keeps its best passages, whatever words they use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sentient_kernel.agents._signs import noisy, pointing
from sentient_kernel.agents._words import asked, content, titled
from sentient_kernel.agents.evidence import CONTEXT, WEIGHTS, Evidence, select
from sentient_kernel.agents.plan import SubQuestion
from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.sources.base import Passage

__all__ = ["QUOTES", "quoted"]

QUOTES = 14_000
"""Characters of all quotes together: with what is asked of them, a prompt stays below 5,000 tokens."""
LONGEST = 700
"""Characters of one quote that a prompt shows."""
_WHOLE, _PART = 24, 8
"""Sentences for the whole question, and for each of its parts, that their words choose."""
_HEARD, _EACH = 8, 2
"""The best passages of the question (of a part half as many) and of each source: a sentence at least is shown of them."""
_FULL = 2
"""The best passages that are shown whole; of the others, what stands beside the sentences that are chosen."""
_TITLE = 80
_THE = re.compile(r"[\"'(\u201c]?(?:The|Both|Each)\s+[a-z]")
_NAME = re.compile(r"(?<=[\w,] )[A-Z]\w")
_PRONOUN = re.compile(r"(?:\S+\s+){0,5}?(?:he|she|him|her|his|they|them|their|it|its)\b")


def quoted(parts: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]], *, most: int = QUOTES) -> tuple[Evidence, ...]:
    """Returns the sentences that a model is shown: part by part, the best document first, in the order of its text.

    Args:
        parts: What was asked, the whole question first.
        found: What the searches found for each, by id, best first.
        most: Characters of all together. Where there are more, every part keeps its best.

    Example:
        >>> from sentient_kernel.ids import DocumentId
        >>> text = "Lumen Optics made lenses. In 2016 Brightwell acquired it."
        >>> page = Passage(document=DocumentId("d"), title="News", uri="n.txt", start=0, end=len(text), text=text, score=3.0)
        >>> part = SubQuestion(id=0, text="Who is the buyer of Lumen?", query="Who is the buyer of Lumen?")
        >>> [one.quote for one in quoted([part], {0: [page]})]
        ['Lumen Optics made lenses.', 'In 2016 Brightwell acquired it.']
    """
    lists = [_best(part, found.get(part.id, ()), whole=part is parts[0]) for part in parts]
    chosen: list[Evidence] = []
    order: dict[tuple[int, DocumentId], int] = {}
    size = 0
    for at, one in _in_turn(lists):
        both = next(((n, joined) for n, other in enumerate(chosen) if (joined := _joined(other, one))), None)
        if both is not None:
            chosen[both[0]] = both[1]
            continue
        if not one.score and _repeats(one, chosen):
            continue
        size += min(len(one.quote), LONGEST) + min(len(one.title), _TITLE) + 12
        if size > most and chosen:
            break
        order.setdefault((parts[at].id, one.document), len(order))
        chosen.append(one)
    places = {part.id: at for at, part in enumerate(parts)}
    first = len(order)
    return tuple(sorted(chosen, key=lambda one: (places[one.part], order.get((one.part, one.document), first), one.start)))


def _in_turn(lists: Sequence[Sequence[Evidence]]) -> Iterator[tuple[int, Evidence]]:
    """Yields the first of each list, then the second of each, with the number of the list."""
    for rank in range(max(map(len, lists), default=0)):
        yield from ((at, some[rank]) for at, some in enumerate(lists) if rank < len(some))


def _best(part: SubQuestion, passages: Sequence[Passage], *, whole: bool) -> list[Evidence]:
    """Returns the best sentences for a part, best first.

    First come those that its words choose, and one of each of its best passages; then what stands beside those.
    """
    limit = _WHOLE if whole else _PART
    picked = list(select(part.query, passages, limit=limit, part=part.id))
    heard, beside = _heard(passages, _HEARD if whole else _HEARD // 2), list[Evidence]()
    terms = asked(part.query)
    for rank, passage in enumerate(passages):
        said = [_evidence(part, passage, *span) for span in sentences(passage.text)]
        said = [one for one in said if _says(one.quote, passage.title)]
        hits = [n for n, one in enumerate(said) if any(_same(one, other) for other in picked)]
        if said and not hits and rank in heard:
            hits = [max(range(len(said)), key=lambda n: sum(terms.get(term, 0.0) for term in set(content(said[n].quote))))]
            picked.insert(rank, said[hits[0]])
        if rank < _FULL:
            beside += said
        for n in hits:  # who is introduced in one sentence is told of in the next
            beside += said[max(0, n - (rank in heard)) : n + 2]
    return [_whole(one) for one in (*picked, *beside)]


def _says(quote: str, title: str) -> bool:
    """Tells whether a stretch of a text is a sentence that says something, not its heading or noise."""
    return not noisy(quote) and not quote.startswith("#") and not frozenset(content(quote)) <= titled(title)


def _heard(passages: Sequence[Passage], most: int) -> frozenset[int]:
    """Returns the ranks of the best passages; those of several sources, whose scores say nothing of each other, among them."""
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
        before=passage.text[max(0, start - CONTEXT) : start],
        after=passage.text[end : end + CONTEXT],
    )


def _same(one: Evidence, other: Evidence) -> bool:
    return (one.document, one.start) == (other.document, other.start)


def _whole(one: Evidence) -> Evidence:
    """Returns a quote with the sentence before it, where it does not say by itself of whom or what it speaks."""
    if not _leans(one.quote):
        return one
    before = sentences(one.before)
    if not before or (before[-1][0] == 0 and len(one.before) >= CONTEXT):  # cut off: its beginning is not known
        return one
    at = before[-1][0]
    lead = one.before[at:]
    if "\n\n" in lead or noisy(lead) or len(lead) + len(one.quote) > LONGEST:
        return one
    return replace(one, start=one.start - len(lead), quote=lead + one.quote, before=one.before[:at])


def _leans(quote: str) -> bool:
    """Tells whether a sentence speaks of somebody or something that it does not name."""
    if pointing(quote) or (_THE.match(quote) and not _NAME.search(quote)):
        return True
    found = _PRONOUN.match(quote)
    return found is not None and _NAME.search(found.group()) is None


def _repeats(one: Evidence, chosen: Sequence[Evidence]) -> bool:
    """Tells whether a quote says in the same words what is shown already."""
    bag = frozenset(content(one.quote))
    return any(len(bag & other) > WEIGHTS.twin * len(bag | other) for other in (frozenset(content(quote.quote)) for quote in chosen))


def _joined(one: Evidence, other: Evidence) -> Evidence | None:
    """Returns two quotes that overlap as one; None where they do not, or where that would be too long."""
    if one.document != other.document or not (one.start < other.end and other.start < one.end):
        return None
    first, last = sorted((one, other), key=lambda quote: (quote.start, -quote.end))
    longer = first
    if last.end > first.end:
        longer = replace(first, end=last.end, quote=first.quote + last.quote[first.end - last.start :], after=last.after)
    if len(longer.quote) > max(LONGEST, len(first.quote)):
        return None
    return replace(
        longer,
        part=one.part or other.part,
        score=max(one.score, other.score),
        cover=max(one.cover, other.cover),
        reach=max(one.reach, other.reach),
    )
