"""What a report that is written without a model says, and what it never does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Report
from sentient_kernel.research.extractive.disagree import disagreements
from sentient_kernel.research.extractive.evidence import Evidence, collect, select
from sentient_kernel.research.extractive.features import LONGEST, clean
from sentient_kernel.research.extractive.plan import plan
from sentient_kernel.research.extractive.write import write
from sentient_kernel.research.verify.claims import check_report
from sentient_kernel.sources.base import Document, Health, Passage

QUESTION = "How much water does biochar hold in sand?"
SAND = (
    "Sandy soil drains fast. Biochar raised the water held by sand by 45% on average. It lasted for"
    " nine years."
)
HELD = Health(source="papers/", documents=2, passages=2)


def found(*texts: str) -> tuple[list[Passage], dict[str, str]]:
    documents = [
        Document(title=f"Work {at}", uri=f"{at}.txt", text=text, source="papers/")
        for at, text in enumerate(texts)
    ]
    passages = [
        Passage(
            document=one.id,
            title=one.title,
            uri=one.uri,
            start=0,
            end=len(one.text),
            text=one.text,
            score=5.0,
            source="papers/",
        )
        for one in documents
    ]
    return passages, {one.id: one.text for one in documents}


def report(question: str, *texts: str, health: Health = HELD) -> Report:
    passages, stored = found(*texts)
    made = write(
        question,
        plan(question),
        select(question, passages),
        [health],
        found={0: passages},
    )
    return check_report(made, stored.get)


def evidence(*quotes: str) -> list[Evidence]:
    return [
        Evidence(
            document=DocumentId(f"d{at}"),
            title=f"W{at}",
            uri=f"{at}",
            start=0,
            end=len(quote),
            quote=quote,
            score=1.0,
            own=False,
        )
        for at, quote in enumerate(quotes)
    ]


def written(question: str, chosen: Sequence[Evidence]) -> Report:
    """Returns a report of chosen evidence, each in a passage that has no more."""
    passages = [
        Passage(
            document=one.document,
            title=one.title,
            uri=one.uri,
            start=one.start - len(one.before),
            end=one.end,
            text=one.before + one.quote,
            score=one.passage,
        )
        for one in chosen
    ]
    return write(question, plan(question), chosen, found={0: passages})


def test_every_sentence_cites_a_quote_that_stands_at_its_place() -> None:
    made = report(
        QUESTION,
        SAND,
        "Clay holds much water. Biochar hardly changed it in clay. The plots were in Spain.",
    )
    assert made.claims and not made.unsupported
    assert all(
        claim.citations and all(one.verified for one in claim.citations) for claim in made.claims
    )
    assert made.sources[0].cited >= 1


def test_answer_is_made_of_sentences_of_the_report() -> None:
    made = report(QUESTION, SAND)
    assert "Biochar raised the water held by sand by 45% on average." in made.answer
    assert made.answer == " ".join(claim.text for claim in made.claims if claim.lead)
    assert 1 <= sum(claim.lead for claim in made.claims) <= 3


def test_sentence_that_points_back_brings_the_one_before_it() -> None:
    text = "Biochar darkens sand. It holds 45% more water in sand than sand alone does."
    passages, stored = found(text)
    chosen = [
        one
        for one in select("How much more water does sand hold?", passages)
        if one.quote.startswith("It")
    ]
    made = check_report(written("How much more water does sand hold?", chosen), stored.get)
    assert made.claims[0].text == text
    assert made.claims[0].citations[0].start == 0 and made.claims[0].verdict == "supported"


def test_sentence_that_points_back_to_nothing_known_is_left_out_when_others_answer() -> None:
    lost = evidence(
        "It raised the water held by sand.", "Biochar raised the water that is held by sand."
    )
    made = written("biochar water sand", lost)
    assert [claim.text for claim in made.claims] == [
        "Biochar raised the water that is held by sand."
    ]


def test_same_statement_of_two_sources_is_one_sentence_with_two_citations() -> None:
    made = report(QUESTION, SAND, SAND.replace("Sandy", "Dry sandy"))
    told = [claim for claim in made.claims if "45%" in claim.text]
    assert len(told) == 1 and len({one.document for one in told[0].citations}) == 2


def test_statements_that_differ_in_a_number_are_not_merged() -> None:
    made = written(
        "biochar water sand",
        evidence("Biochar raised water in sand by 45%.", "Biochar raised water in sand by 14%."),
    )
    assert len(made.claims) == 2


def test_report_abstains_when_nothing_fits_and_says_why_for_each_source() -> None:
    made = report(
        "Who won the chess olympiad of 1964 in Reykjavik?",
        SAND,
        health=Health(source="papers/", documents=1, passages=1),
    )
    assert (
        made.abstained
        and not made.claims
        and made.answer.startswith("Nothing in the sources answers this.")
    )
    assert "Reykjavik" in made.answer
    assert made.unanswered[0].sources[0][0] == "papers/" and made.sources[0].reason


@pytest.mark.parametrize(
    ("health", "reason"),
    [
        (Health(source="web", reason="The web search was rate limited."), "rate limited"),
        (Health(source="web"), "holds no documents"),
        (Health(source="web", refused=(("a.pdf", "broken"),)), "1 document could not be read"),
        (Health(source="web", documents=3), "None of its 3 documents"),
    ],
)
def test_gap_gives_the_reason_of_the_source(health: Health, reason: str) -> None:
    made = write("What is biochar?", plan("What is biochar?"), [], [health], found={})
    assert made.abstained and reason in made.unanswered[0].sources[0][1]


def test_part_that_nothing_answers_is_listed_while_the_rest_is_answered() -> None:
    question = (
        "How much water does biochar hold in sand, and which orchestra performed in Reykjavik?"
    )
    passages, _ = found(SAND)
    parts = plan(question)
    made = write(
        question,
        parts,
        select(parts[1].query, passages),
        [HELD],
        found={0: passages, 1: passages, 2: []},
    )
    assert any("orchestra" in gap.question for gap in made.unanswered)


def test_answered_question_says_which_name_of_it_no_source_mentions() -> None:
    made = report("How much water did biochar raise in sand on average in Bulgaria?", SAND)
    assert not made.abstained and [gap.reason for gap in made.unanswered] == [
        "Nothing that was found mentions “Bulgaria”."
    ]
    assert not report(QUESTION, SAND).unanswered


def test_code_and_badges_do_not_reach_the_text_but_the_quote_stays() -> None:
    text = "* Use :func:`~pkg.load` to load **biochar** tables of sand [12]."
    made = written("load biochar tables of sand", evidence(text))
    assert made.claims[0].text == "Use pkg.load to load biochar tables of sand."
    assert made.claims[0].citations[0].quote == text


def test_endless_sentence_is_shown_cut() -> None:
    assert len(clean("word " * 10_000)) <= LONGEST + 2


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        (
            "Aspirin reduces the risk of stroke in older adults.",
            "Aspirin does not reduce the risk of stroke in older adults.",
            "negation",
        ),
        (
            "Fine biochar increased water content of sandy soil.",
            "Fine biochar decreased water content of sandy soil.",
            "direction",
        ),
        (
            "Influenza causes about 500,000 deaths each year worldwide.",
            "Influenza causes about 650,000 deaths each year worldwide.",
            "number",
        ),
    ],
)
def test_contradiction_of_two_sources_is_found_with_both_citations(
    one: str, other: str, kind: str
) -> None:
    pairs = disagreements(evidence(one, other))
    assert [pair.kind for pair in pairs] == [kind] and pairs[0].why
    assert [side.citations[0].quote for side in pairs[0].sides] == [one, other]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "Aspirin reduces the risk of stroke in adults.",
            "Vitamin D does not reduce the risk of falls in women.",
        ),
        (
            "The vaccine reduces deaths from influenza in adults.",
            "It is unclear whether the vaccine reduces deaths from influenza in adults.",
        ),
        (
            "Never Cry Wolf is a 1983 American drama film.",
            "Cry Wolf is a 2005 American horror film.",
        ),
        (
            "Influenza caused 500 deaths in Spain in 1999.",
            "Influenza caused 650 deaths in Spain in 2004.",
        ),
        (
            "No vaccine protects against the virus of camels.",
            "The virus of camels spreads to farmers in spring.",
        ),
    ],
)
def test_statements_that_merely_resemble_each_other_are_no_disagreement(
    one: str, other: str
) -> None:
    assert disagreements(evidence(one, other)) == ()


def test_document_does_not_disagree_with_itself() -> None:
    pair = evidence(
        "Biochar increased yield of maize in sand.", "Biochar decreased yield of maize in sand."
    )
    same = [
        Evidence(
            **{**{name: getattr(one, name) for name in one.__slots__}, "document": DocumentId("d")}
        )
        for one in pair
    ]
    assert disagreements(same) == ()


def test_a_heading_is_no_sentence_of_a_report() -> None:
    texts = (
        "# Biochar and water in sand\n\nBiochar raised the water held by sand by 45%.",
        "Water in sand\n\nSand holds little water.",
    )
    made = report(QUESTION, *texts)
    assert {claim.text for claim in made.claims} <= {
        "Biochar raised the water held by sand by 45%.",
        "Sand holds little water.",
    }
    assert made.claims


def test_only_the_rows_of_a_table_that_are_about_the_question_are_shown_and_without_bars() -> None:
    rows = (
        "| soil: sand | added: biochar | water held: 45 |\n| soil: clay | added: none | water held:"
        " 12 |\n| soil: loam | pH: 7 |"
    )
    made = report("How much water does sand with biochar hold?", rows)
    assert [claim.text for claim in made.claims] == ["soil: sand; added: biochar; water held: 45"]
    assert made.claims[0].verdict == "supported"


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        (
            "蜜蜂怎样告诉同伴食物在哪里？",
            "蜜蜂通过跳舞告诉同伴食物的位置。冬天蜜蜂聚集在一起取暖。",
            "蜜蜂通过跳舞告诉同伴食物的位置。",
        ),
        (
            "ミツバチはどうやって食べ物の場所を伝えますか？",
            "ミツバチは踊りで仲間に食べ物の場所を伝える。",
            "ミツバチは踊りで仲間に食べ物の場所を伝える。",
        ),
        (
            "كيف يخبر النحل رفاقه بمكان الطعام؟",
            "يرقص النحل ليخبر رفاقه بمكان الطعام.",
            "يرقص النحل ليخبر رفاقه بمكان الطعام.",
        ),
        (
            "Wie zeigen Bienen, wo Futter ist?",
            "Bienen tanzen, um zu zeigen, wo Futter ist.",
            "Bienen tanzen, um zu zeigen, wo Futter ist.",
        ),
    ],
)
def test_questions_of_other_languages_are_answered_and_what_is_not_there_is_not(
    question: str, text: str, answer: str
) -> None:
    made = report(question, text)
    assert made.answer.startswith(answer)
    assert not made.unsupported
    assert report("火星上有水吗？", text).abstained


def test_sentence_full_of_figures_is_in_the_report() -> None:
    made = report(
        "How high was mortality?",
        "Mortality was 4.5% (95% CI 3.1-6.2) vs 9.1%. The trial ran in Spain.",
    )
    assert "Mortality was 4.5% (95% CI 3.1-6.2) vs 9.1%." in made.answer


BOILERPLATE = (
    "Permission is hereby granted to copy the honeycomb library for bees.",
    "$ pip install honeycomb --bees",
    '{"honeycomb": "bees", "library": {"bees": 12}}',
    "Home | Honeycomb | Bees | Library",
)


@pytest.mark.parametrize("text", BOILERPLATE)
def test_boilerplate_is_no_answer_even_where_there_is_nothing_else(text: str) -> None:
    made = report("What does the honeycomb library do for bees?", text)
    assert made.abstained and not made.claims


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "Under which licence is honeycomb published?",
            "Bees fly far. Honeycomb is published under the Apache licence, all rights reserved.",
        ),
        (
            "What is the licence of honeycomb?",
            "Honeycomb is licensed under the Apache License, Version 2.0.",
        ),
        ("Which command installs honeycomb?", "$ pip install honeycomb --bees"),
    ],
)
def test_question_about_a_licence_or_a_command_is_answered(question: str, text: str) -> None:
    assert any("oneycomb" in claim.text for claim in report(question, text).claims)


TABLE = (
    "| Site | Coral cover 2019 | Coral cover 2023 |\n|---|---|---|\n| North slope | 41.0% | 29.5%"
    " |\n| Lagoon | 33.2% | 30.1% |"
)


def test_row_of_a_table_is_shown_with_the_names_of_its_columns() -> None:
    made = report(
        "How much coral cover did the north slope have in 2023?",
        f"Divers counted fish.\n\n{TABLE}\n\nStarfish eat coral.",
    )
    assert made.answer.startswith(
        "Site: North slope; Coral cover 2019: 41.0%; Coral cover 2023: 29.5%."
    )
    assert made.coverage.level == "all"
    claim = next(claim for claim in made.claims if "North slope" in claim.text)
    assert claim.verdict == "supported" and claim.citations[0].quote.startswith("| Site |")
    assert not any(claim.text.startswith("Site; ") for claim in made.claims)


@pytest.mark.parametrize(
    ("table", "shown"),
    [
        (
            "| Cell | Price per kWh |\n| Sodium-ion | 72 dollars |\n| LFP | 58 dollars |",
            "Cell: Sodium-ion; Price per kWh: 72 dollars",
        ),
        (
            "| Price of a sodium-ion cell per kWh | 72 dollars |\n| Colour | blue |",
            "Price of a sodium-ion cell per kWh: 72 dollars",
        ),
    ],
)
def test_table_without_a_rule_is_read_too(table: str, shown: str) -> None:
    made = report(
        "How much does a sodium-ion cell cost per kWh?", f"Cells are made in Elm.\n\n{table}"
    )
    assert shown in [claim.text for claim in made.claims]


def test_row_whose_columns_have_no_known_names_is_not_shown() -> None:
    made = report(
        "What is the coral cover of the south wall?",
        "Coral cover fell.\n\n| South wall | 42.5% | 34.6% |\n| Lagoon | 33.2% | 30.1% |",
    )
    assert not any("42.5" in claim.text for claim in made.claims)


def test_entries_of_a_list_keep_their_order() -> None:
    steps = (
        "How to set up a heat pump\n\n1. Balance the radiators of the heat pump.\n2. Lower the"
        " heating curve.\n3. Switch off the rod to set up the heat pump."
    )
    made = report(
        "Explain step by step how to set up a heat pump.", f"A heat pump is quiet.\n\n{steps}"
    )
    assert [claim.text[:7] for claim in made.claims if claim.lead] == [
        "Balance",
        "Lower t",
        "Switch ",
    ]


def test_works_and_transcripts_are_not_quoted() -> None:
    works = (
        "## Results\n\nCaffeine cut sleep by 41 minutes.\n\n## References\n\nCoffee, caffeine, and"
        " sleep.\n\nCaffeine and sleep in the old."
    )
    assert [claim.text for claim in report("What does caffeine do to sleep?", works).claims] == [
        "Caffeine cut sleep by 41 minutes."
    ]
    shell = (
        "Restic keeps backups.\n\nuser@box:~$ apt install restic\nThe following packages of restic"
        " will be installed for backups."
    )
    assert [claim.text for claim in report("What does restic keep?", shell).claims] == [
        "Restic keeps backups."
    ]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "How was the castle destroyed?",
            (
                "The castle stands above the river. The French burnt it down in 1689. The castle"
                " was rebuilt."
            ),
        ),
        ("Is thymol effective?", "Thymol works above 15 degrees. Most mites died of thymol."),
        (
            "What did the works council decide about parking?",
            "Works council, minutes. Parking: the north lot closes.",
        ),
    ],
)
def test_what_is_said_otherwise_is_shown_as_the_closest_passages(question: str, text: str) -> None:
    made = report(question, text)
    assert made.claims and not made.abstained
    assert made.coverage.level == "near"
    assert [gap.question for gap in made.unanswered] == [question]


@pytest.mark.parametrize(
    "question",
    [
        "What is the boiling point of tungsten?",
        "What does the CEO earn?",
        "Was the bridge effective?",
        "How was Elmtown destroyed?",
    ],
)
def test_topic_that_is_not_there_is_abstained_from(question: str) -> None:
    assert report(
        question, "The castle was burnt down in 1689. Thymol boils at 232 degrees. The council met."
    ).abstained


def test_part_that_is_left_open_is_named() -> None:
    question = "When was the castle built, and who paid for it?"
    passages, _ = found("The castle was built in 1187. The castle stands high.", "The keep is red.")
    parts = plan(question)
    everything = {part.id: passages for part in parts}
    made = write(question, parts, collect(parts, everything), [HELD], found=everything)
    assert str(made.coverage) == "answers 1 of 2 parts"
    assert [gap.question for gap in made.unanswered] == ["Who paid for it?"]


def test_answer_that_says_it_comes_with_what_it_speaks_of() -> None:
    made = report(
        "Does the router support WEP?",
        "The router is a Netline. It supports WPA3 but not WEP. The router is grey.",
    )
    assert made.answer.startswith("The router is a Netline. It supports WPA3 but not WEP.")


def test_entry_of_a_list_stands_under_its_heading() -> None:
    text = (
        "# Handbook\n\nBread is sold.\n\n## Opening the bakery\n\n1. Switch on the lights.\n"
        "2. Check the cold room.\n3. Score each of the loaves twice."
    )
    made = report("List the steps for opening the bakery.", text)
    assert [claim.text for claim in made.claims if claim.lead] == [
        "Switch on the lights.",
        "Check the cold room.",
        "Score each of the loaves twice.",
    ]
