"""Measures answers over the documentation of what is installed:
``python -m tests.bench.docs_questions [--index FILE] [--show]``.

- *Hits@3*: one of the public names that a person would be sent to is among the first 3 documents.
- *Lead*: the first sentence of the report comes from one of them.
- *Clean*: the share of the shown sentences without markup: no directive, no role, no underline, no
  prompt, no parameter list.
- *Abstained*: for questions that nobody's documentation answers, that the report says so.

The questions come in two halves; what is chosen is chosen on the first, and the second says what it
is worth elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import _data
from tests.bench._package import (
    Index,
    PackagesSource,
    Passage,
    Report,
    check_report,
    collect,
    plan,
    supported,
    write,
)

PASSAGES = 10
ASKED: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "What is the difference between loc and iloc?",
        ("pandas.DataFrame.loc", "pandas.DataFrame.iloc"),
    ),
    (
        "How do I stop an asyncio task after a timeout?",
        ("asyncio.wait_for", "asyncio.timeout", "asyncio.timeout_at"),
    ),
    (
        "How do I merge two data frames on a key column?",
        ("pandas.DataFrame.merge", "pandas.merge", "pandas.DataFrame.join"),
    ),
    (
        "How do I group rows and compute several aggregates at once?",
        (
            "pandas.DataFrame.groupby",
            "pandas.api.typing.DataFrameGroupBy.aggregate",
            "pandas.api.typing.SeriesGroupBy.aggregate",
        ),
    ),
    (
        "How do I read a CSV file with a semicolon separator?",
        ("pandas.read_csv", "pandas.read_table", "csv", "csv.Dialect"),
    ),
    (
        "What does httpx do on redirects?",
        (
            "httpx.Client",
            "httpx.AsyncClient",
            "httpx.request",
            "httpx.Response.has_redirect_location",
            "httpx.Response.next_request",
            "httpx.TooManyRedirects",
        ),
    ),
    (
        "How can I validate settings from environment variables?",
        (
            "pydantic_settings.BaseSettings",
            "pydantic_settings.EnvSettingsSource",
            "pydantic-settings 2.16.3",
        ),
    ),
    (
        "How do I profile which line is slow?",
        ("cProfile", "profile", "profile.Profile", "cProfile.Profile", "pstats.Stats"),
    ),
    ("How do I remove duplicate rows from a DataFrame?", ("pandas.DataFrame.drop_duplicates",)),
    (
        "How do I walk through all files below a folder?",
        ("os.walk", "os.fwalk", "pathlib.Path.walk", "glob", "pathlib.Path.rglob"),
    ),
    (
        "How do I limit how many anyio tasks run at the same time?",
        ("anyio.CapacityLimiter", "anyio.Semaphore"),
    ),
    ("How do I cache the results of a function?", ("functools.lru_cache", "functools.cache")),
    (
        "How do I replace missing values with the previous one?",
        ("pandas.DataFrame.ffill", "pandas.Series.ffill", "pandas.DataFrame.fillna"),
    ),
    (
        "How do I mark a pytest test as expected to fail?",
        ("pytest.xfail", "pytest.mark.xfail", "pytest.MarkDecorator"),
    ),
)
HELD: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "How do I pivot a table from long to wide?",
        ("pandas.DataFrame.pivot", "pandas.pivot", "pandas.DataFrame.pivot_table"),
    ),
    ("What is the difference between json.dump and json.dumps?", ("json.dump", "json.dumps")),
    (
        "How do I make a temporary directory that deletes itself?",
        ("tempfile.TemporaryDirectory", "tempfile.mkdtemp"),
    ),
    (
        "How do I compute a rolling mean?",
        ("pandas.DataFrame.rolling", "pandas.api.typing.Rolling.mean", "pandas.Series.rolling"),
    ),
    (
        "How do I create an array of evenly spaced numbers in numpy?",
        ("numpy.linspace", "numpy.arange"),
    ),
    (
        "How do I parse command line arguments?",
        ("argparse", "argparse.ArgumentParser", "click.Option", "optparse"),
    ),
    (
        "How can I draw a table in the terminal with rich?",
        ("rich.table.Table", "rich.table.Table.add_column", "rich 15.0.0"),
    ),
    ("How do I run a blocking function in a thread with asyncio?", ("asyncio.to_thread",)),
    (
        "How do I split a string by a regular expression?",
        ("re.split", "re", "pandas.Series.str.split"),
    ),
    ("What does the how parameter of DataFrame.join mean?", ("pandas.DataFrame.join",)),
    (
        "How do I set a timeout for httpx requests?",
        ("httpx.Timeout", "httpx.Client", "httpx.AsyncClient", "httpx.request"),
    ),
    (
        "How do I validate a field with pydantic?",
        ("pydantic.field_validator", "pydantic.validate_call", "pydantic.Field"),
    ),
    ("How do I sort a DataFrame by several columns?", ("pandas.DataFrame.sort_values",)),
    ("How do I iterate over pairs of consecutive items?", ("itertools.pairwise", "itertools")),
)
UNANSWERABLE = (
    "How long do honey bees live in winter?",
    "Who won the football world cup in 1998?",
    "How do I train a transformer model on several TPUs?",
    "What is the boiling point of tungsten?",
    "How do I deploy a Kubernetes cluster on Azure?",
    "Which vitamins does a kiwi contain?",
    "How do I bake sourdough bread at high altitude?",
)
_MARKUP = re.compile(
    r":[a-z]{2,10}:`|\.\. \w|[-=~]{4,}|>>>|``|\b\w+ :"
    r" (?:\{|str|int|bool|list|callable|array|dict|function|label|object)"
)

Question = tuple[str, tuple[str, ...]]


@contextmanager
def source(path: str) -> Iterator[PackagesSource]:
    """Yields the packages source over an index that is kept at ``path``, or for this run only, read
    anew where need be.
    """
    with tempfile.TemporaryDirectory() as folder, Index(path or Path(folder) / "index.db") as index:
        packages = PackagesSource(index)
        cpu = time.process_time()
        health = asyncio.run(packages.refresh())
        print(
            f"{health.documents:,} documents, {health.passages:,} passages,"
            f" {time.process_time() - cpu:.1f} s CPU here",
            flush=True,
        )
        yield packages


def answer(packages: PackagesSource, question: str) -> tuple[list[Passage], Report]:
    """Returns what is found for a question, and the report, made as a research makes it."""
    parts = plan(question)
    found = {part.id: asyncio.run(packages.search(part.query, k=PASSAGES)) for part in parts}
    chosen = collect(parts, found) if supported(parts[0].query, found[0]).ok else ()
    report = write(question, parts, chosen, [packages.health], found=found)
    return found[0], check_report(
        report, lambda document: kept.text if (kept := packages.document(document)) else None
    )


def name(title: str) -> str:
    """Returns the public name that a title begins with."""
    return title.partition(" (")[0]


def names(passages: list[Passage]) -> list[str]:
    """Returns the names of the documents that passages come from, best first."""
    return list(dict.fromkeys(name(passage.title) for passage in passages))


def show(question: str, passages: list[Passage], report: Report) -> None:
    """Prints a report with what it cites."""
    print(f"\n== {question}\n   {', '.join(names(passages)[:5])}")
    if report.abstained:
        print(f"   {report.answer}")
    for claim in report.claims:
        print(
            f" {'*' if claim.lead else '-'} {claim.text} "
            f" [{', '.join(name(one.title) for one in claim.citations)}]"
        )
    for pair in report.disagreements:
        print(f" ! {pair.why} {' | '.join(side.text for side in pair.sides)}")


def measure(
    packages: PackagesSource, questions: tuple[Question, ...], shown: bool
) -> dict[str, float]:
    """Returns the figures of some questions, as shares, and prints those that are not answered as
    they should be.
    """
    hits = leads = answered = claims = clean = 0
    for question, wanted in questions:
        passages, report = answer(packages, question)
        hit = any(one in wanted for one in names(passages)[:3])
        hits += hit
        answered += not report.abstained
        leads += bool(report.claims) and any(
            name(one.title) in wanted for one in report.claims[0].citations
        )
        claims += len(report.claims)
        clean += sum(not _MARKUP.search(claim.text) for claim in report.claims)
        assert all(one.verified for one in report.citations)
        if shown:
            show(question, passages, report)
        if not hit:
            print(f"not among the first 3: {question}", flush=True)
    total = len(questions)
    return {
        "Hits@3": hits / total,
        "lead": leads / total,
        "answered": answered / total,
        "clean": clean / max(1, claims),
    }


def figures(index: str = "", shown: bool = False) -> dict[str, float]:
    """Returns all figures, as the bench ``docs`` shows them."""
    found: dict[str, float] = {}
    with source(index) as packages:
        for half, questions in (("first", ASKED), ("second", HELD)):
            found |= {
                f"{half} {key}": value for key, value in measure(packages, questions, shown).items()
            }
        reports = [(question, *answer(packages, question)) for question in UNANSWERABLE]
        if shown:
            for question, passages, report in reports:
                show(question, passages, report)
        found["abstained"] = sum(report.abstained for _, _, report in reports) / len(UNANSWERABLE)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Prints all figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.docs_questions")
    parser.add_argument("what", nargs="?", choices=["figures"], help="print them as one JSON line")
    parser.add_argument(
        "--index",
        default="",
        help="a file to keep the index in, so that the next run starts quickly",
    )
    parser.add_argument("--show", action="store_true", help="print the reports too")
    given = parser.parse_args(arguments)
    found = figures(given.index, given.show)
    if given.what:
        print(json.dumps(found))
    else:
        _data.show("documentation", found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
