"""Durable runs: workflows whose steps are recorded, and that go on where they were whatever ended
them.

May import: journal, the fold of what is foreign, and the vocabulary (events, commands, ids, clock,
errors). Knows no agent, model, widget, HTTP or pandas.

The invariants: a step whose result was handed to its workflow is in the journal, and is never run
again; nothing that was written elsewhere is executed, and no answer or policy from elsewhere
counts, before a person has agreed to it here.

    workflow.py      how a workflow is declared: @workflow, Retry, effects, Outcome; its calls that
                     nobody awaits, named with their lines
    context.py       what a workflow holds: step, approve, gather, emit, send, receive, run
    engine.py        the shell: starts, resumes, routes, leases
    live_run.py      what is known of a run that is executed here, what it writes, and what the
                     engine lends it
    execution.py     that run with its workflow: its steps, its end
    questions.py     what a run asks people
    opening.py       which runs belong together; what people are asked before one from elsewhere
                     goes on
    state.py         pure: what events amount to (apply), what a command becomes (decide), where a
                     resumed run stands in its record (ReplayCursor)
    identity.py      pure: which step is which
    codec.py         values in and out of JSON
    frames.py        tables of pandas as JSON
    threads.py       where code runs: the loop on a thread of its own, sync steps in threads, and
                     the watchdog that names the step that blocks the loop
"""

from sentient_kernel.engine.codec import jsonable
from sentient_kernel.engine.context import Context
from sentient_kernel.engine.engine import Engine
from sentient_kernel.engine.identity import fixed_name
from sentient_kernel.engine.opening import root_of, tree_of
from sentient_kernel.engine.state import answered_by
from sentient_kernel.engine.workflow import (
    EffectSpec,
    Outcome,
    Retry,
    Workflow,
    check_awaits,
    idempotent,
    once,
    pure,
    workflow,
)

__all__ = [
    "Context",
    "EffectSpec",
    "Engine",
    "Outcome",
    "Retry",
    "Workflow",
    "answered_by",
    "check_awaits",
    "fixed_name",
    "idempotent",
    "jsonable",
    "once",
    "pure",
    "root_of",
    "tree_of",
    "workflow",
]
