"""The report of a research run: its sentences, what each cites, what was not found. Frozen values
and nothing else; drawing is next door.

A sentence never stands without saying how it is founded: ``verdict`` is set by
:func:`sentient_kernel.research.verify.claims.check_report`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from sentient_kernel.describing import Described
from sentient_kernel.errors import UsageError
from sentient_kernel.ids import DocumentId, RunId
from sentient_kernel.projections.base import LocalCall

MOST_AUTHORS = 20
"""Authors that are named with a citation."""
_CITED = ("container", "date", "doi", "licence")

Verdict = Literal["supported", "unsupported", "misplaced", "unchecked"]
"""``supported``: the quotes stand where they should and carry the sentence. ``unsupported``: they
do not carry it, or there are none. ``misplaced``: a quote does not stand in its document.
``unchecked``: nobody looked yet.
"""

Level = Literal["", "all", "some", "near", "nothing"]
"""``all`` parts are answered, ``some`` are, the ``near``est passages are shown, or ``nothing``.

Empty where nobody judged.
"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Citation(Described):
    """A stretch of a document's stored snapshot:
    ``wb.document(document).text[start:end] == quote``.

    Args:
        document: The document's snapshot.
        title: The document's title.
        uri: Where the document came from.
        start: Where the quote begins.
        end: Where the quote ends.
        quote: The words as they stand there.
        source: The source that the document came through.
        before: What stands directly before the quote.
        after: What stands directly after it.
        placed: Whether the quote was found at its place.
        verified: Whether it was, and the sentence that cites it is supported.
        meta: What a bibliography needs of the document, where it is known: authors, date, doi,
            licence, container.
    """

    document: DocumentId
    title: str
    uri: str
    start: int
    end: int
    quote: str
    source: str = ""
    before: str = ""
    after: str = ""
    placed: bool = False
    verified: bool = False
    meta: dict[str, Any] = field(default_factory=dict, hash=False)

    SHOW: ClassVar[tuple[str, ...]] = ("quote", "title", "start", "end", "verified")

    @property
    def place(self) -> tuple[str, int, int]:
        """What makes two citations the same."""
        return (self.document, self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim(Described):
    """A sentence of the report.

    Args:
        text: The sentence as it is shown.
        verdict: How it is founded.
        citations: What it cites.
        part: The sub-question that it answers; 0 is the whole question.
        support: Likeness to what it cites, 0 to 1.
        reason: Why it is not supported, or by whose judgement it is.
        lead: Whether it is a sentence of the answer.
    """

    text: str
    verdict: Verdict = "unchecked"
    citations: tuple[Citation, ...] = ()
    part: int = 0
    support: float = 0.0
    reason: str = ""
    lead: bool = False

    @property
    def weak(self) -> bool:
        """Whether its citations do not support it."""
        return self.verdict in ("unsupported", "misplaced")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SourceNote(Described):
    """What one source was asked and gave.

    Args:
        source: Its name.
        documents: How many documents it holds.
        found: How many passages it gave.
        cited: How many of its documents the report cites.
        refused: What it could not read: (uri, reason).
        reason: Why nothing came of it; empty when something did.
    """

    source: str
    documents: int = 0
    found: int = 0
    cited: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Gap(Described):
    """Something that was asked and not found.

    Args:
        question: The part of the question.
        reason: Why, in one sentence.
        sources: Why, source by source: (source, reason).
    """

    question: str
    reason: str
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Disagreement(Described):
    """Two statements on the same thing that cannot both hold as they stand.

    Args:
        kind: ``negation``, ``direction`` or ``number``.
        why: What differs, in one sentence.
        sides: The two statements, each with its citation.
    """

    kind: str
    why: str
    sides: tuple[Claim, Claim]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Coverage(Described):
    """How well a report answers what was asked; :mod:`sentient_kernel.research.coverage` judges it.

    Args:
        level: In one word.
        asked: How many parts the question has.
        answered: How many of them are answered.

    Example:
        >>> str(Coverage(level="all", asked=2, answered=2)), str(Coverage(level="near"))
        ('answers both parts', 'closest passages only')
    """

    level: Level = ""
    asked: int = 1
    answered: int = 0

    def __str__(self) -> str:
        parts = {1: "the question", 2: "both parts"}.get(self.asked, f"all {self.asked} parts")
        some = f"{self.answered} of {self.asked} parts" if self.answered else "part of the question"
        said = {
            "all": f"answers {parts}",
            "some": f"answers {some}",
            "near": "closest passages only",
            "nothing": "nothing found",
        }
        return said.get(self.level, "")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cost(Described):
    """What a run used up; ``reasoning`` says how many of the tokens were reasoning."""

    usd: float = 0.0
    tokens: int = 0
    reasoning: int = 0
    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report:
    """What a research run found, sentence by sentence.

    Args:
        question: What was asked.
        answer: One to three sentences; when nothing answers the question, that is what it says.
        claims: Every sentence of the report.
        sources: What every source was asked and gave.
        unanswered: What was asked and not found.
        disagreements: Where sources contradict each other.
        cost: What the model's answers cost when they were made; ``run.cost`` says what a run has
            paid.
        run_id: The run that wrote it.
        parts: The questions that claims answer, by ``Claim.part``.
        abstained: Nothing that was found answers the question.
        coverage: How well it answers what was asked.
        notes: What a reader has to know of how it was made, such as that the model did not help.
        made_with: The version, the model, the hash of the prompts, and the snapshots cited.
    """

    question: str
    answer: str = ""
    claims: tuple[Claim, ...] = ()
    sources: tuple[SourceNote, ...] = ()
    unanswered: tuple[Gap, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    cost: Cost = Cost()
    run_id: RunId = RunId("")
    parts: tuple[str, ...] = ()
    abstained: bool = False
    coverage: Coverage = field(default_factory=Coverage)
    notes: tuple[str, ...] = ()
    made_with: dict[str, Any] = field(default_factory=dict, compare=False)
    _show: Annotated[Any, Field(exclude=True)] = field(default=None, compare=False)

    def with_renderer(self, show: Callable[[Report], Any]) -> Report:
        """Returns the same report with a way to show itself live.

        Args:
            show: Shows a report in the cell that runs; returns False where only a picture of it
                will do.
        """
        return replace(self, _show=LocalCall(show))

    @property
    def citations(self) -> tuple[Citation, ...]:
        """All citations once each, in the order in which a reader meets them; so they are numbered
        (from 1).
        """
        rest = [claim for _, claims in self.details for claim in claims]
        sides = [claim for one in self.disagreements for claim in one.sides]
        found: dict[tuple[str, int, int], Citation] = {}
        for claim in (*self.lead, *rest, *sides):
            for citation in claim.citations:
                # it is, wherever it supports one sentence
                if citation.verified or citation.place not in found:
                    found[citation.place] = citation
        return tuple(found.values())

    @property
    def lead(self) -> tuple[Claim, ...]:
        """The sentences of the answer."""
        return tuple(claim for claim in self.claims if claim.lead)

    @property
    def details(self) -> list[tuple[str, list[Claim]]]:
        """The other sentences, part by part, each with what stands over it; empty over those for
        the whole question.
        """
        rest: dict[int, list[Claim]] = {}
        for claim in self.claims:
            if not claim.lead:
                rest.setdefault(claim.part, []).append(claim)
        return [
            (self.parts[part] if 0 < part < len(self.parts) else "", rest[part])
            for part in sorted(rest)
        ]

    def cited_of(self, source: str) -> int:
        """Returns how many of its citations come from a source."""
        alone = source if len(self.sources) == 1 else ""
        return sum((one.source or alone) == source for one in self.citations)

    @property
    def unsupported(self) -> tuple[Claim, ...]:
        """The sentences that their citations do not carry."""
        return tuple(claim for claim in self.claims if claim.weak)

    @property
    def facts(self) -> list[str]:
        """What stands over it: how well it answers, its quotes, what is unsupported."""
        said = [str(self.coverage)] if self.coverage.level else []
        if cited := self.citations:
            stand = "quotes stand at their place" if len(cited) > 1 else "quote stands at its place"
            said.append(f"{sum(one.placed for one in cited)} of {len(cited)} {stand}")
        if weak := len(self.unsupported):
            said.append(f"{weak} sentence{'' if weak == 1 else 's'} unsupported")
        return said

    def described(self, meta_of: Callable[[DocumentId], Mapping[str, Any]]) -> Report:
        """Returns the report with what a bibliography needs in every citation.

        Args:
            meta_of: Gives what is known of a stored document; empty when there is no such document.
        """

        def describe(claim: Claim) -> Claim:
            cited = [replace(one, meta=_cited(meta_of(one.document))) for one in claim.citations]
            return replace(claim, citations=tuple(cited))

        return self.revised(describe)

    def revised(self, change: Callable[[Claim], Claim]) -> Report:
        """Returns the report with every sentence changed, those of disagreements too.

        Args:
            change: Gives the new sentence for an old one.
        """
        disagreements = [
            replace(one, sides=(change(one.sides[0]), change(one.sides[1])))
            for one in self.disagreements
        ]
        claims = tuple(map(change, self.claims))
        return replace(self, claims=claims, disagreements=tuple(disagreements))

    def to_markdown(self) -> str:
        """Returns the report as Markdown; text from outside cannot become markup, an image or a
        link to a script.
        """
        from sentient_kernel.report.markdown import draw

        return draw(self)

    def to_html(self) -> str:
        """Returns the report as one HTML element with its own style: no script, no network, the
        same for the same report.
        """
        from sentient_kernel.report.html import draw

        return draw(self)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as JSON values."""
        value: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return value

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Report:
        """Returns the report that :meth:`to_dict` wrote.

        Raises:
            UsageError: The value is not a report.
        """
        try:
            return _adapter().validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the value"
            raise UsageError(f"This is not a report: {where}: {first['msg']}.") from error

    def save(self, path: str | Path) -> Path:
        """Writes the report to a file in the format that its ending names.

        Args:
            path: Where to; .md, .html, .json, .docx, .ipynb, .bib (the works cited) or .csl.json.

        Returns:
            The path written.

        Raises:
            UsageError: The ending is not one of these, or the file cannot be written.
        """
        from sentient_kernel.report import bibliography, docx, html, markdown

        target = Path(path)
        writers: dict[str, Callable[[Report], str | bytes]] = {
            ".csl.json": bibliography.csl_json,
            ".bib": bibliography.bibtex,
            ".md": Report.to_markdown,
            ".html": html.page,
            ".json": lambda report: (
                json.dumps(report.to_dict(), ensure_ascii=False, indent=2) + "\n"
            ),
            ".ipynb": markdown.notebook,
            ".docx": docx.document,
        }
        write = next(
            (writer for ending, writer in writers.items() if target.name.lower().endswith(ending)),
            None,
        )
        if write is None:
            raise UsageError(
                f"A report cannot be saved as {target.name!r}.",
                hint=f"Endings that work: {', '.join(sorted(writers))}.",
            )
        try:
            written = write(self)
            target.write_bytes(
                written
                if isinstance(written, bytes)
                else written.encode("utf-8", "backslashreplace")
            )
        except OSError as error:
            raise UsageError(
                f"{target.name!r} cannot be written: {error.strerror or error}."
            ) from error
        return target

    def __str__(self) -> str:
        return self.to_markdown()

    def __repr__(self) -> str:
        question = " ".join(self.question.split())
        shown = question if len(question) <= 60 else question[:59] + "…"
        if self.abstained:
            return f"Report({shown!r}, nothing found)"
        parts = [
            str(self.coverage),
            f"{len(self.claims)} claims",
            f"{len(self.citations)} citations",
            f"{len(self.unsupported)} unsupported",
        ]
        return f"Report({', '.join([repr(shown), *filter(None, parts)])})"

    _repr_html_ = to_html
    _repr_markdown_ = to_markdown

    def _mime_(self) -> tuple[str, str]:
        """Returns what marimo shows."""
        return (self._show and self._show(self)) or ("text/html", self.to_html())

    def _ipython_display_(self) -> None:
        if not callable(self._show) or not self._show(self):
            raise NotImplementedError  # IPython then takes the other forms


def _cited(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the little of a document's meta that goes with each citation."""
    kept: dict[str, Any] = {
        name: meta[name][:300] for name in _CITED if isinstance(meta.get(name), str) and meta[name]
    }
    authors = meta.get("authors")
    if isinstance(authors, list) and (
        names := [name[:120] for name in authors[:MOST_AUTHORS] if isinstance(name, str)]
    ):
        kept["authors"] = names
    return kept


@cache
def _adapter() -> TypeAdapter[Report]:
    return TypeAdapter(Report)
