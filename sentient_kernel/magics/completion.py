"""What Tab offers behind a magic: its options and their values, folders, the runs there are, the
approvals that are open.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from glob import escape, glob
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from sentient_kernel.cli.arguments import actions
from sentient_kernel.errors import SentientError
from sentient_kernel.workbench.workbench import Workbench

MOST = 200
"""How many entries of a folder are offered."""
WORD = re.compile(r"(?:\\ |\S)+")
"""A word, in which a space may stand behind a backslash."""


class Completion:
    """A matcher for IPython's completer. It opens nothing: without a workbench there is no id to
    offer.

    Args:
        shell: The shell whose variables hold the workbenches.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    @context_matcher(priority=1000, identifier="sentient_kernel")  # type: ignore[untyped-decorator]
    def offer(self, context: CompletionContext) -> Any:
        """Returns what may follow at the cursor; nothing outside of our magics."""
        written = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        words = WORD.findall(written)
        magic = words[0].lstrip("%") if words else ""
        ours = (
            words
            and words[0] in (f"%%{magic}" if context.cursor_line == 0 else "", f"%{magic}")
            and self._parser(magic, words[0])
        )
        if not ours or (len(words) == 1 and not written[-1:].isspace()):
            return {"completions": [], "suppress": False}
        last = "" if written[-1].isspace() else words.pop()
        option, glued, begun = (
            last.partition("=") if last.startswith("--") else (words[-1], "", last)
        )
        if last.startswith("--") and not glued:
            option, begun = "", last
        found = sorted(
            word for word in self._offers(ours, option, words[1:], begun) if word.startswith(begun)
        )
        kind = "path" if option == "--source" else "param"
        completions = [SimpleCompletion(text=word, type=kind) for word in found[:MOST]]
        return {
            "completions": completions,
            "suppress": bool(found),
            "matched_fragment": begun,
            "ordered": True,
        }

    def _parser(self, magic: str, written: str) -> Any:
        held = self._shell.magics_manager.magics[
            "cell" if written.startswith("%%") else "line"
        ].get(magic)
        ours = type(getattr(held, "__self__", None)).__module__ == "sentient_kernel.magics.magics"
        return getattr(held, "parser", None) if ours else None

    def _offers(self, parser: Any, option: str, before: list[str], begun: str) -> Iterable[str]:
        of_option: dict[str, Callable[[], Iterable[str]]] = {
            "--source": lambda: [*_folders(begun), "packages"],
            "--wb": lambda: [
                name
                for name, value in list(self._shell.user_ns.items())
                if isinstance(value, Workbench) and not name.startswith("_")
            ],
        }
        if option in of_option:
            return of_option[option]()
        takes = {text: action for action in actions(parser) for text in action.option_strings}
        if option in takes and takes[option].nargs != 0:
            return takes[option].choices or ()  # a number or a name: the user's
        positional = [action.dest for action in actions(parser) if not action.option_strings]
        if begun.startswith("--") or not positional:
            return [text for text in takes if text not in before or text == "--source"]
        given = any(
            not word.startswith("--") and (not i or before[i - 1] not in takes)
            for i, word in enumerate(before)
        )
        return () if given else self._ids(positional[0], before)

    def _ids(self, what: str, before: list[str]) -> Iterable[str]:
        name = before[before.index("--wb") + 1] if "--wb" in before[:-1] else "wb"
        workbench = self._shell.user_ns.get(name)
        if not isinstance(workbench, Workbench):
            return ()
        try:
            return [
                str(row.id) for row in (workbench.runs if what == "run" else workbench.approvals)
            ]
        except SentientError:  # closed, or its folder has gone
            return ()


def _folders(begun: str) -> Iterable[str]:
    """Returns folders and files that go on as begun, folders with a slash behind them, spaces with
    a backslash before.
    """
    typed = begun.replace("\\ ", " ")
    start = os.path.expanduser(typed)
    for path in glob(f"{escape(start)}*"):
        shown = f"{typed}{path[len(start) :]}{'/' if os.path.isdir(path) else ''}"
        yield shown.replace(" ", "\\ ")
