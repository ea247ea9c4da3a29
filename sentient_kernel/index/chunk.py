"""Cuts a text into sentences and passages, with exact offsets. Pure; time grows linearly with the
text.

The rules are few and general: a sentence ends at ``. ! ?`` (and their full-width forms) followed by
a space, unless what stands before is an abbreviation, an initial or the number of a list item, or
what follows starts small; it also ends at a blank line, and before and after a line that is a
heading, a list item, a row of a table, a prompt or a fence of code.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence

from sentient_kernel.text.words import UNSPACED

WORDS = 200
"""About how many words a passage has."""
OVERLAP = 50
"""At most how many words of a passage stand at the end of the one before it too."""

Span = tuple[int, int]
_STEP = 1 << 16

# The look behind keeps "?!?!?!..." linear: a run of marks is tried once, not once from each of its
# marks.
_END = re.compile(
    r"(?<![.!?\u2026\u061f\u0964])[.!?\u2026\u061f\u0964]++[\"'\u201d\u2019)\]\u00bb]{0,3}(?=\s)"
    r"|[\u3002\uff01\uff1f]++[\u300d\u300f\u201d]?"
)
_LINE = re.compile(r"[^\n]*\n?")
_ALONE = re.compile(
    r"[ \t]{0,12}(?:#{1,6}[ \t]|[-*+\u2022\u00b7][ \t]|\(?\d{1,3}[.)][ \t]|\(?[a-zA-Z][)]["
    r" \t]|\||>>>|\.\.[ \t]|[=~^*-]{3,}[ \t]*$)"
)
_HEADING = re.compile(r"[ \t]{0,3}#{1,6}[ \t]")
_FENCE = re.compile(r"[ \t]{0,12}(?:```|~~~)")


_LAST_WORD = re.compile(r"[^\s(\[\"'\u201c\u2018]*$")
_ABBREVIATIONS = frozenset(
    """
    al approx apr art assoc aug ave bros ca capt cf ch chap co col corp dec dept dr ed eds e.g eg eq
    eqs esp est etc ex feb fig figs fr gen gov hon i.e ie inc incl jan jr jul jun lt ltd maj mar max
    messrs min mr mrs ms mt no nos nov nr oct op p.m a.m par ph.d pp pl prof pt ref refs rep resp
    rev sec sect sen sep sept sgt spp sp sr st subsp suppl tab u.k u.n u.s univ var viz vol vols vs
    v w.r.t usw bzw z.b d.h vgl nr
    """.split()
)
_STARTERS = frozenset(
    """
    A After All Although An And As At Because But By Despite During Each For From Furthermore Had
    Has Have He Her His How However I If In It Its Moreover Most Nor Not On One Our Several She
    Since So Some Such That The Their Then There These They This Those Thus To Today Two Under Until
    We What When Where Whether Which While Who Why With Yet You
    """.split()
)
_CJK = re.compile(f"[{UNSPACED}]")


def sentences(text: str) -> list[Span]:
    """Returns where the sentences of a text lie, in order, without the space around them.

    Every character that is not white space lies in exactly one of them.

    Args:
        text: Any text.

    Returns:
        Pairs (start, end): ``text[start:end]`` is the sentence.

    Example:
        >>> text = "Dr. No weighs 3.5 kg. He sleeps."
        >>> [text[start:end] for start, end in sentences(text)]
        ['Dr. No weighs 3.5 kg.', 'He sleeps.']
    """
    return list(_sentences(text))


def _sentences(text: str) -> Iterator[Span]:
    for start, end, code in _stretches(text):
        if code:
            yield from _bare(text, start, end)
            continue
        at = start
        for match in _END.finditer(text, start, end):
            if _ends(text, at, match.start(), match.end(), end):
                yield from _bare(text, at, match.end())
                at = match.end()
        yield from _bare(text, at, end)


def words(text: str) -> int:
    """Counts the words of a text; scripts without spaces count two characters as one, endless words
    16.
    """
    # one sentence of millions of characters is not made into a list of millions of words
    if len(text) > _STEP:
        return sum(words(text[at : at + _STEP]) for at in range(0, len(text), _STEP))
    count = len(text.split())
    return max(count, len(text) // 16) + (0 if text.isascii() else len(_CJK.findall(text)) // 2)


def chunks(text: str, *, size: int = WORDS, overlap: int = OVERLAP) -> list[Span]:
    """Returns where the passages of a text lie: whole sentences of about ``size`` words, the last
    ones repeated in the next.

    A text of up to half as much again stays whole, and a longer one is cut into passages of about
    the same length, so that no passage is a leftover of few words. A sentence that is longer than a
    passage is cut between words.

    Args:
        text: Any text.
        size: About how many words a passage has.
        overlap: At most how many words two neighbours share.

    Returns:
        Pairs (start, end), in order; none for a text of white space.
    """
    # a text of five million characters may have two million sentences
    starts, ends, counts = (
        array("I"),
        array("I"),
        array("I"),
    )
    for long in _sentences(text):
        for start, end in _cut(text, long, size):
            starts.append(start)
            ends.append(end)
            counts.append(words(text[start:end]))
    total = sum(counts)
    if not starts:
        return []
    if total <= size * 3 // 2:
        return [(starts[0], ends[-1])]
    pieces = max(1, round((total - overlap) / (size - overlap)))
    target = (total - overlap) / pieces + overlap
    return [(starts[first], ends[last]) for first, last in _join(counts, target, overlap)]


def _join(counts: Sequence[int], target: float, overlap: int) -> Iterator[Span]:
    """Joins neighbouring parts to passages of about ``target`` words; yields the first and the last
    part of each.
    """
    first, held = 0, 0
    fresh = 0  # how many words of the passage being filled no earlier one holds
    for at, count in enumerate(counts):
        if fresh and held + count / 2 > target:
            yield first, at - 1
            began = first
            first, held, fresh = at, 0, 0
            # never back over a whole passage
            while first > began + 1 and held + counts[first - 1] <= overlap:
                first -= 1
                held += counts[first]
        held += count
        fresh += count
    yield first, len(counts) - 1


def _cut(text: str, span: Span, size: int) -> Iterator[Span]:
    """Cuts a sentence that is too long for a passage between words; an endless word, or a script
    without spaces, anywhere.
    """
    start, end = span
    if words(text[start:end]) <= size:
        yield span
        return
    held, at = 0, start
    for match in re.compile(rf"\S{{1,{2 * size}}}").finditer(text, start, end):
        count = words(match.group())
        if held and held + count > size:
            yield from _bare(text, at, match.start())
            held, at = 0, match.start()
        held += count
    yield from _bare(text, at, end)


def _stretches(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yields the stretches that no sentence crosses, as (start, end, is code); some are empty."""
    start, at, fenced = 0, 0, False
    while at < len(text):
        match = _LINE.match(text, at)
        end = match.end() if match else len(text)
        # what starts a line decides; a long line is not looked at twice
        line = text[at : min(end, at + 80)]
        if _FENCE.match(line):
            yield start, end if fenced else at, fenced
            start, fenced = (end if fenced else at), not fenced
        elif not fenced and (not line.strip() or _ALONE.match(line)):
            yield start, at, False
            start = at
            if _HEADING.match(line):
                yield at, end, False
                start = end
        at = end
    yield start, len(text), fenced


def _ends(text: str, start: int, mark: int, after: int, end: int) -> bool:
    """Tells whether the mark at ``mark`` ends the sentence that began at ``start``; the text goes
    on at ``after``.
    """
    if text[mark] in "\u3002\uff01\uff1f":
        return True
    following = text[after : min(after + 40, end)].lstrip().lstrip("\"'\u201c\u2018([\u00ab")
    if not following:
        return True
    if following[0].islower():
        return False
    if text[mark] != "." or text[mark : mark + 2] == "..":
        return True
    match = _LAST_WORD.search(text[max(start, mark - 24) : mark])
    word = match.group() if match else ""
    if not word:
        return True
    # the number of a list item
    if not text[start : mark - len(word)].strip() and word.isdigit() and len(word) < 4:
        return False
    initial = len(word) == 1 and word.isalpha() and word.isupper()
    # "vitamin C. The" and "etc. The" end a sentence, "J. Smith" and "Fig. 2" do not
    if initial or word.lower() in _ABBREVIATIONS:
        return following.split(None, 1)[0].rstrip(",") in _STARTERS
    return True


def _bare(text: str, start: int, end: int) -> Iterator[Span]:
    """Yields the stretch without the white space around it, if anything is left."""
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if left < right:
        yield left, right
