"""For other libraries: lets ``asyncio.run`` be called in a notebook cell, where an event loop
already runs. Nothing of ours needs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sys

from sentient_kernel.errors import ConfigurationError, UsageError

_LIBRARIES = ("nest_asyncio", "nest_asyncio2")


def allow_nested() -> str:
    """Makes the running event loop re-entrant, so that a library which calls ``asyncio.run`` works
    in this cell.

    It is only done on request, because it replaces parts of asyncio for the whole process. Runs of
    this package have a loop on a thread of their own and are not affected. Calling it twice is
    harmless.

    Returns:
        The name of the library that did it: ``nest_asyncio``, or ``nest_asyncio2`` where the former
        does not work (its ``asyncio.run`` lacks the ``loop_factory`` of Python 3.12, so from there
        on the fork goes first).

    Raises:
        UsageError: No event loop runs here, so that ``asyncio.run`` works as it is.
        ConfigurationError: Neither library is installed, or the loop is not one of asyncio's own.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "No event loop runs here, so asyncio.run works as it is.",
            hint=(
                "Call allow_nested() in a notebook cell, before the library that calls asyncio.run."
            ),
        ) from None
    if not isinstance(loop, asyncio.BaseEventLoop):
        raise ConfigurationError(
            f"asyncio.run cannot be allowed inside a loop of type {type(loop).__name__}: only"
            " asyncio's own can be re-entered.",
            hint="Use the library's own async functions with await instead.",
        )
    for name in _candidates(sys.version_info[:2], loaded=tuple(sys.modules)):
        with contextlib.suppress(ImportError):
            importlib.import_module(name).apply(loop)
            return name
    raise ConfigurationError(
        "Neither nest-asyncio nor nest-asyncio2 is installed.", hint="pip install nest-asyncio"
    )


def _candidates(python: tuple[int, int], *, loaded: tuple[str, ...]) -> tuple[str, ...]:
    """Returns which library to try first. One that is loaded goes first: they cannot patch on top
    of each other.
    """
    order = _LIBRARIES if python < (3, 12) else _LIBRARIES[::-1]
    return tuple(sorted(order, key=lambda name: name not in loaded))
