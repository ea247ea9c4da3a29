"""The cache of requests to the outside world: answers of models, searches and pages.

May import: what everyone shares (``clock``, ``errors``, ``failures``, ``installation``). Knows no
run, model, source or HTTP: it is handed bytes, and a way to get them where there are none.

Invariant: what is served is, byte for byte, what one finished call returned for exactly that key; a
call that was cut off, failed, or was written by a process that died in the middle is as if it had
never been made. What this installation did not write itself is served in a replay alone, and never
in the place of what it did.

.. code-block:: text

    keys       what makes two calls the same: a digest; nothing else of a key is ever written down
    store      Cache: one call for all who ask at once; live, recorded, or replayed
    in_flight  single flight: a call under way, and those who wait for it
    recent     what was served lately, in memory
    database   the file: one table within a bound, least recently used entries go first
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentient_kernel.cache.keys import Key
    from sentient_kernel.cache.store import Cache, CacheStats, Hit

__all__ = ["Cache", "CacheStats", "Hit", "Key"]

_HOMES = {"Key": "keys"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'store')}"), name)
