"""The notebook's magics: ``%load_ext sentient_kernel``, in Jupyter and in a terminal's IPython; and
what Tab offers behind them: options and their values, folders, runs, open approvals.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators
# IPython's decorators have no types.

from __future__ import annotations

import json
import keyword
import os
import re
import shlex
from collections.abc import Callable, Iterable
from glob import escape, glob
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher
from IPython.core.error import UsageError as WrongWords
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments

from sentient_kernel.budget import Budget
from sentient_kernel.cli.arguments import actions, one_line
from sentient_kernel.engine import jsonable
from sentient_kernel.errors import ConfigurationError, SentientError, UsageError
from sentient_kernel.notebook.interaction import kernel
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.spelling import did_you_mean
from sentient_kernel.workbench.run import Run
from sentient_kernel.workbench.workbench import Workbench

HEAD = re.compile(r"\s*((?:--\w+(?:=|\s+)\S+\s+)*\S*)\s*(.*?)\s*", re.DOTALL)
"""Options and an id, and the rest of the line as it was written: quotes and braces in it are the
user's.
"""
MOST = 200
"""How many entries of a folder are offered."""
WORD = re.compile(r"(?:\\ |\S)+")
"""A word, in which a space may stand behind a backslash."""
ENDED = ("completed", "failed", "cancelled")
ON_WB = {
    "metavar": "NAME",
    "default": "wb",
    "help": "the variable that holds the workbench (default: wb)",
}


@magics_class
class SentientMagics(Magics):
    """Research and its approvals without writing Python. Errors are one sentence; ``%%research?``
    shows what a magic takes.
    """

    @magic_arguments()
    @argument(
        "--source",
        metavar="S",
        action="append",
        help="a folder, a file, 'packages', or a source's name; may be repeated",
    )
    @argument(
        "--depth", metavar="N", type=int, default=1, help="rounds of searching at most (default: 1)"
    )
    @argument(
        "--approve",
        metavar="P",
        choices=("ask", "auto", "deny"),
        help="how the run's questions are answered: ask, auto or deny",
    )
    @argument(
        "--model",
        metavar="M",
        help="a language model, such as openai:gpt-5-mini; default: the workbench's own",
    )
    @argument("--clarify", action="store_true", help="let the model ask back before it plans")
    @argument("--budget-usd", metavar="X", type=float, help="what a model may cost")
    @argument(
        "--budget-seconds",
        metavar="X",
        type=float,
        help="working time; after it the report is written with what was found",
    )
    @argument(
        "--name",
        metavar="NAME",
        help="attach to the run of that name and question instead of starting a second one",
    )
    @argument("--wait", action="store_true", help="wait for the report and show it")
    @argument(
        "--as",
        metavar="NAME",
        dest="as_",
        default="run",
        help="the variable that takes the run (default: run)",
    )
    @argument("--wb", **ON_WB)
    @cell_magic
    def research(self, line: str, cell: str) -> Any:
        """Researches the question that the cell holds, in the background, and shows the run."""
        args = self._parsed("research", line)
        if not args.as_.isidentifier() or keyword.iskeyword(args.as_):
            raise UsageError(
                f"{args.as_!r} cannot be the name of a variable.",
                hint="Give `--as` a name such as bees.",
            )
        limits = {"usd": args.budget_usd, "seconds": args.budget_seconds}
        budget = Budget(**limits) if any(limit is not None for limit in limits.values()) else None
        run = self._workbench(args.wb).research(
            cell.strip(),
            sources=args.source,
            model=args.model,
            depth=args.depth,
            approve=args.approve,
            budget=budget,
            name=args.name,
            clarify=args.clarify,
        )
        self._names[args.as_] = run
        return _report(run) if args.wait else run

    @magic_arguments()
    @argument(
        "run", nargs="?", metavar="RUN", help="show this one; the beginning of its id will do"
    )
    @argument("--wb", **ON_WB)
    @line_magic
    def runs(self, line: str) -> Any:
        """Lists the runs of the workbench, or shows one."""
        args = self._parsed("runs", line)
        workbench = self._workbench(args.wb)
        return workbench.run(args.run) if args.run else workbench.runs

    @magic_arguments()
    @argument("--wb", **ON_WB)
    @argument("id", metavar="ID", help="of the approval; its beginning will do")
    @argument(
        "payload",
        nargs="?",
        metavar="PAYLOAD",
        help="go ahead with this instead: JSON, or the name of a variable",
    )
    @no_var_expand
    @line_magic
    def approve(self, line: str) -> None:
        """Answers yes to what a run asks, as it stands or with an edited payload."""
        head, rest = _halves(line)
        args = self._parsed("approve", head)
        payload = self._payload(rest) if rest else None
        asked = self._asked(args)
        asked.approve(payload)
        self._recorded("Approved" if payload is None else "Approved with edits", asked, args.wb)

    @magic_arguments()
    @argument("--wb", **ON_WB)
    @argument("id", metavar="ID", help="of the approval; its beginning will do")
    @argument(
        "reason",
        nargs="?",
        metavar="REASON...",
        help="why; kept with the answer, and what the run is told",
    )
    @no_var_expand
    @line_magic
    def reject(self, line: str) -> None:
        """Answers no to what a run asks, and says why."""
        head, reason = _halves(line)
        args = self._parsed("reject", head)
        if not reason:
            raise UsageError(
                "A rejection needs a reason: it is kept, and the run is told.",
                hint="Write %reject ID REASON.",
            )
        asked = self._asked(args)
        asked.reject(reason)
        self._recorded("Rejected", asked, args.wb)

    @magic_arguments()
    @argument("--wb", **ON_WB)
    @line_magic
    def errors(self, line: str) -> Any:
        """Lists what went wrong, grouped by what is the same fault."""
        return self._workbench(self._parsed("errors", line).wb).errors

    @no_var_expand
    @cell_magic
    def chat(self, line: str, cell: str) -> NoReturn:
        """Will talk to a model about your evidence, in a later version."""
        raise ConfigurationError(
            "Chat is not part of this version.",
            hint=(
                "Put the question under `%%research`: it is answered with a report, with or without"
                " a model."
            ),
        )

    # -- the words of a line -----------------------------------------------------------------------

    @property
    def _names(self) -> dict[str, Any]:
        names: dict[str, Any] = self.shell.user_ns  # type: ignore[union-attr]
        return names

    def _parsed(self, magic: str, line: str) -> Any:
        """Returns the options of a line. Raises UsageError in one sentence where IPython's own
        would come without a way out.
        """
        parser: Any = getattr(type(self), magic).parser
        try:
            return parser.parse_args(_words(line))
        except (WrongWords, ValueError) as error:
            said = one_line(error).rstrip(".")
            options = [text for action in actions(parser) for text in action.option_strings]
            wrong = re.search(r"unrecognized arguments: (--?[\w-]+)", said)
            meant = did_you_mean(wrong[1], options) if wrong else ""
            sign = "%%" if magic == "research" else "%"
            hint = f"{meant} `{sign}{magic}?` shows what it takes.".strip()
            raise UsageError(f"{said[:1].upper()}{said[1:]}.", hint=hint) from None

    def _workbench(self, name: str) -> Workbench:
        """Returns the workbench that a variable holds; where there is no ``wb`` at all, opens one
        and says so.
        """
        names = self._names
        found = names.get(name)
        if isinstance(found, Workbench):
            return found
        if name in names:
            raise UsageError(
                f"`{name}` is a {type(found).__name__}, not a workbench.",
                hint="Name yours with `--wb NAME`.",
            )
        if name != "wb":
            raise UsageError(
                f"There is no workbench `{name}` here.", hint=f"Open one: {name} = sk.Workbench()."
            )
        opened = names[name] = Workbench()
        # as seen from here, so that a notebook shows the same on every machine
        inside = opened.home.is_relative_to(Path.cwd())
        home = opened.home.relative_to(Path.cwd()) if inside else opened.home
        print(f"Opened a workbench in {home}; it is `{name}` from here on.")
        return opened

    def _asked(self, args: Any) -> ApprovalView:
        """Returns the approval that is meant; one that is not open says so when it is answered."""
        workbench = self._workbench(args.wb)
        fitting = [approval for approval in workbench.approvals if approval.id.startswith(args.id)]
        exact = [approval for approval in fitting if approval.id == args.id]
        asked, *more = exact or fitting or [workbench.approval(args.id)]
        if more:
            raise UsageError(
                f"{args.id!r} matches {len(fitting)} approvals.",
                hint="Use more characters of the id.",
            )
        return asked

    def _recorded(self, what: str, asked: ApprovalView, name: str) -> None:
        run = self._workbench(name).run(asked.run)
        waits = not run.alive and run.status not in ENDED
        goes_on = f" {name}.resume({str(run.id)!r}) goes on with the run." if waits else ""
        print(f"{what}: {one_line(asked.question)}{goes_on}")

    def _payload(self, text: str) -> Any:
        """Returns what JSON, or a variable, stands for. Raises UsageError."""
        try:
            value = self._names[text] if text in self._names else json.loads(text)
        except ValueError as error:
            what = (
                f"There is no variable `{text}` here"
                if text.isidentifier()
                else f"The payload is not JSON ({one_line(error)})"
            )
            raise UsageError(
                f"{what}.",
                hint='After the id comes JSON, such as {"limit": 3}, or the name of a variable.',
            ) from None
        if value is None:
            raise UsageError(
                "The payload is empty.", hint="Leave it out to approve what was shown."
            )
        return jsonable(value, f"what `{text}` holds")


# -- what Tab offers -------------------------------------------------------------------------------


class Completion:
    """A matcher for IPython's completer. It opens nothing: without a workbench there is no id to
    offer.

    Args:
        shell: The shell whose variables hold the workbenches.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    @context_matcher(priority=1000, identifier="sentient_kernel")
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


def load_ipython_extension(shell: Any) -> None:
    """Gives a shell the magics, and its completer their words: ``%load_ext sentient_kernel``."""
    shell.register_magics(SentientMagics)
    shell.Completer.custom_matchers.append(Completion(shell).offer)


def unload_ipython_extension(shell: Any) -> None:
    """Takes the magics away again. Workbenches stay open: they belong to the user's variables."""
    for kind, names in SentientMagics.magics.items():
        held = shell.magics_manager.magics[kind]
        for name in names:
            if isinstance(getattr(held.get(name), "__self__", None), SentientMagics):
                del held[name]
    shell.magics_manager.registry.pop(SentientMagics.__name__, None)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [
        matcher
        for matcher in matchers
        if not isinstance(getattr(matcher, "__self__", None), Completion)
    ]


def _words(line: str) -> list[str]:
    """Returns the words of a line, quotes taken off. Raises ValueError when one is left open."""
    words = shlex.shlex(line, posix=True)
    words.whitespace_split = True
    words.commenters = ""
    if os.name == "nt":
        words.escape = ""  # there it is what paths are made of
    return list(words)


def _halves(line: str) -> tuple[str, str]:
    match = HEAD.fullmatch(line)
    return (match[1], match[2]) if match else (line, "")


def _report(run: Run) -> Any:
    """Waits for a report. A cell shows the run meanwhile; a terminal is told, and gets the report's
    text.
    """
    if kernel() is not None:
        return run.result()
    from sentient_kernel.cli.terminal import follow, print_report

    try:
        follow(run)
    except KeyboardInterrupt:
        raise run.detached() from None
    print_report(run.result())
    return None
