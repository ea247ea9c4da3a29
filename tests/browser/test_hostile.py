"""Texts of others in every place where one can stand: none of them runs, none of them asks another
machine for anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_kit import FORMS, KEYS, WALK, Watched, mark, write_texts
from lab_kit import Lab, Notebook, browser, lab, opened
from probe_kit import WHOLE, probed, run_cells, said, wait_for, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
NAME = "hostile.ipynb"
RUNS = """
from sentient_kernel.events import SourceReported

given = json.loads(Path("texts.json").read_text())
texts, keys = given["texts"], given["keys"]
long = "<img src=x onerror=hit('long')>" * 3_500

def named(text):
    async def step(x, text=text):
        raise type(text.replace("\\0", ""), (Exception,), {})(text)
    step.__name__ = step.__qualname__ = text
    return step

async def kept(x):
    return x

@sk.workflow
async def hostile(ctx):
    for i, text in enumerate([*texts, *keys]):
        reason = "" if i % 3 == 1 else text
        ctx.tell(SourceReported(source=text, query=text, found=i % 3, reason=reason, refused=((text, text), ("javascript:hit(1)", text))))
    await ctx.step(kept, long, title=long)
    await ctx.step(kept, {"result": {key: texts for key in keys}}, title="all")
    await ctx.gather(*(ctx.step(named(text), i, title=text) for i, text in enumerate(texts)))
    while not Path("go").exists():
        await asyncio.sleep(0.05)
    for i, text in enumerate([*texts[:50], *keys]):
        ctx.stream(text, by=text)
        if i % 4 == 3:
            await asyncio.sleep(0.12)
    ctx.stream(long, by="long")
    for text in texts:
        await ctx.emit(text, progress=0.5)
    asks = [ctx.approve(text, {text: [text, {text: text}], **{key: text for key in keys}}) for text in texts]
    await ctx.gather(*asks, ctx.approve("long", long))

@sk.workflow
async def failing(ctx, text):
    raise type("Evil", (Exception,), {})(text)

run = wb.start(hostile, name=texts[14])
run
"""
ASK = """
Path("go").touch()  # what is written is watched
while len(run.view.approvals) < len(texts) + 1:
    time.sleep(0.05)
user = wb.user
for asked, text in list(zip(run.approvals, texts))[::2]:
    wb.user = text
    wb.decide(asked.id, "reject", reason=text)
wb.user = user
failed = [wb.start(failing, "".join(texts[i : i + 16]), name=texts[i]) for i in range(0, len(texts), 16)]
for one in failed:
    one.wait(20)
"""
REPORT = """
from dataclasses import replace
from sentient_kernel.report.report import Citation, Claim, Disagreement, Gap, Report, SourceNote

def cite(i):
    text = texts[i]
    uri = ("javascript:hit(1)//" if i % 2 else "https://example.org/") + text
    words = dict(title=text, quote=text, before=text, after=text, source=text)
    return Citation(document=text, uri=uri, start=i, end=i + 9, verified=i % 3 > 0, **words)

claims = tuple(
    Claim(text=text, verdict=("supported", "unsupported", "misplaced")[i % 3], citations=(cite(i),), part=i % 5, reason=text, lead=i < 3)
    for i, text in enumerate(texts)
)
report = Report(question=texts[0], answer=texts[1], claims=claims, parts=("", *texts[2:6]),
                sources=tuple(SourceNote(source=text, refused=((text, text),), reason=text) for text in texts),
                unanswered=tuple(Gap(question=text, reason=text, sources=((text, text),)) for text in texts),
                disagreements=(Disagreement(kind="number", why="".join(texts), sides=(claims[0], claims[1])),))

@sk.workflow
async def done(ctx):
    return 1

reported = wb.start(done, name=texts[3])
reported.wait(20)
finds = wb.view_source.report
wb.view_source.report = lambda run: report if run == reported.id else finds(run)
wb.add("files")
found = wb.research("How many kilograms does the zorblax of the valley weigh?", depth=1)
found.wait(60)
len(found.result(30).citations) if found.status == "completed" else found.status
"""
STATIC = """
from IPython.display import HTML, Markdown, display
from sentient_kernel.projections.drawing.views import approvals_html, errors_html

tables = wb.view_source.errors()
forms = [run._repr_html_(), *(one._repr_html_() for one in failed), reported._repr_html_(), found._repr_html_(),
         approvals_html(run.approvals), errors_html(tables[0], tables[1]), run.steps._repr_html_(), run.events._repr_html_(),
         run.sources._repr_html_(), wb.runs._repr_html_(), report._repr_html_(), tables[2]._repr_html_()]
for form in forms:
    display(HTML(form))
display(Markdown(report.to_markdown()))
print(run, run.steps, run.approvals, run.events, wb.runs, repr(report), repr(failed[0]), sep="\\n")
report.save("report.html")
found.result().save("found.html")
wb.document(found.result().citations[0].document) if found.result().citations else found.result()
"""
SHOWS = (
    "run",
    "shown('events', run)",
    "wb.approvals",
    "wb.errors",
    "shown('sources', run)",
    "reported",
    "failed[0]",
    "found",
)
REPORT_LIVE = "shown('report', reported, report.to_html())"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, needs_browser: Path) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), settings=WHOLE) as running:
        write_texts(running.folder)
        write(running, NAME, RUNS, ASK, REPORT, *SHOWS, REPORT_LIVE, STATIC)
        yield running


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


@pytest.fixture(scope="module")
def saved(chrome: Any, server: Lab) -> dict[str, Any]:
    """Runs the notebook, looks at everything in it, saves it; what happened and what was seen."""
    with opened(chrome, server, NAME) as book:
        watched = Watched(book.page.context, server.url)
        run_cells(book, 0, 1)
        wait_for(book, "run", "probe.drawn")
        run_cells(book, *range(2, len(SHOWS) + 6))
        for view in ("run", "events", "inbox", "errors", "sources", "report"):
            wait_for(book, view, "probe.drawn")
        wait_for(book, "events", f"probe.store.state.events.length >= {len(FORMS) * 5}")
        book.page.set_default_timeout(60_000)
        seen = book.page.evaluate(WALK, ".sk-root")
        happened = watched.happened(book.page)
        texts = probed(book, "run", "Object.keys(probe.store.state.texts)")
        snapshots = probed(book, "run", "probe.told.filter(([kind]) => kind === 'snapshot').length")
        edits = _edited(book, server)
        failures = said(
            book, server, "[[e.type, e.message] for e in wb.errors if e.code == 'view_error']"
        )
        pictures = book.page.screenshot()
        book.save()
        return {
            "seen": seen,
            "happened": happened | watched.happened(book.page),
            "texts": texts,
            "failures": failures,
            "edits": edits,
            "snapshots": snapshots,
            "complaints": book.complaints,
            "picture": pictures,
        }


def _edited(book: Notebook, server: Lab) -> dict[str, Any]:
    """Edits one text of a question in the page and approves it; returns the payload as it was and
    as it came out.
    """
    # its line ends are none that a browser would write
    place = list(FORMS).index("picture over lines")
    asked = said(book, server, f"(lambda a: [a.id, a.payload])(run.approvals[{place}])")
    card = book.page.locator(f'[data-sk-view="run"] [data-approval="{asked[0]}"]').first
    card.get_by_role("textbox", name="__proto__", exact=True).fill("changed")
    card.get_by_role("button", name="Approve with 1 edit", exact=True).click()
    card.get_by_text("recorded").wait_for()
    book.page.wait_for_timeout(200)
    return {"was": asked[1], "is": said(book, server, f"run.approvals[{place}].answer")}


def told(happened: dict[str, Any]) -> str:
    """Returns what happened, a little of each kind."""
    return json.dumps(
        {what: [*dict.fromkeys(those)][:12] for what, those in happened.items()}, indent=1
    )


def test_nothing_runs_and_nothing_leaves_from_live_views_and_outputs(saved: dict[str, Any]) -> None:
    assert len(FORMS) >= 60
    assert not saved["happened"], told(saved["happened"])
    assert saved["failures"] == [] and saved["complaints"] == []


def test_every_text_was_there_to_be_seen(saved: dict[str, Any]) -> None:
    marks = {mark(i) for i in range(len(FORMS))}
    for view in ("run", "events", "inbox", "errors", "sources", "report"):
        assert marks - set(saved["seen"][view]) == set(), view
    assert set(KEYS) <= set(saved["texts"])
    # One for each cell that shows it, and one because a text came that was longer than what is
    # kept; none because of an author's name.
    assert saved["snapshots"] == 3


def test_a_payload_comes_back_as_it_was_but_for_what_was_edited(saved: dict[str, Any]) -> None:
    was, edited = saved["edits"]["was"], saved["edits"]["is"]
    assert set(KEYS) <= set(was)
    assert edited == was | {"__proto__": "changed"}


@pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "not trusted"])
def test_nothing_happens_when_the_saved_notebook_is_opened_again(
    saved: dict[str, Any], chrome: Any, server: Lab, trusted: bool
) -> None:
    name = NAME
    if not trusted:
        name = "from-a-colleague.ipynb"
        notebook = json.loads((server.folder / NAME).read_text(encoding="utf-8"))
        notebook["metadata"]["title"] = "of somebody else"
        (server.folder / name).write_text(json.dumps(notebook), encoding="utf-8")
    with opened(chrome, server, name) as book:
        watched = Watched(book.page.context, server.url)
        book.page.evaluate(
            "() =>"
            " window.jupyterapp.shell.currentWidget.content.widgets.at(-1).node.scrollIntoView()"
        )
        cells = "window.jupyterapp.shell.currentWidget.content.widgets"
        assert book.page.evaluate(f"() => {cells}.every((cell) => cell.model.trusted)") is trusted
        book.page.locator(".jp-OutputArea section").first.wait_for(state="attached")
        seen = book.page.evaluate(WALK, ".jp-OutputArea-output")
        assert set().union(*map(set, seen.values())) >= {mark(i) for i in range(len(FORMS))}
        happened = watched.happened(book.page)
        assert not happened, told(happened)


def test_nothing_happens_in_files_that_are_given_to_others(
    saved: dict[str, Any], chrome: Any, server: Lab
) -> None:
    import sentient_kernel as sk

    page = sk.to_html(server.folder / NAME, server.folder / "notebook.html")
    for path in (page, server.folder / "report.html", server.folder / "found.html"):
        context = chrome.new_context()
        try:
            watched = Watched(context, path.as_uri())
            shown = context.new_page()
            shown.goto(path.as_uri())
            seen = shown.evaluate(WALK, "body")
            if "found" not in path.name:
                assert set().union(*map(set, seen.values())) >= {mark(i) for i in range(len(FORMS))}
            happened = watched.happened(shown)
            assert not happened, told(happened)
        finally:
            context.close()
