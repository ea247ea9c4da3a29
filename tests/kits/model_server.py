"""A language model's server for tests: real HTTP, OpenAI's chat completions and Anthropic's
messages, and faults on cue.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

from sentient_kernel.testing.server import HttpRequest, Server
from tests.kits.model_wire import (
    Asked,
    Fault,
    Out,
    Said,
    anthropic,
    chat,
    error,
    refusal,
)

__all__ = ["Asked", "Fault", "ModelServer", "Said"]

Answer = str | dict[str, Any] | list[Any] | Said


class ModelServer(Server):
    """Serves a model that says what a function tells it, on a port of this machine, from a thread
    of its own.

    It answers ``POST /v1/chat/completions`` (streamed and not, the usage in a last chunk with
    ``choices: []`` when it is asked for) and ``POST /v1/messages`` (streamed and not), and keeps
    what it was asked.

    Args:
        answer: What it says: text, a JSON value, a :class:`Said`, or a function of what was asked
            that returns one of these.
        latency: Seconds before the first byte of each answer.
        gap: Seconds between the pieces of a streamed answer.
        structured: Whether it takes ``response_format`` with a schema, only as ``json_object``, or
            answers 400 to either.
        stream: Whether it streams where that is asked for.
        refuses: Looks at the body of a request; returns status and message of a refusal, or None.
        faults: What goes wrong: one for each request in turn (None: nothing), and nothing
            afterwards; or a function of what was asked.
        api_key: The key that it wants; None takes any.
        model: What it calls itself.

    Example:
        >>> with ModelServer("Paris.") as server:
        ...     server.url.startswith("http://127.0.0.1:"), server.calls
        (True, 0)
    """

    name = "model-server"

    def __init__(
        self,
        answer: Answer | Callable[[Asked], Answer] = "All is well.",
        *,
        latency: float = 0.0,
        gap: float = 0.0,
        structured: Literal["json_schema", "json_object", "none"] = "json_schema",
        stream: bool = True,
        refuses: Callable[[dict[str, Any]], tuple[int, str] | None] = lambda body: None,
        faults: Iterable[Fault | None] | Callable[[Asked], Fault | None] = (),
        api_key: str | None = None,
        model: str = "scripted-1",
    ) -> None:
        super().__init__()
        self._say: Callable[[Asked], Answer] = answer if callable(answer) else lambda _: answer
        self.latency, self.gap, self.structured, self.model = latency, gap, structured, model
        self._api_key, self._streams, self._refuses = api_key, stream, refuses
        if callable(faults):
            self._fault: Callable[[Asked], Fault | None] = faults
        else:
            turn = iter(list(faults))
            self._fault = lambda _: next(turn, None)
        self.requests: list[Asked] = []
        self.most_at_once = 0
        self._at_once = 0

    def __repr__(self) -> str:
        return f"<model server {self.model}, {self.calls} calls>"

    @property
    def url(self) -> str:
        """What goes into ``OPENAI_BASE_URL`` and its like."""
        return f"{self.root}/v1"

    @property
    def root(self) -> str:
        """What goes into ``ANTHROPIC_BASE_URL``."""
        return super().url

    @property
    def calls(self) -> int:
        """How many requests came."""
        return len(self.requests)

    async def answer(
        self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answers one request, as it was told; returns whether the connection can go on."""
        asked = Asked.of(request)
        self.requests.append(asked)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._respond(asked, Out(writer))
        finally:
            self._at_once -= 1

    async def _respond(self, asked: Asked, out: Out) -> bool:
        """Answers one request; returns whether the connection is still good."""
        began = time.perf_counter()
        fault = self._fault(asked)
        if fault is not None and fault.kind == "reset" and not fault.after:
            out.abort()
            return False
        refused = refusal(asked, self._api_key, self.structured)
        if refused is None and (told := self._refuses(asked.body)) is not None:
            refused = told[0], error(told[1], "invalid_request_error")
        if not self._streams:
            asked = replace(asked, body={**asked.body, "stream": False})
        said = refused or self._said(asked)
        await asyncio.sleep(max(0.0, self.latency - (time.perf_counter() - began)))
        if fault is not None:
            if fault.kind == "hang" and not fault.after:
                await asyncio.sleep(3_600)
            elif fault.kind == "status":
                body = fault.body or json.dumps(
                    {
                        "error": {
                            "message": f"made to fail with {fault.status}",
                            "type": "server_error",
                        }
                    }
                )
                await out.whole(fault.status, body, headers=dict(fault.headers))
                return True
            elif fault.kind == "not_json":
                await out.whole(
                    200, fault.body or "<html><body>502 Bad Gateway</body></html>", kind="text/html"
                )
                return True
        if isinstance(said, tuple):
            await out.whole(said[0], json.dumps(said[1]))
            return True
        speak = anthropic if asked.path.endswith("/messages") else chat
        return await speak(out, asked, said, fault, model=self.model, gap=self.gap)

    def _said(self, asked: Asked) -> Said:
        answer = self._say(asked)
        if isinstance(answer, Said):
            return answer
        return Said(text=answer if isinstance(answer, str) else json.dumps(answer))
