"""The public test kit: a fake clock, models and a web that say what they are told, processes that
die on cue.

``journal_conformance`` holds the promises of a journal as tests, for whoever writes a store of
their own.

    clock.py                time that a test moves
    models.py               a server that speaks like OpenAI's; model_wire.py writes its answers
    web.py                  a web of pages and services; web_kit.py holds its pages,
                            web_search.py and web_scholarly.py answer as services do
    server.py               a small HTTP server in a thread, for both
    chaos.py                a process that dies at a named point
    journal_conformance.py  the promises of a journal
"""

from __future__ import annotations

from sentient_kernel.models.scripted import ScriptedModel
from sentient_kernel.testing.chaos import ChaosMonkey
from sentient_kernel.testing.clock import FakeClock
from sentient_kernel.testing.models import Asked, Fault, ModelServer, Said
from sentient_kernel.testing.web import FakeWeb

__all__ = [
    "Asked",
    "ChaosMonkey",
    "FakeClock",
    "FakeWeb",
    "Fault",
    "ModelServer",
    "Said",
    "ScriptedModel",
]
