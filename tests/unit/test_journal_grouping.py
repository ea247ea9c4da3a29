"""When a commit is made: decided without a loop, a clock or a file."""

from __future__ import annotations

import pytest

from sentient_kernel.journal.sqlite.append import LONGEST_STREAK, MANY, WINDOW, Grouping


def crowded() -> Grouping:
    grouping = Grouping()
    grouping.under_way += MANY
    return grouping


def test_first_write_of_anybody_is_not_taken_for_one_of_a_row() -> None:
    assert not Grouping().alone("task")


def test_one_who_writes_again_and_again_commits_at_once() -> None:
    grouping = Grouping()
    grouping.alone("task")
    assert all(grouping.alone("task") for _ in range(LONGEST_STREAK))


def test_long_row_of_commits_lets_the_loop_turn() -> None:
    grouping = Grouping()
    assert sum(grouping.alone("task") for _ in range(LONGEST_STREAK + 5)) <= LONGEST_STREAK + 1
    grouping.turned()
    assert grouping.alone("task")


def test_big_results_let_the_loop_turn_sooner() -> None:
    grouping = Grouping()
    grouping.alone("task")
    assert sum(grouping.alone("task", 13) for _ in range(LONGEST_STREAK)) == 3


def test_writers_in_turn_are_never_alone() -> None:
    grouping = Grouping()
    assert not any(grouping.alone(writer) for writer in ["a", "b"] * 10)


def test_few_steps_under_way_are_never_held_back() -> None:
    grouping = Grouping()
    grouping.under_way += MANY - 1
    grouping.committed(10.0)
    assert grouping.hold_back(10.0) == 0


def test_many_steps_under_way_wait_for_company_but_not_for_long() -> None:
    grouping = crowded()
    grouping.committed(10.0)
    assert grouping.hold_back(10.0) == pytest.approx(WINDOW)
    assert grouping.hold_back(10.0 + WINDOW) == 0
    assert grouping.hold_back(99.0) == 0


def test_steps_that_began_before_do_not_count_when_they_end() -> None:
    grouping = Grouping()
    grouping.under_way -= 100
    grouping.turned()
    assert grouping.under_way == 0


def test_waiting_in_vain_makes_steps_that_never_end_count_less() -> None:
    grouping = crowded()
    waits = 0
    while grouping.under_way >= MANY:
        grouping.committed(float(waits), waited_for_one=True)
        waits += 1
    assert waits == 1
