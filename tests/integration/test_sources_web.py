"""Pages and search engines as sources, over real HTTP: what is read, what is not and why, and what
is asked for twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel.errors import (
    Blocked,
    ConfigurationError,
    NotRecorded,
    ParseError,
    ServerBusy,
    SourceError,
    UsageError,
)
from sentient_kernel.settings import Settings
from sentient_kernel.sources.local.parse import ParserLimits
from sentient_kernel.sources.web.fetch import Readers
from tests.integration.test_parse_hostile import small_pdf
from tests.kits.services_web import ServicesWeb
from tests.loop_kit import on_a_loop
from tests.remote_kit import NO_WAY, QUESTION, TIDES, opened, reaching, searched

ENGINES = ("searxng", "tavily", "brave")
LICENCE = "https://creativecommons.org/licenses/by-sa/4.0/"


@pytest.fixture
def web() -> Iterator[ServicesWeb]:
    with ServicesWeb() as web:
        web.article(
            "/tides",
            "Tides of Fundy",
            TIDES,
            author="Ada Byron; Ben Sample",
            date="2021-03-04",
            licence=LICENCE,
        )
        web.article("/bread", "Bread", "Flour, water, salt and time make a bread.")
        yield web


# -- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@on_a_loop
async def test_pages_that_an_engine_finds_are_read(
    web: ServicesWeb, tmp_path: Path, engine: str
) -> None:
    async with reaching(web, tmp_path) as outside:
        (best, *_), source = await searched(outside, engine)
        assert (best.title, best.uri, best.source) == ("Tides of Fundy", web.url + "/tides", engine)
        assert "sixteen metres" in best.text
        assert (source.health.reason, source.health.refused) == ("", ())


@on_a_loop
async def test_a_page_says_who_wrote_it_when_and_under_which_licence(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        (best, *_), source = await searched(outside, web.url + "/tides")
        document = source.document(best.document)
        assert document is not None
        assert document.meta == {
            "authors": ["Ada Byron", "Ben Sample"],
            "date": "2021-03-04",
            "licence": "CC BY-SA 4.0",
            "language": "en",
            "format": "html",
        }
        assert "Cookies" not in document.text and "About us" not in document.text


@on_a_loop
async def test_a_journal_page_gives_its_doi_and_journal(web: ServicesWeb, tmp_path: Path) -> None:
    head = "".join(
        f'<meta name="{name}" content="{value}">'
        for name, value in (
            ("citation_title", "Tides"),
            ("citation_author", "Byron, Ada"),
            ("citation_author", "Sample, Ben"),
            ("citation_doi", "doi:10.5555/Tides.7"),
            ("citation_publication_date", "2020/7"),
            ("citation_journal_title", "Sea"),
        )
    )
    url = web.page(
        "/paper",
        f"<html><head><title>x - Sea</title>{head}</head><body><p>{TIDES}</p></body></html>",
    )
    async with reaching(web, tmp_path) as outside:
        (best, *_), source = await searched(outside, url)
        document = source.document(best.document)
        assert document is not None
        assert document.title == "Tides"
        assert {name: document.meta[name] for name in ("authors", "doi", "date", "container")} == {
            "authors": ["Byron, Ada", "Sample, Ben"],
            "doi": "10.5555/tides.7",
            "date": "2020-07",
            "container": "Sea",
        }


@on_a_loop
async def test_tavily_gives_text_along_and_where_it_does_not_the_page_is_read(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        await searched(outside, "tavily")
        assert web.counts["/tides"] == 0
    plain = web.services["tavily"]

    def without_text(web: ServicesWeb, request: Any, rest: str) -> Any:
        asked = type(request)(
            **{name: getattr(request, name) for name in request.__slots__}
            | {"body": b'{"query": "tide fundy"}'}
        )
        return plain(web, asked, rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(web.services, "tavily", without_text)
        async with reaching(web, tmp_path / "other") as outside:
            (best, *_), _ = await searched(outside, "tavily")
            assert "sixteen metres" in best.text
            assert web.counts["/tides"] == 1


@on_a_loop
async def test_a_pdf_is_read_by_its_bytes_whatever_the_server_calls_it(
    web: ServicesWeb, tmp_path: Path
) -> None:
    data = small_pdf("The tide in the Bay of Fundy rises by sixteen metres.")
    url = web.page("/tides.pdf", data, kind="application/pdf")
    other = web.page("/download", data, kind="text/html")
    async with reaching(web, tmp_path) as outside:
        for address in (url, other):
            (best, *_), source = await searched(outside, address)
            document = source.document(best.document)
            assert document is not None and document.meta["format"] == "pdf"
            assert "sixteen metres" in best.text


@on_a_loop
async def test_text_is_read_in_the_charset_that_the_server_names(
    web: ServicesWeb, tmp_path: Path
) -> None:
    url = web.page(
        "/kaffee",
        "<html><body><p>Прилив поднимает воду на шестнадцать метров.</p></body></html>".encode(
            "koi8-r"
        ),
        kind="text/html; charset=KOI8-R",
    )
    async with reaching(web, tmp_path) as outside:
        (best, *_), _ = await searched(outside, url, "Прилив")
        assert best.text == "Прилив поднимает воду на шестнадцать метров."


@on_a_loop
async def test_at_most_five_pages_are_read_for_a_query(web: ServicesWeb, tmp_path: Path) -> None:
    for number in range(9):
        web.article(f"/more/{number}", f"Tides {number}", f"{TIDES} Number {number}.")
    async with reaching(web, tmp_path) as outside:
        _, source = await searched(outside, "searxng")
        assert source.health.documents == 5
        assert (
            sum(
                count for path, count in web.counts.items() if path.startswith(("/more/", "/tides"))
            )
            == 5
        )


def test_pages_are_read_at_the_same_time(tmp_path: Path) -> None:
    with ServicesWeb(latency={"/more/": 0.3}) as web:
        for number in range(5):
            web.article(f"/more/{number}", f"Tides {number}", f"{TIDES} Number {number}.")

        @on_a_loop
        async def search() -> None:
            async with reaching(web, tmp_path) as outside:
                await searched(outside, "searxng")

        search()
        assert web.most_at_once == 5


@on_a_loop
async def test_web_is_the_engine_that_is_set(web: ServicesWeb, tmp_path: Path) -> None:
    async with reaching(web, tmp_path) as outside:
        assert repr(opened(outside, "web")) == "SearxngSource('web')"
    async with reaching(web, tmp_path, searxng_url=NO_WAY) as outside:
        assert repr(opened(outside, "web")) == "TavilySource('web')"
    async with reaching(web, tmp_path, searxng_url=NO_WAY, tavily_api_key=NO_WAY) as outside:
        assert repr(opened(outside, "web")) == "BraveSource('web')"


@pytest.mark.parametrize(
    ("spec", "variable"),
    [
        ("web", "SENTIENT_SEARXNG_URL, SENTIENT_TAVILY_API_KEY or SENTIENT_BRAVE_API_KEY"),
        ("searxng", "SENTIENT_SEARXNG_URL"),
        ("tavily", "SENTIENT_TAVILY_API_KEY"),
        ("brave", "SENTIENT_BRAVE_API_KEY"),
    ],
)
def test_what_is_not_set_is_said_when_the_source_is_added(
    tmp_path: Path, spec: str, variable: str
) -> None:
    with (
        sk.Workbench(tmp_path, settings=Settings(_env_file=None)) as wb,
        pytest.raises(ConfigurationError, match=variable),
    ):
        wb.add(spec)


@pytest.mark.parametrize(
    "url", ["localhost:8080", "file:///etc", "https://user:secret@example.org"]
)
def test_a_base_url_that_is_none_is_said_when_the_source_is_added(tmp_path: Path, url: str) -> None:
    with (
        sk.Workbench(tmp_path, settings=Settings(_env_file=None, searxng_url=url)) as wb,
        pytest.raises(ConfigurationError, match=r"SENTIENT_SEARXNG_URL|setting names") as caught,
    ):
        wb.add("searxng")
    assert "secret" not in str(caught.value)


# -- what is not read, and why ---------------------------------------------------------------------


@on_a_loop
async def test_nothing_found_is_said_as_such(web: ServicesWeb, tmp_path: Path) -> None:
    async with reaching(web, tmp_path) as outside:
        for engine, called in (("searxng", "SearXNG"), ("tavily", "Tavily"), ("brave", "Brave")):
            found, source = await searched(outside, engine, "zirconium")
            assert (found, source.health.reason) == ([], f"{called} finds nothing for 'zirconium'.")


def test_searxng_without_json_says_what_its_owner_has_to_do(tmp_path: Path) -> None:
    with ServicesWeb(json=False) as web:

        @on_a_loop
        async def search() -> None:
            async with reaching(web, tmp_path) as outside:
                source = opened(outside, "searxng")
                with pytest.raises(
                    SourceError, match=r"refuses to answer in JSON.*search\.formats"
                ):
                    await source.search(QUESTION)
                assert "JSON" in source.health.reason

        search()


@pytest.mark.parametrize("engine", ["tavily", "brave"])
@on_a_loop
async def test_a_wrong_key_is_named_by_its_setting_and_never_shown(
    web: ServicesWeb, tmp_path: Path, engine: str
) -> None:
    async with reaching(web, tmp_path, **{f"{engine}_api_key": "canary-7291"}) as outside:
        source = opened(outside, engine)
        with pytest.raises(SourceError, match=f"SENTIENT_{engine.upper()}_API_KEY") as caught:
            await source.search(QUESTION)
        assert "canary" not in f"{caught.value}{source!r}{source.health}{outside.settings!r}"
        assert "canary" not in str([request.target for request in web.requests])


@on_a_loop
async def test_who_asks_for_a_moment_gets_it_and_who_asks_for_an_hour_is_left_alone(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        web.fault("/searxng", "status", times=1, status=429, headers={"Retry-After": "0"})
        found, _ = await searched(outside, "searxng")
        assert found and web.counts["/searxng/search"] == 2
        web.fault("/brave", "status", status=429, headers={"Retry-After": "3600"})
        source = opened(outside, "brave")
        with pytest.raises(ServerBusy, match="too many requests"):
            await source.search(QUESTION)
        assert "too many requests" in source.health.reason
        assert web.counts["/brave/res/v1/web/search"] == 1


@pytest.mark.parametrize("kind", ["not_json", "cut_json", "reset"])
@on_a_loop
async def test_a_broken_answer_is_asked_for_again(
    web: ServicesWeb, tmp_path: Path, kind: Any
) -> None:
    web.fault("/searxng", kind, times=1)
    async with reaching(web, tmp_path) as outside:
        found, _ = await searched(outside, "searxng")
        assert found


@on_a_loop
async def test_robots_txt_is_respected_and_said(web: ServicesWeb, tmp_path: Path) -> None:
    web.page("/robots.txt", "User-agent: *\nDisallow: /tides\n", kind="text/plain")
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, "searxng", "tide Fundy")
        assert found == []
        assert (
            "none could be read" in source.health.reason
            and "does not allow this page" in source.health.reason
        )
        assert source.health.refused[0][0] == web.url + "/tides"
        assert web.counts["/tides"] == 0


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("big", "10,000,000 bytes"),
        ("bomb", "10,000,000 bytes"),
        ("hang", "in time"),
        ("cut", "broke off"),
    ],
)
@on_a_loop
async def test_one_bad_page_costs_nothing_but_itself(
    web: ServicesWeb, tmp_path: Path, fault: Any, why: str
) -> None:
    bad = web.article("/bad", "Tide of Fundy", TIDES)
    web.fault("/bad", fault)
    async with reaching(web, tmp_path, page_timeout=1.0 if fault == "hang" else 20.0) as outside:
        found, source = await searched(outside, "searxng")
        assert {passage.uri for passage in found} == {web.url + "/tides"}
        ((uri, reason),) = source.health.refused
        assert uri == bad and why in reason


@on_a_loop
async def test_invalid_utf_8_is_read_as_far_as_it_can_be(web: ServicesWeb, tmp_path: Path) -> None:
    web.fault("/tides", "not_utf8")
    async with reaching(web, tmp_path) as outside:
        (best, *_), _ = await searched(outside, "searxng")
        assert "sixteen metres" in best.text
        best.text.encode()  # no half characters


@on_a_loop
async def test_markup_that_kills_its_parser_kills_a_child_and_nothing_else(
    web: ServicesWeb, tmp_path: Path
) -> None:
    readers = Readers(ParserLimits(wall=3.0, cpu=2))
    page = b"{}\n" + b"<div>" * 3_000_000
    try:
        with pytest.raises(ParseError, match=r"deeply|memory|seconds|parser|no text"):
            await readers.read([page], suffix=".page", name="It")
        assert (
            await readers.read([b"{}\n<p>Tides rise.</p>"], suffix=".page", name="It")
        ).text == "Tides rise."
    finally:
        await asyncio.to_thread(readers.close)


@on_a_loop
async def test_orders_in_a_page_stay_text(web: ServicesWeb, tmp_path: Path) -> None:
    web.article("/orders", "Tide orders of Fundy", TIDES, orders=True)
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, "searxng")
        assert web.url + "/orders" in {passage.uri for passage in found}
        assert {request.headers["host"] for request in web.requests} == {web.host}
        assert all(isinstance(passage.text, str) for passage in found)
        assert source.health.refused == ()


@on_a_loop
async def test_addresses_of_this_network_and_denied_domains_are_not_read(
    web: ServicesWeb, tmp_path: Path
) -> None:
    from sentient_kernel.sources.web.pages import Page
    from sentient_kernel.sources.web.web import WebSource

    class Found(WebSource):
        service, setting = "Test", "searxng_url"

        async def _hits(self, query: str, calls: Any) -> list[Page]:
            addresses = (
                "http://10.0.0.1/",
                "http://bad.example/",
                "file:///etc/passwd",
                web.url + "/tides",
                web.url + "/tides#again",
            )
            return [Page(url=url) for url in addresses]

    async with reaching(web, tmp_path, deny_domains=("bad.example",)) as outside:
        source = Found(outside, name="test")
        assert {passage.uri for passage in await source.search(QUESTION)} == {web.url + "/tides"}
        assert [reason for _, reason in source.health.refused] == [
            "Not fetching from '10.0.0.1': it is an address of this machine or its network.",
            "Not fetching from 'bad.example': SENTIENT_DENY_DOMAINS names it.",
            "Not fetching the URL: it must begin with http:// or https://.",
        ]


@on_a_loop
async def test_an_engine_of_strangers_sends_nobody_to_the_hosts_of_ones_own(
    web: ServicesWeb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentient_kernel.sources.web import web as module
    from sentient_kernel.sources.web.pages import Page

    async def hits(self: Any, query: str, calls: Any) -> list[Page]:
        return [Page(url=web.url + "/tides"), Page(url="https://example.org/away")]

    async def read(calls: Any, url: str) -> Page:
        return Page(url=web.url + "/tides", text=TIDES)  # as after a redirect

    monkeypatch.setattr(module.WebSource, "_hits", hits)
    monkeypatch.setattr(module, "read_page", read)
    why = (
        "Not fetching from '127.0.0.1': the hosts of SENTIENT_ALLOW_HOSTS are yours, and not for"
        " what {} finds."
    )
    for engine, base in (("brave", NO_WAY), ("searxng", "https://searx.example.org")):
        async with reaching(web, tmp_path, **{f"{engine}_url": base}) as outside:
            source = opened(outside, engine)
            assert await source.search(QUESTION) == []
            told = why.format({"brave": "Brave", "searxng": "SearXNG"}[engine])
            assert source.health.refused == (
                (web.url + "/tides", told),
                ("https://example.org/away", told),
            )
    named = (web.host, "searx.example.org")
    async with reaching(
        web, tmp_path, searxng_url="https://searx.example.org", allow_hosts=named
    ) as outside:
        assert await opened(outside, "searxng").search(QUESTION)


def test_an_address_that_is_never_asked_is_refused_when_it_is_added(tmp_path: Path) -> None:
    with sk.Workbench(
        tmp_path, settings=Settings(_env_file=None, deny_domains=("example.com",))
    ) as wb:
        for address in (
            "http://127.0.0.1/",
            "https://user:secret@example.org/",
            "https://example.com/",
            "ftp://example.org/",
        ):
            with pytest.raises(UsageError):
                wb.add(address)


@on_a_loop
async def test_a_page_of_ones_own_that_cannot_be_read_says_why(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        source = opened(outside, web.url + "/nowhere")
        health = await source.refresh()
        assert health.documents == 0
        assert health.reason == "'127.0.0.1' says no (HTTP 404)."
        await source.refresh()
        assert web.counts["/nowhere"] == 1  # it said no for good


@on_a_loop
async def test_a_redirect_to_a_private_address_is_refused_and_not_remembered(
    web: ServicesWeb, tmp_path: Path
) -> None:
    url = web.redirect("/away", "http://169.254.169.254/latest/")
    async with reaching(web, tmp_path) as outside:
        source = opened(outside, url)
        with pytest.raises(Blocked, match="an address of this machine"):
            await source.search(QUESTION)
        assert outside.cache.stats.entries == 0


# -- what is asked twice ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@on_a_loop
async def test_the_same_query_again_asks_nothing_also_in_another_process(
    web: ServicesWeb, tmp_path: Path, engine: str
) -> None:
    async with reaching(web, tmp_path) as outside:
        first, _ = await searched(outside, engine)
        count = len(web.requests)
        assert (await searched(outside, engine))[0] == first
    async with reaching(web, tmp_path) as outside:
        again, source = await searched(outside, engine)
        assert again == first and source.health.read == 0
    assert len(web.requests) == count


@pytest.mark.parametrize("engine", ["tavily", "brave"])
@on_a_loop
async def test_what_was_recorded_with_a_key_is_replayed_without_one(
    web: ServicesWeb, tmp_path: Path, engine: str
) -> None:
    async with reaching(web, tmp_path) as outside:
        first, _ = await searched(outside, engine)
    async with reaching(web, tmp_path, mode="replay", **{f"{engine}_api_key": NO_WAY}) as outside:
        assert (await searched(outside, engine))[0] == first
        with pytest.raises(NotRecorded):
            await searched(outside, engine, "something else")


@pytest.mark.parametrize("engine", ENGINES)
@on_a_loop
async def test_what_one_base_url_answers_is_not_served_for_another(
    web: ServicesWeb, tmp_path: Path, engine: str
) -> None:
    with ServicesWeb() as other:
        for one in (web, other):
            async with reaching(one, tmp_path) as outside:
                await opened(outside, engine).search(QUESTION)
            assert any(engine in path for path in one.counts)


@on_a_loop
async def test_queries_at_once_that_lead_to_one_page_fetch_it_once(
    web: ServicesWeb, tmp_path: Path
) -> None:
    web.latency = {"/tides": 0.2}
    async with reaching(web, tmp_path) as outside:
        queries = ("tide Fundy", "spring tide moon", "harbour masters tables", "tide sea")
        await asyncio.gather(
            *(
                searched(outside, engine, query)
                for query in queries
                for engine in ("searxng", "brave")
            )
        )
        assert web.counts["/tides"] == 1


@on_a_loop
async def test_a_page_that_failed_for_now_is_asked_again_and_nothing_of_it_is_kept(
    web: ServicesWeb, tmp_path: Path
) -> None:
    web.fault("/tides", "cut")
    async with reaching(web, tmp_path) as outside:
        assert (await searched(outside, "searxng"))[0] == []
        web.heal()
        assert (await searched(outside, "searxng"))[0]


@on_a_loop
async def test_offline_and_replay_serve_what_was_recorded_and_name_what_was_not(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        first, _ = await searched(outside, "searxng")
    count = len(web.requests)
    for settings in ({"offline": True}, {"mode": "replay"}):
        async with reaching(web, tmp_path, **settings) as outside:
            assert (await searched(outside, "searxng"))[0] == first
            source = opened(outside, "searxng")
            with pytest.raises(NotRecorded, match="no recorded answer"):
                await source.search("something else")
            assert "no recorded answer" in source.health.reason
    assert len(web.requests) == count


@on_a_loop
async def test_a_page_that_changes_while_it_is_recorded_is_replayed_as_it_was_served(
    web: ServicesWeb, tmp_path: Path
) -> None:
    url = web.article("/now", "Now", "The tide in the Bay of Fundy rises by fifteen metres.")
    async with reaching(web, tmp_path) as outside:  # what was kept before is not what is recorded
        await opened(outside, url).refresh()
    web.article("/now", "Now", TIDES)
    async with reaching(web, tmp_path, mode="record") as outside:
        source = opened(outside, url)
        await source.refresh()
        web.article("/now", "Now", "The page is gone.")
        recorded = await source.search(QUESTION)
        assert "sixteen metres" in recorded[0].text and web.counts["/now"] == 2
    async with reaching(web, tmp_path, mode="replay") as outside:
        assert await opened(outside, url).search(QUESTION) == recorded


@on_a_loop
async def test_documents_are_found_by_a_later_process_and_never_in_another_form(
    web: ServicesWeb, tmp_path: Path
) -> None:
    async with reaching(web, tmp_path) as outside:
        (best, *_), _ = await searched(outside, "searxng")
    async with reaching(web, tmp_path) as outside:
        source = opened(outside, "searxng")
        document = source.document(best.document)
        assert document is not None and document.text[best.start : best.end] == best.text
        assert source.document(type(best.document)("0" * 64)) is None


@on_a_loop
async def test_what_is_held_in_memory_is_bounded(
    web: ServicesWeb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentient_kernel.sources.web.fetch.HELD", 1_000)
    for number in range(4):
        web.article(f"/more/{number}", f"Tides {number}", f"{TIDES} Number {number}.")
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, "searxng")
        assert outside._characters <= 1_000
        assert all(source.document(passage.document) for passage in found)


# -- in a workbench --------------------------------------------------------------------------------


def bench(web: ServicesWeb, home: Path, **settings: Any) -> sk.Workbench:
    return sk.Workbench(home, settings=Settings(_env_file=None, **{**web.settings, **settings}))


def test_a_research_over_the_web_cites_stored_snapshots_with_what_a_bibliography_needs(
    web: ServicesWeb, tmp_path: Path
) -> None:
    with bench(web, tmp_path / "home") as wb:
        wb.add("web")
        report = wb.research(QUESTION).result(60)
        assert not report.abstained
        for citation in report.citations:
            assert (
                wb.document(citation.document).text[citation.start : citation.end] == citation.quote
            )
        best = report.claims[0].citations[0]
        assert best.meta == {
            "authors": ["Ada Byron", "Ben Sample"],
            "date": "2021-03-04",
            "licence": "CC BY-SA 4.0",
        }
        bib = report.save(tmp_path / "report.bib").read_text()
        assert "author = {Ada Byron and Ben Sample}" in bib and "year = {2021}" in bib
        count = len(web.requests)
    with bench(web, tmp_path / "home") as wb:  # a restart: the same question asks nothing
        again = wb.research(QUESTION, sources="web").result(60)
        assert again.answer == report.answer
        assert len(web.requests) == count


def test_a_cell_that_searches_and_a_run_ask_on_loops_of_their_own(
    web: ServicesWeb, tmp_path: Path
) -> None:
    with bench(web, tmp_path) as wb:
        run = wb.research(QUESTION, sources=["searxng"])
        assert wb.search("Fundy", sources=["brave", web.url + "/tides"])
        assert not run.result(60).abstained
        assert web.counts["/tides"] == 1


def test_a_search_engine_that_is_down_is_named_in_the_report(
    web: ServicesWeb, tmp_path: Path
) -> None:
    web.fault("/searxng", "status", status=500, headers={"Retry-After": "3600"})
    with bench(web, tmp_path) as wb:
        report = wb.research(QUESTION, sources=["web", web.url + "/tides"]).result(60)
        assert not report.abstained
        assert any(note.source == "web" and "HTTP 500" in note.reason for note in report.sources)


def test_an_exported_run_carries_the_answers_that_it_is_made_of(
    web: ServicesWeb, tmp_path: Path
) -> None:
    with bench(web, tmp_path) as wb:
        run = wb.research(QUESTION, sources=["web"])
        run.result(60)
        steps = [str(record.event) for record in wb.journal.read(run=run.id)]
        digests = wb.library.source(["web", "web", "web"]).health.cache
        assert len(digests) >= 2 and all(
            any(digest in step for step in steps) for digest in digests
        )


# -- plug-ins --------------------------------------------------------------------------------------

PLUGIN = """
from sentient_kernel.sources import Health
class Library:
    name = "library"
    health = Health(source="library", reason="It is empty.")
    def __init__(self, spec, settings, outside): self.spec = spec
    async def refresh(self, progress=None): return self.health
    async def search(self, query, *, k=10): return []
    def document(self, document): return None
class Half:
    def __init__(self, spec, settings, outside): self.name = spec
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    site = tmp_path / "site"
    info = site / "library_kit-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "library_kit.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: library-kit\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[sentient_kernel.sources]\nlibrary = library_kit:Library\nhalf = library_kit:Half\nbroken"
        " = library_kit:Nothing\n"
    )
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("library_kit", None)


def test_a_package_brings_a_source_by_its_word(plugin: None, tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home", settings=Settings(_env_file=None)) as wb:
        assert "library_kit" not in sys.modules
        source: Any = wb.add("library:maps")
        assert (source.spec, len(wb.search("tides", sources=["library:maps"]))) == (
            "library:maps",
            0,
        )
        (ref,) = wb.library.references(["library:maps"])
        assert (wb.library.owns(ref), wb.library.sends(ref)) == (
            True,
            True,
        ), "it says nothing of itself"
        source.public = True
        assert (wb.library.owns(ref), wb.library.sends(ref)) == (False, True)
        with pytest.raises(
            ConfigurationError,
            match="'broken' of the package 'library-kit' cannot be opened: AttributeError",
        ):
            wb.add("broken")
        with pytest.raises(
            ConfigurationError,
            match="'half' of the package 'library-kit' is not a source: it lacks refresh",
        ):
            wb.add("half")


# -- without trafilatura ---------------------------------------------------------------------------


@on_a_loop
async def test_without_trafilatura_pages_are_read_all_the_same_and_health_says_so(
    web: ServicesWeb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sentient_kernel.sources.web.web.boilerplate_note", lambda: "No trafilatura."
    )
    async with reaching(web, tmp_path) as outside:
        found, source = await searched(outside, "searxng")
        assert found
        assert source.health.refused == (("trafilatura", "No trafilatura."),)


@on_a_loop
async def test_a_page_that_another_reader_read_is_read_again_but_in_a_replay(
    web: ServicesWeb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentient_kernel.sources.web.pages.page_reader", lambda: "")
    plain = web.page("/plain", TIDES, kind="text/plain")
    async with reaching(web, tmp_path) as outside:
        first, _ = await searched(outside, web.url + "/tides")
        await searched(outside, plain)
    monkeypatch.setattr("sentient_kernel.sources.web.pages.page_reader", lambda: "trafilatura 99")
    for settings in ({"mode": "replay"}, {"offline": True}):
        async with reaching(web, tmp_path, **settings) as outside:
            assert (await searched(outside, web.url + "/tides"))[0] == first
    assert web.counts["/tides"] == 1
    for _ in range(2):
        async with reaching(web, tmp_path) as outside:
            await searched(outside, web.url + "/tides")
            await searched(outside, plain)
    assert (web.counts["/tides"], web.counts["/plain"]) == (2, 1)


def test_the_page_reader_needs_no_trafilatura(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentient_kernel.sources.parser import page

    text = (
        "The tide rises twice a day in most harbours of the world, and nobody has found a way to"
        " stop it. " * 5
    )
    data = f"{{}}\n<html><title>T</title><body><nav>Home</nav><main><p>{text}</p></main><footer>Cookies</footer></body></html>".encode()
    with_it = page.page(data)
    monkeypatch.setattr(page, "reader", lambda: "selectolax")
    without = page.page(data)
    assert with_it.text == without.text == text.strip()
    assert (with_it.meta.get("reader"), without.meta.get("reader")) == ("trafilatura", None)
