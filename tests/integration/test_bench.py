"""The benches: what the plan names is there, targets are judged as they are stated, and a run
leaves nothing behind.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import _package, _plan, _report, _taking
from tests.bench._plan import BENCHES, Bench, Case, Target

HERE = Path(_plan.__file__).parent
CASES = {case.key: case for bench in BENCHES.values() for case in bench.cases.values()}


def made(who: str, *words: str, module: str = "cold", needs: str = "", seconds: int = 60) -> Case:
    return Case(who=who, module=module, words=words, needs=needs, once=False, seconds=seconds)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_case_names_a_function_that_takes_its_words(case: Case) -> None:
    tree = ast.parse((HERE / f"{case.module}.py").read_text(encoding="utf-8"))
    functions = {node.name: node.args for node in tree.body if isinstance(node, ast.FunctionDef)}
    takes = functions[case.words[0]]
    given, needed = len(case.words) - 1, len(takes.args) - len(takes.defaults)
    assert needed <= given and (takes.vararg is not None or given <= len(takes.args))


def test_every_target_compares_cases_of_its_own_bench() -> None:
    for bench in BENCHES.values():
        for target in bench.targets:
            assert {target.case, target.of or target.case} <= bench.cases.keys()
            assert [target.at_most, target.at_least, target.less].count(None) == 2


@pytest.mark.parametrize("name", [name for names in _package.WHERE.values() for name in names])
def test_every_name_that_the_benches_use_is_where_they_look(name: str) -> None:
    assert getattr(_package, name) is not None


@pytest.mark.parametrize(
    ("target", "ours", "theirs", "held"),
    [
        (Target(what="", key="a", at_most=4, of="other"), [39, 41, 40], [10, 10, 11], True),
        (Target(what="", key="a", at_most=4, of="other"), [41, 41, 2], [10], False),
        (Target(what="", key="a", less=10, of="other"), [10], [100], True),
        (Target(what="", key="a", less=10, of="other"), [11], [100], False),
        (Target(what="", key="a", at_least=1.8, of="other"), [18], [10], True),
        (Target(what="", key="a", at_least=1.8, of="other"), [17], [10], False),
        (Target(what="", key="a", at_most=0), [0], [], True),
        (Target(what="", key="a", at_most=0), [1], [], False),
        (Target(what="", key="a", less=10, of="other"), [10], [], None),
        (Target(what="", key="a", at_most=1), [], [], None),
    ],
)
def test_targets_are_judged_by_medians(
    target: Target, ours: list[float], theirs: list[float], held: bool | None
) -> None:
    cases = {who: made(who, who) for who in ("ours", "other")}
    bench = Bench(title="", cases=cases, targets=(target,), asked=False)
    taken = {cases["ours"].key: {"a": ours}, cases["other"].key: {"a": theirs}}
    assert _report.judge("A1", bench, target, taken).held is held


def test_table_says_what_is_held_missed_and_open() -> None:
    taken = {BENCHES["F2"].cases["ours"].key: {"growth_mb": [1.0, 3.0, 9.0]}}
    said = _report.table(_report.judged(["F2"], taken)).splitlines()
    assert [line.split()[0] for line in said[2:]] == ["MISSED", "open"]
    assert "3 [1 - 9]" in said[2] and "<= 2" in said[2]


def test_a_peer_that_is_not_here_is_skipped_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    taken, failed = _taking.rounds(["G1"], 0, {})
    assert (dict(taken), failed) == ({}, {})
    assert (
        "skipped: diskcache peer_diskcache costs (no environment of diskcache)"
        in capsys.readouterr().err
    )


LEAVES = (
    "import subprocess, sys, tempfile; tempfile.mkdtemp(); p = subprocess.Popen([sys.executable,"
    " '-c', 'import time; time.sleep(99)'])"
)


@pytest.mark.parametrize(
    "then",
    [
        "print(p.pid, file=sys.stderr); sys.exit(1)",
        "print(p.pid, file=sys.stderr, flush=True); p.wait()",
    ],
)
def test_a_case_that_fails_or_hangs_is_ended_with_all_that_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    program = tmp_path / "python"
    log = tmp_path / "log"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{LEAVES}; {then}" 2>"{log}"\n')
    program.chmod(0o755)
    with pytest.raises(_taking.Failed):
        _taking.take(made("ours", "fresh", seconds=3), str(program))
    assert set(tmp_path.iterdir()) == {program, log}
    assert not _alive(int(log.read_text()))


def _alive(pid: int) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
            != "Z"
        )
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("names", [["G2", "A4"], ["A4", "G2"]])
def test_benches_run_in_any_order_and_leave_nothing_behind(
    tmp_path: Path, names: list[str]
) -> None:
    folder, out = tmp_path / "tmp", tmp_path / "figures.json"
    folder.mkdir()
    words = [sys.executable, "-m", "tests.bench", *names, "--rounds", "2", "--json", str(out)]
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(
        words,
        cwd=HERE.parents[1],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    said = json.loads(out.read_text())
    assert not said["failed"]
    assert {one["bench"] for one in said["targets"]} == set(names)
    assert all(len(one["taken"]) == 2 for one in said["targets"])
    assert list(folder.iterdir()) == []
    assert done.stdout.startswith("python ")
