"""What a model's response holds: its text, what it used, and whether its reasoning left room for an
answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sentient_kernel.models import structured
from sentient_kernel.models.base import Usage, tokens
from sentient_kernel.models.call import PER_TOKEN, ServerCall
from sentient_kernel.models.fitting import whole_characters

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["LimitSpent", "ModelAnswer", "said", "spent", "used"]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model said, whole; ``cut`` when it reached its limit of tokens and the caller wanted
    to know.
    """

    text: str
    reasoning: str
    model: str
    cut: bool = False

    def read(self, schema: dict[str, Any]) -> structured.Read:
        """Reads it as JSON that fits a schema."""
        if self.cut:
            return structured.Read(None, ("The answer is too long and was cut off.",))
        return structured.read(self.text, schema)


def said(response: ModelResponse) -> tuple[str, str]:
    """Returns the text of a response and its reasoning."""
    from pydantic_ai.messages import TextPart, ThinkingPart

    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    reasoning = "\n\n".join(
        part.content for part in response.parts if isinstance(part, ThinkingPart)
    )
    return whole_characters(text), whole_characters(reasoning)


def used(response: ModelResponse, call: ServerCall, text: str, reasoning: str) -> Usage:
    """Returns what a request used, as its server says; guessed where it does not."""
    told, letters = response.usage, len(text) + len(reasoning)
    usage = Usage(
        prompt=tokens(told.input_tokens) or 0,
        completion=tokens(told.output_tokens) or 0,
        cached=tokens(told.cache_read_tokens) or 0,
        reasoning=tokens(told.details.get("reasoning_tokens")) or 0,
    )
    if not usage.tokens:
        seen = -(-letters // PER_TOKEN)
        usage = replace(call.used(), completion=seen)
        # what is not seen was spent all the same
        if response.finish_reason == "length" and call.visible and seen < call.visible:
            usage = replace(
                usage,
                completion=call.visible + call.room,
                reasoning=call.visible + call.room - seen,
            )
    share = round(usage.completion * len(reasoning) / letters) if letters else 0
    return replace(usage, reasoning=min(usage.completion, usage.reasoning or share))


@dataclass(frozen=True, slots=True)
class LimitSpent:
    """What an answer that reached its limit spent its tokens on.

    Args:
        short: Whether it is much shorter than it may be, so that another try needs more room.
        reasoning: Tokens of reasoning that left none for the answer; None where it was not that.
    """

    short: bool
    reasoning: int | None = None


def spent(call: ServerCall, usage: Usage, text: str) -> LimitSpent:
    """Returns what an answer that reached its limit spent its tokens on."""
    visible = (
        usage.completion - usage.reasoning
        if usage.reasoning
        else -(-len(text.encode("utf-8", "replace")) // PER_TOKEN)
    )
    some = bool(text.strip())
    if some and visible >= (call.visible or 0) // 2:
        return LimitSpent(short=False)
    reasoning = max(usage.reasoning, usage.completion - visible)
    return LimitSpent(short=True, reasoning=None if some and reasoning <= visible else reasoning)
