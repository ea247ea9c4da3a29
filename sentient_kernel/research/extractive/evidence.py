"""Picks, from the passages that a search found, the sentences that answer a question: for one
question, and for a whole plan. Pure; no model.

Every sentence is scored by what it says (how much of the question it covers, rare words counting
more), by what stands around it (its passage's rank, its title, its neighbours) and by whether it
uses the words that the best sentences share. The weights are few, round, and measured on several
kinds of text at once (``tests/bench/evidence.py``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter

from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.report.report import Citation
from sentient_kernel.research.extractive.features import (
    Row,
    body,
    defines,
    entry,
    family,
    heading,
    path,
    pointing,
    read_row,
    row,
    study,
    topic,
    wanted,
)
from sentient_kernel.research.extractive.noise import (
    NEVER,
    Kind,
    excused,
    lists_works,
    noise,
    transcripts,
)
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.sought import Sought, sought
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import content, titled


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A sentence of a document that bears on a question: ``document.text[start:end] == quote``, to
    the letter.

    Args:
        document: The document's snapshot.
        title: The document's title.
        uri: Where the document came from.
        start: Where the quote begins.
        end: Where the quote ends.
        quote: The sentence as it stands there.
        score: How well it answers, about 0 to 3; comparable within one question.
        part: The sub-question that it was found for; 0 is the whole question.
        passage: The score of its passage, as the search gave it.
        source: The source that the passage came through.
        cover: Share of the question's words, by rarity, that the sentence and the title hold.
        reach: The same for the whole passage.
        before: What stands directly before the quote in its passage.
        after: What stands directly after it.
        shown: How it is read where not as it stands: a row of a table with the names of its
            columns.
        lead: So many characters before the quote it is read with: from the names of the columns on.
        own: Whether its document is a person's own. Whoever makes one has to say: what a model
            reads of own text decides what leaves.
        origin: The host that own text came from, where a search engine found it; "" for the source
            itself.
    """

    document: DocumentId
    title: str
    uri: str
    start: int
    end: int
    quote: str
    score: float
    own: bool
    part: int = 0
    passage: float = 0.0
    source: str = ""
    cover: float = 0.0
    reach: float = 0.0
    before: str = ""
    after: str = ""
    shown: str = ""
    lead: int = 0
    origin: str = ""

    @property
    def citation(self) -> Citation:
        """The citation of it."""
        return Citation(
            document=self.document,
            title=self.title,
            uri=self.uri,
            start=self.start,
            end=self.end,
            quote=self.quote,
            source=self.source,
            before=self.before,
            after=self.after,
        )


WEIGHTS = {
    "cover": 1.0,  # share of the question's words, by rarity, that the sentence holds
    "bm25": 0.4,  # the same with repetition and length taken into account
    "passage": 0.4,  # rank of the sentence's passage among those found, from 1 (best) to 0
    "title": 0.6,  # share of the question that only the document's title holds
    "neighbours": 0.4,  # share of the question that only the sentences next to it hold
    "feedback": 0.5,  # share of the words that the best sentences have in common
    "late": 0.3,  # place in the abstract of a study, where findings come last
    "length": 0.1,  # the logarithm of the number of words
    "kind": 0.1,  # it holds what the question asks for: a number, a date, a name
    "measure": 0.3,  # a measure of what the question asks for: kilometres for "how far"
    "pointing": -0.1,  # it begins with a word that points back, such as "It"
    "summary": 0.5,  # it says of the thing that its document is about, by name, what it is
    "entry": -0.2,  # it is an entry of a list, such as a parameter with what it means
    "noise": -0.5,  # it is no statement: an address, a licence, a menu, code
}
"""How much each sign counts."""
FLOOR = 0.4
"""A sentence with less than this share of the best score is left out: a shorter report is better
than a padded one.
"""
OTHER = 0.5
"""The same for documents that hold neither the best sentence nor the best passage."""
DOCUMENT = 0.6
"""Such a document is left out when its best sentence has less than this share."""
TWIN = 0.8
"""Of two sentences that share more than this share of their words one is enough."""
CONTEXT = 300
"""How many characters around a quote are kept to show it in its context."""
LINE = 200
"""How a line begins is told from so many characters."""
ABSTRACT = 3000
"""The abstract of a study lies within its first so many characters."""
OWN = 0.6
"""A sentence under a part holds at least this share of the part's own words that the best one
holds.
"""
LEAST = 0.01
"""How much of a part a sentence holds at least that stands under it."""


@dataclass(slots=True)
class _Sentence:
    """A sentence on its way to being chosen."""

    passage: Passage
    start: int
    end: int
    text: str
    terms: Sequence[str]
    row: Row | None
    bag: frozenset[str] = field(init=False)
    body: frozenset[str] = field(init=False)
    around: frozenset[str] = frozenset()
    over: frozenset[str] = frozenset()
    late: float = 0.0
    noise: Kind = ""
    score: float = 0.0
    cover: float = 0.0
    reach: float = 0.0

    def evidence(self, part: int) -> Evidence:
        """Returns it as evidence for a sub-question."""
        passage = self.passage
        start, end = self.start - passage.start, self.end - passage.start
        top = self.row.start if self.row else start
        return Evidence(
            document=passage.document,
            title=passage.title,
            uri=passage.uri,
            start=self.start,
            end=self.end,
            quote=self.text,
            score=round(self.score, 4),
            part=part,
            passage=round(passage.score, 4),
            source=passage.source,
            cover=round(self.cover, 4),
            reach=round(self.reach, 4),
            before=passage.text[min(max(0, start - CONTEXT), top) : start],
            after=passage.text[end : end + CONTEXT],
            shown=self.row.text if self.row else "",
            lead=start - top,
            own=passage.own,
            origin=passage.origin,
        )


def select(
    question: str, passages: Sequence[Passage], *, limit: int = 10, part: int = 0
) -> tuple[Evidence, ...]:
    """Returns the sentences that answer a question best, best first.

    Args:
        question: What is asked.
        passages: What a search found for it; ``text`` must stand verbatim at ``start``.
        limit: At most so many sentences; weak ones are left out, so there may be fewer.
        part: The sub-question's id, kept with the evidence.

    Returns:
        Evidence without doubles; none when no sentence shares a word with the question.

    Example:
        >>> text = "Sand drains fast. Biochar raised the water held by sand by 45%."
        >>> found = Passage(document=DocumentId("d"), title="Trial", uri="t.txt", start=0,
        ...     end=len(text), text=text, score=3.0)
        >>> [one.quote for one in select("How much water does biochar hold?", [found], limit=1)]
        ['Biochar raised the water held by sand by 45%.']
    """
    asked = sought(question)
    pool = _pool(passages, excused(question), asked)
    if not asked.terms or not pool:
        return ()
    _score(question, asked, pool)
    ranked = sorted(pool, key=attrgetter("score"), reverse=True)
    top = ranked[0].score
    near = {
        ranked[0].passage.document,
        max(pool, key=attrgetter("passage.score")).passage.document,
    }
    best: dict[DocumentId, float] = {}
    chosen: list[_Sentence] = []
    for one in ranked:
        home = one.passage.document in near
        first = best.setdefault(one.passage.document, one.score)
        if one.score < top * (FLOOR if home else OTHER) or not (home or first >= DOCUMENT * top):
            continue
        twins = [
            other.passage.document
            for other in chosen
            if len(one.body & other.body) > TWIN * len(one.body | other.body)
        ]
        # a second witness is worth having
        witness = len(twins) == 1 and twins[0] != one.passage.document
        if asked.terms.keys() & (one.bag | one.around | one.over) and (not twins or witness):
            chosen.append(one)
        if len(chosen) == limit:
            break
    return tuple([one.evidence(part) for one in chosen])


def _pool(passages: Sequence[Passage], about: frozenset[Kind], asked: Sought) -> list[_Sentence]:
    """Returns the sentences of all passages once each, in reading order, with what stands around
    them; none that is never evidence.
    """
    best: dict[tuple[DocumentId, int, int], _Sentence] = {}
    for passage in passages:
        for start, end in sentences(passage.text):
            place = (passage.document, passage.start + start, passage.start + end)
            if place in best and passage.score <= best[place].passage.score:
                continue
            text = passage.text[start:end]
            table = read_row(passage.text, start, end, whole=passage.start == 0)
            if table or not row(text):
                terms = asked.read(table.text if table else text)
                best[place] = _Sentence(passage, place[1], place[2], text, terms, table)
    documents: dict[DocumentId, list[_Sentence]] = {}
    for place in sorted(best):
        one = best[place]
        one.bag = one.body = frozenset(one.terms)
        said = body(one.text, one.passage.title)
        if said != one.text:
            one.body = frozenset(asked.read(said))
        documents.setdefault(one.passage.document, []).append(one)
    for group in documents.values():
        _place(group)
    for passage in passages if "code" not in about else ():
        for start, end in transcripts(passage.text):
            for one in documents.get(passage.document, ()):
                if passage.start + start <= one.start and one.end <= passage.start + end:
                    one.noise = "transcript"
    pool = list(chain.from_iterable(documents.values()))
    for one in pool:
        kind = one.noise or noise(one.text)
        one.noise = "" if kind in about else kind
    return [one for one in pool if one.noise not in NEVER]


def _place(group: Sequence[_Sentence]) -> None:
    """Tells the sentences of a document what stands around each, and how late it comes."""
    reports = len([one for one in group if study(one.text)]) > 0.3 * len(group)
    bags = [frozenset[str](), *[one.bag for one in group], frozenset[str]()]
    over, works = frozenset[str](), False
    for at, one in enumerate(group):
        one.around = bags[at] | bags[at + 2]
        if reports and one.start < ABSTRACT:
            one.late = (at + 0.5) / len(group)
        if heading(one.text, one.passage.text[one.end - one.passage.start :][:LINE]):
            over, works = one.bag, bool(lists_works(one.text))
        else:
            one.over = over
            one.noise = "reference" if works else ""


def _score(question: str, asked: Sought, pool: Sequence[_Sentence]) -> None:
    """Gives every sentence its score."""
    known, weights = frozenset(asked.terms), WEIGHTS
    seen = Counter(chain.from_iterable([one.bag for one in pool]))
    rarity = dict[str, float]()  # Robertson's form, never negative
    for term, n in seen.items():
        rarity[term] = math.log(1 + (len(pool) - n + 0.5) / (n + 0.5))
    # "happen" may be rare among the sentences and still say little
    for term, telling in asked.terms.items():
        rarity[term] = rarity.get(term, math.log(1 + 2 * len(pool))) * min(telling, 1.0)
    rare = rarity.__getitem__
    total = math.fsum(map(rare, asked.terms))
    mean = sum([len(one.terms) for one in pool]) / len(pool) or 1.0
    scores = [one.passage.score for one in pool]
    top, low = max(scores), min(scores)
    kinds, named = wanted(question), topic(question)
    whole: dict[Passage, frozenset[str]] = {}
    for one in pool:
        one.cover = math.fsum(map(rare, known & one.bag)) / total
        whole[one.passage] = whole.get(one.passage, frozenset()) | one.bag
    shared = _shared(known, pool, rarity, top)
    for one in pool:
        counts, said, rest = Counter(one.terms), one.cover, known - one.bag
        title = titled(one.passage.title).union(asked.read(one.passage.title), one.over)
        by_title = math.fsum(map(rare, rest & title)) / total
        one.cover = said + by_title
        one.reach = math.fsum(map(rare, known & (whole[one.passage] | title))) / total
        damp = 1.2 * (0.25 + 0.75 * len(one.terms) / mean)
        held = [
            rarity[term] * counts[term] * 2.2 / (counts[term] + damp)
            for term in asked.terms
            if term in one.bag
        ]
        line = one.passage.text.rfind("\n", 0, one.start - one.passage.start) + 1
        listed = entry(one.passage.text[line : one.end - one.passage.start][:LINE])
        summary = one.body is not one.bag or defines(one.text, named)
        one.score = (
            weights["cover"] * said
            + weights["bm25"] * sum(held) / total
            + weights["passage"] * ((one.passage.score - low) / (top - low) if top > low else 1.0)
            + weights["title"] * by_title
            + weights["neighbours"] * math.fsum(map(rare, rest & one.around)) / total
            + weights["feedback"] * math.fsum(map(shared.__getitem__, shared.keys() & one.bag))
            + weights["late"] * one.late
            + weights["length"] * math.log(1 + len(one.text.split()))
            + weights["kind"] * any([sign.search(one.text) for sign in kinds])
            + weights["measure"] * any([sign.search(one.text) for sign in asked.signs])
            + weights["pointing"] * bool(pointing(one.text))
            + (weights["summary"] if summary else weights["entry"] * bool(listed))
            + weights["noise"] * bool(one.noise)
        )


def _shared(
    known: frozenset[str], pool: Sequence[_Sentence], rarity: dict[str, float], top: float
) -> dict[str, float]:
    """Returns the words, other than the question's, that the best sentences share, with their
    shares (they sum to 1).
    """
    weighed: dict[str, float] = {}
    firsts = [one.cover + 0.6 * (one.passage.score / top if top > 0 else 1.0) for one in pool]
    for at in sorted(range(len(pool)), key=firsts.__getitem__, reverse=True)[:10]:
        for term in pool[at].bag - known:
            weighed[term] = weighed.get(term, 0.0) + firsts[at] * rarity[term]
    best = sorted(weighed.items(), key=lambda pair: (-pair[1], pair[0]))[:15]
    whole = sum([value for _, value in best]) or 1.0
    return {term: value / whole for term, value in best}


def collect(
    parts: Sequence[SubQuestion],
    found: Mapping[int, Sequence[Passage]],
    *,
    limit: int = 10,
    extra: int = 3,
) -> tuple[Evidence, ...]:
    """Returns the evidence of a whole plan: for the question first, then what its parts brought.

    Args:
        parts: What is asked, the whole question first.
        found: What the searches found for each, by id.
        limit: At most so many sentences for the whole question.
        extra: At most so many more for each part.

    Returns:
        Evidence in the order of the plan; a place is quoted once, under the part it answers best.
    """
    chosen: dict[tuple[DocumentId, int, int], Evidence] = {}
    fits: dict[tuple[DocumentId, int, int], float] = {}
    weights = [sum(sought(part.query).terms.values()) for part in parts]
    sides = _sides(parts, found)
    for part, weight in zip(parts, weights, strict=True):
        count = 0
        # To hold all of "loc" is not to hold all of "the difference between loc and iloc".
        share = min(1.0, weight / weights[0]) if weights[0] else 1.0
        picked = select(part.query, found.get(part.id, ()), limit=limit, part=part.id)
        for one, fit in _fitting(part, picked, sides):
            place = (one.document, one.start, one.end)
            if place not in chosen:
                if part.id == 0 or count < extra:
                    score, cover = round(share * one.score, 4), round(share * one.cover, 4)
                    chosen[place] = replace(one, score=score, cover=cover)
                    fits[place] = fit
                    count += 1
            elif fit > fits[place]:  # it keeps its rank; the part says what it is about
                chosen[place] = replace(chosen[place], part=part.id)
                fits[place] = fit
                count += 1
    return tuple(chosen.values())


def _fitting(
    part: SubQuestion, picked: Sequence[Evidence], sides: Mapping[int, _Side]
) -> list[tuple[Evidence, float]]:
    """Returns the sentences that are about a part, with how much of it each holds.

    That a document is about the part is not enough.
    """
    if part.id in sides:
        return [(one, 1.0) for one in picked if one.document in sides[part.id].documents]
    if part.kind == "whole":
        return [(one, 0.0) for one in picked if not sides or _compares(one, sides.values())]
    asked = sought(part.text)
    own = {term: value for term, value in asked.terms.items() if value >= 1}
    if not own:  # "for how long?" is asked of what the question names
        return [(one, LEAST) for one in picked]
    held = [sum([own[term] for term in own.keys() & asked.read(one.quote)]) for one in picked]
    least = OWN * max(held, default=0.0)
    fitting: list[tuple[Evidence, float]] = []
    for one, fit in zip(picked, held, strict=True):
        if fit and fit >= least:
            fitting.append((one, fit / sum(own.values())))
        elif fit and not own.keys() & titled(one.title):
            # No title brought it, so a few words do: who is named in one text is told of in
            # another.
            fitting.append((one, 0.0))
    return fitting


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the things compared.

    Args:
        terms: The stems of its name.
        documents: The documents that are called so.
    """

    terms: frozenset[str]
    documents: frozenset[DocumentId]


def _compares(one: Evidence, sides: Collection[_Side]) -> bool:
    """Tells whether a sentence is about things compared.

    Of a document that is called like one of them it has to name one; of another, both and not
    itself.
    """
    bag = frozenset(content(one.quote))
    if any(one.document in side.documents for side in sides):
        return any(side.terms <= bag for side in sides)
    both = frozenset(term for side in sides for term in side.terms)
    itself = frozenset(content(path(one.title)[-1]))
    return both <= bag and (itself <= both or not itself <= bag)


def _sides(
    parts: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]]
) -> dict[int, _Side]:
    """Returns the things compared, by sub-question, where each has documents that are called so.

    Where some are of one family (``pandas.merge`` and ``pandas.concat``), those alone.
    """
    sides = [part for part in parts if part.kind == "side"]
    everything = list(chain.from_iterable(found.values()))
    named = [
        [
            (before, one.document)
            for one in everything
            if (before := family(one.title, side.query)) is not None
        ]
        for side in sides
    ]
    if not sides or not all(named):
        return {}
    shared = set.intersection(*[{before for before, _ in some} for some in named])
    found_sides = {}
    for side, some in zip(sides, named, strict=True):
        documents = [document for before, document in some if before in shared or not shared]
        found_sides[side.id] = _Side(frozenset(content(side.query)), frozenset(documents))
    return found_sides
