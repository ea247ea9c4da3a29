"""A workflow against its own record: recorded, run it, or contradiction. No loop, no journal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentient_kernel import events as ev
from sentient_kernel.engine.identity import mailbox_identity, occurrence_key
from sentient_kernel.engine.state import ReplayCursor, RunState, fold
from sentient_kernel.events import Record
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey

RUN = RunId("r")
OOPS = ev.ErrorInfo(type="ValueError")
START = ev.RunStarted(workflow="w", code="c1")

Step = tuple[str, int]
"""What a workflow asks for: the name of a step, and its argument."""


def state_of(facts: list[Any]) -> RunState:
    return fold(
        RUN, [Record(Seq(n), RUN, n, f.kind, f.body()) for n, f in enumerate(facts, start=1)]
    )


class Play:
    """A workflow that runs on a cursor as an execution does; what it writes stands in ``facts``."""

    def __init__(self, facts: list[Any], *, main: bool = True) -> None:
        self.facts = list(facts)
        self.cursor = ReplayCursor(state_of(facts), {})
        self.main = main
        self.ran: list[StepKey] = []
        self.replayed: list[StepKey] = []

    def step(self, step: Step, *, fails: bool = False, once: bool = False) -> str:
        """Asks for a step and runs it where it is to be run; returns the verdict."""
        name, argument = step
        key = self.cursor.occurrence(f"{name}\0{argument}".encode())
        verdict = self.cursor.step(key, name, once=once, main=self.main)
        if verdict.what == "unclear":
            verdict = self.cursor.step_again(name)
        if verdict.what == "recorded":
            self.replayed.append(key)
        elif verdict.what == "run":
            self.ran.append(key)
            if verdict.step is None:
                self.facts.append(ev.StepStarted(key=key, name=name))
            self.facts.append(
                ev.StepEndedFailed(key=key, error=OOPS)
                if fails
                else ev.StepCompleted(key=key, result=1)
            )
        return verdict.what


def played(steps: list[tuple[Step, bool]]) -> list[Any]:
    """The record of a workflow that did these steps one after the other; some failed, and it went
    on.
    """
    play = Play([START])
    for step, fails in steps:
        assert play.step(step, fails=fails) == "run"
    return play.facts


STEPS = st.tuples(st.sampled_from("ab"), st.integers(0, 2))
PROGRAMS = st.lists(st.tuples(STEPS, st.booleans()), max_size=12)


@given(PROGRAMS, st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_unchanged_workflow_takes_up_wherever_its_record_was_cut_and_runs_nothing_twice(
    program: list[tuple[Step, bool]], cut: int
) -> None:
    facts = played(program)[: max(1, cut)]
    ended = {f.key for f in facts if isinstance(f, (ev.StepCompleted, ev.StepEndedFailed))}
    play = Play(facts)
    verdicts = [play.step(step) for step, _ in program]
    assert set(play.replayed) == ended
    assert not ended.intersection(play.ran)
    assert verdicts == ["recorded"] * len(ended) + ["run"] * (len(program) - len(ended))
    assert not play.cursor.replaying


@given(PROGRAMS, st.integers(0, 11))
@settings(max_examples=200, deadline=None)
def test_step_asked_for_with_another_argument_contradicts_the_record_before_it_runs(
    program: list[tuple[Step, bool]], at: int
) -> None:
    play = Play(played(program))
    for i, ((name, argument), _) in enumerate(program):
        if i == at:
            # The record goes on with a step of this name, which nobody has asked for: this one.
            assert play.step((name, argument + 100)) == "contradiction"
            break
        assert play.step((name, argument)) == "recorded"
    assert play.ran == []


@given(PROGRAMS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_steps_side_by_side_may_come_in_any_order(
    program: list[tuple[Step, bool]], random: Any
) -> None:
    play = Play(played(program), main=False)
    steps = [step for step, _ in program]
    random.shuffle(steps)
    assert all(play.step(step, once=True) == "recorded" for step in steps)
    assert not play.cursor.replaying


@given(PROGRAMS, PROGRAMS)
@settings(max_examples=200, deadline=None)
def test_edited_workflow_reuses_what_is_unchanged_and_contradicts_nothing(
    before: list[tuple[Step, bool]], after: list[tuple[Step, bool]]
) -> None:
    facts = [*played(before), ev.RunResumed(code="c2")]
    play = Play(facts)
    verdicts = [play.step(step) for step, _ in after]
    kept: list[Step] = [step for step, _ in before]
    for (step, _), verdict in zip(after, verdicts, strict=True):
        if step in kept:
            kept.remove(step)
            assert verdict == "recorded"
        else:
            assert verdict == "run"


@given(PROGRAMS)
@settings(max_examples=100, deadline=None)
def test_record_is_complete_for_the_next_replay(program: list[tuple[Step, bool]]) -> None:
    facts = played(program)
    play = Play(facts[: len(facts) // 2 + 1])
    for step, _ in program:
        play.step(step)
    again = Play(play.facts)
    assert {again.step(step) for step, _ in program} <= {"recorded"}


@pytest.mark.parametrize(("under_way", "verdict"), [(0, "contradiction"), (1, "run")])
def test_effect_beside_others_is_held_against_the_record_when_nothing_is_under_way(
    under_way: int, verdict: str
) -> None:
    cursor = ReplayCursor(state_of(played([(("a", 1), False)])), {})
    cursor.under_way = under_way
    key = cursor.occurrence(b"other")
    assert cursor.step(key, "a", main=False).what == "run"
    assert cursor.step(key, "a", once=True, main=False).what == "unclear"
    assert cursor.step_again("a").what == verdict


def test_step_that_began_and_did_not_end_is_run_again_with_what_is_known_of_it() -> None:
    key = occurrence_key(b"a\x001", 0)
    cursor = ReplayCursor(
        state_of([START, ev.StepStarted(key=key, name="a"), ev.EffectIntended(key=key)]), {}
    )
    verdict = cursor.step(key, "a", once=True)
    assert verdict.what == "run"
    assert verdict.step is not None
    assert verdict.step.intents == 1


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 8))
@settings(max_examples=100, deadline=None)
def test_direction_is_seen_at_the_same_look_by_every_replay(
    given_at: list[int], looks: int
) -> None:
    """People steer between looks; a replay knows all of it at once, and sees each part when the
    first run did.
    """
    first, seen, facts = ReplayCursor(state_of([START]), {}), [], [START]
    for n in range(1, looks + 1):
        steers = sum(at < n for at in given_at)
        finishing, count, new = first.look(steers > 3, steers)
        seen.append((finishing, count))
        if new:
            facts.append(ev.DirectionTaken(look=new, finishing=finishing, steers=count))
    again = ReplayCursor(state_of([*facts, ev.StepStarted(key=StepKey("k" * 16), name="next")]), {})
    assert [again.look(True, 99)[:2] for _ in seen] == seen


def test_question_and_message_that_are_recorded_are_replayed_and_others_are_new() -> None:
    approval, mailbox = ApprovalId("a1"), mailbox_identity(RUN)
    asked = ev.ApprovalRequested(approval=approval, key=StepKey("q" * 16), question="Go?")
    answered = ev.ApprovalDecided(approval=approval, decision="approve")
    state, received = state_of([START, asked, answered]), {occurrence_key(mailbox, 0): Seq(0)}
    cursor = ReplayCursor(state, received)
    assert cursor.replaying
    cursor.question(approval, state.approvals[approval])
    assert cursor.replaying
    cursor.receive(cursor.occurrence(mailbox) in received)
    assert not cursor.replaying
    cursor.receive(cursor.occurrence(mailbox) in received)
    assert not cursor.replaying


@given(
    st.lists(st.sampled_from(["x", "y"]), max_size=6),
    st.lists(st.sampled_from(["x", "y"]), max_size=6),
)
@settings(max_examples=100, deadline=None)
def test_each_event_that_was_emitted_before_is_left_out_once(
    before: list[str], now: list[str]
) -> None:
    facts = [START, *(ev.ProgressUpdated(message=m) for m in before)]
    cursor, left = ReplayCursor(state_of(facts), {}), list(before)
    for message in now:
        known = cursor.emitted(ev.ProgressUpdated(message=message).body())
        assert known == (message in left)
        if known:
            left.remove(message)
