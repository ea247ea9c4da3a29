"""What a run that was written elsewhere brings with it: where it comes from, and the paths,
addresses and models that it names.

Nothing of it counts here by itself. A person looks at this list, and says whether the run may go on
with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from sentient_kernel.errors import SentientError
from sentient_kernel.events import MessageSent, Origin, Record, RunStarted, RunSteered
from sentient_kernel.failures import exact
from sentient_kernel.ids import BlobId, RunId

LONGEST = 4_100
"""Characters of a text that are shown: a path as long as one can be, a question as long as it may
be.
"""
MOST = 1_000
"""Entries of a list that are shown."""
MOST_HOSTS = 5_000
"""The same of addresses in what was recorded."""
MOST_SHOWN = 1_000_000
"""Characters of all that is shown. Of what is more than any of these nothing goes on here, as
nobody could have looked at it.
"""
MOST_BYTES = 16_000_000
"""Bytes of big results that are looked through for addresses."""

FROM: Mapping[Origin, str] = {
    "file": "a file that was opened here",
    "elsewhere": "another installation, or a version that left no marks",
}

_ADDRESS = re.compile(
    rb"""https?://(?:[^\s"'<>\\/?#@]{0,200}@)?([^\s"'<>\\/?#@]{1,255})""", re.IGNORECASE
)
_TOLD = {RunSteered.KIND: "text", MessageSent.KIND: "message"}

Names = Callable[[str, Any], dict[str, JsonValue]]
"""Returns what the stored inputs of a workflow name, by the workflow's name."""


def comes_from(foreign: ForeignView) -> str:
    """Returns a sentence, without its full stop, on where a run comes from."""
    return (
        f"{'This run comes' if foreign.begun else 'Parts of this run come'} from"
        f" {FROM[foreign.origin]}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignView:
    """What others wrote of a run and its children.

    Args:
        origin: ``file`` when all of it came out of files that were opened here.
        rows: How many rows.
        runs: Which runs of the tree they are in.
        digest: Of exactly these rows: what is agreed to counts for no others.
        names: What the run names, word for word as far as it fits, to be shown as text.
        cut: What of it does not fit, by name: to that nobody can agree, and the run does not go on
            here.
        begun: Whether the run itself was begun elsewhere, and not only parts of it were written
            there.
        opened: Whether somebody has agreed to it here.
        by: Who.
    """

    origin: Origin
    rows: int
    runs: frozenset[RunId]
    digest: str
    names: dict[str, JsonValue]
    cut: tuple[str, ...] = ()
    begun: bool = True
    opened: bool = False
    by: str = ""


def foreign_view(
    tree: Sequence[Sequence[Record]], names: Names, blob: Callable[[BlobId], bytes]
) -> ForeignView | None:
    """Returns what a tree of runs holds that comes from elsewhere; None when it holds nothing.

    Args:
        tree: The records of a run, and of each of its children.
        names: Says what the inputs of a workflow name.
        blob: Returns a result that is too big for its row.
    """
    foreign = [record for records in tree for record in records if record.origin]
    if not foreign:
        return None
    origin: Origin = "file" if all(record.origin == "file" for record in foreign) else "elsewhere"
    # A run begins with its first row; a second beginning behind it changes nothing, here as in the
    # engine.
    starts = [
        record.event for records in tree for record in records[:1] if record.kind == RunStarted.KIND
    ]
    named: dict[str, JsonValue] = {"from": FROM[origin]}
    for start in starts[:1]:
        named |= {"workflow": said(start.workflow), **names(start.workflow, start.inputs)}
    if children := [
        {"workflow": said(child.workflow), **names(child.workflow, child.inputs)}
        for child in starts[1 : MOST + 1]
    ]:
        named["children"] = listed(children, len(starts) - 1)
    if told := [
        said(from_json(one.body).get(_TOLD[one.kind])) for one in foreign if one.kind in _TOLD
    ]:
        named["told"] = listed(told, len(told))
    if hosts := Counter(hosts_in(foreign, blob)):
        entries: list[JsonValue] = [
            said(host) + (f" ({n:,} times)" if n > 1 else "")
            for host, n in hosts.most_common(MOST_HOSTS)
        ]
        named["hosts"] = listed(entries, len(hosts), MOST_HOSTS)
    cut = tuple(name for name, value in named.items() if is_cut(value))
    if not cut and len(to_json(named)) > MOST_SHOWN:
        cut = ("all of it together",)
    return ForeignView(
        origin=origin,
        rows=len(foreign),
        runs=frozenset(record.run for record in foreign),
        digest=_digest(foreign),
        names=named,
        cut=cut,
        begun=tree[0][0].origin != "",
    )


def said(value: Any, longest: int = LONGEST) -> str:
    """Returns a value of somebody else's as text, with what cannot be seen made visible; of a long
    one, its beginning and its end.
    """
    text = exact(value if isinstance(value, str) else to_json(value).decode())
    if len(text) <= longest:
        return text
    return Cut(
        f"{text[: longest * 3 // 4]} … {text[-(longest // 4) :]} ({len(text):,} characters in all)"
    )


class Cut(str):
    """Stands for more than it says."""

    __slots__ = ()


def is_cut(value: Any) -> bool:
    """Tells whether a value that is shown stands for more than it says."""
    if isinstance(value, dict):
        return any(is_cut(part) for pair in value.items() for part in pair)
    return any(map(is_cut, value)) if isinstance(value, list) else isinstance(value, Cut)


def listed(entries: Iterable[Any], count: int, most: int = MOST) -> JsonValue:
    """Returns the first entries of a list, and how many more there are."""
    shown = list(entries)[:most]
    return [*shown, Cut(f"… and {count - len(shown):,} more")] if count > len(shown) else shown


def inputs_named(inputs: Any) -> dict[str, JsonValue]:
    """Returns the arguments of a workflow that does not say itself what they name."""
    args, kwargs = arguments(inputs)
    given = [said(value) for value in args]
    given += [
        said(f"{name} = {value if isinstance(value, str) else to_json(value).decode()}")
        for name, value in kwargs.items()
    ]
    return {"arguments": listed(given, len(given))} if given else {}


def arguments(inputs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Returns the arguments that stored inputs hold, whatever somebody has written in their
    place.
    """
    args = inputs.get("args") if isinstance(inputs, dict) else None
    kwargs = inputs.get("kwargs") if isinstance(inputs, dict) else None
    return args if isinstance(args, list) else [], kwargs if isinstance(kwargs, dict) else {}


def hosts_in(foreign: Iterable[Record], blob: Callable[[BlobId], bytes]) -> Iterator[str]:
    """Yields the host of each address in what was recorded."""
    left = MOST_BYTES
    for record in foreign:
        with suppress(ValueError):
            fields = from_json(record.body)
            texts = [to_json(fields)]  # written anew, so that no escape hides an address
            if left > 0 and isinstance(fields, dict) and isinstance(fields.get("blob"), str):
                # one that is missing or altered is told when it is needed
                with suppress(SentientError, OSError):
                    texts.append(blob(BlobId(fields["blob"]))[:left])
                    left -= len(texts[-1])
            for text in texts:
                yield from (
                    found.decode("utf-8", "replace").lower() for found in _ADDRESS.findall(text)
                )


def _digest(foreign: Iterable[Record]) -> str:
    hashed = blake2b(digest_size=16)
    for seq, run, at, kind, body, _ in foreign:
        head = to_json([seq, run, at, kind, len(body)])
        hashed.update(head + body)
    return hashed.hexdigest()
