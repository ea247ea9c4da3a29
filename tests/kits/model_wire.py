"""The HTTP messages of model providers, for :class:`tests.kits.model_server.ModelServer`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from sentient_kernel.testing.server import HttpRequest, head

__all__ = ["Asked", "Fault", "Out", "Said", "anthropic", "chat", "error", "refusal"]

_PIECE = re.compile(r"\s*\S+|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came: its path, its headers (names in small letters) and its JSON body."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """Reads an HTTP request."""
        try:
            body = json.loads(request.body)
        except ValueError:
            body = {}
        return cls(
            path=request.path, headers=request.headers, body=body if isinstance(body, dict) else {}
        )

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Role and text of each turn; Anthropic's system text comes first."""
        first = [("system", _text(self.body["system"]))] if self.body.get("system") else []
        return first + [
            (turn.get("role", ""), _text(turn.get("content")))
            for turn in self.body.get("messages", [])
        ]

    @property
    def said(self) -> str:
        """The text of the last turn."""
        return self.messages[-1][1] if self.messages else ""

    @property
    def limit(self) -> int | None:
        """The tokens that the answer may have, its reasoning included, where that was said."""
        found: int | None = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return found

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that was asked for, where one was."""
        form = self.body.get("response_format") or {}
        if "json_schema" in form:
            found: dict[str, Any] = form["json_schema"].get("schema", {})
            return found
        output = (
            self.body.get("output_format")
            or (self.body.get("output_config") or {}).get("format")
            or {}
        )
        return output.get("schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model says: its text, what it thought before, why it stopped, and the tokens it claims
    (None: words are counted).

    ``hidden`` tokens of reasoning are spent before the text and never shown, as many models do.
    They count against the limit that was sent: what is left of it bounds the text.
    """

    text: str = ""
    reasoning: str = ""
    hidden: int = 0
    finish: str | None = "stop"
    prompt: int | None = None
    completion: int | None = None
    cached: int = 0
    usage: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        kind: ``status`` (an error of that status), ``hang`` (nothing more comes), ``reset`` (the
            connection is reset), ``cut`` (the connection ends within the answer), ``ends`` (the
            answer ends early, and in good order), ``cut_json`` (the text is cut in half and called
            finished), ``length`` (cut in half, and said so), ``not_json`` (200 with a page of
            HTML).
        after: How many pieces of a streamed answer come before.
        status: For ``status``.
        headers: For ``status``, such as ``Retry-After``.
        body: For ``status`` and ``not_json``.
    """

    kind: Literal["status", "hang", "reset", "cut", "ends", "cut_json", "length", "not_json"]
    after: int = 0
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


class Out:
    """One answer on its way to the caller."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def whole(
        self,
        status: int,
        body: str,
        *,
        kind: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Sends an answer in one piece."""
        data = body.encode()
        await self._send(
            head(
                status, {"content-type": kind, "content-length": str(len(data)), **(headers or {})}
            )
            + data
        )

    async def begin(self) -> None:
        """Begins a stream of events."""
        await self._send(
            head(
                200,
                {
                    "content-type": "text/event-stream; charset=utf-8",
                    "transfer-encoding": "chunked",
                },
            )
        )

    async def piece(self, data: str) -> None:
        """Sends a piece of a stream."""
        raw = data.encode()
        await self._send(b"%x\r\n%s\r\n" % (len(raw), raw))

    async def end(self) -> None:
        """Ends a stream in good order."""
        await self._send(b"0\r\n\r\n")

    async def part_of(self, body: str) -> None:
        """Sends half of a body whose whole length was announced."""
        data = body.encode()
        await self._send(
            head(200, {"content-type": "application/json", "content-length": str(len(data))})
            + data[: len(data) // 2]
        )

    def abort(self) -> None:
        """Resets the connection."""
        self._writer.transport.abort()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


def refusal(
    asked: Asked, api_key: str | None, structured: str
) -> tuple[int, dict[str, Any]] | None:
    """Returns why a request is not answered: status and body."""
    given = asked.headers.get("x-api-key") or asked.headers.get("authorization", "").removeprefix(
        "Bearer "
    )
    if api_key is not None and given != api_key:
        return 401, error(f"Incorrect API key provided: {given}", "invalid_api_key")
    if not asked.path.endswith(("/chat/completions", "/messages")):
        return 404, error(f"There is no {asked.path} here.", "not_found_error")
    form = (asked.body.get("response_format") or {}).get(
        "type", "json_schema" if asked.schema is not None else "text"
    )
    if (form == "json_schema" and structured != "json_schema") or (
        form == "json_object" and structured == "none"
    ):
        return 400, error(
            f"response_format of type {form!r} is not supported", "invalid_request_error"
        )
    return None


def error(message: str, kind: str) -> dict[str, Any]:
    """Returns the body of a refusal."""
    return {"type": "error", "error": {"message": message, "type": kind, "code": kind}}


async def chat(
    out: Out, asked: Asked, said: Said, fault: Fault | None, *, model: str, gap: float
) -> bool:
    """Answers as OpenAI's chat completions do; returns whether the connection is still good."""
    said = _within(said, asked.limit)
    text, finish = _as_told(said, fault)
    usage: dict[str, Any] = {
        "prompt_tokens": _prompt(asked, said),
        "completion_tokens": _completion(said, text),
    }
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    usage["prompt_tokens_details"] = {"cached_tokens": said.cached}
    usage["completion_tokens_details"] = {
        "reasoning_tokens": len(said.reasoning.split()) + said.hidden
    }
    common = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": model}
    if not asked.body.get("stream"):
        message = {"role": "assistant", "content": text} | (
            {"reasoning_content": said.reasoning} if said.reasoning else {}
        )
        choice = {"index": 0, "message": message, "finish_reason": finish}
        whole = json.dumps(
            {**common, "object": "chat.completion", "choices": [choice]}
            | ({"usage": usage} if said.usage else {})
        )
        return await _whole(out, whole, fault)

    piece = {**common, "object": "chat.completion.chunk"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        return f"data: {json.dumps({**piece, 'choices': choices, 'usage': None})}\n\n"

    pieces = [chunk({"role": "assistant", "content": ""})]
    pieces += [chunk({"reasoning_content": part}) for part in _PIECE.findall(said.reasoning)]
    pieces += [chunk({"content": part}) for part in _PIECE.findall(text)]
    last = [chunk({}, finish)] if finish else []
    if said.usage and (asked.body.get("stream_options") or {}).get("include_usage"):
        last.append(f"data: {json.dumps({**piece, 'choices': [], 'usage': usage})}\n\n")
    return await _stream(out, pieces, [*last, "data: [DONE]\n\n"], fault, gap)


async def anthropic(
    out: Out, asked: Asked, said: Said, fault: Fault | None, *, model: str, gap: float
) -> bool:
    """Answers as Anthropic's messages do; returns whether the connection is still good."""
    said = _within(said, asked.limit)
    text, finish = _as_told(said, fault)
    stop = {"stop": "end_turn", "length": "max_tokens", None: None}.get(finish, finish)
    usage = {
        "input_tokens": _prompt(asked, said),
        "output_tokens": _completion(said, text),
        "cache_read_input_tokens": said.cached,
    }
    common = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "stop_sequence": None,
    }
    blocks: list[dict[str, Any]] = (
        [{"type": "thinking", "thinking": said.reasoning, "signature": "s"}]
        if said.reasoning
        else []
    )
    blocks.append({"type": "text", "text": text})
    if not asked.body.get("stream"):
        return await _whole(
            out,
            json.dumps({**common, "content": blocks, "stop_reason": stop, "usage": usage}),
            fault,
        )

    def event(kind: str, **rest: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n"

    start: dict[str, Any] = {
        **common,
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": 1},
    }
    pieces = [event("message_start", message=start)]
    for at, block in enumerate(blocks):
        key = block["type"]
        pieces.append(
            event(
                "content_block_start",
                index=at,
                content_block={"type": key, key: ""} | ({"signature": ""} if at == 0 else {}),
            )
        )
        pieces += [
            event("content_block_delta", index=at, delta={"type": f"{key}_delta", key: part})
            for part in _PIECE.findall(block[key])
        ]
        pieces.append(event("content_block_stop", index=at))
    last = [
        event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage=usage),
        event("message_stop"),
    ]
    return await _stream(out, pieces, last, fault, gap)


async def _whole(out: Out, body: str, fault: Fault | None) -> bool:
    if fault is not None and fault.kind in ("cut", "reset", "ends"):
        await out.part_of(body)
        out.abort()
        return False
    if fault is not None and fault.kind == "hang":
        await out.part_of(body)
        await asyncio.sleep(3_600)
    await out.whole(200, body)
    return True


async def _stream(
    out: Out, pieces: list[str], last: list[str], fault: Fault | None, gap: float
) -> bool:
    await out.begin()
    for at, piece in enumerate([*pieces, *last]):
        if (
            fault is not None
            and fault.kind in ("hang", "reset", "cut", "ends")
            and at >= min(fault.after, len(pieces))
        ):
            if fault.kind == "hang":
                await asyncio.sleep(3_600)
            if fault.kind == "ends":
                await out.end()
                return True
            out.abort()
            return False
        if gap and at:
            await asyncio.sleep(gap)
        await out.piece(piece)
    await out.end()
    return True


def _within(said: Said, limit: int | None) -> Said:
    """Returns what comes of it within the limit that was sent, where reasoning is hidden and
    counts.
    """
    if limit is None or not said.hidden or said.hidden + len(said.text.split()) <= limit:
        return said
    left = limit - said.hidden
    text = "".join(_PIECE.findall(said.text)[:left]) if left > 0 else ""
    return replace(said, hidden=min(said.hidden, limit), text=text, finish="length")


def _as_told(said: Said, fault: Fault | None) -> tuple[str, str | None]:
    if fault is not None and fault.kind in ("cut_json", "length"):
        return said.text[: max(1, len(said.text) // 2)], (
            "length" if fault.kind == "length" else said.finish
        )
    return said.text, said.finish


def _prompt(asked: Asked, said: Said) -> int:
    return (
        said.prompt
        if said.prompt is not None
        else sum(len(text.split()) for _, text in asked.messages)
    )


def _completion(said: Said, text: str) -> int:
    return (
        said.completion
        if said.completion is not None
        else len(text.split()) + len(said.reasoning.split()) + said.hidden
    )


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
