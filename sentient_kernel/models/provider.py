"""The one place that speaks to pydantic-ai: which provider, which server, what is sent, and what
its errors mean.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from sentient_kernel.errors import ConfigurationError, ModelCut, ModelError, ModelRefused, WrongKind
from sentient_kernel.failures import plain
from sentient_kernel.models.base import Message
from sentient_kernel.models.call import CALL, ServerCall
from sentient_kernel.models.check import needs_extra, needs_key, unknown_provider
from sentient_kernel.models.fitting import bounded
from sentient_kernel.redaction import hold, shown

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse

    from sentient_kernel.transport import Fetcher

__all__ = ["LazyProvider", "Provider", "address", "build"]

OLLAMA = "http://127.0.0.1:11434/v1"
_USUAL = frozenset({"https://api.openai.com/v1", "https://api.anthropic.com", OLLAMA})
"""Addresses that are the same as none."""
_VARIABLES = {
    "azure": "AZURE_OPENAI_ENDPOINT",
    "cohere": "CO_BASE_URL",
    "heroku": "HEROKU_INFERENCE_URL",
}
"""Where a provider's address stands, if not in ``<PROVIDER>_BASE_URL``."""
_BACKTICKS = re.compile(r"`([^`]+)`")
_VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]{3,})`")
Form = Literal["chat", "messages", "other"]
_SPEAKS: dict[str, Form] = {
    "OpenAIChatModel": "chat",
    "AnthropicModel": "messages",
}
"""The form of requests, by the class of pydantic-ai's model."""
_SAID = 300
_LOOKED = 4_000  # characters of what a server says that are looked through for a key


@dataclass(frozen=True, slots=True)
class Provider:
    """A model of pydantic-ai, ready to be asked.

    Attributes:
        name: ``provider:model``.
        url: The base URL of the server.
        model: pydantic-ai's.
        speaks: ``chat`` (OpenAI's chat completions) and ``messages`` (Anthropic's) come as streams,
            anything else in one piece.
        own: Whether the server is the provider's own, not one that speaks like it.
        native_schema: Whether the server may know structured output.
        thinks: Whether the model thinks unless it is told not to; None where nobody knows.
        secret: The key.
        loop: The event loop that it belongs to.
    """

    name: str
    url: str
    model: Any
    speaks: Form
    own: bool
    native_schema: bool
    thinks: bool | None
    secret: str = field(repr=False)
    loop: asyncio.AbstractEventLoop | None = field(repr=False)

    async def send(
        self, messages: Sequence[Message], schema: dict[str, Any] | None, call: ServerCall
    ) -> ModelResponse | Exception:
        """Sends one request; returns the response, or what went wrong, as ``call`` says it."""
        from pydantic_ai.direct import model_request
        from pydantic_ai.exceptions import AgentRunError, UserError

        CALL.set(call)
        try:
            return await model_request(
                self.model,
                [_turn(message) for message in messages],
                model_settings=(
                    {} if call.visible is None else {"max_tokens": call.visible + call.room}
                ),
                model_request_parameters=self._parameters(schema),
                instrument=False,
            )
        except (
            AgentRunError,
            UserError,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ) as error:
            # told outside: what is raised there carries no request, and no header with a key in it
            outcome, told = self._explained(error, call)
            return call.fail(told, outcome)
        except Exception:
            if call.error is None:
                raise
            return call.error

    def _parameters(self, schema: dict[str, Any] | None) -> Any:
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        if schema is None:
            return ModelRequestParameters()
        # A provider's own service has rules for schemas that pydantic-ai knows; a local one holds
        # the model to whatever it is given.
        strict = True if self.own and self.speaks == "messages" else None
        given = schema if self.own else bounded(schema)
        shape = OutputObjectDefinition(json_schema=given, name="answer", strict=strict)
        return ModelRequestParameters(
            output_mode="native", output_object=shape, allow_text_output=True
        )

    def _explained(
        self, error: Exception, call: ServerCall
    ) -> tuple[int | BaseException | None, Exception]:
        """Says what an error of pydantic-ai means: for asking again, and for people."""
        from pydantic_ai import exceptions

        host = urlsplit(self.url).netloc.rpartition("@")[2]
        if isinstance(error, exceptions.ModelHTTPError):
            status = error.status_code
            said = self._said(error.body)
            quota, window = (
                exceptions.ModelQuotaExceededError,
                exceptions.ModelContextWindowExceededError,
            )
            refused = 400 <= status < 500 and status not in (408, 409, 425, 429)
            for applies, what, hint in (
                (
                    isinstance(error, quota),
                    f"The account at {host!r} has no credit left",
                    "Add credit, or take another model.",
                ),
                (
                    isinstance(error, window),
                    f"The conversation is too long for {self.name!r}",
                    "Ask with less text.",
                ),
                (
                    status in (401, 403),
                    f"{host!r} refuses the key for {self.name!r} (HTTP {status})",
                    "Check the key.",
                ),
                (
                    status == 404,
                    f"{host!r} does not know {self.name!r} (HTTP 404)",
                    "Check its name and the base URL.",
                ),
                (refused, f"{host!r} refuses the request to {self.name!r} (HTTP {status})", ""),
            ):
                if applies:
                    return None, ModelRefused(f"{what}{said}", hint=hint)
            why = "too many requests" if status == 429 else "it has failed"
            return status, ModelError(
                f"{host!r} does not serve {self.name!r} now: {why} (HTTP {status}){said}",
                hint="Try again later.",
            )
        if isinstance(error, exceptions.UserError):
            return None, ConfigurationError(
                f"{self.name!r} cannot be called like this: {plain(error)}"
            )
        broken = ModelCut(
            f"{host!r} sent something that is not an answer of {self.name!r}.",
            hint="Look at the base URL.",
        )
        return WrongKind("", reason_code="not_json"), broken

    def _said(self, body: Any) -> str:
        """Returns what a server says of its error, with a colon before and a full stop after; a
        full stop alone when it says nothing.
        """
        inner = body.get("error", body) if isinstance(body, dict) else body
        said = inner.get("message", "") if isinstance(inner, dict) else inner
        # a server may echo what it was sent, though no key looks like it
        if isinstance(said, str) and len(self.secret) >= 4:
            said = said.replace(self.secret, "…")
        text = (
            " ".join(plain(shown(said[:_LOOKED])).split())
            if isinstance(said, str) and "<" not in said[:1]
            else ""
        )
        return f": {text[:_SAID].rstrip('. ')}." if text else "."


class LazyProvider:
    """A provider that is built when it is first needed, and anew for another event loop.

    Args:
        name: ``provider:model``.
        fetcher: Makes the client, when the first request is sent.
    """

    def __init__(self, name: str, fetcher: Fetcher) -> None:
        self._name = name
        self._fetcher = fetcher
        self._built: Provider | None = None
        self._building = asyncio.Lock()

    async def ready(self) -> Provider:
        """Returns the provider. Raises ConfigurationError as :func:`build`."""
        loop = asyncio.get_running_loop()
        async with self._building:
            if self._built is None or self._built.loop is not loop:
                # in a thread: loading pydantic-ai and an SDK takes a second
                self._built = await asyncio.to_thread(build, self._name, self._fetcher, loop)
            return self._built


def address(name: str) -> str:
    """Returns where a model's server is, as the environment says, without what may be secret; empty
    for the provider's usual one.

    Example:
        >>> address("openai:gpt-5-mini") if "OPENAI_BASE_URL" not in os.environ else ""
        ''
    """
    provider = name.partition(":")[0]
    family = provider.partition("-")[0]
    given = _given(provider)
    url = (
        given.get("base_url")
        or os.environ.get(_VARIABLES.get(provider, f"{family.upper()}_BASE_URL"), "").strip()
    )
    parts = urlsplit(url)
    plain_url = (
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}{parts.path.rstrip('/')}"
        if url
        else ""
    )
    return "" if plain_url in _USUAL else plain_url


def build(name: str, fetcher: Fetcher, loop: asyncio.AbstractEventLoop | None = None) -> Provider:
    """Loads what a model needs and puts it together, without asking anybody. Takes a second the
    first time: for a thread.

    Args:
        name: ``provider:model``.
        fetcher: Makes the client, when the first request is sent.
        loop: The event loop that will ask; None where nobody will.

    Raises:
        ConfigurationError: The provider is unknown, or its key or its package is missing.
    """
    try:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model
        from pydantic_ai.providers import infer_provider_class
    except ImportError:
        raise needs_extra(name) from None
    provider, _, model_name = name.partition(":")
    problem: ConfigurationError
    try:
        cls: Any = infer_provider_class(provider)
        if "http_client" not in signature(cls.__init__).parameters:
            raise ConfigurationError(
                f"{provider!r} cannot be called through the guarded client.",
                hint="Take another provider.",
            )
        from sentient_kernel.models.client import client_over

        # The base URL is known only when the provider is made, and the provider wants the client
        # first.
        url: list[str] = []
        http = client_over(lambda: fetcher.client(url[0]))
        made = cls(http_client=http, **_given(provider))
        url.append(str(made.base_url))
        kind = "openai-chat" if provider == "openai" else provider
        model = infer_model(f"{kind}:{model_name}", provider_factory=lambda _: made)
        return _provider(name, model, made, url[0], loop)
    except ImportError as error:
        package = next(iter(_BACKTICKS.findall(str(error))), error.name or provider)
        problem = ConfigurationError(
            f"{name!r} needs the package {package!r}.", hint=f"pip install {package}"
        )
    except UserError as error:
        variables = _VARIABLE.findall(str(error))
        said = f"{name!r} cannot be opened: {plain(shown(str(error)))[:_SAID].rstrip('.')}."
        problem = needs_key(name, variables[0]) if variables else ConfigurationError(said)
    except _sdk_errors():
        problem = _empty_key(name)
    except ValueError:
        problem = unknown_provider(provider)
    raise problem


def _provider(
    name: str, model: Any, made: Any, url: str, loop: asyncio.AbstractEventLoop | None
) -> Provider:
    client = made.client
    secret = (getattr(client, "api_key", None) or "").strip()
    if hasattr(client, "api_key"):
        if not secret and not getattr(client, "auth_token", None):
            raise _empty_key(name)
        if not secret.isascii() or not secret.isprintable():
            raise ConfigurationError(
                f"The key for {name!r} has characters that a key cannot have.",
                hint="Copy it again.",
            )
        client.api_key = secret or None
        hold(secret, f"key of {name.partition(':')[0]}")
    if hasattr(client, "max_retries"):
        client.max_retries = 0  # whether to ask again is decided here
    forms = (_SPEAKS.get(cls.__name__) for cls in type(model).__mro__)
    speaks: Form = next(filter(None, forms), "other")
    host = urlsplit(url).hostname or ""
    own = host.endswith((".openai.com", ".anthropic.com", ".azure.com"))
    known = model.profile.get("thinking_enabled_by_default", False) or model.profile.get(
        "thinking_always_enabled", False
    )
    # elsewhere, names may stand for anything
    thinks = True if known else False if own and not host.endswith(".azure.com") else None
    return Provider(
        name,
        url,
        model,
        speaks,
        own,
        bool(model.profile.get("supports_json_schema_output", False)),
        thinks,
        secret,
        loop,
    )


def _empty_key(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name!r} needs a key, and the one in the environment is empty.",
        hint="Set it in the environment.",
    )


def _sdk_errors() -> tuple[type[Exception], ...]:
    """Returns what SDKs raise when they are not given what they want. Only a loaded one can have
    raised it.
    """
    names = (("openai", "OpenAIError"), ("anthropic", "AnthropicError"))
    return tuple(
        getattr(sys.modules[module], name) for module, name in names if module in sys.modules
    )


def _given(provider: str) -> dict[str, Any]:
    """Returns what a provider is told beyond its environment."""
    if (
        provider.partition("-")[0] == "openai"
        and os.environ.get("OPENAI_BASE_URL")
        and not os.environ.get("OPENAI_API_KEY", "").strip()
    ):
        return {"api_key": "none"}  # a server of one's own often wants no key, the SDK does
    if provider != "ollama":
        return {}
    url = os.environ.get("OLLAMA_BASE_URL", "").strip() or OLLAMA
    return {"base_url": url if urlsplit(url).path.strip("/") else url.rstrip("/") + "/v1"}


def _turn(message: Message) -> ModelMessage:
    from pydantic_ai.messages import (
        ModelRequest,
        ModelResponse,
        SystemPromptPart,
        TextPart,
        UserPromptPart,
    )

    if message.role == "assistant":
        return ModelResponse(parts=[TextPart(message.text)])
    part = SystemPromptPart if message.role == "system" else UserPromptPart
    return ModelRequest(parts=[part(message.text)])
