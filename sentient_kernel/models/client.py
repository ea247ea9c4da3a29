"""The HTTP client that the providers' SDKs are given: guarded by the transport room, and streaming
wherever servers do.

The SDK asks for an answer in one piece and is given one, while the wire carries a stream. So a
model that hangs is noticed between two tokens, text is shown while it comes, a stream that breaks
off is never taken for an answer, and what it used is still counted. Reading 300 chunks through an
SDK and pydantic-ai takes 60 ms of CPU time; gathered here it takes 6. What an SDK asks is shaped
here too, as its server wants it: that differs from server to server, and no SDK knows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import httpx2

from sentient_kernel.errors import (
    FetchFailed,
    ModelCut,
    ModelError,
    ModelRefused,
    ModelTimedOut,
    WrongKind,
)
from sentient_kernel.models.call import CALL, ServerCall
from sentient_kernel.models.server_manner import final, learnt, shaped
from sentient_kernel.models.stream import (
    ChatGatherer,
    Events,
    Gatherer,
    MessagesGatherer,
    StreamBroken,
    counted,
)

__all__ = ["client_over"]

GRACE = 2.0
"""Seconds that are waited for the usage, after the answer has said that it is finished."""


def client_over(guarded: Callable[[], Any]) -> httpx2.AsyncClient:
    """Returns a client for an SDK.

    Args:
        guarded: Makes the guarded client that all requests go through; called for the first of
            them.
    """
    return httpx2.AsyncClient(
        transport=_Gathering(guarded),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=10.0),
    )


class _Gathering(httpx2.AsyncBaseTransport):
    def __init__(self, guarded: Callable[[], httpx2.AsyncClient]) -> None:
        self._open = guarded
        self._guarded: httpx2.AsyncClient | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        call = CALL.get()
        call.url = str(request.url.copy_with(query=None))
        try:
            async with (
                asyncio.timeout(call.deadlines.whole),
                asyncio.timeout(call.deadlines.first) as limit,
            ):
                return await self._exchange(request, call, limit)
        except TimeoutError:
            call.fail(_late(call), TimeoutError())
            raise
        except (FetchFailed, httpx2.HTTPError, OSError) as error:
            outcome = error if isinstance(error, FetchFailed) else ConnectionResetError()
            call.fail(_broken(error, call), outcome)
            raise
        except Exception as error:
            # a listener's own fault must get past the SDK, which takes it for the network's
            call.fail(error)
            raise

    async def aclose(self) -> None:
        """Closes nothing: the guarded client belongs to the fetcher."""

    async def _exchange(
        self, request: httpx2.Request, call: ServerCall, limit: asyncio.Timeout
    ) -> httpx2.Response:
        if self._guarded is None or self._guarded.is_closed:
            self._guarded = self._open()
        request, sent = _as_taken(request, call)
        # what it can decode
        request.headers["accept-encoding"] = self._guarded.headers.get(
            "accept-encoding", "identity"
        )
        response = await self._guarded.send(request, stream=True)
        try:
            call.status, call.headers = response.status_code, response.headers
            streamed = response.headers.get("content-type", "").startswith("text/event-stream")
            if response.status_code == 200 and streamed and sent:
                gatherer = MessagesGatherer() if _is_messages(request.url) else ChatGatherer()
                return await _gathered(response.aiter_bytes(), gatherer, call, limit, sent)
            if response.is_redirect:
                refused = ModelRefused(
                    f"{_host(call)} leads elsewhere, and a key is not sent on.",
                    hint="Set the base URL to where the server is.",
                )
                raise call.fail(refused)
            pieces = []
            async for chunk in response.aiter_bytes():
                limit.reschedule(asyncio.get_running_loop().time() + call.deadlines.between)
                pieces.append(chunk)
            body = b"".join(pieces)
        finally:
            await response.aclose()
        if response.status_code == 200:
            body = _checked(body, request.url, call)
        elif sent:
            _learn(call, sent, body)
        return _answer(response.status_code, body, response.headers)


def _as_taken(request: httpx2.Request, call: ServerCall) -> tuple[httpx2.Request, dict[str, Any]]:
    """Returns a request as its server takes it, and its body; nothing for one that is no
    conversation.
    """
    if not request.url.path.endswith(("/chat/completions", "/messages")):
        return request, {}
    body = shaped(
        json.loads(request.content), call.manner, messages=_is_messages(request.url), own=call.own
    )
    headers = [
        (name, value) for name, value in request.headers.items() if name.lower() != "content-length"
    ]
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return (
        httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=content,
            extensions=request.extensions,
        ),
        body,
    )


def _is_messages(url: httpx2.URL) -> bool:
    return url.path.endswith("/messages")


def _lives(call: ServerCall, limit: asyncio.Timeout) -> None:
    """Puts a deadline off after a sign of life, be it a token or a word that more is to come."""
    patience = call.deadlines.between if call.seen else call.deadlines.first
    limit.reschedule(asyncio.get_running_loop().time() + patience)


async def _gathered(
    chunks: AsyncIterator[bytes],
    gatherer: Gatherer,
    call: ServerCall,
    limit: asyncio.Timeout,
    sent: dict[str, Any],
) -> httpx2.Response:
    events = Events()
    try:
        async for chunk in chunks:
            _take(chunk, events, gatherer, call)
            if gatherer.failure is not None:
                return _failed(gatherer.failure, call, sent)
            if gatherer.ended:
                break
            if gatherer.over(call.visible, call.room, call.prose):
                gatherer.stop()
                return _answer(200, json.dumps(gatherer.body()).encode(), call.headers)
            _lives(call, limit)
        if not gatherer.ended:
            raise call.fail(_cut_off(call, "the stream ended within it"), ConnectionResetError())
        limit.reschedule(None)
        # the answer is whole
        with suppress(TimeoutError, FetchFailed, httpx2.HTTPError, OSError):
            async with asyncio.timeout(GRACE):
                # the usage comes last; and read to its end, the connection serves again
                async for chunk in chunks:
                    _take(chunk, events, gatherer, call)
    except StreamBroken as error:
        broken = ModelCut(
            f"The answer of {_host(call)} cannot be read: {error}.", hint="Try again."
        )
        raise call.fail(broken, WrongKind("", reason_code="not_json")) from None
    return _answer(200, json.dumps(gatherer.body()).encode(), call.headers)


def _take(chunk: bytes, events: Events, gatherer: Gatherer, call: ServerCall) -> None:
    for data in events.feed(chunk):
        text = gatherer.feed(data)
        call.seen, call.thought, call.usage = gatherer.seen, gatherer.thought, gatherer.usage
        if call.on_text is None or text is None:
            continue
        if gatherer.void:
            call.on_text("")
        if text:
            call.on_text(text)


def _failed(failure: dict[str, Any], call: ServerCall, sent: dict[str, Any]) -> httpx2.Response:
    """Turns an error that came inside a stream into the status that it would have come with."""
    error = failure.get("error")
    code = error.get("code", error.get("status")) if isinstance(error, dict) else None
    kind = str(error.get("type", "")) if isinstance(error, dict) else ""
    named = {
        "overloaded_error": 529,
        "rate_limit_error": 429,
        "invalid_request_error": 400,
        "authentication_error": 401,
    }
    call.status = code if isinstance(code, int) and 400 <= code < 600 else named.get(kind, 500)
    body = json.dumps(failure).encode()
    _learn(call, sent, body)
    return _answer(call.status, body, call.headers)


def _learn(call: ServerCall, sent: dict[str, Any], body: bytes) -> None:
    call.lesson, call.final = (
        learnt(call.manner, sent, call.status, body, spare=call.room > 0),
        final(body),
    )


def _answer(status: int, body: bytes, headers: Any) -> httpx2.Response:
    kept = {name: headers[name] for name in ("request-id", "x-request-id") if name in headers}
    return httpx2.Response(
        status, headers={**kept, "content-type": "application/json"}, content=body
    )


def _checked(body: bytes, url: httpx2.URL, call: ServerCall) -> bytes:
    """Returns a body whose usage holds numbers only, and whose reasoning stands beside its text.
    Raises ModelCut for one that no answer can be read from.
    """
    try:
        value = json.loads(body)
        if isinstance(value.get("usage"), dict):
            call.usage = counted(value["usage"])
            lost = {name: 0 for name in value["usage"] if name.endswith("_tokens")}
            value["usage"] = lost | call.usage
        if "error" not in value and url.path.endswith("/chat/completions"):
            _part(value["choices"][0]["message"])
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        kind = call.headers.get("content-type", "").partition(";")[0]
        said = f" ({kind})" if kind and "json" not in kind else ""
        unread = ModelCut(
            f"{_host(call)} sent something{said} that is not a model's answer.",
            hint="Look at the base URL.",
        )
        raise call.fail(unread, WrongKind("", reason_code="not_json")) from None
    return json.dumps(value).encode()


def _part(message: dict[str, Any]) -> None:
    """Takes the reasoning out of the text of a message, to stand beside it."""
    if isinstance(message.get("content"), str):
        gatherer = ChatGatherer()
        gatherer.add(message["content"], "")
        message["content"], thought = gatherer.whole()
        if thought:
            message["reasoning_content"] = message.get("reasoning_content") or thought


def _host(call: ServerCall) -> str:
    url = httpx2.URL(call.url)
    return repr(url.host if url.port is None else f"{url.host}:{url.port}")


def _late(call: ServerCall) -> ModelTimedOut:
    limits = call.deadlines
    if call.seen:
        late = f"nothing more in {limits.between:g} s, or not all in {limits.whole:g} s"
        return ModelTimedOut(
            f"The answer of {_host(call)} did not go on: {late}.", hint="Try again."
        )
    return ModelTimedOut(
        f"{_host(call)} sent no token within {min(limits.first, limits.whole):g} s.",
        hint="Models may think for long before their first token: set SENTIENT_MODEL_TIMEOUT to"
        f" more than {limits.first:g} s.",
    )


def _cut_off(call: ServerCall, why: str) -> ModelCut:
    return ModelCut(f"The answer of {_host(call)} was cut off: {why}.", hint="Try again.")


def _broken(error: Exception, call: ServerCall) -> Exception:
    if isinstance(error, FetchFailed):
        if not error.retryable and not call.status:
            return error  # blocked, or the network is switched off: nothing was asked
        return ModelError(error.message, hint=error.hint)
    if call.status:
        return _cut_off(call, "the connection broke")
    refused = isinstance(error, httpx2.ConnectError)
    said = "refused the connection" if refused else "broke the connection before it answered"
    return ModelError(
        f"{_host(call)} {said}.", hint="Is the model's server running?" if refused else "Try again."
    )
