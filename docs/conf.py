"""How Sphinx builds these pages: ``sphinx-build -W docs DIRECTORY``."""

from __future__ import annotations

import inspect
import json
import re
import sys
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from typing_extensions import is_protocol

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generated  # noqa: E402

import sentient_kernel as sk  # noqa: E402

project = "Sentient Kernel"
author = "The authors of Sentient Kernel"
copyright = author
version = release = sk.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**/.ipynb_checkpoints", "tutorials/data"]
nb_execution_mode = "off"  # the outputs that are kept are those that the tests compare
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "pydata_sphinx_theme"
html_title = "Sentient Kernel"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def _copy_notebooks() -> None:
    """Copies the tutorials to where Sphinx looks for pages."""
    for notebook in sorted((HERE.parent / "notebooks").glob("*.ipynb")):
        page, kept = HERE / "tutorials" / notebook.name, json.loads(notebook.read_text())
        kept["metadata"]["language_info"]["pygments_lexer"] = "ipython3"  # knows magics
        text = json.dumps(kept)
        if not page.is_file() or page.read_text() != text:
            page.write_text(text)


def _take_in(app: Any, docname: str, source: list[str]) -> None:
    source[0] = generated.take_in(source[0])


def _add_facts(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Adds to each error what programs go by, and to each value the types of its fields."""
    if what == "exception":
        lines += ["", generated.error_facts(obj), ""]
    if what == "class" and _is_only_read(obj):
        for at, line in reversed(list(enumerate(lines))):
            if match := re.match(r":param (\w+):", line):
                lines.insert(at, f":type {match[1]}: {obj.__annotations__[match[1]]}")
    if what == "property" and any(line.startswith(":type:") for line in lines):
        lines[:] = inspect.getdoc(obj).splitlines()  # a sentence with a colon is not a type


def _without_parameters(app: Any, what: str, name: str, obj: Any, *others: Any) -> Any:
    """Leaves out the parameters of what only the package makes: errors, rows, parts of reports."""
    made = what == "class" and (
        _is_only_read(obj) or is_protocol(obj) or obj in (sk.Run, sk.Context)
    )
    return ("", None) if made or what == "exception" else None


def _is_only_read(cls: type) -> bool:
    return cls.__module__.split(".")[1] in ("projections", "report", "workbench") and is_dataclass(
        cls
    )


def _outdated(app: Any, env: Any, *others: Any) -> list[str]:
    """Returns the pages that are made from the package: it may have changed since."""
    return [page for page in env.found_docs if page.startswith("reference/")]


def setup(app: Any) -> dict[str, bool]:
    """Connects what is made from the package to the pages."""
    _copy_notebooks()
    app.add_object_type("event", "event", objname="event")
    app.connect("source-read", _take_in)
    app.connect("autodoc-process-docstring", _add_facts)
    app.connect("autodoc-process-signature", _without_parameters)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True}
