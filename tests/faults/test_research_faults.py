"""Research with a model over the web when all that it needs goes wrong: it ends in a report or a
named cause, and says what it lacks.

Real HTTP on this machine: a web and a model's server, in a process of their own, misbehave on cue.
Then the kernel itself is killed at random moments, and what was answered is asked no second time.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kills
import pytest
from kills import Life, Nursery, lines
from research_lives import FAULTS, MODEL, settings

import sentient_kernel as sk
from sentient_kernel.report.report import Report
from sentient_kernel.transport import retry
from tests.bench.research import NAMES, question

nursery = kills.nursery

MEMORY = 60_000_000
ALONE = "FAULTS_ALONE"  # not SENTIENT_...: those are taken out of the environment of every test
"""Bytes that all the faults together may add to the process."""
LAG = 0.050
"""Seconds that the engine's loop may be late, 99 times of 100."""
BEAT = 0.005
DEATHS = 4
"""Of one run: eight in a row at the same place would be taken for the fault of what runs there."""
LIBRARIES = [
    "research_lives",
    "openai",
    "pydantic_ai.direct",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai",
]


class Gauge:
    """Measures, on the loop of an engine, how late it is and how much memory the process takes."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.base = self.peak = rss()

    async def beat(self) -> None:
        """Looks at the clock until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + BEAT
            await asyncio.sleep(BEAT)
            self.lags.append(max(0.0, loop.time() - due))
            self.peak = max(self.peak, rss())

    def told(self, since: int = 0) -> str:
        """What was measured, in a line."""
        lags = sorted(self.lags[since:]) or [0.0]
        late = (
            f"p50 {1000 * lags[len(lags) // 2]:.1f}, p99 {1000 * p99(lags):.1f}, worst"
            f" {1000 * lags[-1]:.1f} ms of {len(lags):,} beats"
        )
        return f"loop lag {late}; memory +{(self.peak - self.base) / 1e6:.1f} MB"


def rss() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def p99(lags: list[float]) -> float:
    return sorted(lags)[int(len(lags) * 0.99)] if lags else 0.0


class Bench:
    """Servers that go wrong in one way, and a workbench that uses them."""

    def __init__(self, folder: Path, where: dict[str, Any], **more: Any) -> None:
        self.folder, self.where = folder, where
        self.wb = sk.Workbench(folder / "home", settings=settings(where["web"], **more))

    def ask(self, **given: Any) -> sk.Run:
        return self.wb.research(question(0), sources="searxng", model=MODEL, **given)

    @property
    def asked(self) -> Counter[str]:
        """What the servers were asked, how often each; robots.txt is no page."""
        return Counter(
            line for line in lines(self.folder, "asked") if not line.endswith("/robots.txt")
        )


@pytest.fixture(scope="module")
def warm() -> Iterator[Nursery]:
    """A warm process that has loaded what a model needs, too."""
    made = Nursery()
    made.ask({"load": LIBRARIES})
    yield made
    made.close()


def served(
    warm: Nursery, folder: Path, faults: str = "none", latency: float = 0.0
) -> dict[str, Any]:
    """Begins to serve and returns where."""
    warm.begin("serve", folder, faults=faults, latency=latency)
    while not (found := lines(folder, "where")):
        time.sleep(0.002)
    where: dict[str, Any] = json.loads(found[0])
    return where


@pytest.fixture(scope="module")
def gauge(warm: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gauge]:
    """Measures from the second research of the process on: the first one loads the model's
    libraries.
    """
    folder = tmp_path_factory.mktemp("first")
    where = served(warm, folder)
    with pytest.MonkeyPatch.context() as patch:
        point_to(patch, where)
        with sk.Workbench(folder / "home", settings=settings(where["web"])) as wb:
            wb.research(question(0), sources="searxng", model=MODEL).result(30)
    gauge = Gauge()
    yield gauge
    print(f"\nall faults: {gauge.told()}")


def point_to(patch: pytest.MonkeyPatch, where: dict[str, Any]) -> None:
    patch.setenv("OPENAI_BASE_URL", where["model"])
    patch.setenv("OPENAI_API_KEY", "none")


@pytest.fixture
def opened(
    gauge: Gauge, nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Bench]]:
    """Opens servers and a workbench whose loop is measured while it works."""
    monkeypatch.setattr(retry, "MOST", 0.05)  # pauses that no server asked for
    closing: list[Callable[[], Any]] = []
    begun = len(gauge.lags)

    def open_(faults: str = "none", latency: float = 0.0, **more: Any) -> Bench:
        where = served(nursery, tmp_path, faults, latency)
        point_to(monkeypatch, where)
        bench = Bench(tmp_path, where, **more)
        closing.extend((bench.wb.close, bench.wb.engine.start_soon(gauge.beat).cancel))
        return bench

    yield open_
    for close in reversed(closing):
        close()
    print(f"   {gauge.told(begun)} so far")


def honest(report: Report, wb: sk.Workbench) -> None:
    """No sentence lacks evidence without saying so, and what is not there is said to be missing."""
    written = report.to_markdown()
    for claim in report.claims:
        if claim.verdict == "supported":
            assert claim.citations and all(citation.verified for citation in claim.citations), claim
        else:
            assert claim.verdict in ("unsupported", "misplaced") and claim.reason, claim
    assert written.count("*(unsupported: ") >= len(report.unsupported)
    for citation in report.citations:
        assert (
            not citation.verified
            or wb.document(citation.document).text[citation.start : citation.end] == citation.quote
        )
    if not report.claims:
        assert report.abstained and report.answer
        assert report.unanswered and all(gap.reason for gap in report.unanswered)
        assert all(note.reason for note in report.sources), report.sources


def right(report: Report) -> bool:
    """Whether the report says where the inventor was born, on evidence."""
    return any(
        f"{NAMES[0]}dorf" in claim.text and claim.verdict == "supported" for claim in report.claims
    )


# -- what the web and the model do -----------------------------------------------------------------


@pytest.mark.parametrize("faults", [name for name in FAULTS if name != "none"])
def test_every_fault_ends_in_a_report_or_a_named_cause(
    opened: Callable[..., Bench], faults: str
) -> None:
    end = FAULTS[faults][2]
    bench = opened(
        faults, **({"model_timeout": 0.25, "page_timeout": 0.4} if "hang" in faults else {})
    )
    began = time.perf_counter()
    run = bench.ask()
    report = run.result(30)
    print(
        f"\n{faults}: {len(report.claims)} claims after {time.perf_counter() - began:.2f} s and"
        f" {bench.asked.total()} requests"
    )
    honest(report, bench.wb)
    assert (run.status, run.error) == ("completed", None)
    assert bool(report.claims) == (end != "nothing")
    assert right(report) or end != "right"
    assert ("sources' own sentences" in " ".join(report.notes)) == (end == "own words")
    assert end != "right" or "write" in {line.purpose for line in run.cost}
    told = " ".join(error.message for error in bench.wb.errors)
    assert ("The model did not help to write" in told) == (end == "own words")
    (note,) = report.sources
    if "pages" in faults or "bombs" in faults:
        assert note.refused and all(why for _, why in note.refused), (
            "what could not be read is listed"
        )


@pytest.mark.parametrize("calls", [2, None])
def test_orders_in_a_page_reach_nobody_even_when_the_model_obeys(
    opened: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, calls: int | None
) -> None:
    """The worst case: the model does all that a page tells it. The person approves the plan that is
    shown, and no more calls.
    """
    places, names = set[Any](), set[Any]()
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connects(self: socket.socket, address: Any) -> None:
        places.add(address)
        connect(self, address)

    def looks_up(host: Any, *rest: Any, **more: Any) -> Any:
        names.add(host)
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", connects)
    monkeypatch.setattr(socket, "getaddrinfo", looks_up)
    bench = opened("orders")
    run = bench.ask(approve="ask", budget=sk.Budget(calls=calls), depth=2)
    asked = []
    while run.wait(20) == "waiting":
        (shown,) = bench.wb.approvals
        asked.append(shown.ask)
        shown.approve() if shown.ask == "plan" else shown.reject("no more")
    report = run.result(20)
    assert ("write" in {line.purpose for line in run.cost}) == (calls is None)
    honest(report, bench.wb)
    decided = bench.wb.journal.read(run=run.id, kinds=["approval_decided"])
    assert asked == ["plan", "spend"][: 2 if calls else 1]
    assert [row.event.decision for row in decided] == ["approve", "reject"][: len(asked)], (
        "nothing was approved by itself"
    )
    assert not [line for line in bench.asked if line.startswith("stranger")]
    assert {(host, port) for host, port, *_ in places if port} <= {
        ("127.0.0.1", port) for port in bench.where["hosts"]
    }
    assert names <= {"127.0.0.1"}
    read = {re.sub(r"\?.*", "", line.split()[1]) for line in bench.asked if line.startswith("web")}
    assert any(path.startswith("/evil/") for path in read), "the page with the orders was read"
    assert all(
        path.startswith(("/evil/", "/hive/", "/born/", "/other/", "/searxng/")) for path in read
    )
    drawn = re.findall(r"<(\w+)([^>]*)>", report.to_html())
    assert not {tag for tag, _ in drawn} & {"img", "script", "iframe", "link"}
    links = re.findall(r'(?:href|src)="([^"]*)"', " ".join(rest for _, rest in drawn))
    assert all(
        link.startswith(("#", f"http://127.0.0.1:{bench.where['hosts'][0]}/")) for link in links
    ), links
    if calls is None:
        own = any("sources' own sentences" in note for note in report.notes)
        assert (report.unsupported or own) and "DONE" not in {claim.text for claim in report.claims}
    print(
        f"\norders: {report!r}; {len(places)} connections, all to the two servers, {len(names)}"
        " names looked up"
    )


@pytest.mark.timeout(240)
def test_all_that_takes_little_memory_and_leaves_the_loop_free(
    opened: Callable[..., Bench], gauge: Gauge
) -> None:
    """Over all the faults, in a process of their own: what a thousand other tests left behind in
    this one says nothing of them.
    """
    if ALONE not in os.environ:
        words = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            __file__,
            "-k",
            "every_fault or little_memory",
        ]
        done = subprocess.run(
            words, env=os.environ | {ALONE: "1"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3_000:]
        return
    assert len(gauge.lags) > 500, "the faults were measured before"
    assert gauge.peak - gauge.base < MEMORY, gauge.told()
    assert p99(gauge.lags) < LAG, gauge.told()


# -- what happens to the kernel --------------------------------------------------------------------


def repeated(folder: Path) -> Counter[str]:
    """Counts what was asked again although its answer had been kept, by kind."""
    kept, found = set[str](), Counter(model=0, search=0, page=0)
    for line in lines(folder, "calls"):
        what, kind, digest = line.split()
        found[kind] += what == "began" and digest in kept
        kept |= {digest} if what == "kept" else set()
    return found


@pytest.mark.parametrize(
    "deaths", [8, pytest.param(150, marks=[pytest.mark.faults, pytest.mark.timeout(1200)])]
)
def test_kills_at_random_repeat_no_finished_call(
    nursery: Nursery, tmp_path: Path, deaths: int
) -> None:
    """SIGKILL at random moments of a research with a model; the same named question goes on each
    time, no id typed.
    """
    chance = random.Random(4)
    found: Counter[str] = Counter()
    while found["kills"] < deaths:
        folder = tmp_path / str(found["questions"])
        folder.mkdir()
        where = served(nursery, folder, latency=0.04)
        asks = {"where": where, "question": question(found["questions"] % len(NAMES))}
        for left in range(DEATHS, -1, -1):
            life = nursery.begin("research", folder, **asks, name="monday")
            found["kills"] += ended(life, folder, chance.uniform(0.0, 0.7) if left else 30.0)
            if lines(folder, "ends"):
                break
        (end,) = (json.loads(line) for line in lines(folder, "ends"))
        assert end[
            0
        ] == "completed" and f"{NAMES[found['questions'] % len(NAMES)]}dorf" in json.dumps(end), end
        asked = Counter(line for line in lines(folder, "asked") if not line.endswith("/robots.txt"))
        begun = Counter(line for line in lines(folder, "calls") if line.startswith("began"))
        found["calls"] += len(begun)
        found["cut off by a kill, and made again"] += begun.total() - len(begun)
        assert asked.total() - len(asked) <= begun.total() - len(begun), (
            "the servers saw no repetition but of calls that a kill cut off"
        )
        found["finished and made again"] += repeated(folder).total()
        found["asked in a new process"] += asked_anew(nursery, folder, asks, end)
        found["questions"] += 1
    print(f"\nkilled: {dict(found)}")
    assert (found["finished and made again"], found["asked in a new process"]) == (0, 0)


def ended(life: Life, folder: Path, after: float) -> bool:
    """Kills a life so many seconds after its run has begun, if it has not ended by itself; returns
    whether it was killed.
    """
    before = len(lines(folder, "begun"))
    while len(lines(folder, "begun")) == before and not lines(folder, "ends"):
        time.sleep(0.002)
    try:
        assert life.wait(after) == 0, life.said
    except TimeoutError:
        life.kill()
        return life.wait() == -signal.SIGKILL
    return False


def asked_anew(nursery: Nursery, folder: Path, asks: dict[str, Any], end: list[Any]) -> int:
    """Asks the question as a new run, in a new process; returns how many requests that takes."""
    before = len(lines(folder, "asked"))
    assert nursery.live("research", folder, **asks) == 0
    assert json.loads(lines(folder, "ends")[-1]) == end
    return len(lines(folder, "asked")) - before


def test_two_runs_of_one_question_at_once_ask_everything_once(opened: Callable[..., Bench]) -> None:
    bench = opened(latency=0.03)
    runs = [bench.ask() for _ in range(2)]
    first, second = (run.result(30) for run in runs)
    assert runs[0] != runs[1] and first.claims == second.claims and right(first)
    assert bench.asked.total() > 10 and bench.asked.most_common(1)[0][1] == 1, bench.asked
    lines_ = [line for run in runs for line in run.cost]
    assert (sum(line.calls for line in lines_), sum(line.kept for line in lines_)) == (
        3,
        3,
    ), "each call is paid by one of the two"
