"""Whether a model can be called at all, checked before anything begins: its provider, its package
and its key. Nobody is asked.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sentient_kernel.errors import ConfigurationError, UnknownModel
from sentient_kernel.plugins import plugin
from sentient_kernel.spelling import did_you_mean

if TYPE_CHECKING:
    from sentient_kernel.transport import Fetcher

PLUGINS = "sentient_kernel.models"
"""The entry points of packages that bring models: a function of (name, settings, fetcher) under the
provider's name.
"""
COMMON: dict[str, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "ollama": "",
    "openai": "OPENAI_API_KEY",
    "openai-chat": "OPENAI_API_KEY",
    "openai-responses": "OPENAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""Providers that the extra ``llm`` brings all of, and the variable that holds their key; they can
be judged without loading anything.
"""
OTHERS = (
    "azure bedrock cerebras cohere fireworks google groq huggingface litellm mistral together"
    " vercel vllm xai".split()
)
"""Some more that pydantic-ai knows."""


def split(name: str, what: str = "a model", example: str = "openai:gpt-5-mini") -> tuple[str, str]:
    """Returns a model's provider and its name there. Raises UnknownModel for what is not written
    like that.
    """
    provider, colon, model = name.partition(":")
    if not (provider and colon and model.strip()):
        raise UnknownModel(
            f"{name!r} is not the name of {what}.",
            hint=f"Write provider:model, such as {example!r}.",
        )
    return provider, model


def check(name: str, fetcher: Fetcher) -> None:
    """Refuses a model that cannot be asked from here. Takes no time for common providers, a second
    for others.

    Args:
        name: ``provider:model``.
        fetcher: The way to other machines; it is not used.

    Raises:
        UnknownModel: There is no such provider.
        ConfigurationError: A key, a package or the extra ``llm`` is missing; says which.
    """
    provider, _ = split(name)
    if plugin(PLUGINS, provider) is not None:
        return
    if find_spec("pydantic_ai") is None:
        raise needs_extra(name)
    if provider not in COMMON:
        from sentient_kernel.models.provider import build

        build(name, fetcher)
    elif (
        (variable := COMMON[provider])
        and not _set(variable)
        and not (variable == "OPENAI_API_KEY" and _set("OPENAI_BASE_URL"))
    ):
        raise needs_key(name, variable)


def needs_extra(name: str) -> ConfigurationError:
    """Returns what to say where pydantic-ai is not installed."""
    return ConfigurationError(
        f"{name!r} needs the extra 'llm'.", hint="pip install 'sentient-kernel[llm]'"
    )


def needs_key(name: str, variable: str) -> ConfigurationError:
    """Returns what to say where a variable is not set."""
    own = (
        " A server of your own, named by OPENAI_BASE_URL, needs no key."
        if variable == "OPENAI_API_KEY"
        else ""
    )
    return ConfigurationError(
        f"{name!r} needs {variable} to be set.", hint=f"Set it in the environment.{own}"
    )


def unknown_provider(provider: str) -> UnknownModel:
    """Returns what to say of a provider that there is none of."""
    known = sorted([*COMMON, *OTHERS])
    hint = (
        f"{did_you_mean(provider, known)} Known are {', '.join(known)} and the others of"
        " pydantic-ai.".strip()
    )
    return UnknownModel(f"There is no provider {provider!r}.", hint=hint)


def _set(variable: str) -> bool:
    return bool(os.environ.get(variable, "").strip())
