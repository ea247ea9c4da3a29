"""A real small model on this machine's processor answers a research over documents, end to end.

What it writes may be of any quality. The report is honest all the same: every sentence leads to
quotes that carry it, or is marked, or the sources' own sentences stand in its place. Run with
``-m llm``; :mod:`tests.llm.test_real_model` says how to put the model there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import sentient_kernel as sk
from tests.llm.test_real_model import server

__all__ = ["server"]  # a fixture

pytestmark = [pytest.mark.llm, pytest.mark.timeout(900)]

BEES = Path(__file__).parents[2] / "notebooks" / "data" / "bees"
QUESTIONS = (
    "How far do honey bees fly for food, and what keeps them at home?",
    "How does a colony survive the winter?",
)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_small_model_answers_end_to_end_and_the_report_is_honest(
    server: str, question: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    # two cores read a long prompt slowly
    settings = sk.Settings(_env_file=None, model_timeout=240.0)  # type: ignore[call-arg]
    with sk.Workbench(tmp_path / "home", settings=settings, model="openai:smollm2-135m") as wb:
        wb.add(BEES)
        run = wb.research(question)
        report = run.result(800)
        print(f"\n{report!r}")
        print(
            *(f"- {claim.verdict}: {claim.text} ({claim.reason})" for claim in report.claims),
            sep="\n",
        )
        print(*(f"- {error.message}" for error in wb.errors), sep="\n")
        print(
            *(
                f"- {line.purpose}: {line.calls} calls, {line.tokens_in} + {line.tokens_out} tokens"
                for line in run.cost
            ),
            sep="\n",
        )
        assert report.claims and report.made_with["model"] == "openai:smollm2-135m"
        for claim in report.claims:
            if claim.verdict == "supported":
                assert claim.citations and all(citation.verified for citation in claim.citations)
            else:
                assert claim.verdict == "unsupported" and claim.reason
        assert report.to_markdown().count("*(unsupported: ") >= len(report.unsupported)
        for citation in report.citations:
            assert (
                wb.document(citation.document).text[citation.start : citation.end] == citation.quote
            )
        again = wb.research(question, name="again")
        assert again.result(800).claims == report.claims
        if not wb.errors:
            assert sum(line.calls for line in again.cost) == 0, "what it said was kept"
