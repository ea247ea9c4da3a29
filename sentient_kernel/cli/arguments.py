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
SHOWN_FORMATS = ("md", "html", "json")
ENDINGS = (".md", ".html", ".json", ".docx", ".ipynb", ".bib", ".csl.json")
SOURCES = (
    "a folder, a file, the address of a page, 'packages' (default), 'web', 'wikipedia' or another"
    " library; may be repeated"
)

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

    def check(self, unknown: Sequence[str]) -> None:
        """Ends the process with 2 where there are words that the command does not take."""
        if unknown:
            options = [text for action in actions(self) for text in action.option_strings]
            said = one_line(f"unrecognized arguments: {' '.join(unknown)}")
            self.refuse(said, did_you_mean(unknown[0].partition("=")[0], options))


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """Returns what the words of a command mean; what follows ``lab`` and its folder belongs to
    JupyterLab and is kept in ``options``.
    """
    words, others = list(argv), []
    if words[:1] == ["lab"]:
        ours = (
            2
            if len(words) > 1 and (not words[1].startswith("-") or words[1] in ("-h", "--help"))
            else 1
        )
        words, others = words[:ours], words[ours:]
    top = parser()
    args, unknown = top.parse_known_args(words)
    args.options = others[1:] if others[:1] == ["--"] else others
    commands: Any = next(action for action in actions(top) if action.dest == "command")
    commands.choices[args.command].check(unknown)
    return args


def parser() -> argparse.ArgumentParser:
    """Returns what understands the words of every command; ``command`` of the result says which one
    it is.
    """
    from sentient_kernel.version import __version__

    home = CommandParser(add_help=False)
    home.add_argument(
        "--home",
        metavar="DIR",
        help="the folder that keeps everything (default: SENTIENT_HOME, else .sentient)",
    )
    as_json = CommandParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="for programs")
    shaped = CommandParser(add_help=False)
    shaped.add_argument(
        "--format",
        choices=SHOWN_FORMATS,
        help="default: drawn in a terminal, md in a pipe, or what the ending of FILE says",
    )
    shaped.add_argument(
        "--out",
        metavar="FILE",
        help=f"write the report there; its ending ({' '.join(ENDINGS)}) or --format says how",
    )

    words = CommandParser(
        prog="sentient-kernel",
        description=(
            "Research that survives: cited reports over your documents, with or without a model."
        ),
        epilog="Exit: 0 done, 1 failed, 2 wrong usage, 3 nothing found, 4 waiting for an answer.",
    )
    words.add_argument("--version", action="version", version=__version__)
    commands = words.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, *parents: CommandParser) -> CommandParser:
        return commands.add_parser(name, help=text, description=text, parents=[home, *parents])

    research = add(
        "research", "Research a question and print a report whose every sentence is cited.", shaped
    )
    research.add_argument("question")
    research.add_argument("--source", action="append", metavar="S", help=SOURCES)
    research.add_argument(
        "--model",
        metavar="M",
        help="a language model; none makes reports of the sources' own sentences",
    )
    research.add_argument(
        "--approve", choices=("ask", "auto", "deny"), help="how questions of the run are answered"
    )
    research.add_argument(
        "--depth", type=int, default=1, metavar="N", help="rounds of searching at most"
    )
    research.add_argument(
        "--clarify", action="store_true", help="let the model ask back before it plans"
    )
    research.add_argument("--budget-usd", type=float, metavar="X", help="what a model may cost")
    research.add_argument(
        "--name",
        metavar="NAME",
        help="attach to the run of that name and question instead of starting a second one",
    )
    search = add("search", "Print the passages that fit a query best.", as_json)
    search.add_argument("query")
    search.add_argument("--source", action="append", metavar="S", help=SOURCES)
    search.add_argument("-k", type=int, default=10, metavar="N")
    add("runs", "List the runs of this home.", as_json)
    show = add("show", "Show one run: its steps, its questions, its report.", as_json, shaped)
    show.add_argument("run", metavar="RUN")
    resume = add(
        "resume",
        "Go on with a run that crashed, failed, or waits; finished steps are kept.",
        shaped,
    )
    resume.add_argument("run", metavar="RUN")
    add("approvals", "List the questions that wait for an answer.", as_json)
    approve = add("approve", "Answer yes.")
    approve.add_argument("id", metavar="ID")
    approve.add_argument(
        "--payload", metavar="FILE", help="go ahead with this JSON instead of what was shown"
    )
    reject = add("reject", "Answer no.")
    reject.add_argument("id", metavar="ID")
    reject.add_argument("--reason", required=True, metavar="R")
    lab = commands.add_parser(
        "lab",
        usage="sentient-kernel lab [FOLDER] [OPTIONS OF JUPYTERLAB]",
        help="Open JupyterLab on the tutorials.",
        epilog=(
            "All else is handed on to JupyterLab, such as --no-browser --port 8899 --ip 0.0.0.0."
        ),
    )
    lab.add_argument(
        "folder",
        nargs="?",
        help="where to put the tutorials (default: ./sentient-tutorials, or the clone's notebooks)",
    )
    demo = add(
        "demo", "Research a question over the documentation of the installed packages.", shaped
    )
    demo.add_argument("question", nargs="?", default=DEMO)
    export = add(
        "export", "Write a run, with all its evidence, as one file that another home can open."
    )
    export.add_argument("run", metavar="RUN")
    export.add_argument("file", metavar="FILE")
    trust = commands.add_parser(
        "trust",
        help="Show what a home or a .env file from elsewhere holds, and take it for your own.",
    )
    trust.add_argument(
        "path", metavar="PATH", help="a home (a folder with journal.db), or a folder with a .env"
    )
    trust.add_argument("--yes", action="store_true", help="do not ask")
    add("doctor", "Say what is installed and whether it is healthy.", as_json)
    add("verify", "Check that no row of the journal is missing or altered.", as_json)
    return words
