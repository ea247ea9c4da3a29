"""What a request wants to know, told from how it wants it: list numbers, courtesy, wishes for length, layout and language."""

from __future__ import annotations

import pytest
from request_forms import OPEN, SAME_OPEN

from sentient_kernel.agents._words import content
from sentient_kernel.agents.form import subject


def right(request: str, wanted: str) -> bool:
    """Tells whether the telling words that are left are those of the subject."""
    return set(content(subject(request))) == set(content(wanted))


@pytest.mark.parametrize(("request_", "wanted"), OPEN, ids=[request for request, _ in OPEN])
def test_form_is_told_from_subject(request_: str, wanted: str) -> None:
    assert right(request_, wanted), subject(request_)


@pytest.mark.parametrize("question", SAME_OPEN)
def test_question_that_is_about_form_stays_whole(question: str) -> None:
    assert subject(question) == question
