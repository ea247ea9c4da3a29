"""How well a report answers, level by level, and the words for it in every form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from projection_log import started

from sentient_kernel.events import ResearchUpdated, RunCompleted
from sentient_kernel.ids import DocumentId
from sentient_kernel.projections.drawing import words
from sentient_kernel.report.live import row
from sentient_kernel.report.report import Citation, Claim, Coverage, Level, Report
from sentient_kernel.research.coverage import judged, written
from sentient_kernel.research.extractive.plan import plan
from sentient_kernel.research.extractive.support import Support
from sentient_kernel.research.verify.claims import Verdict, check_claim

SURE, WEAK = Support(True, "", 4.2), Support(True, "", 3.0)
ONE = "How far do honey bees fly?"
TWO = "How far do honey bees fly, and when do wasps sleep?"


def cited(quote: str, *, placed: bool = True) -> Citation:
    return Citation(
        document=DocumentId("d"),
        title="Notes",
        uri="n.txt",
        start=0,
        end=len(quote),
        quote=quote,
        placed=placed,
        verified=placed,
    )


def claim(text: str, part: int = 0, *, lead: bool = True, verdict: Verdict = "supported") -> Claim:
    return Claim(text=text, part=part, lead=lead, verdict=verdict, citations=(cited(text),))


FAR = claim("Honey bees fly two kilometres.")


@pytest.mark.parametrize(
    ("question", "claims", "support", "level", "answered"),
    [
        (ONE, [FAR], SURE, "all", 1),
        (ONE, [], SURE, "nothing", 0),
        (
            ONE,
            [FAR],
            WEAK,
            "all",
            1,
        ),  # the search did not stand out, but the sentence holds all of it
        (ONE, [claim("Bees fly two kilometres.")], WEAK, "near", 0),
        (
            ONE,
            [FAR],
            Support(True, "", 4.2, ("Oslo",), ("Oslo",)),
            "near",
            0,
        ),  # a name that nothing mentions
        (ONE, [claim("Honey bees fly in summer.")], SURE, "near", 0),  # no kilometres
        (
            ONE,
            [claim("It takes two kilometres.")],
            SURE,
            "near",
            0,
        ),  # hardly a word of the question
        (ONE, [replace(FAR, lead=False)], SURE, "near", 0),  # not in the answer
        (ONE, [replace(FAR, verdict="unsupported")], SURE, "nothing", 0),
        (TWO, [replace(FAR, part=1), claim("Wasps sleep in June and July.", 2)], SURE, "all", 2),
        (TWO, [replace(FAR, part=1)], SURE, "some", 1),
        (TWO, [claim("Wasps are rare.", 2)], SURE, "near", 0),
    ],
)
def test_level_of_the_sources_own_sentences(
    question: str, claims: Sequence[Claim], support: Support, level: Level, answered: int
) -> None:
    parts = plan(question)
    found = judged(parts, claims, {part.id: support for part in parts})
    assert (found.level, found.answered, found.asked) == (level, answered, len(parts) - 1 or 1)


def test_word_that_asks_within_a_question_asks_for_no_kind_of_thing() -> None:
    parts = plan("How do honey bees tell each other where food is?")
    assert (
        judged(parts, [claim("A honey bee tells the others where it is.")], {0: SURE}).level
        == "all"
    )
    parts = plan("Where do honey bees dance?")
    assert judged(parts, [claim("Honey bees dance there.")], {0: SURE}).level == "near"


def test_comparison_is_answered_by_both_sides_together() -> None:
    parts = plan("What is the difference between walk and run?")
    both = [claim("Many walk in the morning.", 1), claim("Few run at night.", 2)]
    supports = {part.id: SURE for part in parts}
    assert judged(parts, both, supports).level == "all"
    assert judged(parts, both[:1], supports).level == "near"
    assert judged(parts, both, {part.id: WEAK for part in parts}).level == "near"


def test_comparison_is_answered_when_each_side_is_told_what_it_is() -> None:
    parts = plan("What is the difference between walk and run?")
    told = [claim("Walk is a slow way to move.", 1), claim("A run is a fast way to move.", 2)]
    supports = {part.id: WEAK for part in parts}
    assert judged(parts, told, supports).level == "all"
    assert judged(parts, [told[0], claim("Many run in the morning.", 2)], supports).level == "near"


@pytest.mark.parametrize(
    ("question", "claims", "missing", "level", "said"),
    [
        (ONE, [FAR], [], "all", "answers the question"),
        (TWO, [FAR], [], "all", "answers both parts"),
        (TWO, [FAR], ["When wasps sleep."], "some", "answers 1 of 2 parts"),
        (
            TWO,
            [FAR],
            ["How a bee measures what she has flown."],
            "some",
            "answers part of the question",
        ),
        (ONE, [FAR], ["How far honey bees fly in winter."], "some", "answers part of the question"),
        (ONE, [replace(FAR, verdict="unsupported")], [], "near", "closest passages only"),
        (ONE, [], [ONE], "nothing", "nothing found"),
    ],
)
def test_level_of_a_models_sentences(
    question: str, claims: Sequence[Claim], missing: Sequence[str], level: Level, said: str
) -> None:
    found = written(plan(question), claims, missing)
    assert (found.level, str(found)) == (level, said)


def test_quotes_at_their_place_are_told_apart_from_how_well_it_answers() -> None:
    lost = replace(FAR, citations=(cited("Bees sting.", placed=False),), verdict="misplaced")
    report = Report(question=ONE, claims=(FAR, lost), coverage=Coverage(level="near"))
    assert report.facts == [
        "closest passages only",
        "1 of 2 quotes stand at their place",
        "1 sentence unsupported",
    ]
    assert Report(question=ONE, claims=(FAR,)).facts == ["1 of 1 quote stands at its place"]


def test_quote_of_an_unsupported_sentence_stands_at_its_place_all_the_same() -> None:
    text = "Bees fly two kilometres."
    wrong = Claim(
        text="Wasps sleep in Norway all winter.",
        citations=(replace(cited(text), placed=False, verified=False),),
    )
    one = check_claim(wrong, {DocumentId("d"): text}.get).citations[0]
    assert one.placed and not one.verified


@pytest.mark.parametrize(
    ("level", "word", "green"),
    [
        ("all", "Done", True),
        ("some", "Partly answered", False),
        ("near", "Closest passages only", False),
        ("nothing", "Nothing found", False),
    ],
)
def test_every_form_says_it_and_only_an_answer_is_green(
    level: Level, word: str, green: bool
) -> None:
    report = Report(
        question=ONE,
        claims=(FAR,),
        coverage=Coverage(level=level, answered=1),
        abstained=level == "nothing",
    )
    said = str(report.coverage)
    html = report.to_html()
    assert said in html and f"</i>{word}</span>" in html and ('class="state ok"' in html) == green
    assert said in report.to_markdown() and "verified" not in report.to_markdown()
    assert report.to_dict()["coverage"] == {"level": level, "asked": 1, "answered": 1}
    assert Report.from_dict(report.to_dict()).coverage == report.coverage
    assert row(report)["coverage"] == level and said in row(report)["facts"]
    log = started()(1, ResearchUpdated(phase="verify", data={"coverage": level}))(2, RunCompleted())
    sign, shown, colour = words.state(log.view())
    assert (shown, colour == "ok") == (word, green) and sign


def test_level_that_nobody_knows_is_shown_as_none() -> None:
    log = started()(1, ResearchUpdated(phase="verify", data={"coverage": "<b>best</b>"}))(
        2, RunCompleted()
    )
    assert log.view().coverage == "" and words.state(log.view())[1] == "Done"


def test_research_that_still_works_says_what_it_does() -> None:
    log = started()(1, ResearchUpdated(phase="verify", data={"coverage": "near"}))
    assert words.state(log.view())[1] == "Verifying"


@pytest.mark.parametrize(
    ("question", "told", "level"),
    [
        (
            "How much does a sodium-ion cell cost per kWh?",
            "Sodium-ion cells kept 84 percent of the kWh.",
            "near",
        ),
        (
            "How much does a sodium-ion cell cost per kWh?",
            "Sodium-ion cells cost 72 dollars per kWh.",
            "all",
        ),
        (
            "How much does a Borg licence cost?",
            "Licence: this note on Borg is in the public domain.",
            "near",
        ),
        ("How much does a Borg licence cost?", "A Borg licence is free.", "all"),
        (
            "What is the efficiency of a heat pump in percent?",
            "The efficiency of a boiler is 92 percent.",
            "near",
        ),
        (
            "What is the efficiency of a heat pump in percent?",
            "The efficiency of a heat pump is 310 percent.",
            "all",
        ),
        (
            "How much coral cover did the north slope have in 2023?",
            "In 2023 starfish ate 6 percent of the coral on the north slope.",
            "near",
        ),
        (
            "How much coral cover did the north slope have in 2023?",
            "Coral cover of the north slope in 2023 was 29.5%.",
            "all",
        ),
        (
            "Did Clara Weidmann study in Zurich?",
            "Clara Weidmann was born in Zurich in 1861.",
            "near",
        ),
        ("Did Clara Weidmann study in Zurich?", "Clara Weidmann studied in Zurich.", "all"),
        ("Does Borg encrypt backups?", "Restic encrypts every backup.", "near"),
        ("Does Borg encrypt backups?", "Borg encrypts backups.", "all"),
        (
            "Which version of restic is installed?",
            "The following packages of restic will be installed.",
            "near",
        ),
        ("Which version of restic is installed?", "Installed is restic 0.16.4.", "all"),
        (
            "Wie lange dauert eine Führung auf der Burg?",
            "Führungen auf die Burg dauern 50 Minuten.",
            "all",
        ),
        (
            "Wie lange dauert eine Führung auf der Burg?",
            "Führungen auf die Burg dauern lange.",
            "near",
        ),
        (
            "What are the side effects of Lumavax?",
            "Adults were randomised to Lumavax or placebo.",
            "near",
        ),
        ("What are the side effects of Lumavax?", "Side effects of Lumavax were rare.", "all"),
        ("How long does the dough rest?", "The dough rests for 14 hours.", "all"),
        (
            "How much does a sodium-ion cell weigh?",
            "At minus 20 degrees sodium-ion cells kept 90 percent.",
            "near",
        ),
        (
            "How many ships use the harbour each year?",
            "The harbour has berths for 14 ships.",
            "near",
        ),
        (
            "How many ships use the harbour each year?",
            "The harbour sees 900 ships every year.",
            "all",
        ),
    ],
)
def test_answer_holds_the_thing_its_measure_and_its_deed(
    question: str, told: str, level: Level
) -> None:
    assert judged(plan(question), [claim(told)], {0: SURE}).level == level


def test_thing_and_measure_meet_in_one_sentence() -> None:
    apart = [claim("A heat pump has an efficiency."), claim("The boiler has 92 percent.")]
    assert (
        judged(plan("What is the efficiency of a heat pump in percent?"), apart, {0: SURE}).level
        == "near"
    )


def test_sentence_that_holds_all_answers_though_the_search_did_not_stand_out() -> None:
    parts = plan("How many mooring buoys should be installed?")
    assert judged(parts, [claim("Install 12 mooring buoys.")], {0: WEAK}).level == "all"
    assert judged(parts, [claim("There are 12 mooring buoys.")], {0: WEAK}).level == "near"


def test_measure_that_has_several_senses_is_none_of_depth() -> None:
    told = [claim("It stands 214 metres above the river Elm.")]
    assert judged(plan("How deep is the river Elm?"), told, {0: WEAK}).level == "near"
