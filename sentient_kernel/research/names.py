"""What the stored inputs of a research name: for a person who decides whether somebody else's
research may go on here. Pure.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from sentient_kernel.projections.foreign import arguments, listed, said

_SHOWN = ("model", "embedder", "budget", "depth")


def research_names(inputs: Any) -> dict[str, JsonValue]:
    """Returns question, sources, model and limits, word for word as far as they fit.

    Args:
        inputs: As they stand in the run's first event; anything may stand there.

    Example:
        >>> research_names({"args": ["Why?"], "kwargs": {"sources": [["notes", "/home/ada/notes",
        ...     "notes"]], "depth": 1}})
        {'question': 'Why?', 'sources': ['notes: /home/ada/notes'], 'depth': '1'}
    """
    args, kwargs = arguments(inputs)
    rest = dict(kwargs)
    question = args[0] if args else rest.pop("question", "")
    named: dict[str, JsonValue] = {"question": said(question)}
    sources = rest.pop("sources", None)
    if isinstance(sources, list) and sources:
        named["sources"] = listed([_source(ref) for ref in sources], len(sources))
    elif sources:
        named["sources"] = said(sources)
    named |= {name: said(rest.pop(name)) for name in _SHOWN if rest.get(name)}
    if left := [*args[1:], *([rest] if rest else [])]:
        named["also"] = listed([said(value) for value in left], len(left))
    return named


def _source(ref: Any) -> str:
    if isinstance(ref, list) and len(ref) >= 2 and all(isinstance(part, str) for part in ref):
        return said(ref[1] if ref[0] == ref[1] else f"{ref[0]}: {ref[1]}")
    return said(ref)
