"""Reference text made from the package: settings, events, errors, commands. Needs no Sphinx.

Each function returns MyST Markdown. A page takes it in where it says ``<!-- made: NAME -->``.
"""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import sentient_kernel
from sentient_kernel import errors, events, testing
from sentient_kernel.cli.arguments import parser
from sentient_kernel.settings import PREFIX, Settings
from sentient_kernel.sources.opening import WORDS

MARK = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)
"""The line of a page that made text takes the place of."""

TYPES = {
    "tuple": "list, with commas",
    "bool": "true or false",
    "int": "whole number",
    "float": "number",
    "Path": "path",
    "SecretStr": "secret text",
}
"""What a type is called where a variable of the environment holds it."""


def take_in(page: str) -> str:
    """Returns a page with the text made for it in place of its marks."""
    return MARK.sub(lambda mark: MADE[mark[1]](), page)


def settings() -> str:
    """Returns an entry for each setting: variable, type, default, what it does."""
    return "\n".join(_setting(name, field) for name, field in Settings.model_fields.items())


def _setting(name: str, field: Any) -> str:
    default = field.default
    shown = "none" if default in (None, "", ()) else f"`{default}`"
    said = f"{field.description[:1].upper()}{field.description[1:]}."
    facts = f"*{_type(field.annotation)}; default* {shown}"
    return f"```{{envvar}} {PREFIX}{name.upper()}\n{said}\\\n{facts}\n```\n"


def _type(annotation: Any) -> str:
    said = str(annotation) if not isinstance(annotation, type) else annotation.__name__
    if choices := re.search(r"Literal\[([^]]*)\]", said):
        return " or ".join(choice.strip()[1:-1] for choice in choices[1].split(","))
    return next((words for part, words in TYPES.items() if part in said), "text")


def event_classes() -> str:
    """Returns an entry for each event: when it is written, its kind, its fields."""
    listed = " · ".join(f"{{event}}`{kind}`" for kind in events.classes())
    entries = (part for kind, cls in events.classes().items() for part in _event(kind, cls))
    return f"{listed}\n\n{_rst(entries)}"


def _event(kind: str, cls: type[events.Fact]) -> Iterator[str]:
    yield f".. event:: {kind}"
    yield ""
    yield from _indented(inspect.getdoc(cls) or "")
    yield ""
    kept = "sent and not stored" if kind in events.TRANSIENT else "stored"
    yield f"   Class ``{cls.__name__}``, {kept}."
    yield ""
    hints = inspect.get_annotations(cls)
    for name, field in cls.model_fields.items():
        if name != "kind":
            default = "" if field.is_required() else f", default ``{field.default!r}``"
            yield f"   * ``{name}``: ``{hints.get(name, '')}``{default}"
    yield ""


def aliases() -> str:
    """Returns a table of the names that other tools give to events."""
    rows = (
        f"| `{name}` | {{event}}`{kind}` |" for name, kind in events.ALIASES.items() if name != kind
    )
    return "\n".join(["| Elsewhere | Here |", "|---|---|", *rows])


def error_classes() -> str:
    """Returns an entry for each error, in the order of their tree."""
    return _rst(
        part
        for cls in error_tree()
        for part in (
            f".. autoexception:: {cls.__module__}.{cls.__name__}",
            "   :show-inheritance:",
            "",
        )
    )


def error_tree() -> list[type[BaseException]]:
    """Returns all errors, each before those that derive from it."""
    defined = [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if cls.__module__ == errors.__name__
    ]
    return sorted(
        (cls for cls in defined if issubclass(cls, BaseException)),
        key=lambda cls: inspect.getsourcelines(cls)[1],
    )


def error_facts(cls: type[BaseException]) -> str:
    """Returns what programs go by: public name, code, HTTP status, whether to try again."""
    public = f"``sk.{cls.__name__}``. " if cls.__name__ in sentient_kernel.__all__ else ""
    if not issubclass(cls, errors.SentientError):
        return public.strip()
    again = "retryable" if cls.retryable else "not retryable"
    return f"{public}Code ``{cls.code}``, HTTP status {cls.status}, {again}."


def commands() -> str:
    """Returns a section for each command of the command line."""
    return "\n".join(_command(name, words) for name, words in subcommands().items())


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """Returns the parser of each command, by its name."""
    top = parser()
    found: Any = next(
        action for action in top._actions if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found.choices)


def _command(name: str, words: argparse.ArgumentParser) -> str:
    usage = _wrapped(words.format_usage().removeprefix("usage: "))
    helps = {choice.dest: choice.help or "" for choice in _choices()}
    lines = [f"## {name}", "", words.description or helps[name], "", "```text", usage, "```", ""]
    options = [action for action in words._actions if not isinstance(action, argparse._HelpAction)]
    return "\n".join(
        [
            *lines,
            _rst(
                [
                    f".. program:: sentient-kernel {name}",
                    "",
                    *(line for one in options for line in _option(one)),
                ]
            ),
            "",
        ]
    )


def _choices() -> list[argparse.Action]:
    found: Any = next(
        action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return list(found._choices_actions)


def _option(action: argparse.Action) -> Iterator[str]:
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    if action.option_strings:
        yield ".. option:: " + ", ".join(f"{text}{value}" for text in action.option_strings)
    else:
        yield f".. option:: {value.strip()}"
    said = action.help or ""
    if action.choices:
        said += f"{'; ' if said else ''}one of {', '.join(map(str, action.choices))}"
    yield from ("", f"   {_plain(said)}.", "") if said else ("",)


def magics() -> str:
    """Returns a section for each magic, as its own help has it."""
    from sentient_kernel.magics.magics import SentientMagics

    sections = []
    for kind, sign in (("line", "%"), ("cell", "%%")):
        for name in sorted(SentientMagics.magics[kind]):
            method = getattr(SentientMagics, name)
            options = getattr(method, "parser", None)
            lines = [
                f"## {sign}{name}",
                "",
                (options.description if options else inspect.getdoc(method)).strip(),
                "",
            ]
            if options is not None:
                usage = _wrapped(
                    re.sub(r"^.*?%", f"{sign[1:]}%", options.format_usage(), flags=re.DOTALL)
                )
                actions = [
                    action
                    for action in options._actions
                    if not isinstance(action, argparse._HelpAction)
                ]
                lines += [
                    "```text",
                    usage,
                    "```",
                    "",
                    _rst(
                        [
                            f".. program:: magic {name}",
                            "",
                            *(x for a in actions for x in _option(a)),
                        ]
                    ),
                ]
            sections.append("\n".join(lines))
    return "\n\n".join(sections)


def source_words() -> str:
    """Returns a table of the words for sources, each with the first line of its docstring."""
    rows = ["| Word | What it is |", "|---|---|"]
    for word, place in WORDS.items():
        module, _, name = place.partition(":")
        cls = getattr(import_module(f"sentient_kernel.sources.{module}"), name)
        rows.append(
            f"| `{word}` | {(inspect.getdoc(cls) or '').splitlines()[0].replace('``', '`')} |"
        )
    return "\n".join(rows)


def kit() -> str:
    """Returns an entry for each class of the public test kit."""
    return _rst(
        part
        for name in testing.__all__
        for part in (f".. autoclass:: sentient_kernel.testing.{name}", "   :members:", "")
    )


def _rst(lines: Any) -> str:
    return "\n".join(["````{eval-rst}", *lines, "````"])


def _wrapped(usage: str) -> str:
    # an option stays with its value
    parts = re.sub(r"(?<=\w) (?=[A-Z{])", "\0", " ".join(usage.split()))
    return textwrap.fill(parts, 74, subsequent_indent="    ", break_on_hyphens=False).replace(
        "\0", " "
    )


def _indented(text: str) -> list[str]:
    return [f"   {line}".rstrip() for line in text.splitlines()]


def _plain(text: str) -> str:
    return re.sub(r"([*`|\\-])", r"\\\1", text)


MADE: dict[str, Callable[[], str]] = {
    "settings": settings,
    "events": event_classes,
    "aliases": aliases,
    "errors": error_classes,
    "commands": commands,
    "magics": magics,
    "source_words": source_words,
    "kit": kit,
}
"""What a page can take in, by the name in its mark."""
