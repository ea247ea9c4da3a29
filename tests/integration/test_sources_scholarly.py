"""Wikipedia and the scholarly services as sources, in the shapes that they really have, over real
HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel.errors import NotRecorded, ParseError, ServerBusy, SourceError
from sentient_kernel.settings import Settings
from sentient_kernel.sources.web.fetch import Readers
from sentient_kernel.testing import FakeClock
from tests.kits.services_web import ServicesWeb
from tests.loop_kit import on_a_loop
from tests.remote_kit import ABSTRACT, QUESTION, TIDES, opened, reaching, searched

SERVICES = {
    "wikipedia": ("Wikipedia", "/wikipedia/w/api.php"),
    "arxiv": ("arXiv", "/arxiv/api/query"),
    "openalex": ("OpenAlex", "/openalex/works"),
    "crossref": ("Crossref", "/crossref/works"),
    "pubmed": ("PubMed", "/pubmed/esearch.fcgi"),
}
CALLS = {"wikipedia": 3, "pubmed": 2}
"""Requests of one search: Wikipedia is asked for titles, then for two articles."""
PAPERS = [name for name in SERVICES if name != "wikipedia"]


@pytest.fixture
def web() -> Iterator[ServicesWeb]:
    with ServicesWeb() as web:
        web.wiki("Bay of Fundy", TIDES)
        web.wiki(
            "Fundy (disambiguation)", "Fundy may refer to the tide in a bay:", disambiguation=True
        )
        web.paper(
            "Tides of the bay",
            ABSTRACT,
            doi="10.5555/Fundy.1",
            arxiv="2101.00042",
            pmid="123",
            authors=("Ada M. Byron", "Plato"),
            year=2019,
        )
        web.paper("Bread at high tide", "", year=2020)
        yield web


@pytest.mark.parametrize(
    ("service", "uri", "more"),
    [
        (
            "arxiv",
            "https://arxiv.org/abs/2101.00042",
            {"container": "arXiv", "section": "cs.DL", "arxiv": "2101.00042"},
        ),
        (
            "openalex",
            "https://doi.org/10.5555/fundy.1",
            {"container": "Journal of Samples", "licence": "CC BY"},
        ),
        (
            "crossref",
            "https://doi.org/10.5555/fundy.1",
            {"container": "Journal of Samples", "licence": "CC BY 4.0"},
        ),
        (
            "pubmed",
            "https://pubmed.ncbi.nlm.nih.gov/123/",
            {"container": "Journal of Samples", "pmid": "123"},
        ),
    ],
)
@on_a_loop
async def test_works_come_with_abstract_authors_date_and_doi(
    web: ServicesWeb, tmp_path: Path, service: str, uri: str, more: dict[str, str]
) -> None:
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, service)
        (best,) = found  # the one without an abstract is no evidence
        document = source.document(best.document)
        assert document is not None
        assert (document.title, document.uri) == ("Tides of the bay", uri)
        assert document.meta == {
            "authors": ["Ada M. Byron", "Plato"],
            "date": "2019-01-15",
            "doi": "10.5555/fundy.1",
            **more,
        }
        text = " ".join(document.text.split())
        assert text.replace("BACKGROUND: ", "").replace("RESULTS: ", "") == ABSTRACT


@on_a_loop
async def test_an_article_is_read_and_a_disambiguation_page_is_none(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        (best, *more), source = await searched(outside, "wikipedia", "tide Fundy bay")
        assert (best.title, more) == ("Bay of Fundy", [])
        assert "sixteen metres" in best.text
        ((uri, reason),) = source.health.refused
        assert (
            uri.endswith("/wiki/Fundy_%28disambiguation%29")
            and reason == "It lists what the name may mean, and says nothing of it."
        )
        document = source.document(best.document)
        assert document is not None
        assert document.meta == {
            "format": "wiki",
            "container": "Wikipedia",
            "date": "2024-01-01",
            "revision": 9_001_001,
        }


@on_a_loop
async def test_headings_of_an_article_stand_apart(web: ServicesWeb, tmp_path: Path) -> None:
    web.wiki(
        "Tide mill",
        "A tide mill grinds corn.\n\n\n== History of mills ==\nMills are old.\n\n\n=== Today"
        f" ===\n\n{TIDES}",
    )
    async with reaching(web, tmp_path) as outside:
        (best, *_), source = await searched(outside, "wikipedia", "tide mill corn")
        document = source.document(best.document)
        assert document is not None
        assert document.text.startswith(
            "A tide mill grinds corn.\n\n## History of mills\n\nMills are old.\n\n## Today\n\nThe"
            " tide is"
        )


@pytest.mark.parametrize("service", SERVICES)
@on_a_loop
async def test_nothing_found_is_said_as_such(
    web: ServicesWeb, tmp_path: Path, service: str
) -> None:
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, service, "zirconium alloys")
        assert (found, source.health.reason) == (
            [],
            f"{SERVICES[service][0]} finds nothing for 'zirconium alloys'.",
        )


@pytest.mark.parametrize("service", PAPERS)
@on_a_loop
async def test_works_without_an_abstract_are_no_evidence(
    web: ServicesWeb, tmp_path: Path, service: str
) -> None:
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, service, "bread")
        assert (found, source.health.reason) == (
            [],
            f"{SERVICES[service][0]} finds 1 work for 'bread', and gives the abstract of none.",
        )


@pytest.mark.parametrize("service", SERVICES)
@on_a_loop
async def test_the_same_query_again_asks_nothing(
    web: ServicesWeb, tmp_path: Path, service: str
) -> None:
    async with reaching(web, tmp_path) as outside:
        together = await asyncio.gather(*(searched(outside, service) for _ in range(4)))
        count = len(web.requests)
    async with reaching(web, tmp_path, offline=True) as outside:
        again, source = await searched(outside, service)
        assert [found for found, _ in together] == [again] * 4
        assert source.health.read == 0
        with pytest.raises(NotRecorded):
            await source.search("something else")
    assert len(web.requests) == count == CALLS.get(service, 1)


@on_a_loop
async def test_pubmed_is_asked_twice_for_numbers_and_for_articles(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        await searched(outside, "pubmed")
        assert [request.path.rpartition("/")[2] for request in web.requests] == [
            "esearch.fcgi",
            "efetch.fcgi",
        ]
        assert web.requests[0].query["sort"] == "relevance"
        assert web.requests[1].query["id"] == "123,30000002"


@pytest.mark.parametrize("service", SERVICES)
@on_a_loop
async def test_who_is_busy_is_asked_again_when_it_says(
    web: ServicesWeb, tmp_path: Path, service: str
) -> None:
    path = SERVICES[service][1]
    clock = FakeClock()
    web.fault(path, "status", times=1, status=429, headers={"Retry-After": "7"})
    async with reaching(web, tmp_path, clock=clock) as outside:
        search = asyncio.create_task(searched(outside, service))
        await asyncio.to_thread(clock.wait_for_sleepers)
        assert web.counts[path] == 1
        clock.advance(7)
        found, _ = await search
        assert found and web.counts[path] >= 2


@pytest.mark.parametrize("service", SERVICES)
@on_a_loop
async def test_who_asks_for_an_hour_is_left_alone(
    web: ServicesWeb, tmp_path: Path, service: str
) -> None:
    web.fault(SERVICES[service][1], "status", status=429, headers={"Retry-After": "3600"})
    async with reaching(web, tmp_path) as outside:
        source = opened(outside, service)
        with pytest.raises(ServerBusy, match="too many requests"):
            await source.search(QUESTION)
        assert "too many requests" in source.health.reason
        assert web.counts[SERVICES[service][1]] == 1


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", ["not_json", "cut_json", "bomb", "big"])
@on_a_loop
async def test_an_answer_that_is_none_is_a_named_error(
    web: ServicesWeb, tmp_path: Path, service: str, fault: Any
) -> None:
    web.fault(SERVICES[service][1], fault)
    async with reaching(web, tmp_path) as outside:
        source = opened(outside, service)
        with pytest.raises(SourceError):
            await source.search(QUESTION)
        assert source.health.reason.endswith(".")
        assert outside.cache.stats.entries == 0


@pytest.mark.parametrize(
    ("service", "path", "answer", "said"),
    [
        (
            "wikipedia",
            "/w/api.php",
            '{"error": {"code": "maxlag", "info": "Waiting for a server"}}',
            "Waiting for a server",
        ),
        (
            "pubmed",
            "/esearch.fcgi",
            '{"esearchresult": {"ERROR": "Search Backend failed"}}',
            "Search Backend failed",
        ),
        ("pubmed", "/esearch.fcgi", "[]", "not an answer"),
        (
            "openalex",
            "/works",
            (
                '{"results": [7, {"abstract_inverted_index": {"a": "b"}, "authorships": {}, "doi":'
                " 3}, null]}"
            ),
            "",
        ),
        (
            "crossref",
            "/works",
            (
                '{"message": {"items": [{"issued": {"date-parts": [[null]]}, "author": "x",'
                ' "title": []}]}}'
            ),
            "",
        ),
    ],
)
@on_a_loop
async def test_an_answer_of_another_shape_is_no_crash(
    web: ServicesWeb, tmp_path: Path, service: str, path: str, answer: str, said: str
) -> None:
    web.page(f"/other{path}", answer, kind="application/json")
    async with reaching(web, tmp_path, **{f"{service}_url": f"{web.url}/other"}) as outside:
        source = opened(outside, service)
        if said:
            with pytest.raises(SourceError, match=said):
                await source.search(QUESTION)
        else:
            assert await source.search(QUESTION) == []


@on_a_loop
async def test_an_error_of_arxiv_is_no_work(web: ServicesWeb, tmp_path: Path) -> None:
    entry = (
        "<entry><id>http://arxiv.org/api/errors#x</id><title>Error</title><summary>incorrect id"
        " format</summary></entry>"
    )
    web.page(
        "/other/query",
        f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>',
        kind="application/atom+xml",
    )
    async with reaching(web, tmp_path, arxiv_url=f"{web.url}/other") as outside:
        found, source = await searched(outside, "arxiv")
        assert found == [] and "finds nothing" in source.health.reason


@pytest.mark.parametrize(
    ("suffix", "data", "why"),
    [
        (
            ".atom",
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]><feed>&a;</feed>',
            "holds a document type declaration",
        ),
        (".pubmed", b"<PubmedArticleSet><PubmedArticle>", "cannot be read"),
        (".pubmed", b"<html></html>", "is <html>, not what was requested"),
        (".atom", b"<feed>" + b"<a>" * 100_000, "nested too deeply"),
    ],
)
@on_a_loop
async def test_hostile_xml_is_refused_in_the_child(suffix: str, data: bytes, why: str) -> None:
    readers = Readers()
    try:
        with pytest.raises(ParseError, match=why):
            await readers.read([data], suffix=suffix, name="It")
    finally:
        await asyncio.to_thread(readers.close)


def test_several_sources_are_searched_in_one_run_and_cited_in_bibliographies(
    web: ServicesWeb, tmp_path: Path
) -> None:
    settings = Settings(_env_file=None, **web.settings)
    with sk.Workbench(tmp_path / "home", settings=settings, sources=list(SERVICES)) as wb:
        report = wb.research(QUESTION).result(60)
        assert {note.source for note in report.sources if note.found} == set(SERVICES)
        for citation in report.citations:
            assert (
                wb.document(citation.document).text[citation.start : citation.end] == citation.quote
            )
        bib = report.save(tmp_path / "report.bib").read_text()
        csl = report.save(tmp_path / "report.csl.json").read_text()
    assert (
        "@article{tides-of-the-bay" in bib
        and "doi = {10.5555/fundy.1}" in bib
        and "journal = {" in bib
    )
    assert (
        '"family": "Byron"' in csl
        and '"given": "Ada M."' in csl
        and '"DOI": "10.5555/fundy.1"' in csl
    )
