"""What a docstring is made of, line by line: headings, regions of one indentation, code, rows in
two columns. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .docmarks import inline

_LINES_OF_CODE = 30
_WORDS_OF_CODE = 100

ADORNMENT = re.compile(r"([-=~^*#\"'+_`.])\1{2,}$")
BULLET = re.compile(r"(?:[-*+\u2022]|\(?\d{1,3}[.)]|\(?[a-zA-Z][)]|#\.)(?:[ \t]+|$)")
FENCE = re.compile(r"(?:```|~~~)")
_ROW = re.compile(r"(\S(?:.{0,38}\S)?) {2,}(\S.*)$")


def heading(lines: Sequence[str], at: int) -> str:
    """Returns the heading that begins here: a line with a line of marks under it, maybe one above
    it too; else "".
    """
    text = lines[at].strip()
    under = lines[at + 1].strip() if at + 1 < len(lines) else ""
    over, marked = ADORNMENT.match(text), ADORNMENT.match(under)
    if marked and not over and len(text) <= 100 and len(under) >= min(len(text) - 3, 3):
        return text
    boxed = over and under and not marked and [line.strip() for line in lines[at + 2 : at + 3]]
    return under if boxed == [text] else ""


def indent_of(line: str) -> int:
    """Returns by how many blanks a line is indented."""
    return len(line) - len(line.lstrip())


def region_end(lines: Sequence[str], at: int, least: int) -> int:
    """Returns where the lines end that are blank or indented by at least ``least`` (by anything,
    for 0); blank ones at the end stay out.
    """
    end = at
    for number in range(at, len(lines)):
        filled = bool(lines[number].strip())
        if filled and indent_of(lines[number]) < max(least, 1):
            break
        end = number + 1 if filled else end
    return end


def dedent(lines: Sequence[str], lazy: bool = False) -> list[str]:
    """Takes the common indentation off; with ``lazy``, of those lines that have any."""
    depths = [indent_of(line) for line in lines if line.strip()]
    margin = min((depth for depth in depths if depth or not lazy), default=0)
    return [line[min(margin, indent_of(line)) :] if line.strip() else "" for line in lines]


def is_indented(lines: Sequence[str], at: int) -> bool:
    """Tells whether the next line that is not blank is indented."""
    following = next((line for line in lines[at : at + 3] if line.strip()), "")
    return following.startswith(" ")


def split_head(line: str) -> tuple[tuple[str, str] | None, str]:
    """Splits ``name (type): description`` at its colon: ((name, type), description), or (None, "")
    where it is no such line.
    """
    deep = 0
    for at, char in enumerate(line[:300]):
        deep += (char in "([{") - (char in ")]}")
        if char == ":" and deep <= 0 and line[at + 1 : at + 2] in ("", " "):
            name, mark, what = line[:at].partition(" (")
            named = re.fullmatch(
                r"[*`]{0,4}[\w.\-|\[\]]{1,80}[`*]{0,3}(?: ?(?:,|or|and|/)"
                r" ?[*`]{0,4}[\w.\-|\[\]]{1,80}`{0,2}){0,8}",
                name,
            )
            return (
                ((name, what.rstrip().removesuffix(")") if mark else ""), line[at + 1 :].strip())
                if named
                else (None, "")
            )
    return None, ""


def is_open(head: str) -> bool:
    """Tells whether a bracket of a type is still open at the end of its line."""
    return any(head.count(opened) > head.count(closed) for opened, closed in ("{}", "[]", "()"))


def rows(lines: Sequence[str]) -> str:
    """Returns lines that are set in two columns as a list, or ""."""
    filled = [line for line in lines if line.strip()]
    heads = [line for line in filled if line[0] != " "]
    split = [_ROW.match(line[:400]) for line in heads]
    pairs = [match for match in split if match and not match[1].endswith((".", "!", "?", ":"))]
    if (
        len(pairs) < 2
        or 2 * len(pairs) < len(heads)
        or any(line.startswith((">>>", "..", "$")) for line in heads)
    ):
        return ""
    shown: list[str] = []
    for line in filled:
        match = _ROW.match(line[:400])
        if line[0] == " " and shown:
            shown[-1] += f" {line.strip()}"
        elif match:
            shown.append(f"- {match[1]}: {line[match.start(2) :].strip()}")
        else:
            shown.append(f"- {line.strip()}")
    return "\n".join(inline(line) for line in shown)


def code(lines: Sequence[str]) -> list[str]:
    """Returns lines as fenced code, long ones in several pieces, so that each is shorter than a
    passage.
    """
    kept = [line.rstrip() for line in dedent(lines) if not FENCE.match(line.strip())]
    pieces: list[list[str]] = [[]]
    count = 0
    for line in kept:
        size = max(len(line.split()), len(line) // 16)
        if pieces[-1] and (len(pieces[-1]) >= _LINES_OF_CODE or count + size > _WORDS_OF_CODE):
            pieces.append([])
            count = 0
        pieces[-1].append(line)
        count += size
    return [f"```\n{text}\n```" for piece in pieces if (text := "\n".join(piece).strip("\n"))]
