"""How a server takes requests: what of them it has refused, learnt from its own words. Pure.

Servers that speak like OpenAI or Anthropic differ in what they take: the name of the token limit,
the role of the instructions, streaming, the usage at a stream's end, structured output. A refusal
that names such a thing is learnt from, and the request is shaped without it. Every lesson adds to
what is refused, so asking again cannot go in circles.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Manner", "final", "forget", "learnt", "remember", "remembered", "shaped"]

LIMITS = ("max_tokens", "max_completion_tokens")
ROOMS = (1.0, 0.25, 0.0625, 0.0)
"""Shares of the room for reasoning that are tried in turn where a server finds a limit too
large.
"""
_ROLES = ("system", "developer")
_NEEDED = frozenset({"model", "messages", "input", *LIMITS, "system", "stream", "stream_options"})
"""Members of a request that have rules of their own, or without which there is none."""
_FORMS = ("response_format", "output_format", "output_config")
_REMEMBERED = 128
_SAID = 4_000
"""Characters of a refusal that are read."""
_DEEPEST = 8
"""How deep in one another refusals are read."""
_MEMBERS = frozenset(
    "code description detail details error error_msg errors loc message metadata msg param raw"
    " reason title type".split()
)
"""Where refusals say what they refuse. What they repeat of the request stands elsewhere, such as
under ``input``.
"""

_MAY_NAME = frozenset({400, 402, 404, 405, 406, 413, 415, 422, 429, 500, 501, 503})
_BUSY = frozenset({402, 413, 429})
"""Statuses that name a request's size, if anything of it: the limit that is sent counts against
rates and credit.
"""
_OTHER = re.compile(
    r"content.?(filter|management)|safety|moderation|flagged|\bpolic(y|ies)\b|does not"
    r" exist|model.?not.?found|no such model"
    r"|try pulling|insufficient.?quota|billing|credit|api.?key"
)
"""A refusal of what is asked, of whom, or of who asks: no other form of the request changes it."""
_REFUSES = re.compile(
    r"\b(not|cannot|unable|unsupported|unknown|unrecogni[sz]ed|unexpected|unavailable|invalid|only"
    r"|must|extra|forbidden|disallowed"
    r"|instead|deprecated|disabled|should|expected|removed)\b|n't\b"
)
_TOO_MUCH = re.compile(
    r"too (large|big|high|many|long)|fewer|exceed|at most|less than|greater than|larger"
    r" than|maximum (value|allowed|context|number|output)"
    r"|context.?(length|window)|\brange\b|between [0-9]|>|<="
)
_OUTPUT = re.compile(r"\bmax_|completion|output|requested|generat|new tokens")
_ROLE = re.compile(
    r"\b(system|developer)['\"`]?\s+(role|message|prompt|instruction|turn)|\broles?\b.{0"
    r",120}\b(alternate|user|assistant|system|developer)\b"
    r"|\b(unexpected|unknown|invalid|unsupported)\s+(message\s+)?role|only user and assistant"
    r"|\brole\b.{0,40}\bnot (supported|allowed|permitted)|(system|developer)['\"`]?.{0,20}\bnot"
    r" (supported|allowed|permitted|one of)"
    r"|messages.{0,20}\brole\b|\bsystem\b.{0,20}extra inputs"
)
_DEVELOPER = re.compile(
    r"\b(use|using|try|with|to)\b.{0,30}\bdeveloper\b|developer.{0,20}\binstead\b"
)
_FORM = re.compile(
    r"response_?format|json.?(schema|object|mode)|structured.?output|\bgrammar\b|\bguided"
    r"|output_(format|config)|\bschema\b"
)
_USAGE = re.compile(r"stream[_ ]?options?|include[_ ]?usage")
_STREAM = re.compile(r"\bstream(ed|ing)?\b")
_STREAMLESS = re.compile(
    r"support|allow|available|enabled|implement|must be false|disabled|permitted|unknown|unrecogni"
)


@dataclass(frozen=True, slots=True)
class Manner:
    """What a server has refused, and what its model was seen to do.

    Args:
        refused: Members of a request and roles that it does not take.
        room: Which of :data:`ROOMS` it takes.
        thinks: Whether the model was seen to spend tokens on reasoning.
    """

    refused: frozenset[str] = frozenset()
    room: int = 0
    thinks: bool = False

    @property
    def forms(self) -> bool:
        """Whether it may take a schema beside the request."""
        return "response_format" not in self.refused


_manners: OrderedDict[tuple[str, str], Manner] = OrderedDict()


def remembered(url: str, model: str) -> Manner:
    """Returns how this process has found a server to take requests to a model."""
    return _manners.get((url, model), Manner())


def remember(url: str, model: str, manner: Manner) -> None:
    """Keeps how a server answered, for the next request to it."""
    if manner != remembered(url, model):
        _manners[url, model] = manner
        _manners.move_to_end((url, model))
        while len(_manners) > _REMEMBERED:
            _manners.popitem(last=False)


def forget() -> None:
    """Forgets all servers."""
    _manners.clear()


def shaped(body: dict[str, Any], manner: Manner, *, messages: bool, own: bool) -> dict[str, Any]:
    """Returns a request's body as its server takes it, and asking for a stream where that is taken.

    Args:
        body: As an SDK wrote it.
        manner: What the server refused.
        messages: Whether it goes to Anthropic's messages, not to OpenAI's chat completions.
        own: Whether the server is the provider's own; one of another maker knows the old name of
            the limit best.

    Example:
        >>> shaped({"messages": [], "max_completion_tokens": 9}, Manner(frozenset({"stream"})),
        ...     messages=False, own=False)
        {'messages': [], 'stream': False, 'max_tokens': 9}
    """
    out = {
        name: value for name, value in body.items() if name not in manner.refused or name in _NEEDED
    }
    out["stream"] = "stream" not in manner.refused
    out.pop("stream_options", None)
    if not messages:
        if out["stream"] and "stream_options" not in manner.refused:
            out["stream_options"] = {"include_usage": True}
        given = [name for name in LIMITS if name in out]
        order = [*given, *LIMITS] if own else LIMITS
        limit = next((out.pop(name) for name in given), None)
        name = next((name for name in order if name not in manner.refused), None)
        if limit is not None and name is not None:
            out[name] = limit
    return _with_roles(out, manner)


def _with_roles(body: dict[str, Any], manner: Manner) -> dict[str, Any]:
    """Says the instructions in a role that the server takes: as the first thing that the user says,
    if in no other.
    """
    if not manner.refused.intersection(_ROLES):
        return body
    role = next((role for role in _ROLES if role not in manner.refused), "")
    # Anthropic's, beside the turns
    told = [_text(body.pop("system"))] if body.get("system") else []
    turns: list[dict[str, Any]] = []
    for turn in body.get("messages", ()):
        if turn.get("role") not in _ROLES:
            turns.append(turn)
        elif role:
            turns.append({**turn, "role": role})
        else:
            told.append(_text(turn.get("content")))
    if told:
        first = (
            turns[0]
            if turns and turns[0].get("role") == "user"
            else {"role": "user", "content": ""}
        )
        joined = "\n\n".join(filter(None, [*told, _text(first["content"])]))
        turns = [
            {**first, "content": joined},
            *(turns[1:] if turns and first is turns[0] else turns),
        ]
    return {**body, "messages": turns}


def learnt(
    manner: Manner, body: dict[str, Any], status: int, answer: bytes, *, spare: bool
) -> Manner | None:
    """Returns how to ask a server that refused a request, or None when its words name nothing that
    could be asked otherwise.

    Args:
        manner: How it was asked.
        body: What was sent.
        status: The HTTP status that came.
        answer: The body that came.
        spare: Whether the limit has room for reasoning that can be taken away.

    Example:
        >>> said = b'{"error": {"message": "System role not supported"}}'
        >>> sorted(learnt(Manner(), {"messages": [{"role": "system"}]}, 400, said,
        ...     spare=False).refused)
        ['developer', 'system']
    """
    if status not in _MAY_NAME:
        return None
    said = re.sub(rf"(?<!\w){re.escape(str(body.get('model')).lower())}(?!\w)", "", _said(answer))
    much = _TOO_MUCH.search(said) is not None
    if spare and much and manner.room + 1 < len(ROOMS) and _OUTPUT.search(said):
        sized = status not in _BUSY or "too large" in said or "fewer" in said
        return replace(manner, room=manner.room + 1) if sized else None
    if status in _BUSY or _OTHER.search(said) or not _REFUSES.search(said):
        return None
    new = frozenset(_refused(body, said, much=much)) - manner.refused
    return replace(manner, refused=manner.refused | new) if new else None


def final(answer: bytes) -> bool:
    """Tells whether a refusal is for what was asked, of whom, or by whom, so that no other form of
    the request helps.

    Example:
        >>> final(b"The model 'x' does not exist"), final(b"Unknown parameter: 'seed'")
        (True, False)
    """
    said = _said(answer)
    return bool(_OTHER.search(said) or (_TOO_MUCH.search(said) and "context" in said))


def _refused(body: dict[str, Any], said: str, *, much: bool) -> Iterator[str]:
    """Yields what of a request a refusal names."""
    for name, other in (LIMITS, LIMITS[::-1]):
        if name in body and not much and (_is_named(name, said) or _is_named(other, said)):
            yield name
    rest = _USAGE.sub("", said)
    if "stream_options" in body and rest != said:
        yield "stream_options"
    elif body.get("stream") and _STREAM.search(rest) and _STREAMLESS.search(rest):
        yield "stream"
    roles = {turn.get("role") for turn in body.get("messages", ())}.intersection(_ROLES)
    if (roles or "system" in body) and _ROLE.search(said):
        yield from roles if roles == {"system"} and _DEVELOPER.search(said) else _ROLES
    forms = [name for name in _FORMS if name in body]
    if forms and _FORM.search(said):
        yield "response_format"
    yield from (
        name for name in body if name not in _NEEDED and name not in forms and _is_named(name, said)
    )


def _is_named(name: str, said: str) -> bool:
    return re.search(rf"\b{re.escape(name.lower())}\b", said) is not None


def _said(answer: bytes) -> str:
    """Returns the words of a refusal in small letters, without what it repeats of the request."""
    text = answer[: 16 * _SAID].decode("utf-8", "replace")
    found = "" if text.lstrip().startswith("<") else " ".join(_strings(text, 0))
    return " ".join(found.lower().split())[:_SAID]


def _strings(value: Any, depth: int) -> Iterator[str]:
    """Yields the texts of a refusal, those of JSON within a text among them."""
    if isinstance(value, str):
        inner = None
        if depth <= _DEEPEST and value.lstrip().startswith(("{", "[")):
            with suppress(ValueError, RecursionError):
                inner = json.loads(value)
        yield from [value] if inner is None else _strings(inner, depth + 1)
    elif isinstance(value, (list, dict)) and depth <= _DEEPEST:
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(name, int) or name in _MEMBERS:
                yield from _strings(part, depth + 1)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
