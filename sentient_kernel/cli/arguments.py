"""The words of the command line: what each command takes, and what is wrong with them in one
sentence.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from sentient_kernel.spelling import did_you_mean

DONE, FAILED, USAGE, NOTHING, WAITING = 0, 1, 2, 3, 4
DEMO = "What is the difference between loc and iloc?"
ENDINGS = (".md", ".html", ".json", ".docx", ".ipynb", ".bib", ".csl.json")
LONGEST_LINE = 5_000
"""Characters of a line on the terminal."""


def one_line(text: object) -> str:
    """Returns outside text on one line, cut where it is endless; nothing in it moves the cursor or
    turns the direction of writing.
    """
    from sentient_kernel.failures import plain

    said = str(text)
    line = " ".join(plain(said[:LONGEST_LINE]).split())
    return line if len(said) <= LONGEST_LINE else f"{line} …"


def shell_word(text: object) -> str:
    """Returns outside text as one word of a command that a person may copy."""
    import shlex

    return shlex.quote(one_line(text))


def actions(parser: argparse.ArgumentParser) -> Sequence[argparse.Action]:
    """Returns what a parser takes; argparse itself has no public list of it."""
    return parser._actions


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong with the words of a command in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Ends the process with 2."""
        said = one_line(message)
        wrong = re.match(r".*invalid choice: '([^']*)' \(choose from (.*)\)", said)
        self.refuse(said, did_you_mean(wrong[1], re.findall(r"[\w.-]+", wrong[2])) if wrong else "")

    def refuse(self, said: str, meant: str = "") -> NoReturn:
        """Says what is wrong, what was probably meant, and where there is help; ends the process
        with 2.
        """
        sentences = (f"{said[:1].upper()}{said[1:]}.", meant, f"See `{self.prog} --help`.")
        self.exit(USAGE, f"sentient-kernel: {' '.join(filter(None, sentences))}\n")


Word = tuple[tuple[str, ...], dict[str, Any]]
"""An argument or option of a command: its names, and what argparse is told of it."""


def _word(*names: str, **how: Any) -> Word:
    return names, how


HOME = _word(
    "--home",
    metavar="DIR",
    help="the folder that keeps everything (default: SENTIENT_HOME, else .sentient)",
)
JSON = _word("--json", action="store_true", help="for programs")
SHAPE = (
    _word(
        "--format",
        choices=("md", "html", "json"),
        help="default: drawn in a terminal, md in a pipe, or what the ending of FILE says",
    ),
    _word(
        "--out",
        metavar="FILE",
        help=f"write the report there; its ending ({' '.join(ENDINGS)}) or --format says how",
    ),
)
SOURCE = _word(
    "--source",
    action="append",
    metavar="S",
    help="a folder, a file, the address of a page, 'packages' (default), 'web', 'wikipedia' or"
    " another library; may be repeated",
)
RUN = _word("run", metavar="RUN")
APPROVAL = _word("id", metavar="ID")

COMMANDS: dict[str, tuple[str, tuple[Word, ...]]] = {
    "research": (
        "Research a question and print a report whose every sentence is cited.",
        (
            HOME,
            *SHAPE,
            _word("question"),
            SOURCE,
            _word(
                "--model",
                metavar="M",
                help="a language model; none makes reports of the sources' own sentences",
            ),
            _word(
                "--approve",
                choices=("ask", "auto", "deny"),
                help="how questions of the run are answered",
            ),
            _word("--depth", type=int, default=1, metavar="N", help="rounds of searching at most"),
            _word("--clarify", action="store_true", help="let the model ask back before it plans"),
            _word("--budget-usd", type=float, metavar="X", help="what a model may cost"),
            _word(
                "--name",
                metavar="NAME",
                help="attach to the run of that name and question instead of starting a second one",
            ),
        ),
    ),
    "search": (
        "Print the passages that fit a query best.",
        (HOME, JSON, _word("query"), SOURCE, _word("-k", type=int, default=10, metavar="N")),
    ),
    "runs": ("List the runs of this home.", (HOME, JSON)),
    "show": ("Show one run: its steps, its questions, its report.", (HOME, JSON, *SHAPE, RUN)),
    "resume": (
        "Go on with a run that crashed, failed, or waits; finished steps are kept.",
        (HOME, *SHAPE, RUN),
    ),
    "approvals": ("List the questions that wait for an answer.", (HOME, JSON)),
    "approve": (
        "Answer yes.",
        (
            HOME,
            APPROVAL,
            _word(
                "--payload",
                metavar="FILE",
                help="go ahead with this JSON instead of what was shown",
            ),
        ),
    ),
    "reject": ("Answer no.", (HOME, APPROVAL, _word("--reason", required=True, metavar="R"))),
    "lab": (
        "Open JupyterLab on the tutorials. All else is handed on to JupyterLab, such as"
        " --no-browser --port 8899 --ip 0.0.0.0.",
        (
            _word(
                "folder",
                nargs="?",
                help="where to put the tutorials (default: ./sentient-tutorials, or the clone's"
                " notebooks)",
            ),
        ),
    ),
    "demo": (
        "Research a question over the documentation of the installed packages.",
        (HOME, *SHAPE, _word("question", nargs="?", default=DEMO)),
    ),
    "export": (
        "Write a run, with all its evidence, as one file that another home can open.",
        (HOME, RUN, _word("file", metavar="FILE")),
    ),
    "trust": (
        "Show what a home or a .env file from elsewhere holds, and take it for your own.",
        (
            _word(
                "path",
                metavar="PATH",
                help="a home (a folder with journal.db), or a folder with a .env",
            ),
            _word("--yes", action="store_true", help="do not ask"),
        ),
    ),
    "doctor": ("Say what is installed and whether it is healthy.", (HOME, JSON)),
    "verify": ("Check that no row of the journal is missing or altered.", (HOME, JSON)),
}
"""What each command does, and the words that it takes."""


def parser() -> argparse.ArgumentParser:
    """Returns what understands the words of every command; ``command`` of the result says which one
    it is, and ``parser`` what understood it.
    """
    from sentient_kernel.version import __version__

    top = CommandParser(
        prog="sentient-kernel",
        description=(
            "Research that survives: cited reports over your documents, with or without a model."
        ),
        epilog="Exit: 0 done, 1 failed, 2 wrong usage, 3 nothing found, 4 waiting for an answer.",
    )
    top.add_argument("--version", action="version", version=__version__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (text, words) in COMMANDS.items():
        usage = "sentient-kernel lab [FOLDER] [OPTIONS OF JUPYTERLAB]" if name == "lab" else None
        command = commands.add_parser(name, help=text, description=text, usage=usage)
        command.set_defaults(parser=command)
        for names, how in words:
            command.add_argument(*names, **how)
    return top


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Returns what the words of a command mean; what follows ``lab`` and its folder belongs to
    JupyterLab and is kept in ``options``.
    """
    words, others = list(argv), list[str]()
    if words[:1] == ["lab"]:
        ours = 2 if re.match(r"[^-]|(-h|--help)$", "".join(words[1:2])) else 1
        words, others = words[:ours], words[ours:]
    args, unknown = parser().parse_known_args(words)
    args.options = others[1:] if others[:1] == ["--"] else others
    if unknown:
        options = [text for action in actions(args.parser) for text in action.option_strings]
        said = one_line(f"unrecognized arguments: {' '.join(unknown)}")
        args.parser.refuse(said, did_you_mean(unknown[0].partition("=")[0], options))
    return args
