"""The public test kit: time that stands still, models and webs that say what they are told, processes that die on cue, stores put to
the test."""

from __future__ import annotations

from sentient_kernel.models.scripted import ScriptedModel
from sentient_kernel.testing.chaos import ChaosMonkey
from sentient_kernel.testing.clock import FakeClock
from sentient_kernel.testing.models import Asked, Fault, ModelServer, Said
from sentient_kernel.testing.web import FakeWeb

__all__ = ["Asked", "ChaosMonkey", "FakeClock", "FakeWeb", "Fault", "ModelServer", "Said", "ScriptedModel"]
