"""Do the tests notice a small fault? Draws faults from a seed, puts each into a copy of the
package, and runs the tests of its module.

Usage::

    python -m pytest -s -m mutation                                 # 60 faults of seed 1;
                                                                    MUTATION_SEED, _COUNT and _JOBS
                                                                    say otherwise
    python tests/mutation/test_mutation.py --seed 7 --count 60 --jobs 2 --room rules

Prints a line per fault, a diff for each that no test noticed, and the share that was found; the
test fails, and the script exits 1, when that is under 95%. Nothing is changed in the checkout:
every fault has a copy of its own, which is removed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sentient_kernel"
COPIED = (
    "sentient_kernel",
    "tests",
    "notebooks",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "docs",
)
LEAST = 0.95


@dataclass(frozen=True, slots=True)
class Room:
    """Modules that belong together, the tests that concern them, and the seconds that these may
    take.
    """

    modules: str
    tests: str
    seconds: int = 300


ROOMS = {
    "state": Room(
        "engine/state.py",
        "unit/test_engine_state.py unit/test_engine_cursor.py unit/test_projection_foreign.py"
        " integration/test_engine_control.py integration/test_engine_replay.py"
        " integration/test_engine_effects.py integration/test_engine_messages.py"
        " integration/test_engine_approvals.py integration/test_engine_steps.py",
    ),
    "approvals": Room(
        "engine/questions.py",
        "integration/test_engine_approvals.py integration/test_engine_effects.py"
        " integration/test_engine_control.py integration/test_foreign_runs.py"
        " integration/test_research_budget.py",
    ),
    "rules": Room(
        "research/verify/claims.py research/verify/rules.py research/verify/quantities.py",
        "unit/test_evidence_sense.py unit/test_evidence_quantities.py unit/test_evidence_support.py"
        " unit/test_evidence_write.py integration/test_research_embedder.py",
    ),
    "budget": Room(
        "budget.py ledger.py research/model_calls.py research/spending.py",
        "unit/test_ledger.py integration/test_research_budget.py"
        " integration/test_research_model_answers.py integration/test_research_with_model.py"
        " integration/test_research_interrupted.py integration/test_research_thinking.py",
        seconds=600,
    ),
    "cache": Room(
        "cache/store.py cache/keys.py cache/in_flight.py cache/recent.py cache/database.py"
        " files/rebuildable.py",
        "unit/test_cache_keys.py integration/test_cache.py",
    ),
    "guard": Room(
        "transport/guard.py transport/dns.py transport/redirects.py transport/robots.py",
        "unit/test_transport_guard.py unit/test_transport_polite.py"
        " integration/test_transport_names.py integration/test_transport.py"
        " integration/test_transport_answers.py",
    ),
    "leases": Room(
        "journal/sqlite/leases.py journal/sqlite/holders.py",
        "unit/test_journal_leases.py unit/test_journal_holders.py unit/test_journal_adopt.py"
        " unit/test_journal_check.py unit/test_journal_rows.py"
        " conformance/test_sqlite_journal.py",
    ),
}
"""What is drawn from, and who has to notice: the one place to change when modules or tests move."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    ("journal/sqlite/holders.py", "constant", "0"): "a default where the system has no O_CLOEXEC",
}
"""Faults that change nothing that anybody could see, by module, operator and the code before:
why.
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """A small change of one place in a module; ``start`` and ``end`` count bytes."""

    room: str
    module: str
    operator: str
    start: int
    end: int
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        before, after = (" ".join(text.split())[:60] for text in (self.before, self.after))
        return f"sentient_kernel/{self.module}:{self.line} {self.operator}: {before} -> {after}"

    def put_into(self, source: bytes) -> bytes:
        """Returns a module with the fault in it."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def diff(self) -> str:
        """Returns the fault as a diff."""
        source, name = (PACKAGE / self.module).read_bytes(), f"sentient_kernel/{self.module}"
        sides = [
            text.decode().splitlines(keepends=True) for text in (source, self.put_into(source))
        ]
        return "".join(
            difflib.unified_diff(*sides, fromfile=name, tofile=f"{name} ({self.operator})", n=2)
        )


# -- operators: each gives, for a node of the tree, what could stand in its place ------------------

_FLIPPED = dict(
    [
        (ast.Lt, ast.LtE),
        (ast.Gt, ast.GtE),
        (ast.Eq, ast.NotEq),
        (ast.Is, ast.IsNot),
        (ast.In, ast.NotIn),
    ]
)
_FLIPPED |= {other: one for one, other in _FLIPPED.items()}
_OTHER_WAY = dict([(ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.BitAnd, ast.BitOr)])
_OTHER_WAY |= {other: one for one, other in _OTHER_WAY.items()}
_NEIGHBOURS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_PLAIN = ("re.compile", "isinstance", "getattr", "hasattr", "issubclass")
"""Calls whose arguments nobody could exchange without the first import or call saying so."""
_SYMMETRIC = ("opposed", "_common", "_opposite")
"""Calls of ours that mean the same with their arguments exchanged."""


def comparison(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            yield ast.Compare(
                node.left,
                [*node.ops[:i], _FLIPPED[type(op)](), *node.ops[i + 1 :]],
                node.comparators,
            )


def negation(node: ast.AST) -> Iterator[ast.AST]:
    """Turns a condition round; one that is a comparison or has a ``not`` is the business of the
    others.
    """
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(
        node.test, ast.Compare | ast.UnaryOp
    ):
        yield ast.UnaryOp(ast.Not(), node.test)


def removed_not(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def and_or(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def constant(node: ast.AST) -> Iterator[ast.AST]:
    """Counts a small whole number one up, doubles another number, turns True round."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        small = not node.value or (isinstance(node.value, int) and node.value < 100)
        yield ast.Constant(
            not node.value
            if isinstance(node.value, bool)
            else node.value + 1
            if small
            else node.value * 2
        )


def arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in _OTHER_WAY:
        yield ast.BinOp(node.left, _OTHER_WAY[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in _OTHER_WAY:
        yield ast.AugAssign(node.target, _OTHER_WAY[type(node.op)](), node.value)


def dropped(node: ast.AST) -> Iterator[ast.AST]:
    """Leaves out a statement that does something but names nothing new."""
    names = isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name | ast.Tuple) for target in node.targets
    )
    does = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant | ast.Yield)
    if does or (
        isinstance(node, ast.AugAssign | ast.Assign | ast.Delete | ast.Raise) and not names
    ):
        yield ast.Pass()


def swapped(node: ast.AST) -> Iterator[ast.AST]:
    """Exchanges the first two arguments of a call, or a function for its neighbour."""
    if not isinstance(node, ast.Call) or ast.unparse(node.func) in _PLAIN + _SYMMETRIC:
        return
    if isinstance(node.func, ast.Name) and node.func.id in _NEIGHBOURS:
        yield ast.Call(ast.Name(_NEIGHBOURS[node.func.id]), node.args, node.keywords)
        return
    match node.args:
        case [one, other, *rest] if ast.dump(one) != ast.dump(other) and not isinstance(
            one, ast.Starred
        ):
            yield ast.Call(node.func, [other, one, *rest], node.keywords)


def early_return(node: ast.AST) -> Iterator[ast.AST]:
    """Gives nothing back, or leaves off before the last statement of a function."""
    gives = (
        isinstance(node, ast.Return)
        and node.value is not None
        and not isinstance(node.value, ast.Constant)
    )
    does = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.body) > 2
    if gives or (does and not isinstance(node.body[-1], ast.Return | ast.Raise)):
        yield ast.Return()


def jump(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Break | ast.Continue):
        yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()


OPERATORS: tuple[Callable[[ast.AST], Iterator[ast.AST]], ...] = (
    comparison,
    negation,
    removed_not,
    and_or,
    constant,
    arithmetic,
    dropped,
    swapped,
    early_return,
    jump,
)

# -- drawing ---------------------------------------------------------------------------------------


def executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields the nodes that do something when a module is used: no hints, no names of types, no
    reprs, no texts of errors.
    """
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.Raise):
            continue  # that it is raised counts, not its words
        elsewhere = (
            isinstance(node, ast.If)
            and "win32" in ast.unparse(node.test)
            and sys.platform != "win32"
        )
        for name, value in [("orelse", node.orelse)] if elsewhere else ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list", "bases"):
                children = value if isinstance(value, list) else [value]
                todo += [
                    child
                    for child in children
                    if isinstance(child, ast.AST) and not _does_nothing(child)
                ]


def _does_nothing(node: ast.AST) -> bool:
    """Tells whether a node is for readers, for type checkers, for fault tests, or to catch mistakes
    that nothing makes.
    """
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.Subscript):
        return ast.unparse(node.value) in ("Literal", "Annotated")
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    if isinstance(node, ast.Expr):
        return ast.unparse(node).startswith("assert_never(") or "fault_hook(" in ast.unparse(node)
    return isinstance(node, ast.FunctionDef) and node.name == "__repr__"


def faults_in(room: str, module: str) -> Iterator[Fault]:
    """Yields every fault that can be put into a module."""
    source = (PACKAGE / module).read_bytes()
    lines = [0]
    for text in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(text))
    for node in executed(ast.parse(source)):
        for operator in OPERATORS:
            for changed in operator(node):
                place = _place(node, operator)
                start = lines[place.lineno - 1] + place.col_offset
                end = lines[(place.end_lineno or 1) - 1] + (place.end_col_offset or 0)
                before, after = (
                    source[start:end].decode(),
                    ast.unparse(ast.fix_missing_locations(changed)),
                )
                if isinstance(changed, ast.expr):
                    after = f"({after})"
                if (module, operator.__name__, " ".join(before.split())) not in EQUIVALENT:
                    yield Fault(
                        room, module, operator.__name__, start, end, place.lineno, before, after
                    )


def _place(node: ast.AST, operator: object) -> ast.expr | ast.stmt:
    """Returns the node whose text is replaced."""
    if operator is negation and isinstance(node, ast.If | ast.While | ast.IfExp):
        return node.test
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.body[-1]
    assert isinstance(node, ast.expr | ast.stmt)
    return node


def draw(seed: int, count: int, rooms: Sequence[str]) -> list[Fault]:
    """Draws faults: from the rooms in turn, in each an operator, and of that a place. The same for
    the same seed and code.
    """
    chance = random.Random(seed)
    left: dict[str, dict[str, list[Fault]]] = {}
    for room in rooms:
        left[room] = defaultdict(list)
        for module in ROOMS[room].modules.split():
            for fault in faults_in(room, module):
                left[room][fault.operator].append(fault)
    drawn: list[Fault] = []
    while len(drawn) < count and any(left.values()):
        for room in [room for room in rooms if left[room]][: count - len(drawn)]:
            operator = chance.choice(sorted(left[room]))
            places = left[room][operator]
            drawn.append(places.pop(chance.randrange(len(places))))
            if not places:
                del left[room][operator]
    return drawn


# -- trying ----------------------------------------------------------------------------------------


def attempt(room: Room, fault: Fault | None) -> str:
    """Puts a fault into a copy and runs the tests that concern it; returns which failed first, or
    nothing.
    """
    with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for part in COPIED:
            if (ROOT / part).is_dir():
                shutil.copytree(
                    ROOT / part,
                    folder / part,
                    ignore=shutil.ignore_patterns("__pycache__", ".sentient*", ".*cache"),
                )
            else:
                shutil.copy2(ROOT / part, folder / part)
        modules = room.modules.split() if fault is None else [fault.module]
        if fault is not None:
            module = folder / "sentient_kernel" / fault.module
            module.write_bytes(fault.put_into(module.read_bytes()))
        return check(
            folder,
            [f"sentient_kernel/{one}" for one in modules]
            + [f"tests/{one}" for one in room.tests.split()],
            room.seconds,
        )


def check(folder: Path, where: Sequence[str], seconds: int) -> str:
    """Runs tests, and the examples of modules, in a copy; returns which failed first, or
    nothing.
    """
    (folder / "tmp").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(folder / "tmp"),
    }
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-rfE",
        "--tb=no",
        "-o",
        "addopts=",
        "--doctest-modules",
        "--timeout=60",
    ]
    words += ["-p", "no:cacheprovider", "-m", "not faults and not llm and not mutation", *where]
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"more than {seconds} s"
    finally:
        with suppress(ProcessLookupError):
            # also what a test has started and a fault has kept from ending
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    first = re.search(r"^(?:FAILED|ERROR) (\S+)", said, re.MULTILINE)
    last = said.strip().splitlines()[-1:]
    return (
        ""
        if process.returncode == 0
        else first[1]
        if first
        else f"exit {process.returncode}: {last}"
    )


def survey(faults: Sequence[Fault], jobs: int) -> list[Fault]:
    """Tries faults, so many at once, prints what becomes of each, and returns those that no test
    noticed.
    """
    survivors: list[Fault] = []
    with ThreadPoolExecutor(jobs) as pool:
        rooms = sorted({fault.room for fault in faults})
        for room, failed in zip(
            rooms, pool.map(lambda room: attempt(ROOMS[room], None), rooms), strict=True
        ):
            if failed:
                raise SystemExit(
                    f"The tests of {room!r} fail without any fault, so nothing can be said:"
                    f" {failed}"
                )
        began = time.monotonic()
        for fault, by in zip(
            faults, pool.map(lambda fault: attempt(ROOMS[fault.room], fault), faults), strict=True
        ):
            survivors += [] if by else [fault]
            print(
                f"{time.monotonic() - began:5.0f} s  {fault}:"
                f" {f'found by {by}' if by else 'SURVIVED'}",
                flush=True,
            )
    for fault in survivors:
        print(f"\n{fault.diff()}", flush=True)
    tried, missed = (Counter(fault.room for fault in some) for some in (faults, survivors))
    said = ", ".join(f"{room} {tried[room] - missed[room]}/{tried[room]}" for room in tried)
    print(f"\nfound {len(faults) - len(survivors)} of {len(faults)}: {said}", flush=True)
    return survivors


@pytest.mark.mutation
@pytest.mark.timeout(0)
def test_small_faults_are_noticed() -> None:
    seed, count, jobs = (
        int(os.environ.get(f"MUTATION_{name}", value))
        for name, value in (("SEED", 1), ("COUNT", 60), ("JOBS", 1))
    )
    faults = draw(seed, count, tuple(ROOMS))
    assert len(survey(faults, jobs)) <= (1 - LEAST) * len(faults)


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--jobs", type=int, default=1, help="faults tried at the same time")
    parser.add_argument("--room", choices=ROOMS, action="append")
    parser.add_argument(
        "--list", action="store_true", help="print the faults instead of trying them"
    )
    given = parser.parse_args()
    faults = draw(given.seed, given.count, given.room or tuple(ROOMS))
    if given.list:
        print(*faults, sep="\n")
        return 0
    return 0 if len(survey(faults, given.jobs)) <= (1 - LEAST) * len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
