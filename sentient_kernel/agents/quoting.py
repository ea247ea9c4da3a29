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
from sentient_kernel.agents._words import content
from sentient_kernel.agents.evidence import CONTEXT, Evidence, Weights, select
from sentient_kernel.agents.plan import SubQuestion
from sentient_kernel.index.chunk import sentences
from sentient_kernel.sources.base import Passage

__all__ = ["QUOTES", "quoted"]

QUOTES = 18_000
"""Characters of all quotes together: with what is asked of them, a prompt stays below 6,000 tokens."""
LONGEST = 700
"""Characters of one quote that a prompt shows."""
_WHOLE, _PART = 24, 8
"""Sentences for the whole question, and for each of its parts."""
_HEARD, _EACH = 4, 2
"""The best passages of each part, over all sources and of each one: a sentence at least is shown of them."""
_RECALL = Weights(floor=0.35, document=0.4)
_TITLE = 80
_THE = re.compile(r"[\"'(\u201c]?(?:The|Both|Each)\s+[a-z]")
_NAME = re.compile(r"(?<=[\w,] )[A-Z]\w")


def quoted(parts: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]], *, most: int = QUOTES) -> tuple[Evidence, ...]:
    """Returns the sentences that a model is shown, in the order of the plan.

    Args:
        parts: What was asked, the whole question first.
        found: What the searches found for each, by id, best first.
        most: Characters of all together. Where there are more, every part keeps its best.

    Example:
        >>> from sentient_kernel.ids import DocumentId
        >>> text = "In 2016 Brightwell acquired Lumen Optics."
        >>> page = Passage(document=DocumentId("d"), title="News", uri="n.txt", start=0, end=len(text), text=text, score=3.0)
        >>> part = SubQuestion(id=0, text="Who is the buyer of Lumen Optics?", query="Who is the buyer of Lumen Optics?")
        >>> [one.quote for one in quoted([part], {0: [page]})]
        ['In 2016 Brightwell acquired Lumen Optics.']
    """
    lists = [_best(part, found.get(part.id, ()), whole=part is parts[0]) for part in parts]
    chosen: list[tuple[int, int, Evidence]] = []
    size = 0
    for rank, at, one in _in_turn(lists):
        both = next(((n, joined) for n, (*_, other) in enumerate(chosen) if (joined := _joined(other, one))), None)
        if both is not None:
            chosen[both[0]] = (*chosen[both[0]][:2], both[1])
            continue
        size += min(len(one.quote), LONGEST) + min(len(one.title), _TITLE) + 12
        if size > most and chosen:
            break
        chosen.append((at, rank, one))
    return tuple(one for *_, one in sorted(chosen, key=lambda entry: entry[:2]))


def _in_turn(lists: Sequence[Sequence[Evidence]]) -> Iterator[tuple[int, int, Evidence]]:
    """Yields the first of each list, then the second of each, with rank and number of the list."""
    for rank in range(max(map(len, lists), default=0)):
        yield from ((rank, at, some[rank]) for at, some in enumerate(lists) if rank < len(some))


def _best(part: SubQuestion, passages: Sequence[Passage], *, whole: bool) -> list[Evidence]:
    """Returns the best sentences for a part, best first: those that its words choose, and one of each of its best passages."""
    limit = _WHOLE if whole else _PART
    picked = list(select(part.query, passages, limit=limit, part=part.id, weights=_RECALL))
    for at, passage in enumerate(_heard(passages)):
        if not any(one.document == passage.document and one.start < passage.end and passage.start < one.end for one in picked):
            picked[at:at] = select(part.query, [passage], limit=1, part=part.id) or _first(part, passage)
    return [_whole(one) for one in picked]


def _heard(passages: Sequence[Passage]) -> list[Passage]:
    """Returns the best passages; those of several sources, whose scores say nothing of each other, among them."""
    seen = Counter[str]()
    heard = []
    for rank, passage in enumerate(passages):
        seen[passage.source] += 1
        if rank < _HEARD or seen[passage.source] <= _EACH:
            heard.append(passage)
    return heard


def _first(part: SubQuestion, passage: Passage) -> tuple[Evidence, ...]:
    """Returns the first sentence of a passage that no word of the question leads to."""
    for start, end in sentences(passage.text):
        text = passage.text[start:end]
        if not noisy(text) and len(content(text)) > 2:
            return (
                Evidence(
                    document=passage.document,
                    title=passage.title,
                    uri=passage.uri,
                    start=passage.start + start,
                    end=passage.start + end,
                    quote=text,
                    score=0.0,
                    part=part.id,
                    passage=passage.score,
                    source=passage.source,
                    before=passage.text[max(0, start - CONTEXT) : start],
                    after=passage.text[end : end + CONTEXT],
                ),
            )
    return ()


def _whole(one: Evidence) -> Evidence:
    """Returns a quote with the sentence before it, where it does not say by itself of whom or what it speaks."""
    if not (pointing(one.quote) or (_THE.match(one.quote) and not _NAME.search(one.quote))):
        return one
    before = sentences(one.before)
    if not before or (before[-1][0] == 0 and len(one.before) >= CONTEXT):  # cut off: its beginning is not known
        return one
    at = before[-1][0]
    lead = one.before[at:]
    if "\n\n" in lead or noisy(lead) or len(lead) + len(one.quote) > LONGEST:
        return one
    return replace(one, start=one.start - len(lead), quote=lead + one.quote, before=one.before[:at])


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
