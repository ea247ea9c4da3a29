"""Picks, from the passages that a search found, the sentences that answer a question. Pure; no
model.

Every sentence is scored by what it says (how much of the question it covers, rare words counting
more), by what stands around it (its passage's rank, its title, its neighbours) and by whether it
uses the words that the best sentences share. The weights are few, round, and measured on several
kinds of text at once (``tests/bench/evidence.py``).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.report.report import Citation
from sentient_kernel.research.extractive.features import (
    body,
    defines,
    entry,
    heading,
    pointing,
    row,
    study,
    topic,
    wanted,
)
from sentient_kernel.research.extractive.measures import measures
from sentient_kernel.research.extractive.noise import (
    NEVER,
    Kind,
    excused,
    lists_works,
    noise,
    transcripts,
)
from sentient_kernel.research.extractive.sought import Reading, reader, sought
from sentient_kernel.research.extractive.tables import Row, read_row
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import idf, titled

__all__ = ["WEIGHTS", "Evidence", "SentenceWeights", "select"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceWeights:
    """How much each sign counts, and where the list of sentences ends.

    Args:
        cover: Share of the question's words, by rarity, that the sentence holds.
        bm25: The same with repetition and length taken into account.
        passage: Rank of the sentence's passage among those found, from 1 (best) to 0.
        title: Share of the question that only the document's title holds.
        neighbours: Share of the question that only the sentences next to it hold.
        feedback: Share of the words that the best sentences have in common.
        late: Place in the abstract of a study, where findings come last.
        length: The logarithm of the number of words.
        kind: The sentence holds what the question asks for: a number, a date, a name.
        measure: It holds a measure of what the question asks for: kilometres for "how far".
        pointing: It begins with a word that points back, such as "It".
        summary: It says of the thing that its document is about, by name, what it is.
        entry: It is an entry of a list, such as a parameter with what it means.
        noise: It is no statement: an address, a licence, a menu, code.
        floor: A sentence with less than this share of the best score is left out: a shorter report
            is better than a padded one.
        other: The same for documents that hold neither the best sentence nor the best passage.
        document: Such a document is left out when its best sentence has less than this share.
        twin: Of two sentences that share more than this share of their words one is enough.
    """

    cover: float = 1.0
    bm25: float = 0.4
    passage: float = 0.4
    title: float = 0.6
    neighbours: float = 0.4
    feedback: float = 0.5
    late: float = 0.3
    length: float = 0.1
    kind: float = 0.1
    measure: float = 0.3
    pointing: float = -0.1
    summary: float = 0.5
    entry: float = -0.2
    noise: float = -0.5
    floor: float = 0.4
    other: float = 0.5
    document: float = 0.6
    twin: float = 0.8


WEIGHTS = SentenceWeights()
CONTEXT = 300
"""How many characters around a quote are kept to show it in its context."""
LINE = 200
"""How a line begins is told from so many characters."""
ABSTRACT = 3000
"""The abstract of a study lies within its first so many characters."""


@dataclass(slots=True)
class _Sentence:
    """A sentence on its way to being chosen."""

    passage: Passage
    start: int
    end: int
    text: str
    terms: list[str]
    bag: frozenset[str] = field(default_factory=frozenset)
    body: frozenset[str] = field(default_factory=frozenset)
    around: frozenset[str] = field(default_factory=frozenset)
    over: frozenset[str] = field(default_factory=frozenset)
    place: float = 0.0
    study: bool = False
    entry: bool = False
    row: Row | None = None
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
    question: str,
    passages: Sequence[Passage],
    *,
    limit: int = 10,
    part: int = 0,
    weights: SentenceWeights = WEIGHTS,
) -> tuple[Evidence, ...]:
    """Returns the sentences that answer a question best, best first.

    Args:
        question: What is asked.
        passages: What a search found for it; ``text`` must stand verbatim at ``start``.
        limit: At most so many sentences; weak ones are left out, so there may be fewer.
        part: The sub-question's id, kept with the evidence.
        weights: How much each sign counts.

    Returns:
        Evidence without doubles; none when no sentence shares a word with the question.

    Example:
        >>> text = "Sand drains fast. Biochar raised the water held by sand by 45%."
        >>> found = Passage(document=DocumentId("d"), title="Trial", uri="t.txt", start=0,
        ...     end=len(text), text=text, score=3.0)
        >>> [one.quote for one in select("How much water does biochar hold?", [found], limit=1)]
        ['Biochar raised the water held by sand by 45%.']
    """
    terms = list(sought(question))
    pool = _pool(passages, excused(question), reader(question))
    if not terms or not pool:
        return ()
    _score(question, terms, pool, weights)
    chosen: list[_Sentence] = []
    known = frozenset(terms)
    for one in _worthy(pool, weights):
        if len(chosen) == limit:
            break
        twins = [
            other
            for other in chosen
            if len(one.body & other.body) > weights.twin * len(one.body | other.body)
        ]
        witness = len(twins) == 1 and twins[0].passage.document != one.passage.document
        # a second witness is worth having
        if known & (one.bag | one.around | one.over) and (not twins or witness):
            chosen.append(one)
    return tuple([one.evidence(part) for one in chosen])


def _pool(passages: Sequence[Passage], about: frozenset[Kind], read: Reading) -> list[_Sentence]:
    """Returns the sentences of all passages once each, in reading order, with what stands around
    them; none that is never evidence.
    """
    best: dict[tuple[DocumentId, int, int], _Sentence] = {}
    for passage in passages:
        for start, end in sentences(passage.text):
            place = (passage.document, passage.start + start, passage.start + end)
            if place not in best or passage.score > best[place].passage.score:
                text = passage.text[start:end]
                table = (
                    read_row(passage.text, start, end, whole=passage.start == 0)
                    if row(text)
                    else None
                )
                if row(text) and table is None:
                    continue
                listed = entry(passage.text[passage.text.rfind("\n", 0, start) + 1 : end][:LINE])
                best[place] = _Sentence(
                    passage=passage,
                    start=place[1],
                    end=place[2],
                    text=text,
                    terms=read(table.text if table else text),
                    entry=listed,
                    row=table,
                )
    pool = sorted(best.values(), key=lambda one: (one.passage.document, one.start))
    documents: dict[DocumentId, list[_Sentence]] = {}
    for one in pool:
        one.bag = frozenset(one.terms)
        said = body(one.text, one.passage.title)
        one.body = one.bag if said == one.text else frozenset(read(said))
        documents.setdefault(one.passage.document, []).append(one)
    for group in documents.values():
        reports, over, works = (
            sum([study(one.text) for one in group]) > 0.3 * len(group),
            frozenset[str](),
            False,
        )
        bags = [frozenset[str](), *[one.bag for one in group], frozenset[str]()]
        for at, one in enumerate(group):
            one.around = bags[at] | bags[at + 2]
            one.place = (at + 0.5) / len(group)
            one.study = reports and one.start < ABSTRACT
            if heading(one.text, one.passage.text[one.end - one.passage.start :][:LINE]):
                over, works = one.bag, lists_works(one.text)
            else:
                one.over = over
                one.noise = "reference" if works else ""
    for passage in passages if "code" not in about else ():
        for start, end in transcripts(passage.text):
            for one in documents.get(passage.document, ()):
                if passage.start + start <= one.start and one.end <= passage.start + end:
                    one.noise = "transcript"
    for one in pool:
        kind = one.noise or noise(one.text)
        one.noise = "" if kind in about else kind
    return [one for one in pool if one.noise not in NEVER]


def _score(
    question: str, terms: Sequence[str], pool: Sequence[_Sentence], weights: SentenceWeights
) -> None:
    """Gives every sentence its score."""
    rarity, known = idf([one.terms for one in pool]), frozenset(terms)
    unseen = math.log(1 + 2 * len(pool))
    for term, telling in sought(
        question
    ).items():  # "happen" may be rare among the sentences and still say little
        rarity[term] = rarity.get(term, unseen) * min(telling, 1.0)
    rare = rarity.__getitem__
    total = math.fsum(map(rare, terms))
    mean = sum([len(one.terms) for one in pool]) / len(pool) or 1.0
    scores = [one.passage.score for one in pool]
    top, low = max(scores), min(scores)
    kinds, named, scales = wanted(question), topic(question), measures(question)
    read = reader(question)
    titles = {
        one.passage.title: titled(one.passage.title) | frozenset(read(one.passage.title))
        for one in pool
    }
    whole: dict[Passage, frozenset[str]] = {}
    for one in pool:
        one.cover = math.fsum(map(rare, known & one.bag)) / total
        whole[one.passage] = whole.get(one.passage, frozenset()) | one.bag
    shared = _shared(known, pool, rarity, top)
    for one in pool:
        counts, said, rest = Counter(one.terms), one.cover, known - one.bag
        title = titles[one.passage.title] | one.over
        by_title = math.fsum(map(rare, rest & title)) / total
        one.cover = said + by_title
        one.reach = math.fsum(map(rare, known & (whole[one.passage] | title))) / total
        damp = 1.2 * (0.25 + 0.75 * len(one.terms) / mean)
        held = [
            rarity[term] * counts[term] * 2.2 / (counts[term] + damp)
            for term in terms
            if term in one.bag
        ]
        one.score = (
            weights.cover * said
            + weights.bm25 * sum(held) / total
            + weights.passage * ((one.passage.score - low) / (top - low) if top > low else 1.0)
            + weights.title * by_title
            + weights.neighbours * math.fsum(map(rare, rest & one.around)) / total
            + weights.feedback * math.fsum(map(shared.__getitem__, shared.keys() & one.bag))
            + weights.late * (one.place if one.study else 0.0)
            + weights.length * math.log(1 + len(one.text.split()))
            + weights.kind * any(sign.search(one.text) for sign in kinds)
            + weights.measure * any(sign.search(one.text) for sign in scales)
            + weights.pointing * pointing(one.text)
            + (
                weights.summary
                if one.body is not one.bag or defines(one.text, named)
                else weights.entry * one.entry
            )
            + weights.noise * bool(one.noise)
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


def _worthy(pool: Sequence[_Sentence], weights: SentenceWeights) -> Iterator[_Sentence]:
    """Yields the sentences that come near the best, best first; what stands elsewhere has to come
    nearer.
    """
    ranked = sorted(pool, key=lambda one: -one.score)
    top, best = ranked[0].score, dict[DocumentId, float]()
    near = {
        ranked[0].passage.document,
        max(pool, key=lambda one: one.passage.score).passage.document,
    }
    for one in ranked:
        first, home = best.setdefault(one.passage.document, one.score), one.passage.document in near
        if one.score >= (weights.floor if home else weights.other) * top and (
            home or first >= weights.document * top
        ):
            yield one
