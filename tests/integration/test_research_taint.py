"""A run over own documents and the web sends nothing by itself that a model wrote after it had read
those documents.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from spellings_kit import SECRETS, carried, spellings

import sentient_kernel as sk
from sentient_kernel.cache import Cache
from sentient_kernel.models.base import Message
from sentient_kernel.research.workflow import research_workflow
from sentient_kernel.sources.base import Document, Health, Passage
from sentient_kernel.sources.web.base import Service
from sentient_kernel.sources.web.fetch import Outside
from sentient_kernel.testing import ScriptedModel
from tests.kits.services_web import ServicesWeb

QUESTION = "What is known about the waggle hive?"
PUBLIC = "The waggle hive was shown at Graz. The waggle hive has glass on two sides."
NOTES = (
    "What is known about the waggle hive is that its {name} is {secret}. The waggle hive is kept in"
    " the vault."
)
OWN = NOTES.format(name="code", secret=SECRETS["code"])


class Obeying(ScriptedModel):
    """Searches for what it was told to put into its queries, once quotes are before it; then says
    that this was enough.
    """

    def __init__(
        self,
        *rounds: Sequence[str],
        planned: Sequence[str] = (),
        once: str = "waggle hive",
        name: str = "scripted",
    ) -> None:
        super().__init__(self._say, name=name)
        self._left = [list(queries) for queries in rounds]
        self._planned = list(planned)
        self._once = once

    def _say(self, messages: Sequence[Message]) -> Any:
        text = messages[-1].text
        if "Split the question" in text:
            return {
                "questions": [{"question": f"{query}?", "query": query} for query in self._planned]
            }
        if "Do these quotes" in text and self._once in text and self._left:
            queries = self._left.pop(0)
            return {
                "enough": False,
                "questions": [{"question": f"About {query}?", "query": query} for query in queries],
            }
        return {"enough": True, "claims": [], "missing": []}


@pytest.fixture
def web() -> Iterator[ServicesWeb]:
    with ServicesWeb() as served:
        served.article("/hive", "The waggle hive", PUBLIC)
        yield served


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "notes.txt").write_text(OWN)
    return folder


@pytest.fixture
def bench(web: ServicesWeb, tmp_path: Path) -> Iterator[sk.Workbench]:
    with sk.Workbench(tmp_path / "home", settings=sk.Settings.load(**web.settings)) as wb:
        yield wb


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the web of the test be one that everybody may ask: on this machine it is a private
    one.
    """

    async def gives_own(self: Any) -> bool:
        return False

    monkeypatch.setattr(Outside, "owns", lambda self, url: False)
    monkeypatch.setattr(Service, "gives_own", gives_own)


def waiting(run: Any) -> Any:
    """Returns the one approval that a run waits for."""
    assert run.wait() == "waiting"
    (asked,) = [one for one in run.approvals if one.status == "open"]
    return asked


def waited(bench: sk.Workbench) -> Any:
    """Returns the questions that runs of a workbench wait with, as soon as there are any."""
    until = time.monotonic() + 30
    while not (asked := list(bench.approvals)) and time.monotonic() < until:
        time.sleep(0.02)
    return asked


def asked_of(web: ServicesWeb) -> list[str]:
    return [request.target for request in list(web.requests)]


def asks(run: Any) -> list[str]:
    return [one.ask for one in run.approvals]


def test_there_are_eighty_spellings() -> None:
    assert len({(name, way) for name, way, _ in spellings()}) == 80


@pytest.mark.parametrize("name", SECRETS)
def test_no_spelling_of_a_secret_leaves_without_an_approval_that_lists_it(
    bench: sk.Workbench, web: ServicesWeb, notes: Path, name: str
) -> None:
    (notes / "notes.txt").write_text(NOTES.format(name=name, secret=SECRETS[name]))
    for way, queries in [(way, queries) for known, way, queries in spellings() if known == name]:
        run = bench.research(
            QUESTION,
            sources=[notes, "searxng"],
            model=Obeying(queries, once=SECRETS[name], name=way),
        )
        asked = waiting(run)
        assert (asked.ask, asked.payload) == ("fetch", queries)
        assert "searxng" in asked.question and "own" in asked.question
        assert not [target for target in asked_of(web) if carried(target, queries)]
        asked.reject("no")
        report = run.result(30)
        assert not [target for target in asked_of(web) if carried(target, queries)]
        assert any("not sent to searxng: no" in note for note in report.notes), report.notes
        assert asks(run) == ["fetch"]


def test_what_a_person_agrees_to_goes_out_as_they_edited_it(
    bench: sk.Workbench, web: ServicesWeb, notes: Path
) -> None:
    run = bench.research(
        QUESTION,
        sources=[notes, "searxng"],
        model=Obeying(["waggle hive Imker", "hive hunter42x", "hive 4831"]),
    )
    waiting(run).approve(["waggle hive Imker", "waggle hive vault", ""])
    report = run.result(30)
    targets = asked_of(web)
    assert any(carried(target, ["waggle hive Imker"]) for target in targets)
    assert any(carried(target, ["waggle hive vault"]) for target in targets)
    assert not [target for target in targets if "hunter42x" in target or "4831" in target]
    assert any(
        "2 searches" in note and "approval" in note and "1 search" in note for note in report.notes
    ), report.notes


def test_an_empty_list_sends_nothing_and_own_sources_are_searched_all_the_same(
    bench: sk.Workbench, web: ServicesWeb, notes: Path
) -> None:
    run = bench.research(QUESTION, sources=[notes, "searxng"], model=Obeying(["waggle hive vault"]))
    asked = waiting(run)
    before = len(asked_of(web))
    asked.approve([])
    run.result(30)
    assert len(asked_of(web)) == before
    assert [step.title for step in run.steps if "About" in step.title] == [
        "search “About waggle hive vault?” in own"
    ]


@pytest.mark.parametrize("answer", [["a"] * 2, ["x" * 1_001], [3], "waggle"])
def test_an_answer_that_is_no_shorter_list_of_searches_is_refused(
    bench: sk.Workbench, web: ServicesWeb, notes: Path, answer: Any
) -> None:
    run = bench.research(QUESTION, sources=[notes, "searxng"], model=Obeying(["waggle hive vault"]))
    asked = waiting(run)
    with pytest.raises(sk.AnswerRefused):
        asked.approve(answer)
    run.cancel()


@pytest.mark.parametrize("policy", ["auto", {"fetch": "auto"}])
def test_auto_is_a_choice_that_the_report_tells(
    bench: sk.Workbench, web: ServicesWeb, notes: Path, policy: Any
) -> None:
    run = bench.research(
        QUESTION, sources=[notes, "searxng"], model=Obeying(["hive hunter42x"]), approve=policy
    )
    report = run.result(30)
    assert any("hunter42x" in target for target in asked_of(web))
    assert any("shown to nobody" in note and "'auto'" in note for note in report.notes), (
        report.notes
    )


@pytest.mark.parametrize("policy", ["deny", {"fetch": "deny"}])
def test_deny_goes_on_without(
    bench: sk.Workbench, web: ServicesWeb, notes: Path, policy: Any
) -> None:
    run = bench.research(
        QUESTION, sources=[notes, "searxng"], model=Obeying(["hive hunter42x"]), approve=policy
    )
    report = run.result(30)
    assert not [target for target in asked_of(web) if "hunter42x" in target]
    assert any("not sent to searxng" in note and "deny" in note for note in report.notes), (
        report.notes
    )


@pytest.mark.parametrize(("setting", "sent"), [("auto", True), ("deny", False)])
def test_the_setting_answers_where_nobody_can(
    web: ServicesWeb, notes: Path, tmp_path: Path, setting: str, sent: bool
) -> None:
    with sk.Workbench(
        tmp_path / "home", settings=sk.Settings.load(**web.settings, approve=setting)
    ) as wb:
        wb.research(QUESTION, sources=[notes, "searxng"], model=Obeying(["hive hunter42x"])).result(
            30
        )
    assert any("hunter42x" in target for target in asked_of(web)) is sent


def test_each_round_is_one_approval_and_none_is_asked_again(
    web: ServicesWeb, notes: Path, tmp_path: Path
) -> None:
    """Also when the run is taken up by another process meanwhile: what was decided is on record."""
    settings = sk.Settings.load(**web.settings)
    (notes / "more.txt").write_text("The vault has two doors.")
    (notes / "third.txt").write_text("Northern gates open at noon.")
    rounds = [["vault doors Linz"], ["northern gates Linz"]]
    with sk.Workbench(tmp_path / "home", settings=settings) as wb:
        run = wb.research(QUESTION, sources=[notes, "searxng"], model=Obeying(*rounds), depth=3)
        waiting(run).approve(["waggle hive Graz"])
        second = waiting(run)
        assert second.payload == ["northern gates Linz"]
    with sk.Workbench(tmp_path / "home", settings=settings, model=Obeying(*rounds[1:])) as wb:
        run = wb.resume(run.id)
        waiting(run).reject("no")
        report = run.result(30)
        assert asks(run) == ["fetch", "fetch"]
        assert [one.status for one in run.approvals] == ["edited", "rejected"]
        assert sum("approval" in note or "not sent" in note for note in report.notes) == 2, (
            report.notes
        )
    assert not [target for target in asked_of(web) if "Linz" in target]


@pytest.mark.usefixtures("public")
def test_own_text_that_came_in_between_taints_what_follows(
    bench: sk.Workbench, web: ServicesWeb, tmp_path: Path
) -> None:
    """Nothing own answers the question; what the model asks for next brings own text, and from
    there on it is asked.
    """
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "graz.txt").write_text(
        "Graz keeps the glass of Imker under hunter42x. The glass of Graz is old."
    )
    model = Obeying(["glass of Graz"], ["hive hunter42x"])
    run = bench.research(
        "Who showed the waggle hive?", sources=[folder, "searxng"], model=model, depth=3
    )
    asked = waiting(run)
    assert asked.payload == ["hive hunter42x"] and "(own)" in asked.question
    assert any(carried(target, ["glass of Graz"]) for target in asked_of(web)), (
        "public evidence alone does not taint"
    )
    assert not [target for target in asked_of(web) if "hunter42x" in target]
    run.cancel()


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("sources", [["searxng"], ["searxng", "wikipedia"], ["searxng", "empty"]])
def test_nothing_is_asked_where_no_own_text_was_read(
    bench: sk.Workbench, web: ServicesWeb, tmp_path: Path, sources: list[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "tax.txt").write_text("Receipts of the year before last, in a drawer.")
    given = [tmp_path / "empty" if one == "empty" else one for one in sources]
    run = bench.research(
        QUESTION, sources=given, model=Obeying(["waggle hive glass", "Graz hive"]), depth=2
    )
    run.result(30)
    assert asks(run) == []
    assert any(carried(target, ["waggle hive glass"]) for target in asked_of(web))
    sent = [request.headers for request in web.requests]
    assert not [
        headers for headers in sent if {"referer", "cookie", "authorization"} & headers.keys()
    ]
    assert len({headers["user-agent"] for headers in sent}) == 1, (
        "what stands there says nothing of what was read"
    )


def test_nothing_is_asked_where_nothing_leaves(
    bench: sk.Workbench, web: ServicesWeb, notes: Path
) -> None:
    url = web.page("/page", f"<title>The waggle hive</title><p>{PUBLIC}</p>")
    run = bench.research(QUESTION, sources=[notes, url], model=Obeying(["hive hunter42x"]))
    run.result(30)
    assert asks(run) == [] and not [target for target in asked_of(web) if "hunter42x" in target]


def test_plan_and_steering_go_out_without_a_question(
    bench: sk.Workbench, web: ServicesWeb, notes: Path
) -> None:
    run = bench.research(
        QUESTION, sources=[notes, "searxng"], model=Obeying(planned=["hive of Graz"])
    )
    run.result(30)
    assert asks(run) == [] and any(carried(target, ["hive of Graz"]) for target in asked_of(web))
    keyless = bench.research(QUESTION, sources=[notes, "searxng"], approve={"plan": "ask"})
    asked = waiting(keyless)
    keyless.steer("hive of Linz")
    asked.approve([QUESTION])
    keyless.result(30)
    assert asks(keyless) == ["plan"] and any(
        carried(target, ["hive of Linz"]) for target in asked_of(web)
    )


class Given:
    """A source that is an object."""

    def __init__(self, name: str, text: str, public: bool | None = None) -> None:
        self.name = name
        self.document_ = Document(title="A hive", uri=f"{name}:1", text=text, source=name)
        self.queries: list[str] = []
        if public is not None:
            self.public = public

    async def refresh(self, progress: Any = None) -> Health:
        return self.health

    async def search(self, query: str, *, k: int = 10) -> list[Passage]:
        self.queries.append(query)
        one = self.document_
        return [
            Passage(
                document=one.id,
                title=one.title,
                uri=one.uri,
                start=0,
                end=len(one.text),
                text=one.text,
                score=3.0,
            )
        ]

    def document(self, document: Any) -> Document | None:
        return self.document_ if document == self.document_.id else None

    @property
    def health(self) -> Health:
        return Health(source=self.name, documents=1)


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize(
    ("own", "elsewhere", "asked"),
    [
        (None, "searxng", True),
        (False, "searxng", True),
        (True, "searxng", False),
        (None, Given("other", PUBLIC, True), True),
    ],
)
def test_an_object_is_ones_own_unless_it_says_it_is_public(
    bench: sk.Workbench, web: ServicesWeb, own: bool | None, elsewhere: Any, asked: bool
) -> None:
    mine = Given("mine", OWN, own)
    run = bench.research(QUESTION, sources=[mine, elsewhere], model=Obeying(["hive hunter42x"]))
    if asked:
        assert waiting(run).payload == ["hive hunter42x"]
        waiting(run).reject("no")
    run.result(30)
    assert "hive hunter42x" in mine.queries, "one's own sources are searched without a question"
    assert asks(run) == ["fetch"] * asked
    if isinstance(elsewhere, Given):
        assert "hive hunter42x" not in elsewhere.queries


@pytest.fixture
def outside() -> Iterator[ServicesWeb]:
    """Another web, for services that are not one's own."""
    with ServicesWeb() as served:
        served.paper("The waggle hive", "The waggle hive was shown at Graz. It has glass.")
        served.article("/far", "The waggle hive", PUBLIC)
        yield served


SERVED = {
    "searxng": lambda web: web.article("/hive", "The waggle hive", OWN),
    "tavily": lambda web: web.article("/hive", "The waggle hive", OWN),
    "brave": lambda web: web.article("/hive", "The waggle hive", OWN),
    "wikipedia": lambda web: web.wiki("The waggle hive", OWN),
    **dict.fromkeys(
        ("openalex", "crossref", "pubmed"), lambda web: web.paper("The waggle hive", OWN)
    ),
}


@pytest.mark.parametrize("service", SERVED)
def test_what_a_service_of_ones_own_gives_is_ones_own(
    web: ServicesWeb, outside: ServicesWeb, tmp_path: Path, service: str
) -> None:
    """A wiki, a mirror, a search engine over an intranet: it counts where the text came from, not
    what kind of source gave it.
    """
    web.articles.clear()
    SERVED[service](web)
    settings = sk.Settings.load(**{**web.settings, "arxiv_url": outside.settings["arxiv_url"]})
    with sk.Workbench(tmp_path / "home", settings=settings) as wb:
        run = wb.research(
            QUESTION,
            sources=[service, "arxiv"],
            model=Obeying(["hive hunter42x"], once="hunter42x"),
        )
        asked = waiting(run)
        assert (
            asked.payload == ["hive hunter42x"]
            and "arxiv" in asked.question
            and service in asked.question
        )
        asked.reject("no")
        run.result(30)
    assert not [target for target in asked_of(outside) if "hunter42x" in target]


def test_what_an_engine_found_is_not_sent_to_the_engine(
    web: ServicesWeb, outside: ServicesWeb, tmp_path: Path
) -> None:
    """A page of the intranet is not the engine's: what is searched there, engines of others see."""
    intranet, engine = web, outside
    url = intranet.page("/intern", f"<title>The waggle hive</title><article><p>{OWN}</p></article>")
    engine.redirect("/far", url)
    allowed = (*engine.settings["allow_hosts"], *intranet.settings["allow_hosts"])
    with sk.Workbench(
        tmp_path / "home", settings=sk.Settings.load(**{**engine.settings, "allow_hosts": allowed})
    ) as wb:
        run = wb.research(
            QUESTION, sources=["searxng"], model=Obeying(["hive hunter42x"], once="hunter42x")
        )
        asked = waiting(run)
        assert asked.payload == ["hive hunter42x"] and intranet.host in asked.question
        asked.reject("no")
        run.result(30)
    assert not [target for target in asked_of(engine) if "hunter42x" in target]


@pytest.mark.parametrize(
    ("addresses", "own"),
    [
        (["10.1.2.3"], True),
        (["93.184.216.34", "10.1.2.3"], True),
        (["93.184.216.34"], False),
        (None, True),
    ],
)
def test_a_service_is_ones_own_when_its_name_leads_into_ones_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, addresses: list[str] | None, own: bool
) -> None:
    async def resolve(self: Any, host: str, port: int) -> list[str]:
        if addresses is None:
            raise OSError("no such name")
        return addresses

    monkeypatch.setattr("sentient_kernel.transport.dns.Resolver.resolve", resolve)
    cache = Cache(tmp_path / "cache.db")
    outside = Outside(
        sk.Settings.load(wikipedia_url="https://wiki.corp.example", allow_domains=("example.org",)),
        cache,
    )
    try:
        assert asyncio.run(Service(outside, "wikipedia_url").gives_own()) is own
        assert asyncio.run(Service(outside, "arxiv_url").gives_own()) is False, (
            "where everybody finds it"
        )
    finally:
        outside.close()
        cache.close()


def test_a_page_of_ones_own_network_is_ones_own(bench: sk.Workbench, web: ServicesWeb) -> None:
    url = web.page("/intern", f"<title>The waggle hive</title><article><p>{OWN}</p></article>")
    run = bench.research(QUESTION, sources=[url, "searxng"], model=Obeying(["hive hunter42x"]))
    assert waiting(run).payload == ["hive hunter42x"]
    run.cancel()


@pytest.mark.parametrize("field", ["title", "heading", "name"])
def test_titles_headings_and_file_names_are_own_text_too(
    bench: sk.Workbench, web: ServicesWeb, tmp_path: Path, field: str
) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    place = folder / ("hunter42x waggle hive.md" if field == "name" else "notes.md")
    head = {
        "title": "# The waggle hive hunter42x",
        "heading": "# Hives\n\n## Waggle hive hunter42x",
        "name": "",
    }[field]
    place.write_text(f"{head}\n\nWhat is known about the waggle hive is that it is of glass.\n")
    once = "is of glass" if field == "heading" else "hunter42x"
    run = bench.research(
        QUESTION, sources=[folder, "searxng"], model=Obeying(["hive hunter42x"], once=once)
    )
    assert waiting(run).payload == ["hive hunter42x"]
    run.cancel()


def test_a_run_that_a_tainted_run_starts_is_tainted(bench: sk.Workbench, web: ServicesWeb) -> None:
    """Who delegates says what it had read; then the question itself is a search that somebody has
    to see.
    """
    child = research_workflow(bench.library, bench.models)
    model = bench.models.name(Obeying(planned=["hive planned"]))
    refs = bench.library.references(["searxng"])

    @sk.workflow
    async def parent(ctx: Any) -> dict[str, Any]:
        found = await ctx.run(
            child, "Where is hive hunter42x?", sources=refs, model=model, taint=["notes"]
        )
        return dict(found)

    run = bench.start(parent)
    shown = []
    while run.status not in ("completed", "failed"):
        for one in bench.approvals:
            assert not [target for target in asked_of(web) if "hive" in target]
            shown += one.payload
            one.reject("no")
        time.sleep(0.02)
    assert run.status == "completed"
    assert "Where is hive hunter42x?" in shown and "hive planned" in shown
    assert not [target for target in asked_of(web) if "hive" in target]


def test_a_plan_made_after_own_text_is_searched_for_as_it_was_seen(
    bench: sk.Workbench, web: ServicesWeb
) -> None:
    """People see the questions of a plan, not what would be searched for instead of them."""
    child = research_workflow(bench.library, bench.models)
    model = bench.models.name(Obeying(planned=["hive hunter42x"]))
    refs = bench.library.references(["searxng"])

    @sk.workflow
    async def parent(ctx: Any) -> Any:
        return await ctx.run(
            child, QUESTION, sources=refs, model=model, taint=["notes"], ask_plan=True
        )

    run = bench.start(parent)
    (asked,) = waited(bench)
    assert asked.ask == "plan"
    asked.approve([QUESTION, "Is it of glass?"])
    run.result(30)
    assert not [target for target in asked_of(web) if "hunter42x" in target]
    assert any(carried(target, ["Is it of glass?"]) for target in asked_of(web))


def test_a_replay_asks_nobody_as_nothing_leaves(
    web: ServicesWeb, notes: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with sk.Workbench(home, settings=sk.Settings.load(**web.settings)) as wb:
        wb.research(
            QUESTION,
            sources=[notes, "searxng"],
            model=Obeying(["waggle hive vault"]),
            approve="auto",
        ).result(30)
    before = len(asked_of(web))
    with sk.Workbench(home, settings=sk.Settings.load(**web.settings, mode="replay")) as wb:
        run = wb.research(
            QUESTION, sources=[notes, "searxng"], model=Obeying(["waggle hive vault"])
        )
        run.result(30)
        assert asks(run) == []
    assert len(asked_of(web)) == before


def test_in_a_shell_the_run_waits_and_says_so(
    web: ServicesWeb, notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model is a server here: what a shell can name."""
    from sentient_kernel.cli.main import main
    from tests.kits.model_server import ModelServer

    def say(asked: Any) -> Any:
        text = json.dumps([message for message in asked.messages])
        if "Do these quotes" in text:
            return {
                "enough": False,
                "questions": [{"question": "What else?", "query": "hive hunter42x"}],
            }
        return {"questions": [], "enough": True, "claims": [], "missing": []}

    with ModelServer(say) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in web.settings.items():
            patch.setenv(
                f"SENTIENT_{name.upper()}", ",".join(value) if isinstance(value, tuple) else value
            )
        patch.setenv(
            "OPENAI_BASE_URL", server.url + "/v1" if not server.url.endswith("/v1") else server.url
        )
        patch.setenv("OPENAI_API_KEY", "local-key-of-nobody")
        given = [
            "research",
            QUESTION,
            "--source",
            str(notes),
            "--source",
            "searxng",
            "--model",
            "openai:scripted-1",
        ]
        code = main([*given, "--home", str(tmp_path / "home")])
    assert code == 4, capsys.readouterr().err
    assert not [target for target in asked_of(web) if "hunter42x" in target]


@pytest.mark.parametrize(
    ("given", "owns", "sends"),
    [
        ("own", True, False),
        ("packages", False, False),
        ("packages:pandas", False, False),
        ("https://example.org/x", False, False),
        ("searxng", False, True),
        ("web", False, True),
        ("wikipedia", False, True),
        ("openalex", False, True),
        (Given("a", ""), True, False),
        (Given("b", "", False), True, False),
        (Given("c", "", True), False, True),
    ],
)
def test_what_counts_as_own_and_what_is_sent_elsewhere(
    bench: sk.Workbench, notes: Path, given: Any, owns: bool, sends: bool
) -> None:
    (ref,) = bench.library.references([notes if given == "own" else given])
    assert (bench.library.owns(ref), bench.library.sends(ref)) == (owns, sends)
