"""What a call cost, from the prices that genai-prices ships or that somebody names. Nothing is
looked up over the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sentient_kernel.errors import ConfigurationError
from sentient_kernel.models.base import Usage

__all__ = ["Price", "priced", "read_prices"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million tokens read and a million written."""

    prompt: float
    completion: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """Returns what that usage costs.

        Example:
            >>> Price(prompt=1.0, completion=10.0).of(Usage(prompt=2_000, completion=100))
            0.003
        """
        cached = min(usage.cached, usage.prompt)
        rate = self.prompt if self.cached is None else self.cached
        dollars = (
            (usage.prompt - cached) * self.prompt
            + cached * rate
            + usage.completion * self.completion
        )
        return dollars / 1_000_000


def read_prices(text: str) -> dict[str, Price]:
    """Reads prices as a setting writes them: ``model=prompt/completion`` or
    ``model=prompt/completion/cached``, with commas between.

    Raises:
        ConfigurationError: It is not written like that.

    Example:
        >>> read_prices("openai:gpt-x=0.15/0.60")
        {'openai:gpt-x': Price(prompt=0.15, completion=0.6, cached=None)}
    """
    prices = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, numbers = part.rpartition("=")
        try:
            prompt, completion, *cached = (float(number) for number in numbers.split("/"))
            if (
                not name
                or len(cached) > 1
                or not all(0 <= number < 1e6 for number in (prompt, completion, *cached))
            ):
                raise ValueError
        except ValueError:
            raise ConfigurationError(
                f"The price {part!r} cannot be read.",
                hint="Write model=prompt/completion in US dollars for a million tokens.",
            ) from None
        prices[name] = Price(
            prompt=prompt, completion=completion, cached=cached[0] if cached else None
        )
    return prices


def priced(
    usage: Usage,
    model: str,
    *,
    answered: str = "",
    url: str = "",
    prices: Mapping[str, Price] | None = None,
) -> Usage:
    """Returns the usage with what it cost; with None where no price is known.

    Args:
        usage: What was used.
        model: The name it was asked by: ``provider:model``.
        answered: The name that the server gave.
        url: The address of the server, which tells providers apart that serve the same models.
        prices: Prices that go before those that are known, by either name or by the model's alone.
    """
    provider, _, bare = model.partition(":")
    for name in (model, bare, answered):
        if name and prices and name in prices:
            return replace(usage, usd=prices[name].of(usage))
    try:
        from genai_prices import Usage as Counted
        from genai_prices import calc_price
    except ImportError:  # of the extra llm, which a replay does without
        return usage

    counted = Counted(
        input_tokens=usage.prompt,
        output_tokens=usage.completion,
        cache_read_tokens=min(usage.cached, usage.prompt),
    )
    by_name = provider.removesuffix("-chat").removesuffix("-responses")
    for name in filter(None, dict.fromkeys((answered, bare))):
        for known in ({"provider_api_url": url}, {"provider_id": by_name}):
            try:
                price = calc_price(counted, name, **known)  # type: ignore[call-overload]
                return replace(usage, usd=float(price.total_price))
            except (LookupError, ValueError):
                continue
    return usage
