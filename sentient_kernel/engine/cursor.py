"""Where a resumed run stands in its own record. Pure: no loop, no clock, no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

from sentient_kernel.engine.identity import mailbox_identity, occurrence_key
from sentient_kernel.engine.state import ApprovalState, RunState, StepState
from sentient_kernel.ids import ApprovalId, Seq, StepKey


class ReplayVerdict(NamedTuple):
    """What the record says of a call.

    Args:
        what: ``recorded`` has come to its end before, and is not done again. ``run`` is to be done;
            ``step`` is what is known of a former attempt. ``contradiction`` should have been the
            step ``key``. ``unclear`` may be one: ask again once all others had their turn.
        step: What is recorded of it.
        key: The recorded step that it contradicts.
    """

    what: Literal["recorded", "run", "contradiction", "unclear"]
    step: StepState | None = None
    key: StepKey = StepKey("")


RUN = ReplayVerdict("run")


class ReplayCursor:
    """Compares what a workflow asks for with what is recorded: events in; recorded, run it, or
    contradiction out.

    A new run has an empty record, so everything it asks for is to be run. A resumed one finds its
    former calls, in whatever order it asks for them. Only two things can contradict a record:

    - A workflow that has done one thing at a time asks for a step that is not recorded, while the
      record goes on, behind all that was replayed, with a step of the same name.
    - Where several things go on at once their order may differ. Only effects that must not happen
      twice are held against the record then, and only when nothing else is under way.

    Args:
        state: What the run's own events amount to.
        received: The messages that its tree of runs has taken.
    """

    def __init__(self, state: RunState, received: Mapping[StepKey, Seq]) -> None:
        self._state = state
        self._occurrences: Counter[bytes] = Counter()
        self._claimed: set[StepKey] = set()
        self._left = Counter(s.name for s in state.steps.values() if not s.loose)
        self._questions = {
            one for one, asked in state.approvals.items() if asked.request.ask != "open"
        }
        self._facts = state.emitted.copy()
        self._directions = list(state.directions)
        self._looks = 0
        self._seen = (False, 0)
        self._frontier = Seq(0)
        self._sequential = True
        self._ahead = self._left.total() + len(self._questions)
        mailbox, n = mailbox_identity(state.run), 0
        while occurrence_key(mailbox, n) in received:
            n += 1
        self._ahead += n
        self.under_way = 0
        """Steps that run now; whoever runs one counts it."""

    @property
    def replaying(self) -> bool:
        """True while the record holds something that was not asked for yet, and nothing new was
        done.
        """
        return self._ahead > 0

    def occurrence(self, identity: bytes) -> StepKey:
        """Counts a call of one identity and returns its key."""
        n = self._occurrences[identity]
        self._occurrences[identity] = n + 1
        return occurrence_key(identity, n)

    def step(
        self, key: StepKey, name: str, *, once: bool = False, main: bool = True
    ) -> ReplayVerdict:
        """Says what becomes of a call of a step.

        Args:
            key: Its key.
            name: Its name.
            once: Whether its effect must not happen twice.
            main: Whether the workflow itself asks, and not something that it does beside other
                things.
        """
        recorded = self._state.steps.get(key)
        if recorded is not None:
            self._claim(key, recorded, main)
            if recorded.completed is not None or recorded.failed is not None:
                return ReplayVerdict("recorded", recorded)
            self._ahead = 0
            return ReplayVerdict("run", recorded)
        if self._left and self._left[name] > 0:
            if self._sequential and main:
                return self._compared(name)
            if once:
                return ReplayVerdict("unclear")
        self._ahead = 0  # from here on it does what it did not do before
        return RUN

    def step_again(self, name: str) -> ReplayVerdict:
        """Says what becomes of a call that was ``unclear``, now that all others had their turn."""
        if self.under_way:
            self._ahead = 0
            return RUN
        return self._compared(name)

    def _compared(self, name: str) -> ReplayVerdict:
        for key, step in self._state.steps.items():
            left = key not in self._claimed and not step.loose and step.began > self._frontier
            if left and step.name == name:
                return ReplayVerdict("contradiction", step, key)
        self._ahead = 0
        return RUN

    def _claim(self, key: StepKey, recorded: StepState, main: bool) -> None:
        if key in self._claimed:
            return
        self._claimed.add(key)
        if not recorded.loose:
            self._left[recorded.name] -= 1
            self._ahead -= self._ahead > 0
        self._frontier = max(self._frontier, recorded.done)
        if not recorded.done or not main:
            self._sequential = False

    def question(self, approval: ApprovalId, known: ApprovalState | None) -> None:
        """Takes note of a question that the workflow asks."""
        if approval in self._questions and known is not None and not known.open:
            self._questions.discard(approval)
            self._ahead -= self._ahead > 0
        else:
            self._ahead = 0

    def receive(self, taken: bool) -> None:
        """Takes note of a message that the workflow wants; ``taken`` where it took that one in a
        former execution.
        """
        self._ahead = max(self._ahead - 1, 0) if taken else 0

    def emitted(self, fact: bytes) -> bool:
        """True when a former execution wrote this event; each one that it wrote counts for one
        call.
        """
        if self._facts[fact] <= 0:
            return False
        self._facts[fact] -= 1
        return True

    def look(self, finishing: bool, steers: int) -> tuple[bool, int, int]:
        """Says what a workflow sees of finish requests and steers; a replay sees both change at the
        same look as the first run.

        Args:
            finishing: Whether the run is to finish, as of now.
            steers: How many directions people have given it, as of now.

        Returns:
            Whether it sees that it is to finish, how many directions it sees, and the number of
            this look where it is the first to see them; else 0.
        """
        self._looks += 1
        while self._directions and self._directions[0][0] <= self._looks:
            self._seen = self._directions.pop(0)[1:]
        new = False
        # what the first run did not see is not seen
        if not self._directions and not self.replaying:
            new = self._seen != (finishing, steers)
            self._seen = (finishing, steers)
        return *self._seen, self._looks if new else 0
