"""Twelve canaries go through runs that fail in many ways; none is in anything that is written or
shown.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canaries_kit import CANARIES, found_below, found_in

import sentient_kernel as sk
from tests.kits.model_server import ModelServer
from tests.kits.model_wire import Asked
from tests.kits.services_web import ServicesWeb

QUESTION = "What is known about the waggle hive?"
INSTEAD = [
    "[hidden:ACME_API_KEY]",
    "[hidden:SENTIENT_TAVILY_API_KEY]",
    "[hidden:OPENAI_API_KEY]",
    "[hidden:REPORTS_URL]",
    "[hidden:address]",
    "[hidden:MY_SERVICE_TOKEN]",
    "[hidden:BASIC_PASSWORD]",
    "[hidden:STREAM_SECRET]",
    "[hidden:PAGE_TOKEN]",
    "api_key=…",
    "Set-Cookie: …",
    "CHILD_API_TOKEN=…",
]
"""What stands in place of the twelve, so that each was met; the last three are not known, and found
by what they look like.
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a user's ``.env``, and an environment with secrets in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"MY_SERVICE_TOKEN={CANARIES['dotenv']}\n")
    monkeypatch.setenv("ACME_API_KEY", CANARIES["environment"])
    monkeypatch.setenv("OPENAI_API_KEY", CANARIES["header"])
    monkeypatch.setenv("REPORTS_URL", f"postgresql://ada:{CANARIES['userinfo']}@db.example/reports")
    monkeypatch.setenv("BASIC_PASSWORD", CANARIES["base64"])
    monkeypatch.setenv("STREAM_SECRET", CANARIES["stream"])
    monkeypatch.setenv("PAGE_TOKEN", CANARIES["page"])
    return tmp_path


@pytest.fixture
def log(place: Path) -> Iterator[Path]:
    """A user's log of everything, at DEBUG."""
    root, handler = logging.getLogger(), logging.FileHandler(place / "all.log")
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield place / "all.log"
    root.setLevel(before)
    root.removeHandler(handler)
    handler.close()


# -- steps that fail -------------------------------------------------------------------------------


def raises(how: str) -> None:
    secret = CANARIES[how]  # a local variable, as tracebacks may show
    raise ValueError(f"the service said: {secret} is no key")


def raises_encoded() -> None:
    header = base64.b64encode(f"ada:{CANARIES['base64']}".encode()).decode()
    raise ConnectionError(f"401 for {CANARIES['base64'].encode().hex()} ({header})")


def raises_unknown() -> None:
    raise RuntimeError(
        f"login failed: api_key={CANARIES['exception']}, Set-Cookie: session={CANARIES['cookie']};"
        " HttpOnly"
    )


def raises_within() -> None:
    try:
        raises("environment")
    except ValueError as error:
        error.add_note(f"and {CANARIES['userinfo']}")
        raise ExceptionGroup(f"many: {CANARIES['dotenv']}", [error]) from error


def runs_a_child() -> None:
    code = (
        "import os, sys; sys.exit('CHILD_API_TOKEN=' + os.environ['CHILD_API_TOKEN'] + ' ' +"
        " os.environ['ACME_API_KEY'])"
    )
    child = {**os.environ, "CHILD_API_TOKEN": CANARIES["subprocess"]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=child, capture_output=True, text=True, check=False
    )
    raise OSError(f"the child said: {done.stderr.strip()}")


FAILING = {
    "environment": (raises, "environment"),
    "settings": (raises, "settings"),
    "query": (raises, "query"),
    "page": (raises, "page"),
    "encoded": (raises_encoded,),
    "unknown": (raises_unknown,),
    "within": (raises_within,),
    "child": (runs_a_child,),
}


def leaks(how: str) -> dict[str, Any]:
    return {"found": 3, "headers": [["x-api-key", CANARIES[how]]]}


def streams(ctx: Any) -> str:
    for piece in (
        "It says ",
        CANARIES["stream"][:6],
        CANARIES["stream"][6:13],
        CANARIES["stream"][13:],
        " and ends.",
    ):
        ctx.stream(piece, by="writer")
    return "done"


@sk.workflow
async def failing(ctx: Any) -> list[str]:
    """Fails in all ways, and goes on."""
    told = []
    for name, (fn, *args) in FAILING.items():
        outcome = (
            await ctx.gather(
                ctx.step(
                    fn,
                    *args,
                    title=f"{name} {CANARIES['environment']}",
                    retry=sk.Retry(attempts=2, delay=0),
                )
            )
        )[0]
        told.append(type(outcome.error).__name__)
        logging.getLogger("sentient_kernel.user").error(
            "a step failed: %s", outcome.error, exc_info=outcome.error
        )
    await ctx.emit(f"using {CANARIES['environment']}", progress=0.5, key=CANARIES["settings"])
    await ctx.step(lambda: streams(ctx), version="1")
    for what in (
        ctx.step(leaks, "environment"),
        ctx.step(leaks, "page"),
        ctx.send("x", CANARIES["settings"]),
    ):
        told.append(type((await ctx.gather(what))[0].error).__name__)
    try:
        await ctx.approve("Go on?", {"with": CANARIES["environment"]})
    except sk.HoldsSecret as error:
        told.append(type(error).__name__)
    await ctx.approve(f"Use {CANARIES['userinfo']}?", {"x": 1})
    return told


@sk.workflow
async def dying(ctx: Any) -> None:
    await ctx.step(raises, "environment")


def dump(logger: logging.Logger) -> None:
    logger.debug(
        "sent %s with %s", CANARIES["settings"], {"authorization": f"Bearer {CANARIES['header']}"}
    )
    try:
        raises_within()
    except ExceptionGroup:
        logger.exception("it failed")


def echo(asked: Asked) -> Any:
    """A model that repeats the key it was asked with, in what it writes."""
    text = json.dumps([str(message) for message in asked.messages])
    if "Do these quotes" in text:
        return {
            "enough": False,
            "questions": [
                {"question": f"Is {CANARIES['header']} it?", "query": f"hive {CANARIES['header']}"}
            ],
        }
    if "Write a report" in text:
        return {
            "claims": [
                {"text": f"The waggle hive is kept with {CANARIES['header']}.", "cites": [1]}
            ],
            "missing": [],
        }
    return {"questions": []}


def research(wb: sk.Workbench, web: ServicesWeb, place: Path) -> list[Any]:
    """Runs that read own documents, pages that echo keys, and models that do."""
    folder = place / "own"
    folder.mkdir(exist_ok=True)
    filler = "\n\n".join(
        f"Paragraph {n} speaks of something else, and of nothing in particular. " * 15
        for n in range(4)
    )
    shown, key = (
        "The waggle hive was shown at Graz.",
        f"Its waggle hive key is {CANARIES['environment']}.",
    )
    (folder / "notes.txt").write_text(f"{shown}\n\n{filler}\n\n{key}\n")
    web.article(
        "/hive",
        "The waggle hive",
        f"The waggle hive is of glass. The waggle hive answers to {CANARIES['page']} alone.",
    )
    web.page("/broken", "no", status=500, headers={"set-cookie": f"session={CANARIES['cookie']}"})
    asked = [
        wb.research(QUESTION, sources=[folder, "searxng"], model="openai:echo", approve="auto"),
        wb.research(
            QUESTION, sources=[folder, "brave", f"{web.url}/hive?token={CANARIES['query']}"]
        ),
        wb.research(QUESTION, sources=[f"{web.url}/broken?api_key={CANARIES['query']}", "tavily"]),
    ]
    return asked


def test_no_canary_is_in_anything_that_is_written_or_shown(
    place: Path, log: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, out = place / "home", place / "out"
    out.mkdir()
    seen: list[bytes] = []
    with ServicesWeb() as web, ModelServer(echo) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        given = {
            **web.settings,
            "brave_api_key": CANARIES["settings"],
            "tavily_api_key": CANARIES["settings"],
        }
        settings = sk.Settings.load(**given, log_level="DEBUG")
        with sk.Workbench(home, settings=settings) as wb:
            live = wb.hub.subscribe()
            seen.append(repr(wb.add(f"{web.url}/hive?token={CANARIES['query']}")).encode())
            run = wb.start(failing, name="failing")
            run.steer(f"with {CANARIES['dotenv']}")
            waited(run).approve()
            told = run.result(60)
            assert told == ["StepFailed"] * len(FAILING) + [
                "StepFailed",
                "StepFailed",
                "HoldsSecret",
                "HoldsSecret",
            ]
            dead = wb.start(dying)
            with pytest.raises(sk.RunFailed) as caught:
                dead.result(60)
            seen.append("".join(traceback.format_exception(caught.value)).encode())
            for refused in (
                lambda: wb.start(failing, name=f"n {CANARIES['page']}"),
                lambda: wb.research(f"Is {CANARIES['page']} it?"),
            ):
                with pytest.raises(sk.HoldsSecret) as no:
                    refused()
                seen.append(str(no.value).encode())
            for one in research(wb, web, place):
                with capfd.disabled():
                    report = one.result(60)
                for ending in ("md", "html", "docx", "ipynb", "json", "bib", "csl.json"):
                    report.save(out / f"{one.id}.{ending}")
                wb.export(one.id, out / f"{one.id}.run")
                print(
                    report,
                    one,
                    one.error,
                    report.notes,
                    one.steps,
                    one.sources,
                    one.events,
                    one.approvals,
                )
                seen.append((one._repr_html_() or "").encode())
            wb.export(run.id, out / "failing.run")
            dump(logging.getLogger("a.user"))
            dump(logging.getLogger("sentient_kernel.x"))
            print(
                wb.errors,
                wb.runs,
                run,
                run.steps,
                run.events,
                run.approvals,
                run.error,
                wb.settings,
            )
            print(
                json.dumps(wb.doctor(), default=str),
                [list(run.events)],
                [list(wb.errors)],
                repr(settings),
            )
            seen += [
                str(wb.texts.of(run.id)).encode(),
                wb.errors._repr_html_().encode(),
                run._repr_html_().encode(),
            ]
            # all of it was in the hub's memory, also what is not stored
            sent = asyncio.run(anext(live))
            live.close()
            assert {"text_streamed", "run_started"} <= {record.kind for record in sent}
            seen += [record.to_json() for record in sent]
            text = wb.document(own_document(wb, out)).text
    assert CANARIES["environment"] in text, "one's own document stays word for word"
    own = {"index.db", "index.db-wal"}
    assert {
        name: held
        for name, held in found_below(home).items()
        if name not in own and not is_own(home / name)
    } == {}
    assert {name: held for name, held in found_below(out).items() if not only_own(out / name)} == {}
    assert [found_in(one) for one in seen if found_in(one)] == []
    assert found_in(log.read_bytes()) == set()
    said = capfd.readouterr()
    assert (found_in(said.out.encode()), found_in(said.err.encode())) == (set(), set())
    everything = b"".join(seen).decode() + log.read_text() + said.out + said.err
    assert [one for one in INSTEAD if one not in everything] == []


def waited(run: Any) -> Any:
    assert run.wait(60) == "waiting", run.error
    return next(one for one in run.approvals if one.status == "open")


def own_document(wb: sk.Workbench, out: Path) -> str:
    """Returns the id of the own document that a report cites."""
    for path in out.glob("*.json"):
        if path.name.endswith(".csl.json"):
            continue
        for claim in json.loads(path.read_text())["claims"]:
            for citation in claim["citations"]:
                if citation["title"] == "notes.txt":
                    return str(citation["document"])
    raise AssertionError("no report cites the own document")


def is_own(path: Path) -> bool:
    """Tells whether a file is the snapshot of one's own document."""
    return path.parent.parent.name == "blobs" and b'"title":"notes.txt"' in path.read_bytes()


def only_own(path: Path) -> bool:
    """Tells whether all that an exported run holds of secrets is in the snapshot of one's own
    document.
    """
    import zipfile

    if path.suffix != ".run":
        return False
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    return not any(
        found_in(data) for data in members.values() if b'"title":"notes.txt"' not in data
    )


def test_the_search_for_canaries_finds_them_wherever_they_are() -> None:
    import io
    import zipfile
    import zlib

    for name, value in CANARIES.items():
        raw = value.encode()
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("member", b"x" * 1_000 + raw)
        forms = [raw, raw.hex().encode(), zlib.compress(raw), packed.getvalue()]
        for data in forms + [base64.b64encode(b"ab"[:n] + raw + b"!") for n in range(3)]:
            assert found_in(data) == {name}


# -- other doors -----------------------------------------------------------------------------------

SCRIPT = """
import os, sys, tempfile
import sentient_kernel as sk

def asks(secret):
    raise ValueError(f"{secret} is no key")

@sk.workflow
async def dying(ctx):
    await ctx.step(lambda: asks(os.environ["ACME_API_KEY"]), version="1")

with sk.Workbench(tempfile.mkdtemp()) as wb:
    run = wb.start(dying)
    print(run, flush=True)
    run.result(60)
"""


def test_a_program_that_dies_of_it_shows_a_traceback_without_it(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=False, timeout=100
    )
    assert (
        done.returncode == 1
        and b"is no key" in done.stderr
        and b"[hidden:ACME_API_KEY]" in done.stderr
    ), done.stderr
    assert found_in(done.stdout + done.stderr) == set()


def test_the_command_line_shows_none(place: Path) -> None:
    """A model's server that refuses the key and repeats it; an address with a key in it."""
    with ModelServer("no", api_key="another") as server, ServicesWeb() as web:
        page = web.page("/broken", "no", status=500) + f"?api_key={CANARIES['query']}"
        more = {
            "OPENAI_BASE_URL": server.url,
            "SENTIENT_ALLOW_HOSTS": web.host,
            "SENTIENT_LOG_LEVEL": "DEBUG",
        }
        words = [
            "research",
            QUESTION,
            "--source",
            page,
            "--model",
            "openai:x",
            "--home",
            str(place / "home"),
        ]
        done = subprocess.run(
            [sys.executable, "-m", "sentient_kernel", *words],
            capture_output=True,
            check=False,
            env=os.environ | more,
            timeout=100,
        )
    assert done.returncode in (1, 3) and b"Traceback" not in done.stderr, done.stderr
    assert found_in(done.stdout + done.stderr) == set()
    assert found_below(place / "home") == {}


CELLS = [
    "import os\nimport sentient_kernel as sk\nwb = sk.Workbench('home')",
    "def asks(secret):\n    raise ValueError(f'{secret} is no key')",
    """@sk.workflow
async def dying(ctx):
    await ctx.emit(f"with {os.environ['ACME_API_KEY']}", progress=0.5)
    for piece in ("It is ", os.environ["STREAM_SECRET"][:7], os.environ["STREAM_SECRET"][7:], "."):
        ctx.stream(piece, by="writer")
    await ctx.step(lambda: asks(os.environ["ACME_API_KEY"]), version="1")""",
    "run = wb.start(dying)\nrun",
    "run.result()",
    "run.events, run.steps, run.error, wb.errors",
    "wb.errors",
    "wb.start(dying, name=os.environ['PAGE_TOKEN'])",
    "raise run.cause",
]


def test_a_notebook_keeps_none_in_its_outputs(place: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(
        book, timeout=100, allow_errors=True, resources={"metadata": {"path": str(place)}}
    ).execute()
    written = nbformat.writes(book)
    assert "[hidden:ACME_API_KEY]" in written and "HoldsSecret" in written
    assert found_in(written.encode()) == set()
    assert found_below(place / "home") == {}
    own = nbformat.v4.new_output("stream", text=f"{CANARIES['environment']}\n")
    book.cells.append(nbformat.v4.new_code_cell("print(os.environ['ACME_API_KEY'])", outputs=[own]))
    nbformat.write(book, place / "own.ipynb")
    page = sk.to_html(place / "own.ipynb").read_bytes()
    assert found_in(page) == set() and b"[hidden:ACME_API_KEY]" in page
    assert CANARIES["environment"] in (place / "own.ipynb").read_text(), (
        "the notebook is the user's own"
    )


def test_a_resumed_run_does_not_tell_again_what_was_told_without_its_secret(place: Path) -> None:
    @sk.workflow
    async def telling(ctx: Any) -> int:
        await ctx.emit(f"with {os.environ['ACME_API_KEY']}", progress=0.5)
        return int(await ctx.approve(f"Go on with {os.environ['ACME_API_KEY']}?", 1))

    with sk.Workbench(place / "home") as wb:
        run = wb.start(telling)
        waited(run)
    with sk.Workbench(place / "home") as wb:
        run = wb.resume(run.id)
        waited(run).approve()
        assert run.result(60) == 1
        assert [event.kind for event in run.events].count("progress_updated") == 1
        assert [one.question for one in run.approvals] == ["Go on with [hidden:ACME_API_KEY]?"]


def test_a_step_may_be_given_a_secret_and_what_people_answer_may_hold_none(place: Path) -> None:
    @sk.workflow
    async def using(ctx: Any) -> Any:
        length = await ctx.step(len, os.environ["ACME_API_KEY"])
        return [length, await ctx.approve("What else?", {"text": ""})]

    with sk.Workbench(place / "home") as wb:
        run = wb.start(using)
        asked = waited(run)
        with pytest.raises(
            sk.HoldsSecret, match=r"The answer holds the secret ACME_API_KEY, at it\['text'\]"
        ):
            asked.approve({"text": CANARIES["environment"]})
        asked.approve({"text": "nothing"})
        assert run.result(60) == [len(CANARIES["environment"]), {"text": "nothing"}]
    assert found_below(place / "home") == {}


def test_what_is_refused_names_the_step_and_the_place(place: Path) -> None:
    @sk.workflow
    async def leaking(ctx: Any) -> Any:
        return await ctx.step(leaks, "environment")

    with sk.Workbench(place / "home") as wb:
        run = wb.start(leaking)
        with pytest.raises(sk.RunFailed) as caught:
            run.result(60)
    said = (
        "The result of step 'leaks' holds the secret ACME_API_KEY, at it['headers'][0][1]; secrets"
        " are not kept."
    )
    assert said in str(caught.value)


def test_a_source_whose_address_held_a_key_is_added_again_to_go_on(place: Path) -> None:
    with ServicesWeb() as web:
        url = (
            web.page("/hive", "<title>A hive</title><p>The waggle hive is of glass.</p>")
            + f"?token={CANARIES['query']}"
        )
        settings = sk.Settings.load(**web.settings)
        with sk.Workbench(place / "home", settings=settings) as wb:
            run = wb.research(QUESTION, sources=url, approve={"plan": "ask"})
            waited(run)
        with sk.Workbench(place / "home", settings=settings) as wb:
            run = wb.resume(run.id)
            waited(run).approve()
            report = run.result(60)
            assert (
                report.abstained and "held a secret, which is not kept" in report.sources[0].reason
            )
            wb.add(url)
            assert not wb.research(QUESTION, sources=url).result(60).abstained
        assert any(CANARIES["query"] in request.target for request in web.requests)
    assert found_below(place / "home") == {}


@pytest.mark.parametrize("shape", ["text", "key of a dict", "bytes", "model", "frame", "nested"])
def test_no_shape_of_a_result_carries_a_secret(place: Path, shape: str) -> None:
    import pandas
    from pydantic import BaseModel

    class Found(BaseModel):
        header: str

    def made() -> Any:
        secret = os.environ["ACME_API_KEY"]
        shapes = {
            "text": secret,
            "key of a dict": {secret: 1},
            "bytes": b"Basic " + secret.encode(),
            "model": Found(header=secret),
            "frame": pandas.DataFrame({"n": [1, 2], "s": ["a", secret]}),
            "nested": [{"a": [(secret,)]}] * 100,
        }
        return shapes[shape]

    @sk.workflow
    async def one(ctx: Any) -> Any:
        return await ctx.step(made, version="1")

    @sk.workflow
    async def whole(ctx: Any) -> Any:
        return made()

    with sk.Workbench(place / "home") as wb:
        for flow, what in ((one, "step 'made'"), (whole, "workflow")):
            with pytest.raises(
                sk.RunFailed,
                match=f"HoldsSecret: The result of {what}.* holds the secret ACME_API_KEY, at it",
            ):
                wb.start(flow).result(60)
    assert found_below(place / "home") == {}


def test_a_variable_that_is_set_while_a_run_works_counts_at_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> int:
        monkeypatch.setenv("LATE_API_KEY", "late-4Fy1Hu6Sj9Zh")
        return 1

    @sk.workflow
    async def loading(ctx: Any) -> Any:
        await ctx.step(load, version="1")
        return await ctx.step(lambda: os.environ["LATE_API_KEY"], version="1")

    with sk.Workbench(place / "home") as wb, pytest.raises(sk.RunFailed, match="LATE_API_KEY"):
        wb.start(loading).result(60)


def test_a_child_run_is_given_no_secret_to_keep(place: Path) -> None:
    @sk.workflow
    async def child(ctx: Any, key: str) -> int:
        return len(key)

    @sk.workflow
    async def parent(ctx: Any) -> Any:
        return await ctx.run(child, os.environ["ACME_API_KEY"])

    with (
        sk.Workbench(place / "home") as wb,
        pytest.raises(
            sk.RunFailed, match="Argument 1 of the workflow holds the secret ACME_API_KEY"
        ),
    ):
        wb.start(parent).result(60)
    assert found_below(place / "home") == {}


def test_a_secret_that_is_a_number_or_has_several_lines_is_kept_nowhere(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        base64.b64encode(bytes((i * i * n + 7 * i) % 251 for i in range(48))).decode()
        for n in (11, 13, 17)
    ]
    pem = "\n".join(["-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"])
    monkeypatch.setenv("DEPLOY_PRIVATE_KEY", pem)
    monkeypatch.setenv("BANK_TOKEN", "92837465102938475610293847")
    shapes = {
        "set in": pem.replace("\n", "\n    "),
        "joined": " ".join(pem.split()),
        "body": "".join(lines),
        "CRLF": pem.replace("\n", "\r\n"),
        "middle": lines[1],
    }

    def failing_with(shape: str) -> None:
        raise ValueError(f"bad key {shapes[shape]}")

    def giving(shape: str) -> dict[str, str]:
        return {"text": shapes[shape]}

    @sk.workflow
    async def flow(ctx: Any) -> list[bool]:
        await ctx.emit("half", data={"account": int(os.environ["BANK_TOKEN"])})
        asked = [
            ctx.step(step, shape, version="1")
            for step in (failing_with, giving)
            for shape in shapes
        ]
        return ["HoldsSecret" in str(one.error) for one in await ctx.gather(*asked)]

    with sk.Workbench(place / "home") as wb:
        run = wb.start(flow)
        assert run.result(60) == [False] * 5 + [True] * 5
        shown = str(run._repr_html_()) + str(run.events._repr_html_()) + str(list(run.events))
    everything = shown.encode() + b"".join(
        path.read_bytes() for path in (place / "home").rglob("*") if path.is_file()
    )
    parts = [
        os.environ["BANK_TOKEN"],
        *(part for line in lines for part in (line[:20], line[-20:])),
    ]
    assert [part for part in parts if part.encode() in everything] == []
