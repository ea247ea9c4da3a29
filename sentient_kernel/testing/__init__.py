"""The public test kit: a fake clock, models and a web that say what they are told, processes that
die on cue.

``journal_conformance`` holds the promises of a journal as tests, for whoever writes a store of
their own.

    clock.py                time that a test moves
    web.py                  a web of pages and services; web_services.py says what they answer
    server.py               a small HTTP server in a thread, for it
    chaos.py                a process that dies at a named point
    journal_conformance.py  the promises of a journal
"""

from __future__ import annotations

from sentient_kernel.models.scripted import ScriptedModel
from sentient_kernel.testing.chaos import ChaosMonkey
from sentient_kernel.testing.clock import FakeClock
from sentient_kernel.testing.web import FakeWeb

__all__ = ["ChaosMonkey", "FakeClock", "FakeWeb", "ScriptedModel"]
