"""Things are called what people call them, and nothing private gets through by itself."""

from __future__ import annotations

import textwrap

from sentient_kernel.sources.parser.python.modules import Definition, read_module
from sentient_kernel.sources.parser.python.naming import Names, left_out
from sentient_kernel.sources.parser.python.packages import _modules, _undecorated

LONG = "Says at some length what it does, so that it is worth keeping."


def names(**sources: str) -> Names:
    """Names of a distribution given as name__of__module="source"."""
    texts = {
        key.replace("__", "."): textwrap.dedent(text).encode() for key, text in sources.items()
    }
    packages = {name for name in texts if any(other.startswith(f"{name}.") for other in texts)}
    return Names(texts, lambda name: read_module(texts[name], name, name in packages))


def public(found: Names) -> dict[str, tuple[str, bool]]:
    return {item.public: (f"{item.module}:{item.qualname}", item.exported) for item in found.all()}


def test_what_a_package_exports_carries_its_public_name() -> None:
    found = names(
        lib=(
            "from lib.core.api import Frame\nfrom ._inner import make as build\n__all__ = ['Frame',"
            " 'build']"
        ),
        lib__core="",
        lib__core__api="from .frame import *",
        lib__core__frame="class Frame: 'A frame.'\nclass Hidden: 'Not exported.'",
        lib___inner="def make(): 'Makes.'\ndef other(): 'Not exported.'",
        lib__tools="def helper(): 'Public by its place.'\ndef _no(): 'Private.'",
    )
    assert public(found) == {
        "lib.Frame": ("lib.core.frame:Frame", True),
        "lib.build": ("lib._inner:make", True),
        "lib.tools.helper": ("lib.tools:helper", False),
    }


def test_a_computed_list_of_exports_is_only_a_part_of_them() -> None:
    found = names(
        lib=(
            "from . import _a\nfrom ._a import mean\n__all__ = ['one', 'two', 'three'] +"
            " list(_a.more)"
        ),
        lib___a="def mean(): 'Averages.'",
    )
    assert public(found) == {"lib.mean": ("lib._a:mean", True)}


def test_names_under_type_checking_and_fallbacks_count() -> None:
    found = names(
        lib="""
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from ._a import lazy
            try:
                from ._b import fast
            except ImportError:
                pass
        """,
        lib___a="def lazy(): 'Lazy.'",
        lib___b="def fast(): 'Fast.'",
    )
    assert set(public(found)) == {"lib.lazy", "lib.fast"}


def test_a_circle_of_imports_ends() -> None:
    assert (
        public(
            names(
                lib="from ._a import x",
                lib___a="from ._b import x",
                lib___b="from ._a import x\nfrom lib import *",
            )
        )
        == {}
    )


def test_internal_modules_count_where_a_package_exports_nothing() -> None:
    found = names(lib="", lib__core="def work(): 'Works.'", lib___x="def no(): 'No.'")
    assert public(found) == {"lib.core.work": ("lib.core:work", False)}


def test_a_public_class_offers_what_private_bases_give_it_and_their_docstrings() -> None:
    found = names(
        lib="from ._f import Frame, Base",
        lib___f="""
            from . import _i
            class Base:
                def known(self): 'Of the public base.'
            class Frame(_i.Mixin, Base):
                str = Accessor('str', Methods)
                def head(self, n=5): ...
                def own(self): 'Own.'
            class Methods:
                def upper(self): 'Makes letters big.'
        """,
        lib___i=(
            "class Mixin:\n    def loc(self): 'Locates.'\n    def head(self, n): 'First rows.'\n   "
            " def _no(self): 'Private.'"
        ),
    )
    items = {item.public: item for item in found.all()}
    classes = {(item.module, item.qualname) for item in items.values()}
    offered = {
        name: f"{module}:{qualname}"
        for module, qualname, name, _ in found.members(items["lib.Frame"], classes)
    }
    assert offered == {
        "own": "lib._f:Frame.own",
        "str.upper": "lib._f:Methods.upper",
        "loc": "lib._i:Mixin.loc",
        "head": "lib._i:Mixin.head",
    }


def test_signatures_are_written_without_self_and_long_ones_without_annotations() -> None:
    module = read_module(
        b"class A:\n    def __init__(self, x: int = 1) -> None: 'Makes.'\n"
        b"    @property\n    def p(self): 'P.'\n    @staticmethod\n    def s(self): 'S.'\n"
        b"async def go(a, /, *b: 'str', c=[1,  2], **d) -> int: 'Goes.'\n"
        b"def long("
        + b", ".join(b"argument%d: dict[str, list[int]] = None" % n for n in range(30))
        + b"): 'Long.'\n",
        "lib",
        False,
    )
    known = {name: value for name, value in module.names.items() if isinstance(value, Definition)}
    assert known["A"].signature == "A(x: int=1) -> None"
    assert (known["A"].members["p"].kind, known["A"].members["p"].signature) == ("property", "p")
    assert known["A"].members["s"].signature == "s(self)"
    assert known["go"].signature == "async go(a, /, *b: 'str', c=[1, 2], **d) -> int"
    assert known["long"].signature.startswith("long(argument0, argument1, ")


def test_source_that_is_no_python_is_an_empty_module() -> None:
    assert read_module(b"def (:", "lib", False).names == {}
    assert read_module(b"\0", "lib", False).names == {}


def test_docstrings_given_to_things_in_c_are_found() -> None:
    module = read_module(
        b"add_newdoc('numpy._core', 'array', '''Makes\n    one.''')\n"
        b"add_newdoc('numpy', 'ndarray', ('sort', 'Sorts.'))\nadd_docstr(torch.abs, 'Abs.')",
        "x",
        False,
    )
    assert module.newdocs == [
        ("numpy._core", "array", "Makes\none."),
        ("numpy", "ndarray.sort", "Sorts."),
        ("torch", "abs", "Abs."),
    ]


def test_tests_copies_and_data_are_no_modules() -> None:
    files = [
        "lib/__init__.py",
        "lib/a.py",
        "lib/tests/test_a.py",
        "lib/_vendor/x.py",
        "lib/vendor/x.py",
        "lib/data/template.py",
        "lib/data/deep/__init__.py",
        "lib/c.cpython-311.so",
        "lib/c.pyi",
        "lib/a.pyi",
        "lib/not-a-name.py",
        "single.py",
    ]
    assert {name: path for name, (path, _) in _modules(files).items()} == {
        "lib": "lib/__init__.py",
        "lib.a": "lib/a.py",
        "lib.c": "lib/c.pyi",
        "single": "single.py",
    }


def test_what_is_left_out_is_named_like_it() -> None:
    assert [
        left_out(name)
        for name in (
            "a.tests.b",
            "a.test_b",
            "a.b_test",
            "a.conftest",
            "a.vendor.b",
            "a.testing",
            "latest",
        )
    ] == [True] * 5 + [False] * 2


def test_badges_are_no_part_of_a_readme() -> None:
    text = (
        "# Lib\n[![CI](https://x/badge.svg)](https://x)\n<p align='center'>\n.. image:: x.png\n  "
        " :target: y\nLib does <b>this</b>.\n<https://x.example>\n"
    )
    assert _undecorated(text) == "# Lib\nLib does <b>this</b>.\n<https://x.example>\n"
