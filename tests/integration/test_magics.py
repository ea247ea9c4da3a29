"""The magics, in a real kernel and in a terminal's IPython: what they show, what they refuse in one
sentence, what Tab offers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_kit import Cell, Kernel

ROOT = Path(__file__).parents[2]
BEES = str(ROOT / "notebooks" / "data" / "bees")
ASKS = """
@sk.workflow
async def asks(ctx, x):
    return await ctx.approve("Open these hives?", x)

def asked(x):
    r = wb.start(asks, x)
    r.wait(30)
    return r, r.approvals[0].id
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with Kernel(tmp_path_factory.mktemp("magics")) as running:
        assert running.run("import sentient_kernel as sk\n%load_ext sentient_kernel").status == "ok"
        yield running


def refused(cell: Cell) -> str:
    """Returns the one line in which a cell says what was wrong."""
    assert cell.error is not None, cell.text
    name, _, trace = cell.error
    assert len(trace) == 1 and "\n" not in trace[0], trace
    assert trace[0].startswith(f"{name}: ")
    return trace[0]


def completed(kernel: Kernel, line: str, *, after: str = "") -> list[str]:
    """Returns what Tab offers at the end of the first line of a cell, through the kernel's own
    protocol.
    """
    code = line + after
    message = kernel._client.complete(code, len(line), reply=True, timeout=20)
    return [
        line[: message["content"]["cursor_start"]] + match
        for match in message["content"]["matches"]
    ]


def test_research_opens_a_workbench_once_shows_the_run_and_leaves_it_in_a_variable(
    kernel: Kernel,
) -> None:
    cell = kernel.run(f"%%research --source '{BEES}' --name far\nHow far do\nhoney bees fly?")
    assert cell.status == "ok", cell.error
    assert cell.text == "Opened a workbench in .sentient; it is `wb` from here on.\n"
    assert any('aria-label="Run"' in html for html in cell.html), cell.outputs
    assert kernel.value("run.result().abstained, run.view.name") == "(False, 'far')"
    again = kernel.run(
        f"%%research --as same --source {BEES} --name far\nHow far do\nhoney bees fly?"
    )
    assert again.text == ""
    assert kernel.value("same.id == run.id") == "True"


def test_research_waits_for_the_report_when_asked_to(kernel: Kernel) -> None:
    cell = kernel.run(
        f"%%research --source {BEES} --wait --as waited --depth 1 --budget-seconds 60\nHow far do"
        " honey bees fly?"
    )
    assert cell.status == "ok", cell.error
    (result,) = [output for output in cell.outputs if output.kind == "execute_result"]
    assert "kilomet" in result.data["text/html"]
    assert kernel.value("waited.status") == "'completed'"


def test_another_workbench_is_named(kernel: Kernel) -> None:
    kernel.run("other = sk.Workbench('elsewhere'); not_one = 3")
    assert (
        kernel.run(f"%%research --wb other --source {BEES} --as there\nHow do bees dance?").status
        == "ok"
    )
    assert (
        kernel.value("there.id in [r.id for r in other.runs], there.id in [r.id for r in wb.runs]")
        == "(True, False)"
    )
    assert kernel.value("there.wait(30)") == "'completed'"
    assert "`not_one` is a int, not a workbench." in refused(kernel.run("%runs --wb not_one"))
    assert "There is no workbench `nobody` here. Open one: nobody = sk.Workbench()." in refused(
        kernel.run("%runs --wb nobody")
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("%%research\n   ", "question"),
        (
            "%%research --dept x\nWhy?",
            "Argument --depth: invalid int value: 'x'. `%%research?` shows what it takes.",
        ),
        ("%%research --nonsense\nWhy?", "Unrecognized arguments: --nonsense."),
        (
            "%%research --aprove ask\nWhy?",
            "Unrecognized arguments: --aprove ask. Did you mean '--approve'? `%%research?` shows",
        ),
        ("%%research --name 'open\nWhy?", "No closing quotation."),
        ("%%research --approve perhaps\nWhy?", "invalid choice: 'perhaps'"),
        ("%%research --depth 0\nWhy?", "depth must be a whole number from 1 to 10, not 0."),
        ("%%research --budget-usd -1\nWhy?", "usd must be 0 or more, not -1.0."),
        ("%%research --as for\nWhy?", "'for' cannot be the name of a variable."),
        ("%%research --source nowhere/\nWhy?", "nowhere"),
        ("%runs zzz", "There is no run 'zzz' here."),
        ("%approve", "The following arguments are required: ID. `%approve?` shows what it takes."),
        ("%approve zzz", "There is no approval 'zzz' here."),
        ("%reject zzz", "A rejection needs a reason"),
        ("%reject zzz it's {odd}", "There is no approval 'zzz' here."),
        (
            "%%chat\nhello",
            "ConfigurationError: Chat is not part of this version. Put the question under",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(kernel: Kernel, code: str, said: str) -> None:
    assert said in refused(kernel.run(code))


def test_runs_and_errors_are_tables_and_one_run_shows_itself(kernel: Kernel) -> None:
    kernel.run(
        "wb = sk.Workbench('tables')\n@sk.workflow\nasync def fails(ctx): raise ValueError('no"
        " luck')"
    )
    kernel.run("f = wb.start(fails); f.wait(30)")
    assert "no luck" in shown(kernel.run("%errors"))
    assert "fails" in shown(kernel.run("%runs"))
    one = kernel.run(kernel.value("'%runs ' + f.id[:30]").strip("'"))
    assert any('aria-label="Run"' in html for html in one.html), one.outputs


def shown(cell: Cell) -> str:
    assert cell.status == "ok", cell.error
    return "".join(str(output.data) for output in cell.outputs)


def test_questions_are_answered_by_the_beginning_of_their_id(kernel: Kernel) -> None:
    assert kernel.run("wb = sk.Workbench('asking')" + ASKS).status == "ok"

    def ask(x: str) -> str:
        return kernel.value(f"r, a = asked({x}); a").strip("'")

    approval = ask("['oak', 'heath']")
    assert kernel.run(f"%approve {approval[:-2]}").text == "Approved: Open these hives?\n"
    assert kernel.value("r.result()") == "['oak', 'heath']"
    assert "approved" in refused(kernel.run(f"%approve {approval}")).lower()

    approval = ask("{'limit': 1}")
    assert (
        kernel.run("%approve " + approval + ' {"limit": 3, "of": "oak \'n heath"}').text
        == "Approved with edits: Open these hives?\n"
    )
    assert kernel.value("r.result()") == "{'limit': 3, 'of': \"oak 'n heath\"}"

    approval = ask("['oak']")
    for payload, said in {
        "[oak": "The payload is not JSON",
        "hives": "There is no variable `hives` here.",
        "ask": "",
        "null": "The payload is empty",
    }.items():
        assert said in refused(kernel.run(f"ask = object()\n%approve {approval} {payload}"))
    kernel.run("hives = ('heath', 'orchard')")
    assert (
        kernel.run(f"%approve --wb wb {approval} hives").text
        == "Approved with edits: Open these hives?\n"
    )
    assert kernel.value("r.result()") == "['heath', 'orchard']"

    approval = ask("['oak']")
    assert (
        kernel.run(f'%reject {approval} it\'s "too" cold for {{them}} at $10').text
        == "Rejected: Open these hives?\n"
    )
    assert (
        kernel.value("r.wait(30); r.approvals[0].reason")
        == "'it\\'s \"too\" cold for {them} at $10'"
    )


def test_help_shows_every_option(kernel: Kernel) -> None:
    message = kernel._client.inspect("%%research", 5, reply=True, timeout=20)
    text = message["content"]["data"]["text/plain"]
    for (
        word
    ) in "--source --depth --approve --budget-usd --budget-seconds --name --wait --as --wb".split():
        assert word in text
    assert "Researches the question that the cell holds" in text


def test_tab_offers_options_values_folders_and_ids(kernel: Kernel) -> None:
    assert (
        kernel.run(
            "import os; os.makedirs('papers/old bees'); open('papers/old bees/one.txt',"
            " 'w').close(); wb = sk.Workbench('tabs')" + ASKS
        ).status
        == "ok"
    )
    approval, run = eval(kernel.value("r, a = asked(1); (str(a), str(r.id))"))
    question = "\nHow far?"
    assert completed(kernel, "%%research --so", after=question) == ["%%research --source"]
    assert "%%research --wait" in completed(kernel, "%%research ", after=question)
    assert "%%research --wait" not in completed(kernel, "%%research --wait --w", after=question)
    assert completed(kernel, "%%research --approve a", after=question) == [
        "%%research --approve ask",
        "%%research --approve auto",
    ]
    assert completed(kernel, "%%research --source pap", after=question) == [
        "%%research --source papers/"
    ]
    assert completed(kernel, "%%research --source=pap", after=question) == [
        "%%research --source=papers/"
    ]
    assert completed(kernel, "%%research --source papers/o", after=question) == [
        "%%research --source papers/old\\ bees/"
    ]
    assert completed(kernel, "%%research --source papers/old\\ bees/", after=question) == [
        "%%research --source papers/old\\ bees/one.txt"
    ]
    assert completed(kernel, "%%research --source pack", after=question) == [
        "%%research --source packages"
    ]
    assert "%%research --wb other" in completed(kernel, "%%research --wb ", after=question)
    assert completed(kernel, "%approve ") == [f"%approve {approval}"]
    assert completed(kernel, f"%reject {approval[:3]}") == [f"%reject {approval}"]
    assert f"%approve --wb other {approval}" not in completed(kernel, "%approve --wb other ")
    assert completed(kernel, f"%runs {run[:5]}") == [f"%runs {run}"]
    assert completed(kernel, "%runs --") == ["%runs --wb"]
    assert completed(kernel, "sorte") == ["sorted"]


def test_unloading_takes_magics_and_completions_away_and_loading_brings_them_back(
    kernel: Kernel,
) -> None:
    kernel.run("%unload_ext sentient_kernel")
    assert "UsageError" in kernel.run("%runs").text + str(kernel.run("%runs").error)
    assert completed(kernel, "%%research --so", after="\nWhy?") != ["%%research --source"]
    kernel.run("%load_ext sentient_kernel\n%reload_ext sentient_kernel")
    assert kernel.run("%runs").status == "ok"
    assert completed(kernel, "%%research --so", after="\nWhy?") == ["%%research --source"]


def test_unloading_leaves_a_magic_of_the_users_own_alone(kernel: Kernel) -> None:
    kernel.run(
        "get_ipython().register_magic_function(lambda line: 'mine', 'line', 'runs')\n%unload_ext"
        " sentient_kernel"
    )
    assert kernel.value("%runs") == "'mine'"


def test_a_terminal_prints_the_run_and_the_report(tmp_path: Path) -> None:
    code = f"""
get_ipython().run_line_magic("load_ext", "sentient_kernel")
get_ipython().run_cell("%%research --source {BEES}\\nHow far do honey bees fly?")
get_ipython().run_cell("%%research --source {BEES} --wait\\nHow far do honey bees fly?")
get_ipython().run_cell("%%research --depth many\\nWhy?")
get_ipython().run_cell("%runs")
get_ipython().run_cell("%%chat\\nHello")
wb.close()
"""
    (tmp_path / "session.ipy").write_text(code)
    words = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "session.ipy"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Opened a workbench in .sentient; it is `wb` from here on." in done.stdout
    assert "kilomet" in done.stdout and "UsageError: Argument --depth" in said
    assert "ConfigurationError: Chat is not part of this version" in said
    assert "Traceback" not in said, said
