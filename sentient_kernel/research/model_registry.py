"""The models that runs of one workbench may ask, by name: a run that is taken up again finds its
model by that.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from sentient_kernel.errors import NotFound, UsageError
from sentient_kernel.models.base import Model
from sentient_kernel.models.embedding import Embedder

OBJECT = "object:"
"""What the name of a model begins with that was given as an object."""


class ModelRegistry:
    """Models by name, opened when they are first asked for.

    Args:
        open_: Opens a model by its usual name, such as ``openai:gpt-...``.
        embedder: Opens an embedder by its usual name.
    """

    def __init__(self, open_: Callable[[str], Model], embedder: Callable[[str], Embedder]) -> None:
        self._open = open_
        self.embedder = functools.lru_cache(maxsize=8)(embedder)
        self._models: dict[str, Model] = {}
        self._lock = threading.Lock()

    def name(self, model: Any) -> str:
        """Returns the name of a model that somebody gave: none is the empty name.

        Raises:
            UsageError: It is neither a name nor a model.
            ConfigurationError: No model of that name can be opened here.
        """
        if model is None or model == "":
            return ""
        if isinstance(model, str):
            self.get(model)
            return model
        if not callable(getattr(model, "complete", None)) or not getattr(model, "name", ""):
            hint = "The object needs `async complete(messages, *, schema)`."
            what = "a name like 'openai:gpt-5-mini' or an object with name and complete()"
            raise UsageError(f"model must be {what}, not {model!r}.", hint=hint)
        with self._lock:
            name = f"{OBJECT}{model.name}"
            self._models[name] = model
        return name

    def get(self, name: str) -> Model:
        """Returns a model by its name. Raises NotFound for an object that nobody has given here,
        ConfigurationError as :meth:`name`.
        """
        with self._lock:
            found = self._models.get(name)
            if found is None and name.startswith(OBJECT):
                raise NotFound(
                    f"The model {name.removeprefix(OBJECT)!r} is an object that was not given to"
                    " this workbench.",
                    hint="Open the workbench with model=..., then resume the run.",
                )
            if found is None:
                found = self._models[name] = self._open(name)
            return found
