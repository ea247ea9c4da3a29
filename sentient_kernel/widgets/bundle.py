"""The modules of ``static/`` put together: one ESM and one style sheet for each view. Pure, and
read once.

The modules are plain ESM that a web page loads as they are. A widget carries one text, so its
modules are written one after the other, each after those that it imports, without the lines that
import and export.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from posixpath import dirname, normpath

from sentient_kernel.errors import UsageError
from sentient_kernel.projections.drawing.style import CSS

STATIC = Path(__file__).parent / "static"
VIEWS = {
    "run": "drawRun",
    "report": "drawReport",
    "events": "drawEvents",
    "inbox": "drawInbox",
    "errors": "drawErrors",
    "sources": "drawSources",
}
"""For each view: the function that draws it, in the module of its name."""

_IMPORT = re.compile(r'^(?:import|export) \{[^}]*\} from "(\.[\w./-]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|// .*)[ \t]*\n", re.MULTILINE)


@cache
def bundle(view: str) -> str:
    """Returns the ESM of a view: what a widget carries.

    Args:
        view: A key of ``VIEWS``.

    Raises:
        UsageError: There is no such view.
    """
    body = "\n".join(_bare(name) for name in modules(view))
    return f'{body}\nexport default mount("{view}", {VIEWS[view]});\n'


@cache
def modules(view: str) -> tuple[str, ...]:
    """Returns a view's modules, as ``"views/run"``, each after those that it imports (where two
    import one another, in the order met).

    Raises:
        UsageError: There is no such view.
    """
    if view not in VIEWS:
        raise UsageError(f"There is no view {view!r}.", hint=f"The views are {', '.join(VIEWS)}.")
    found: dict[str, None] = {}
    entered: set[str] = set()

    def enter(name: str) -> None:
        if name not in entered:
            entered.add(name)
            for other in _IMPORT.findall(_text(name)):
                enter(normpath(f"{dirname(name)}/{other}"))
            found[name] = None

    enter("kit/kit")
    enter(f"views/{view}")
    return tuple(found)


@cache
def style() -> str:
    """Returns the style sheet of every widget: that of the static views, then what only live ones
    need.
    """
    sheets = sorted(STATIC.rglob("*.css"), key=lambda path: (path.stem != "kit", path.name))
    return "\n".join([CSS, *(path.read_text(encoding="utf-8") for path in sheets)])


@cache
def _text(name: str) -> str:
    return (STATIC / f"{name}.js").read_text(encoding="utf-8")


def _bare(name: str) -> str:
    """Returns a module without imports, export words and the comments on lines of their own: each
    widget carries its text.
    """
    return _EXPORT.sub("", _COMMENT.sub("", _IMPORT.sub("", _text(name))))
