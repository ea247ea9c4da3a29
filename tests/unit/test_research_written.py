"""What becomes of the sentences that a model wrote, before and after they were checked."""

from __future__ import annotations

from sentient_kernel.report.report import Claim, Report
from sentient_kernel.research.assemble import mended
from sentient_kernel.research.prompts import claims_of


def test_a_single_word_is_no_sentence() -> None:
    value = {
        "claims": [
            {"text": "DONE", "cites": [1]},
            {"text": "Bees dance.", "cites": [1]},
            {"text": " ", "cites": [1]},
        ]
    }
    assert claims_of(value, 1) == [("Bees dance.", (0,))]


def test_what_was_mended_stands_once() -> None:
    good, bad = (
        Claim(text="Bees dance on the comb.", verdict="supported"),
        Claim(text="Bees dance on the moon.", verdict="unsupported"),
    )
    report = Report(question="Where do bees dance?", claims=(good, bad))
    assert mended(report, [good]).claims == (
        good,
        bad,
    ), "it stands there already, and the other stays marked"
    anew = Claim(text="Bees dance in the dark.", verdict="supported")
    assert [claim.text for claim in mended(report, [good, anew]).claims] == [good.text, anew.text]
