"""Asking a model on behalf of a run that may be told to finish at any moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from sentient_kernel.events import UsageRecorded
from sentient_kernel.models.base import Usage
from sentient_kernel.research.model_calls import Asking
from sentient_kernel.research.spending import CallAllowance

__all__ = ["Hurried"]

LAST_WORD, LAST_THOUGHT = 20.0, 60.0
"""Seconds that a model has to write the report in once a run is to finish; the latter for one that thinks before it writes."""
LOOK = 0.05
"""Seconds between looks at whether a run is to finish while its model is asked."""


class Hurried(Asking):
    """Asks a model, and waits for no answer that a run can do without once it is to finish.

    That is decided inside the step, so that it is recorded with its result. The call itself goes on: others may wait for it too, and its
    answer is kept for who asks next.
    """

    def _call(self, purpose: str, allowed: CallAllowance) -> Callable[..., Any]:
        ctx, call = self._ctx, super()._call(purpose, allowed)
        patience = 0.0 if purpose != "write" else LAST_THOUGHT if self._spending.thinks else LAST_WORD

        @wraps(call)
        async def ask_model(*args: Any) -> dict[str, Any]:
            asked: asyncio.Future[dict[str, Any]] = asyncio.ensure_future(call(*args))
            until: float | None = None
            try:
                while not (await asyncio.wait({asked}, timeout=LOOK))[0]:
                    if until is None and ctx.asked_to_finish:
                        until = time.monotonic() + patience
                    if until is not None and time.monotonic() >= until:
                        ctx.note(UsageRecorded(purpose=purpose, model=self._model.name, calls=0))  # what it costs nobody has said yet
                        return {"value": None, "usage": asdict(Usage(usd=0.0)), "kept": False}
                return asked.result()
            finally:
                asked.cancel()

        return ask_model
