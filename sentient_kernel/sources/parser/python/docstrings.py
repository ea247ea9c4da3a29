"""Renders docstrings as text that people read: numpydoc, Google style, reStructuredText and plain
ones alike. Pure.

What comes out is paragraphs of one line, lists, fenced code and rows of tables, a blank line
between them, so that no sentence runs from prose into a heading, a parameter or an example. A
parameter reads ``name (type): what it is``. Anything that is not understood stays
as it is written. No docstring makes it slow: lines are looked at once for each level of nesting,
which ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile

from sentient_kernel.sources.parser.common import clean

from .doclines import (
    ADORNMENT,
    BULLET,
    FENCE,
    code,
    dedent,
    heading,
    indent_of,
    is_indented,
    is_open,
    region_end,
    rows,
    split_head,
)
from .docmarks import inline, table, table_end

_DEEPEST = 8
_LONGEST_TYPE = 90
_MOST_NAMES = 12

_FIELD = re.compile(r"[:@]([a-zA-Z][\w-]{0,30})((?: [^:\n]{1,120})?):(?:\s+|$)")
_DIRECTIVE = re.compile(r"\.\.(?:[ \t]+|$)")
_NAMED = re.compile(r"\.\.[ \t]+(?:\|[^|]{1,80}\|[ \t]+)?([\w:+-]{1,60})[ \t]*::[ \t]*(.*)$")
_FOOTNOTE = re.compile(r"\.\.[ \t]+\[([^\]]{1,60})\][ \t]+(.*)$")
_TOLD = re.compile(r"(?<!:) ?:(?: |$)")
_OPTION = re.compile(r":[\w-]{1,40}:")
_BOX = re.compile(r'!!! ?([a-z]{2,20})(?: "([^"]{0,200})")?$')
_BOLD = re.compile(r"\*\*([^*]{1,60}?):?\*\*:?$")
_CODE = re.compile(
    r"\w\(.*\)\s*:?$|^[\w.\[\], ]{1,60} [-+*/|&]?="
    r" |^(?:from|import|def|class|async|with|for|if|return|@|\$|%|#)\b|[{};\\]$|^[$%@#<]"
)
_SIGNATURE = re.compile(r"[\w.]{1,80}\(.{0,600}\)(?: ?-> ?.{1,100})?$")

_CODE_DIRECTIVES = frozenset(
    "code-block code sourcecode ipython doctest testcode testoutput parsed-literal math prompt"
    " console literalinclude".split()
)
_DROPPED = frozenset(
    """image figure plot index toctree contents currentmodule module only-html raw autosummary
        autoclass autofunction automodule automethod highlight default-role role testsetup
        testcleanup include tabularcolumns meta container centered""".split()
)
_NOTES = frozenset("note warning caution important tip hint danger attention seealso".split())
_WORDED = {
    "versionadded": "Added in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "deprecated-removed": "Deprecated since version",
    "versionremoved": "Removed in version",
}
_SECTIONS = {
    **dict.fromkeys(
        (
            "parameters",
            "args",
            "arguments",
            "params",
            "other parameters",
            "keyword args",
            "keyword arguments",
        ),
        "Parameters",
    ),
    **dict.fromkeys(("attributes", "variables"), "Attributes"),
    "methods": "Methods",
    **dict.fromkeys(("returns", "return"), "Returns"),
    **dict.fromkeys(("yields", "yield"), "Yields"),
    "receives": "Receives",
    **dict.fromkeys(("raises", "raise", "except", "exceptions"), "Raises"),
    **dict.fromkeys(("warns",), "Warns"),
    **dict.fromkeys(("see also", "seealso"), "See also"),
    **dict.fromkeys(("example", "examples", "usage"), "Examples"),
    **dict.fromkeys(("note", "notes"), "Notes"),
    **dict.fromkeys(("warning", "warnings"), "Warnings"),
    "references": "References",
}
_SENTENCES = frozenset(("Returns", "Yields", "Receives", "Raises", "Warns"))
_ITEMS = frozenset(("Parameters", "Attributes", "Methods")) | _SENTENCES
_PARAMETERS = frozenset("param parameter arg argument key keyword kwarg kwparam".split())
_ATTRIBUTES = frozenset("var ivar cvar attr attribute".split())
_RAISES = frozenset("raises raise except exception".split())


def render(doc: str) -> str:
    """Returns a docstring, its indentation taken off, as readable text.

    Example:
        >>> text = "Adds.\\n\\nParameters\\n----------\\nx : int, optional\\n    What to\\n    add."
        >>> print(render(text))
        Adds.
        <BLANKLINE>
        Parameters
        <BLANKLINE>
        x (int, optional): What to add.
    """
    return "\n\n".join(block for block in _blocks(clean(doc).expandtabs(8).split("\n"), 0) if block)


def described(name: str, signature: str, doc: str) -> str:
    """Returns the text of the document of one thing: its signature as code, then its name with its
    summary, then the rest.

    Args:
        name: What it is called in a sentence, as :func:`short_name` gives it.
        signature: What stands in its head, the name in front; "" for what has none.
        doc: Its docstring.
    """
    body = render(doc)
    first, _, rest = body.partition("\n\n")
    # written out, as C code needs
    if (
        _SIGNATURE.match(first)
        and first.partition("(")[0] in (name, name.rpartition(".")[2])
        and rest
    ):
        signature, body = signature or first, rest
    head = f"```\n{signature}\n```\n\n" if signature else ""
    return f"{head}{name}: {body}" if body and not _apart(body) else f"{head}{name}\n\n{body}"


def short_name(public: str) -> str:
    """Returns a name as people say it: from the class on, else with the module that it is in.

    Example:
        >>> [short_name(name) for name in ("pandas.Series.str.split", "pandas.DataFrame",
        ...     "xml.etree.ElementTree.parse", "os.walk")]
        ['Series.str.split', 'pandas.DataFrame', 'ElementTree.parse', 'os.walk']
    """
    parts = public.split(".")
    first = next(
        (at for at, part in enumerate(parts[:-1]) if part[:1].isupper()), max(0, len(parts) - 2)
    )
    return ".".join(parts[first:])


def _blocks(lines: Sequence[str], depth: int) -> list[str]:
    """Returns the blocks that lines are made of; their own indentation has been taken off."""
    if depth > _DEEPEST:
        return code(lines)
    found: list[str] = []
    at, literal = 0, False
    while at < len(lines):
        text = lines[at].strip()
        if not text:
            at += 1
            continue
        indent = indent_of(lines[at])
        end = region_end(lines, at, 1 if literal else 0) if indent else at
        if end > at:
            found += _indented(lines[at:end], literal, depth)
            at, literal = end, False
            continue
        literal = False
        end, blocks = _special(lines, at, text, depth)
        if end == at:
            end, blocks, literal = _paragraph(lines, at, depth)
        found += blocks
        at = end
    return found


def _led(head: str, blocks: list[str], mark: str = ":") -> list[str]:
    """Returns blocks with a head on the line of the first one, where that is prose."""
    if blocks and not _apart(blocks[0]):
        return [f"{head}: {blocks[0]}", *blocks[1:]]
    return [f"{head}{mark}", *blocks]


def _special(lines: Sequence[str], at: int, text: str, depth: int) -> tuple[int, list[str]]:
    """Reads what begins with a mark of its own; returns where it ends (``at`` when it is none) and
    its blocks.
    """
    ahead = range(at + 1, len(lines))
    if text.startswith(">>>"):
        end = next((n for n in ahead if not lines[n].strip()), len(lines))
        return end, code(lines[at:end])
    if FENCE.match(text):
        end = next((n for n in ahead if lines[n].strip().startswith(text[:3])), len(lines))
        return min(end + 1, len(lines)), code(lines[at + 1 : end])
    if (end := table_end(lines, at)) > at:
        return end, [shown] if (shown := table(lines[at:end])) else []
    if title := heading(lines, at):
        start = at + 2 + (lines[at].strip() != title)
        return _section(lines, start, title, depth, underlined=True)
    if ADORNMENT.match(text):
        return at + 1, []
    if _FIELD.match(text):
        return _fields(lines, at)
    if text[:-1].lower() in _SECTIONS and text[-1] == ":" and is_indented(lines, at + 1):
        return _section(lines, at + 1, text[:-1], depth, underlined=False)
    if bold := _BOLD.match(text):
        return at + 1, [bold[1]]
    if BULLET.match(text):
        return _list(lines, at, depth)
    end = region_end(lines, at + 1, 1)
    if _DIRECTIVE.match(text):
        return end, _directive(text, lines[at + 1 : end], depth)
    if boxed := _BOX.match(text):
        if boxed[1] == "abstract":
            return end, []  # a link to pages elsewhere
        said = [f"{boxed[1].capitalize()}: {inline(boxed[2])}"] if boxed[2] else []
        named = f".. {'topic' if said else boxed[1]}::"
        return end, said + _directive(named, lines[at + 1 : end], depth)
    return at, []


def _section(
    lines: Sequence[str], start: int, title: str, depth: int, *, underlined: bool
) -> tuple[int, list[str]]:
    """Reads a section: up to the next heading where headings are underlined, else what is
    indented.
    """
    kind = _SECTIONS.get(title.lower(), "")
    if not kind:
        return start, [inline(title)]
    end = region_end(lines, start, 1)
    if underlined:
        below = (n for n in range(start, len(lines)) if lines[n].strip() and heading(lines, n))
        end = next(below, len(lines))
    body = dedent(lines[start:end])
    if kind == "See also":
        return end, _see_also(body)
    if kind in _ITEMS:
        shown = _items(body, kind, depth)
        return end, shown if kind in _SENTENCES or not shown else [kind, *shown]
    shown = _blocks(body, depth + 1)
    return end, [kind, *shown] if shown else []


def _items(body: Sequence[str], kind: str, depth: int) -> list[str]:
    """Returns the entries of a section: ``name (type): description``, each a block with what
    belongs to it after it.
    """
    prefix = f"{kind} " if kind in _SENTENCES else ""
    heads = [line for line in body if line[:1].strip()]
    numpy = any(" : " in line or line.endswith(" :") for line in heads) or _is_split(body)
    if not numpy and not any(split_head(line)[0] for line in heads):  # no entries: prose
        blocks = _blocks(body, depth + 1)
        led = prefix and blocks and not _apart(blocks[0])
        return _led(kind, blocks) if led else blocks
    found: list[str] = []
    at = 0
    while at < len(body):
        head = body[at]
        if not head.strip():
            at += 1
            continue
        if head.startswith(">>>") or any(mark.match(head) for mark in (BULLET, _DIRECTIVE, _FIELD)):
            end, blocks = _special(body, at, head.strip(), depth)
            found += blocks
            at = max(end, at + 1)
            continue
        end = region_end(body, at + 1, 1)
        rest = list(body[at + 1 : end])
        at = end
        while rest and (head.endswith(",") or is_open(head)) and len(head) < 600:
            head = f"{head} {rest.pop(0).strip()}".strip()
        first = ""
        if numpy:
            name, mark, what = head.partition(" : ")
            name = name if mark else head.removesuffix(" :")
        else:
            named, first = split_head(head)
            name, what = named or (head, "")
        described = _blocks([*filter(None, [first]), *dedent(rest)], depth + 1)
        found += _entry(prefix + inline(name.strip().rstrip(":")), inline(what.strip()), described)
    return found


def _entry(name: str, what: str, blocks: list[str]) -> list[str]:
    """Returns the blocks of one entry, its first paragraph on one line with its name."""
    what = what.strip("`") if what.count("`") == 2 else what
    head = f"{name} ({what})" if what and len(what) <= _LONGEST_TYPE else name
    return _led(head, blocks) if blocks else [head]


def _see_also(body: Sequence[str]) -> list[str]:
    """Returns one line with the names of what is related; what it does is said where it is
    described itself.
    """
    heads = [line[:300] for line in body if line[:1].strip()]
    heads = [line if line[0] == ":" else _TOLD.split(line, maxsplit=1)[0] for line in heads]
    shown = [inline(one).strip().strip("`").rstrip(" :.") for one in ",".join(heads).split(",")]
    names = list(filter(None, shown))
    if any(" " in name for name in names):
        return [f"See also: {text}"] if (text := inline(" ".join(" ".join(body).split()))) else []
    return [f"See also: {', '.join(names[:_MOST_NAMES])}."] if names else []


def _directive(text: str, body: Sequence[str], depth: int) -> list[str]:
    """Returns what a directive shows."""
    if note := _FOOTNOTE.match(text):
        said = " ".join([note[2], *(line.strip() for line in body)]).strip()
        return [f"[{note[1]}] {inline(said)}"]
    named = _NAMED.match(text)
    kind = named[1].rpartition(":")[2].lower() if named else ""
    if not named or kind in _DROPPED:
        return []  # a comment, a target, a picture
    argument = named[2].strip()
    rest = list(dropwhile(_OPTION.match, dedent(body)))
    if kind in _CODE_DIRECTIVES:
        return code([argument, *rest] if kind == "math" else rest)
    if depth >= _DEEPEST:
        return code(rest)
    if kind in _WORDED:
        version, _, said = argument.partition(" ")
        blocks = _blocks([*filter(None, [said]), *rest], depth + 1)
        return _led(f"{_WORDED[kind]} {version.rstrip(':.')}".strip(), blocks, ".")
    blocks = _blocks([*filter(None, [argument]), *rest], depth + 1)
    word = "See also" if kind == "seealso" else kind.capitalize()
    return _led(word, blocks) if kind in _NOTES and blocks else blocks


def _fields(lines: Sequence[str], at: int) -> tuple[int, list[str]]:
    """Reads a list of fields such as ``:param int x: What it is.``; a parameter's type may stand in
    a field of its own.
    """
    entries: list[tuple[str, str, str]] = []
    while at < len(lines) and (match := _FIELD.match(lines[at].lstrip())):
        end = region_end(lines, at + 1, indent_of(lines[at]) + 1)
        said = " ".join([lines[at].lstrip()[match.end() :], *lines[at + 1 : end]])
        entries.append((match[1].lower(), match[2].strip(), inline(" ".join(said.split()))))
        at = end
    types = {name: said for kind, name, said in entries if kind in ("type", "rtype", "vartype")}
    found: list[str] = []
    headed = False
    returned = any(kind in ("return", "returns") for kind, _, _ in entries)
    for kind, name, said in entries:
        what, _, own = name.rpartition(" ")
        head, told = f"{kind.capitalize()} {inline(name)}".strip(), ""
        if kind in _PARAMETERS | _ATTRIBUTES:
            found += [] if headed or kind in _ATTRIBUTES else ["Parameters"]
            headed = headed or kind in _PARAMETERS
            head, told = own.replace("\\", ""), inline(what or types.get(own, ""))
        elif kind in ("return", "returns"):
            known = types.get("", "")
            head = f"Returns {known}".strip() if len(known) <= _LONGEST_TYPE else "Returns"
        elif kind in _RAISES:
            head = f"Raises {inline(name)}".strip()
        elif kind == "rtype" and not returned:
            head = "Returns"
        elif kind in ("type", "rtype", "vartype", "meta"):
            continue
        found += _entry(head, told, [said] if said else [])
    return at, found


def _list(lines: Sequence[str], at: int, depth: int) -> tuple[int, list[str]]:
    """Reads a list: each item one line, what belongs to it indented below; blank lines between
    items do not end it.
    """
    shown: list[str] = []
    while at < len(lines) and (match := BULLET.match(lines[at])):
        end = at + 1
        # lines that go on, indented or not
        while end < len(lines) and lines[end].strip() and not _starts(lines, end):
            end += 1
        end = region_end(lines, end, 1)
        body = [lines[at][match.end() :], *dedent(lines[at + 1 : end], lazy=True)]
        first, *rest = _blocks(body, depth + 1) or [""]
        mark = match[0].strip()
        mark = mark if mark[-1] in ".)" and mark != "#." else "-"
        shown.append(first if FENCE.match(first) else f"{mark} {first}")
        for block in rest:
            inside = "  " + block.replace("\n", "\n  ")
            shown.append(f"\n{block}\n" if FENCE.match(block) else inside)
        at = end
        ahead = next((n for n in range(at, len(lines)) if lines[n].strip()), at)
        if ahead < len(lines) and BULLET.match(lines[ahead]):
            at = ahead
    return at, ["\n".join(shown).strip("\n")]


def _paragraph(lines: Sequence[str], at: int, depth: int) -> tuple[int, list[str], bool]:
    """Reads a paragraph, or a term with its definition; also returns whether code is said to
    follow.
    """
    end = at + 1
    while (
        end < len(lines)
        and lines[end].strip()
        and not (lines[end][0] != " " and _starts(lines, end))
    ):
        if lines[end].lstrip().startswith(">>>"):
            break
        end += 1
    taken = lines[at:end]
    if len(taken) > 1 and taken[1][0] == " " and not taken[0].endswith("::") and depth < _DEEPEST:
        own = next((n for n in range(1, len(taken)) if taken[n][0] != " "), len(taken))
        if own == len(taken) and len(taken[0]) < 60 and not taken[0].rstrip().endswith((",", ".")):
            end = region_end(lines, at + 1, 1)
            blocks = _indented(lines[at + 1 : end], False, depth)
            term = inline(taken[0].strip()).rstrip(":")
            return end, _led(term, blocks), False
        if taken[0].endswith(":") and own > 1:
            return at + 1, [inline(taken[0].strip())], False
    if listed := rows(taken):
        return end, [listed], False
    text = " ".join(" ".join(taken).split())
    literal = text.endswith("::")
    if literal:
        text = text[:-2].rstrip() + (":" if text[:-2].strip() else "")
    return end, [inline(text)] if text else [], literal


def _indented(region: Sequence[str], literal: bool, depth: int) -> list[str]:
    """Returns the blocks of an indented region: code where it was announced or looks like it, else
    what it says.
    """
    body = dedent(region)
    if literal or depth >= _DEEPEST:
        return code(body)
    if listed := rows(body):
        return [listed]
    lines = [line for line in body if line.strip()]
    looks = sum(bool(_CODE.search(line.strip())) for line in lines)
    if 2 * looks >= len(lines) and not any(
        line.lstrip().startswith((">>>", "..", ":", "-", "*")) for line in lines
    ):
        return code(body)
    return _blocks(body, depth + 1)


def _starts(lines: Sequence[str], at: int) -> bool:
    """Tells whether a block of another kind begins at a line, so that a paragraph ends before
    it.
    """
    text = lines[at].lstrip()
    if BULLET.match(text):
        return (
            text[0] in "-*+\u2022"
            or BULLET.match(lines[at - 1].lstrip()) is not None
            or text[:2] in ("1.", "1)", "(1", "a)")
        )
    return (
        text.startswith((">>>", "```", "~~~"))
        or bool(text[0] in ":@" and _FIELD.match(text))
        or bool(text[0] == "." and _DIRECTIVE.match(text))
        or bool(heading(lines, at))
        or (
            text.rstrip()[-1:] == ":"
            and text.rstrip()[:-1].lower() in _SECTIONS
            and is_indented(lines, at + 1)
        )
    )


def _is_split(body: Sequence[str]) -> bool:
    """Tells whether entries stand on lines of their own with what they mean indented below, as
    numpydoc has it.
    """
    return any(
        line[:1].strip()
        and not line.rstrip().endswith((":", "."))
        and len(line) < 80
        and not split_head(line)[0]
        and body[at + 1][:1] == " "
        for at, line in enumerate(body[:-1])
    )


def _apart(body: str) -> bool:
    """Tells whether a text begins with something that no name can stand before: code, a list, a
    table, a heading.
    """
    first = body.partition("\n")[0]
    return bool(
        FENCE.match(first)
        or BULLET.match(first)
        or first.startswith(("|", "#"))
        or first in _SECTIONS.values()
    )
