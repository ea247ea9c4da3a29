"""How passages are ranked without a model. Pure: words in, scores out; the store does the looking
up.

1. *Recall.* The words of the question, without stop words, are OR-ed in FTS5 (Porter stems, BM25).
2. *First pass* over the best 100: :func:`first_pass` adds to BM25 the pairs of question words that
   stand close together (the idea of Metzler and Croft's sequential dependence model, 2005) and the
   words that stand there in the very form of the question.
3. *Second pass*: :func:`second_pass` adds likeness to the best passages (what fits resembles what
   fits: the cluster hypothesis of van Rijsbergen) and a bonus for documents whose title a best
   passage names (the bridge of a two-hop question).

What each part brings is in the README of this room; ``python -m tests.bench.retrieval --ablation``
measures it again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import mul

from sentient_kernel.text.words import STOP

_POSSESSIVE = re.compile(r"['\u2019]s\b")
_BRACKETED = re.compile(r"\s*\([^()]*\)\s*$")
_MOST_WORDS = 32
_LOGS = [0.0, *(1 + math.log(count) for count in range(1, 50))]
_MOST = len(_LOGS) - 1
_LONGEST_QUERY = 4_000


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each part counts, in units of BM25. Round values, chosen over six sets at once.

    Args:
        title: A word in the title, against one in the text.
        form: A question word in its very form.
        pairs: Two question words within ``window`` words of each other.
        window: What counts as close.
        likeness: Resembling the best passages.
        models: How many passages count as the best for likeness.
        link: Being named, by title, in one of the best passages.
        bridges: How many passages count as the best for links.
    """

    title: float = 1.0
    form: float = 0.2
    pairs: float = 1.0
    window: int = 15
    likeness: float = 0.5
    models: int = 5
    link: float = 0.3
    bridges: int = 3


DEFAULT = Weights()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that the full-text search found, as words.

    Args:
        key: What identifies the passage.
        document: What identifies its document.
        score: Its BM25.
        words: The words of its text, folded.
        stems: Their stems, in the same order.
        title: The words of its title.
        title_stems: Their stems.
    """

    key: int
    document: int
    score: float
    words: Sequence[str]
    stems: Sequence[str]
    title: Sequence[str]
    title_stems: Sequence[str]


def clean(question: str) -> str:
    """Returns the part of a question that is looked at: no possessive s, no more than 4,000
    characters.
    """
    return _POSSESSIVE.sub("", question[:_LONGEST_QUERY])


def build_query(words: Sequence[str], stems: Sequence[str]) -> dict[str, str]:
    """Returns the words to look for, each by its stem: no stop words, unless there is nothing else;
    each stem once; at most 32.

    Args:
        words: The words of the cleaned question, folded.
        stems: Their stems.
    """
    pairs = list(zip(words, stems, strict=True))
    chosen: dict[str, str] = {}
    for word, stem in [pair for pair in pairs if pair[0] not in STOP] or pairs:
        if len(chosen) < _MOST_WORDS:
            chosen.setdefault(stem, word)
    return chosen


def match_expression(words: Iterable[str]) -> str:
    """Returns the FTS5 expression that matches any of the words; quoted, so that no word is taken
    for an operator.

    Example:
        >>> match_expression(["near", 'sa"y'])
        '"near" OR "sa""y"'
    """
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


def rarity(passages: int, holding: int) -> float:
    """Returns the inverse document frequency of a word that ``holding`` of ``passages`` passages
    hold; never negative.
    """
    return math.log(1 + (passages - holding + 0.5) / (holding + 0.5))


def first_pass(
    query: Mapping[str, str],
    candidates: Sequence[Candidate],
    idf: Mapping[str, float],
    weights: Weights = DEFAULT,
) -> dict[int, float]:
    """Scores candidates by BM25, exact forms and closeness.

    Args:
        query: What is looked for, word by stem.
        candidates: What was found.
        idf: The rarity of each stem of the query.
        weights: How much each part counts.

    Returns:
        Scores by the candidates' keys.
    """
    usual = sum([len(each.stems) for each in candidates]) / max(1, len(candidates)) or 1.0
    share = weights.pairs / max(1, len(query) - 1)
    found: dict[int, float] = {}
    for each in candidates:
        held = {*each.words, *each.title}
        forms = sum([idf[stem] for stem, word in query.items() if word in held])
        close = _closeness(each.stems, query, idf, weights.window, usual)
        found[each.key] = each.score + weights.form * forms + share * close
    return found


def _closeness(
    stems: Sequence[str],
    wanted: Mapping[str, str],
    idf: Mapping[str, float],
    window: int,
    usual: float,
) -> float:
    """Sums over the pairs of wanted stems: the rarity of the commoner one, saturated in how often
    both stand close together.
    """
    places = [(at, stem) for at, stem in enumerate(stems) if stem in wanted]
    close: Counter[tuple[str, str]] = Counter()
    for first, (at, stem) in enumerate(places):
        for later, other in places[first + 1 : first + 1 + window]:
            if later - at > window:
                break
            if other != stem:
                close[(stem, other) if stem < other else (other, stem)] += 1
    damping = 1.2 * (0.25 + 0.75 * len(stems) / usual)
    return sum(
        [
            min(idf[one], idf[two]) * 2.2 * count / (count + damping)
            for (one, two), count in close.items()
        ]
    )


def second_pass(
    scores: Mapping[int, float],
    candidates: Sequence[Candidate],
    linked: Mapping[int, float],
    weights: Weights = DEFAULT,
) -> dict[int, float]:
    """Adds likeness to the best passages, and the bonus for documents that they name.

    Likeness is the mean cosine to the best passages of other documents, by their stems' rarity and
    number. Rarity is taken among the candidates: it tells apart what they all share (the question's
    own words among it) from what only some share, and needs no look-up.

    Args:
        scores: What :func:`first_pass` gave; candidates that were added since, for their links,
            count from 0.
        candidates: All candidates.
        linked: How strongly a document is named: 0 to 1, by document.
        weights: How much each part counts.
    """
    top, best = max(scores.values(), default=0.0), order(scores)[: weights.models]
    share = {key: (scores[key] / top) ** 2 for key in best}
    counts = {each.key: Counter(chain(each.stems, each.title_stems)) for each in candidates}
    rare: dict[str, float] = {}
    for stem, count in Counter(chain.from_iterable(counts.values())).items():
        rare[stem] = rarity(len(candidates), count) if count > 1 else 0.0
    vectors: dict[int, dict[str, float]] = {}
    length: dict[int, float] = {}
    for key, held in counts.items():
        vector = {
            stem: _LOGS[count if count < _MOST else _MOST] * rare[stem]
            for stem, count in held.items()
        }
        vectors[key] = vector
        length[key] = math.sqrt(sum(map(mul, vector.values(), vector.values()))) or 1.0
    documents = {each.key: each.document for each in candidates}
    found: dict[int, float] = {}
    for key, vector in vectors.items():
        total = summed = 0.0
        for model in best:
            if documents[model] != documents[key]:
                other = vectors[model]
                shared = vector.keys() & other.keys()
                # exact in any order
                common = math.fsum(
                    map(mul, map(vector.__getitem__, shared), map(other.__getitem__, shared))
                )
                summed += share[model] * common / (length[key] * length[model])
                total += share[model]
        alike = summed / total if total else 0.0
        bonus = weights.likeness * alike + weights.link * linked.get(documents[key], 0.0)
        found[key] = scores.get(key, 0.0) + top * bonus
    return found


def order(scores: Mapping[int, float]) -> list[int]:
    """Returns the keys, best first; the smaller key first where scores are equal."""
    return sorted(sorted(scores), key=scores.__getitem__, reverse=True)


def fold_title(title: str) -> str:
    """Returns a title without what stands in brackets at its end: ``Mercury (planet)`` is named as
    ``Mercury``.
    """
    return _BRACKETED.sub("", title) or title


def named_titles(words: Sequence[str], *, longest: int = 6) -> set[str]:
    """Returns what might be titles in a text: all runs of up to ``longest`` words, single stop
    words left out.
    """
    runs = {
        " ".join(words[at : at + length])
        for length in range(2, longest + 1)
        for at in range(len(words) - length + 1)
    }
    return runs | {word for word in words if len(word) > 3 and word not in STOP}
