"""Services, pages and objects that answer at length: what they say is cut where it arrives, and
costs no more than what is kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel.documents import Document, Health, Passage
from sentient_kernel.errors import SentientError
from sentient_kernel.redaction import hold
from sentient_kernel.settings import Settings
from sentient_kernel.sources.parser.bounds import (
    ADDRESS,
    DEEPEST,
    FIELD,
    FIELDS,
    ITEMS,
    NAME,
    TITLE,
    VALUES,
    bounded,
)
from tests.kits.services_web import ServicesWeb
from tests.remote_kit import ABSTRACT, QUESTION, TIDES

LONG = "Fundy tide " * 18_000
"""A title of 200 KB."""
PAPERS = ["arxiv", "openalex", "crossref", "pubmed"]
ENGINES = ["searxng", "brave", "tavily"]
SECONDS = 3.0
"""Of this process's processor time, for a search and a research."""


@pytest.fixture
def web() -> Iterator[ServicesWeb]:
    with ServicesWeb() as web:
        for n in range(3):
            web.paper(
                f"{LONG} {n}",
                f"{ABSTRACT} Case {n}.",
                doi=f"10.5555/{n}" + "x" * 30_000 * (n == 2),
                arxiv=f"2101.0004{n}",
                pmid=f"12{n}",
                authors=("Ada M. Byron", LONG[:100_000], *(f"Author {i}" for i in range(2_000))),
                venue=LONG,
                licence="https://example.org/" + "l" * 50_000,
            )
            web.article(
                f"/tides{n}",
                f"{LONG} {n}",
                TIDES,
                author="; ".join([LONG[:50_000], *(f"A {i}" for i in range(3_000))]),
                licence=LONG,
            )
        web.article("/" + "a" * 3_000, "Tides of Fundy", TIDES)
        web.wiki("Bay of Fundy " + "x" * 200, TIDES)
        yield web


def bench(web: ServicesWeb, home: Path) -> sk.Workbench:
    return sk.Workbench(home, settings=Settings(_env_file=None, **web.settings))


def texts(value: Any) -> Iterator[str]:
    """Yields all texts in a value, the names of its fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from (name, *texts(one))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)


def check(passage: Passage, document: Document) -> None:
    assert len(passage.title) <= TITLE + 2
    assert len(passage.uri) <= ADDRESS
    assert document.text[passage.start : passage.end] == passage.text
    assert len(document.title) <= TITLE + 2
    assert max(map(len, texts(dict(document.meta))), default=0) <= FIELD + 2
    assert len(json.dumps(dict(document.meta))) < 200_000


@pytest.mark.parametrize("service", [*PAPERS, *ENGINES, "wikipedia", "page"])
def test_whatever_a_service_says_is_as_long_as_it_may_be(
    web: ServicesWeb, tmp_path: Path, service: str
) -> None:
    with bench(web, tmp_path) as wb:
        spec = f"{web.url}/tides0" if service == "page" else service
        # children and clients are there
        wb.search(QUESTION, sources=[f"{web.url}/bread"] if service == "page" else [spec])
        begun = time.process_time()
        found = wb.search("How high does the tide rise at Fundy?", sources=[spec])
        report = wb.research(QUESTION, sources=[spec]).result(60)
        assert time.process_time() - begun < SECONDS
        assert found
        for passage in found:
            check(passage, wb.document(passage.document))
        assert not report.abstained
        for citation in report.citations:
            assert len(citation.title) <= TITLE + 2
        for text in (
            report.to_html(),
            report.to_markdown(),
            json.dumps(report.to_dict()),
            repr(report),
            repr(wb.runs),
        ):
            assert len(text) < 500_000
        assert sum(len(record.body) for record in wb.journal.read()) < 1_000_000
    assert not any(len(request.path) > ADDRESS for request in web.requests)


WORDS: dict[str, Callable[[str], bytes]] = {
    "text": lambda long: long.encode(),
    "json": (
        lambda long: json.dumps(
            {"error": {"message": long, "code": 9}, "message": long, "detail": long}
        ).encode()
    ),
    "page": lambda long: f"<title>{long}</title><p>{long}</p>".encode(),
}
PLACES = {
    "searxng": "/searxng/search",
    "brave": "/brave/res/v1/web/search",
    "tavily": "/tavily/search",
    "arxiv": "/arxiv/api/query",
    "openalex": "/openalex/works",
    "crossref": "/crossref/works",
    "pubmed": "/pubmed/esearch.fcgi",
    "wikipedia": "/wikipedia/w/api.php",
}


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("service", PLACES)
def test_what_a_service_says_of_its_error_is_cut(
    web: ServicesWeb, tmp_path: Path, service: str, words: str
) -> None:
    web.page(
        PLACES[service],
        WORDS[words]("no\x1b[2J" * 400_000),
        kind="application/json",
        status=400,
        headers={"x-error": "e" * 5_000},
    )
    with bench(web, tmp_path) as wb:
        begun = time.process_time()
        report = wb.research(QUESTION, sources=[service]).result(60)
        assert time.process_time() - begun < SECONDS
        assert report.abstained
        said = [note.reason for note in report.sources]
        assert all(0 < len(reason) <= FIELD for reason in said)
        assert "\x1b" not in json.dumps(said)
        assert len(json.dumps(report.to_dict())) < 20_000


def test_what_a_source_of_somebody_else_gives_is_cut(tmp_path: Path) -> None:
    document = Document(
        title=LONG,
        uri="https://example.org/" + "u" * 9_000,
        source="odd",
        text=TIDES * 5_000,
        meta={},
    )

    class Odd:
        name = "odd"
        health = Health(
            source="odd", reason="r" * 900_000, refused=(("u" * 900_000, "w" * 900_000),)
        )

        async def refresh(self, progress: Any = None) -> Health:
            return self.health

        async def search(self, query: str, *, k: int = 10) -> list[Passage]:
            whole = len(document.text)
            return [
                Passage(
                    document=document.id,
                    title=LONG,
                    uri=document.uri,
                    start=0,
                    end=whole,
                    text=document.text,
                    score=9.0,
                )
            ]

        def document(self, one: Any) -> Document | None:
            return document if one == document.id else None

    with sk.Workbench(tmp_path) as wb:
        begun = time.process_time()
        (passage,) = wb.search(QUESTION, sources=[Odd()])
        assert (len(passage.title) <= TITLE + 2, passage.uri, len(passage.text)) == (
            True,
            "",
            10_000,
        )
        assert wb.document(passage.document).text[passage.start : passage.end] == passage.text
        wb.research(QUESTION, sources=[Odd()]).result(60)
        assert time.process_time() - begun < SECONDS
        assert sum(len(record.body) for record in wb.journal.read()) < 1_000_000


# -- the bounds themselves -------------------------------------------------------------------------


def nested(deep: int) -> Any:
    value: Any = "x"
    for _ in range(deep):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"title": LONG, "url": "u" * 9_000, "text": "t" * 90_000, "odd": LONG, "n" * 9_000: 1},
        {f"field {n}": n for n in range(10_000)},
        [0] * 1_000_000,
        {"a": [{"b": [LONG, *range(1_000)]} for _ in range(1_000)]},
        {"text": [["t" * 9_000] * 9]},
        nested(900),
        {1: "a number is no name", "fine": object()},
    ],
    ids=["texts", "fields", "items", "all in all", "texts in a list", "depth", "odd types"],
)
def test_a_value_is_as_big_as_it_may_be(value: Any) -> None:
    begun = time.process_time()
    found = bounded(value, 1_000)
    assert time.process_time() - begun < SECONDS

    def measured(one: Any, depth: int = 0) -> int:
        assert depth <= DEEPEST
        if isinstance(one, dict):
            assert len(one) <= FIELDS and all(len(name) <= NAME for name in one)
            return 1 + sum(measured(each, depth + 1) for each in one.values())
        if isinstance(one, list):
            assert len(one) <= ITEMS
            return 1 + sum(measured(each, depth + 1) for each in one)
        assert one is None or isinstance(one, bool | int | float | str)
        return 1

    assert measured(found) <= VALUES + 1
    assert max(map(len, texts(found)), default=0) <= FIELD + 2
    assert json.dumps(found)


def test_what_is_within_bounds_stays_as_it_is() -> None:
    value = {
        "title": "Bees  fly",
        "url": "https://example.org/",
        "pages": [1, 2.5, None, True],
        "authors": [{"name": "Ada"}],
        "text": "x" * 900,
    }
    assert bounded(value, 1_000) == value


def test_an_error_about_something_endless_is_short_and_holds_no_part_of_a_secret() -> None:
    secret = "Zq7-long-enough-to-be-random-4Kx9"
    hold(secret, "A_KEY")
    for place in range(0, 60_000, 997):
        text = ("x" * place + secret) + "y" * (60_000 - place)
        error = SentientError(text, hint=text)
        assert len(error.message) <= 2_010 and len(error.hint) <= 2_010
        assert not any(secret[at : at + 8] in str(error) for at in range(0, len(secret) - 8))
    begun = time.process_time()
    SentientError("m" * 50_000_000, hint="h " * 20_000_000)
    assert time.process_time() - begun < SECONDS
