"""Ranks the passages of a few documents for a query, as the index does. Pure but for the tokenizer.

The documents were chosen by a search engine, so that most of them hold the query's words. Rarity is
therefore taken as if they stood among a thousand passages of which no other holds them: what tells
them apart still does, and scores are of the size that those of an index have, next to which they
are shown.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from sentient_kernel.index import database, rank
from sentient_kernel.index.chunk import chunks
from sentient_kernel.sources.base import Document, Passage
from sentient_kernel.text.words import STOP

__all__ = ["MOST_PASSAGES", "fitting", "telling_words"]

_WORD = re.compile(r"\w[\w'\u2019-]*")
AROUND = 1_000
MOST_PASSAGES = 2_000
"""Passages that are looked at in one search; of a long document those at its beginning."""
_POOL = 100
_K1, _B = 1.2, 0.75


def telling_words(query: str, most: int = 12) -> list[str]:
    """Returns the words of a question that a search engine needs, as they stand there.

    Example:
        >>> telling_words("What is the range of a honey-bee's flight?")
        ['range', 'honey-bee', 'flight']
    """
    words = [word.strip("-_'\u2019") for word in _WORD.findall(rank.clean(query))]
    kept = [word for word in dict.fromkeys(words) if word and word.lower() not in STOP]
    return (kept or list(dict.fromkeys(word for word in words if word)))[:most]


def fitting(query: str, documents: Sequence[Document], k: int) -> tuple[list[Passage], int]:
    """Returns the passages that fit best, best first, and of how many. Blocks for some
    milliseconds.

    Args:
        query: A question or some words.
        documents: Where to look.
        k: How many passages at most.

    Returns:
        Passages; ``document.text[passage.start : passage.end] == passage.text``.
    """
    spans = [
        (at, start, end)
        for at, document in enumerate(documents)
        for start, end in chunks(document.text)
    ][:MOST_PASSAGES]
    words = database.Connection(":memory:")
    try:
        asked = words.words(rank.clean(query))
        wanted = rank.build_query(asked, words.stems(asked))
        if not wanted or not spans:
            return [], len(spans)
        titles = [words.words(document.title) for document in documents]
        stemmed = [words.stems(title) for title in titles]
        candidates = []
        for key, (at, start, end) in enumerate(spans):
            held = words.words(documents[at].text[start:end])
            candidates.append(
                rank.Candidate(key, at, 0.0, held, words.stems(held), titles[at], stemmed[at])
            )
    finally:
        words.close()
    scored, idf = _scored(wanted, candidates)
    scores = rank.second_pass(rank.first_pass(wanted, scored, idf), scored, {})
    return [
        _passage(documents[spans[key][0]], spans[key], scores[key])
        for key in rank.order(scores)[:k]
    ], len(spans)


def _scored(
    wanted: Mapping[str, str], candidates: Sequence[rank.Candidate]
) -> tuple[list[rank.Candidate], dict[str, float]]:
    """Returns the candidates that hold a wanted word, with their BM25, the best ones only; and how
    rare each stem is.
    """
    counts = [
        Counter(each.stems) + Counter({stem: 1 for stem in each.title_stems}) for each in candidates
    ]
    total = max(AROUND, len(candidates))
    idf = {stem: rank.rarity(total, sum(1 for held in counts if stem in held)) for stem in wanted}
    usual = sum(len(each.stems) for each in candidates) / len(candidates) or 1.0
    found: list[rank.Candidate] = []
    for each, held in zip(candidates, counts, strict=True):
        damping = _K1 * (1 - _B + _B * len(each.stems) / usual)
        score = sum(
            idf[stem] * held[stem] * (_K1 + 1) / (held[stem] + damping)
            for stem in wanted
            if stem in held
        )
        if score:
            found.append(
                rank.Candidate(
                    each.key,
                    each.document,
                    score,
                    each.words,
                    each.stems,
                    each.title,
                    each.title_stems,
                )
            )
    return sorted(found, key=lambda each: (-each.score, each.key))[:_POOL], idf


def _passage(document: Document, span: tuple[int, int, int], score: float) -> Passage:
    _, start, end = span
    return Passage(
        document=document.id,
        title=document.title,
        uri=document.uri,
        start=start,
        end=end,
        text=document.text[start:end],
        score=score,
        source=document.source,
    )
