"""Which step is which: the same after a restart, another one when its code or its arguments are."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
from types import FunctionType
from typing import Any

import pytest
from engine_kit import Cells
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.engine import identity
from sentient_kernel.errors import ValueNotStorable
from sentient_kernel.ids import RunId, StepKey, new_run_id


def key(fn: Any, *args: Any, n: int = 0, **kwargs: Any) -> StepKey:
    """The key of a call."""
    name = identity.name_of(fn)
    prefix = identity.step_prefix(name, identity.place_of(fn), identity.code_of(fn))
    return identity.occurrence_key(identity.identity(prefix, name, args, kwargs), n)


def installed(a: int) -> None: ...


def another(a: int) -> None: ...


def test_key_is_sixteen_hexadecimal_digits() -> None:
    assert re.fullmatch("[0-9a-f]{16}", key(installed, 1))


def test_key_tells_calls_apart_by_name_arguments_and_occurrence() -> None:
    keys = [
        key(installed, 1),
        key(installed, 2),
        key(installed, 1, 2),
        key(installed, "1"),
        key(installed, [1]),
        key(installed, None),
        key(installed, True),
        key(installed, a=1),
        key(installed, b=1),
        key(installed, 1, n=1),
        key(installed),
        key(another, 1),
        key(functools.partial(installed, 1)),
        key(functools.partial(installed, a=1)),
        key(functools.partial(installed, 1), 1),
    ]
    assert len(set(keys)) == len(keys)


def test_order_of_keyword_arguments_does_not_matter() -> None:
    assert key(installed, x=1, y=2) == key(installed, y=2, x=1)
    assert key(functools.partial(installed, x=1, y=2)) == key(
        functools.partial(installed, y=2, x=1)
    )


@given(
    st.lists(st.text(st.characters(codec="utf-8"))), st.lists(st.text(st.characters(codec="utf-8")))
)
def test_no_text_can_be_mistaken_for_two(a: list[str], b: list[str]) -> None:
    assert (key(installed, *a) == key(installed, *b)) == (a == b)


def test_object_bound_to_a_partial_counts_by_its_type_when_it_cannot_be_kept() -> None:
    class Client: ...

    assert key(functools.partial(installed, Client()), 1) == key(
        functools.partial(installed, Client()), 1
    )
    assert key(functools.partial(installed, Client()), 1) != key(
        functools.partial(installed, object()), 1
    )


def test_argument_that_cannot_be_kept_is_named() -> None:
    with pytest.raises(ValueNotStorable, match="Argument 2 of step 'installed'"):
        key(installed, 1, object())
    with pytest.raises(ValueNotStorable, match="Argument 'b' of step 'installed'"):
        key(installed, 1, b=object())
    with pytest.raises(
        ValueNotStorable,
        match="Argument 1 of step 'installed' cannot be kept as JSON: it holds half a surrogate",
    ):
        key(installed, "\ud800")


def test_name_of_a_function_is_what_people_call_it() -> None:
    class Tool:
        def use(self) -> None: ...

        def __call__(self) -> None: ...

    def inner() -> None: ...

    assert [
        identity.name_of(f)
        for f in (installed, Tool().use, Tool(), inner, functools.partial(installed, 1), len)
    ] == [
        "installed",
        "use",
        "Tool",
        "inner",
        "installed",
        "len",
    ]


# -- code of a notebook ----------------------------------------------------------------------------

CELL = """
def helper(i):
    return i + 1

class Tool:
    unit = "m"

    def use(self, i):
        return self.scale(i)

    def scale(self, i):
        return i * 2

async def work(i):
    '''Says what it does.'''
    return helper(i)

async def makes(i):
    return Tool().use(i)

fails = lambda i: i / 0
"""


def fingerprint(source: str, name: str = "work") -> str:
    """The fingerprint of a function that a cell defines."""
    return identity.fingerprint(Cells().run(source)[name])


SPELT = """
async def work(x, *rest, key='é', **more) -> dict[str, int]:
    async with open(f"{x['a']!r}'s {key:>{len(rest)}.2f} {'b'}" "\\n") as file:
        return {**more, 'a': [], None: (..., 1e30, 2j)}, [y async for y in file if y != b"\\0"]
"""


def test_code_has_one_fingerprint_in_every_version_of_python() -> None:
    assert fingerprint(SPELT) == "d2b4f787b7544c0e"
    tree = ast.parse(SPELT)
    spelt = identity._spelt(tree)
    for node in ast.walk(tree):  # as in a version that has more to say of each node
        fields = (*node._fields, "newer", "newest")
        vars(node).update(_fields=fields, newer=[], newest=None)
    assert identity._spelt(tree) == spelt


def test_code_of_a_notebook_counts_and_installed_code_does_not() -> None:
    space = Cells().run(CELL)
    assert identity.defined_in_notebook(space["work"])
    assert not identity.defined_in_notebook(installed)
    assert key(space["work"], 1) != key(Cells().run(CELL.replace("i + 1", "i + 2"))["work"], 1)
    assert identity.code_of(space["work"], version="2") == identity.code_of(
        Cells().run(CELL.replace("i + 1", "i"))["work"], version="2"
    )


@pytest.mark.parametrize(
    "edit",
    [
        lambda s: s.replace("    return helper(i)", "    # says why\n\n    return  helper( i )"),
        lambda s: s.replace("'''Says what it does.'''", "'''Says it better.'''"),
        lambda s: s.replace("i / 0", "i / 1"),
        lambda s: s + "\n\ndef unused():\n    return 1\n",
        lambda s: s.replace("i * 2", "i * 3"),
    ],
    ids=[
        "layout and comments",
        "docstring",
        "another function",
        "a new function",
        "a class it does not use",
    ],
)
def test_what_does_not_change_what_a_function_does_does_not_change_its_fingerprint(
    edit: Any,
) -> None:
    assert fingerprint(edit(CELL)) == fingerprint(CELL)


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (lambda s: s.replace("return helper(i)", "return helper(i) + 1"), "work"),
        (lambda s: s.replace("i + 1", "i + 2"), "work"),
        (lambda s: s.replace("i / 0", "i / 1"), "fails"),
        (lambda s: s.replace("i * 2", "i * 3"), "makes"),
    ],
    ids=["its body", "its helper", "a lambda", "a method of a class it uses"],
)
def test_what_changes_what_a_function_does_changes_its_fingerprint(edit: Any, name: str) -> None:
    assert fingerprint(edit(CELL), name) != fingerprint(CELL, name)


def test_method_of_a_notebook_counts_its_whole_class() -> None:
    changed = CELL.replace("i * 2", "i * 3")
    assert identity.fingerprint(Cells().run(CELL)["Tool"]().use) != identity.fingerprint(
        Cells().run(changed)["Tool"]().use
    )


def test_functions_that_call_each_other_have_a_fingerprint() -> None:
    source = "def a(n):\n    return b(n)\n\ndef b(n):\n    return a(n - 1) if n else 0\n"
    assert fingerprint(source, "a") != fingerprint(source.replace("else 0", "else 1"), "a")


# -- ids -------------------------------------------------------------------------------------------


def test_ids_of_questions_and_children_follow_from_run_and_key() -> None:
    run, step = new_run_id(1_700_000_000_000), key(installed, 1)
    child = identity.child_id(run, step)
    assert child == identity.child_id(run, step) != identity.child_id(run, key(installed, 2))
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}", child)
    assert child[:13] == run[:13]
    assert (
        identity.approval_id(run, step)
        == identity.approval_id(run, step)
        != identity.approval_id(RunId("x"), step)
    )


def test_digest_binds_to_exactly_what_was_shown() -> None:
    shown = ("Go?", {"a": 1, "b": [1, 2]}, None)
    assert identity.digest(*shown) == identity.digest("Go?", {"b": [1, 2], "a": 1}, None)
    assert (
        len(
            {
                identity.digest(*shown),
                identity.digest("Go!", *shown[1:]),
                identity.digest("Go?", {"a": 1, "b": [2, 1]}, None),
            }
        )
        == 3
    )


def test_functions_of_one_decorator_are_told_apart_also_without_wraps() -> None:
    def announced(fn: Any) -> Any:
        def wrapper(*args: Any) -> Any:
            return fn(*args)

        return wrapper

    assert key(announced(installed), 1) == key(announced(installed), 1)
    assert key(announced(installed), 1) != key(announced(another), 1)


def test_what_a_decorated_function_of_a_notebook_does_counts() -> None:
    source = (
        "def deco(fn):\n    def wrapper(i):\n        return fn(i)\n    return wrapper\n\n@deco\ndef"
        " work(i):\n    return i + 1\n"
    )
    assert fingerprint(source) == fingerprint(source)
    assert fingerprint(source) != fingerprint(source.replace("i + 1", "i + 2"))
    assert fingerprint(source) != fingerprint(source.replace("return fn(i)", "return -fn(i)"))


def test_methods_of_two_unchangeable_objects_are_told_apart_and_those_of_others_are_not() -> None:
    @dataclasses.dataclass(frozen=True)
    class Folder:
        path: str

        def read(self) -> None: ...

    @dataclasses.dataclass
    class Counting:
        calls: int

        def read(self) -> None: ...

    assert key(Folder("a").read) == key(Folder("a").read) != key(Folder("b").read)
    assert key(Counting(1).read) == key(Counting(2).read), (
        "what changes while a run works must not make its steps other ones"
    )


def test_functions_that_enclose_each_other_have_a_key() -> None:
    def outer() -> Any:
        def even(n: int) -> Any:
            return odd(n - 1) if n else True

        def odd(n: int) -> Any:
            return even(n - 1) if n else False

        return even

    assert key(outer(), 1) == key(outer(), 1)


def test_fixed_name_stands_for_module_and_name() -> None:
    def here(x: int) -> int:
        return x

    there = FunctionType(here.__code__, {"__name__": "elsewhere"}, "renamed")
    assert identity.place_of(here) != identity.place_of(there)
    named, moved = identity.fixed_name("room:count")(here), identity.fixed_name("room:count")(there)
    assert identity.place_of(named) == identity.place_of(moved)
    assert identity.code_of(named) == identity.code_of(moved)
    assert (identity.name_of(named), identity.name_of(moved)) == ("count", "count")
