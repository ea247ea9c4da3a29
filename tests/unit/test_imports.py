"""What ``import sentient_kernel`` costs, and that every public name is there."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import sentient_kernel

HEAVY = {
    "IPython",
    "anywidget",
    "apsw",
    "distributed",
    "fastapi",
    "httpx",
    "ipywidgets",
    "numpy",
    "pandas",
    "psycopg",
    "pydantic",
    "rich",
}
LAZY = HEAVY - {"pydantic", "apsw"}
NO_SOCKETS = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("a socket was opened")
socket.socket.__init__ = socket.getaddrinfo = refuse
"""


def fresh(code: str) -> str:
    """Runs code in a Python of its own and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules_after(code: str) -> set[str]:
    """Returns the names of the modules that are loaded once the code has run in a fresh Python."""
    return set(
        json.loads(
            fresh(f"{NO_SOCKETS}\n{code}\nimport json; print(json.dumps(list(sys.modules)))")
        )
    )


def test_public_names_are_sorted_and_unique() -> None:
    assert sentient_kernel.__all__ == sorted(set(sentient_kernel.__all__))


@pytest.mark.parametrize("name", sentient_kernel.__all__)
def test_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(sentient_kernel, name)
    assert value.__doc__, f"{name} says nothing about itself"
    assert value.__module__.startswith("sentient_kernel."), f"{name} is not ours"


def test_type_checkers_see_the_names_that_python_finds() -> None:
    tree = ast.parse(Path(sentient_kernel.__file__).read_text())
    (guard,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(seen) == sentient_kernel.__all__
    for name, module in seen.items():
        assert getattr(sys.modules[module or ""], name) is getattr(sentient_kernel, name)


def test_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="'workbrench'"):
        sentient_kernel.workbrench  # noqa: B018


def test_dir_shows_the_public_names_before_they_are_loaded() -> None:
    assert set(sentient_kernel.__all__) <= set(dir(sentient_kernel))


def test_import_loads_nothing_heavy_and_opens_no_socket() -> None:
    assert modules_after("import sentient_kernel") & HEAVY == set()


def test_using_every_public_name_loads_nothing_heavy_and_opens_no_socket() -> None:
    loaded = modules_after(
        "import sentient_kernel\nfor name in sentient_kernel.__all__: getattr(sentient_kernel,"
        " name)"
    )
    assert loaded & LAZY == set()


def test_import_costs_at_most_150_modules_over_pydantic() -> None:
    pydantic = modules_after("import asyncio, pydantic, pydantic_settings")
    ours = modules_after(
        "import asyncio, pydantic, pydantic_settings, sentient_kernel as sk\nfor name in"
        " sk.__all__: getattr(sk, name)"
    )
    assert len(ours - pydantic) <= 150
