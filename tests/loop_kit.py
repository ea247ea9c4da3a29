"""What tests of async code share."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

P = ParamSpec("P")


def on_a_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs an async test on a loop of its own; no task may be left when it ends."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def inside() -> None:
            async with asyncio.timeout(60):
                await test(*args, **kwargs)
            await settle()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left running: {left}"

        asyncio.run(inside())

    return run


async def settle() -> None:
    """Lets every task go as far as it can without time passing."""
    for _ in range(20):
        await asyncio.sleep(0)
