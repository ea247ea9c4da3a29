"""Twelve questions of two hops, in other words than their pages, and a model that answers from what
it is shown alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Hops:
    """A question, its pages, and what a careful reader makes of them.

    Attributes:
        pages: Title and text of each page; the answer's are the first two.
        first: What says whom the question means, with the name in a group.
        second: What answers the question.
        ask: What is searched for next; ``{}`` stands for the name.
    """

    question: str
    pages: tuple[tuple[str, str], ...]
    first: str
    second: str
    ask: str


TWELVE = (
    Hops(
        "In which city was the buyer of Lumen Optics founded?",
        (
            (
                "Lumen Optics",
                (
                    "Lumen Optics made lenses for cameras. In 2016 the Brightwell Group acquired"
                    " the firm for 40 million euros."
                ),
            ),
            (
                "Brightwell Group",
                (
                    "The Brightwell Group sells spectacles. It began as a workshop of two brothers"
                    " in Jena."
                ),
            ),
            (
                "Lumen Optics in tests",
                (
                    "Testers praised Lumen Optics for sharp corners. A lens of Lumen Optics weighs"
                    " 300 grams."
                ),
            ),
            (
                "Founded cities",
                "Many a city was founded beside a river. Which city is the oldest is not known.",
            ),
        ),
        r"the (Brightwell Group) acquired",
        "workshop of two brothers in Jena",
        "{} history",
    ),
    Hops(
        "Where did the head of the Karsh expedition go to school?",
        (
            (
                "Karsh expedition",
                (
                    "The Karsh expedition crossed the ice in 1931. Ilse Torvald led it from the"
                    " first day to the last."
                ),
            ),
            (
                "Ilse Torvald",
                (
                    "Ilse Torvald grew up in the north. She was a pupil at the grammar school of"
                    " Hammervik."
                ),
            ),
            (
                "Dogs of the Karsh expedition",
                "The Karsh expedition took forty dogs. Eleven dogs came back.",
            ),
            (
                "Head and neck",
                (
                    "Where the head meets the neck, seven bones lie. They go to school books in"
                    " drawings."
                ),
            ),
        ),
        r"(Ilse Torvald) led it",
        "pupil at the grammar school of Hammervik",
        "{} youth",
    ),
    Hops(
        "When was the maker of the Osprey glider begun?",
        (
            (
                "Osprey glider",
                (
                    "The Osprey glider has a span of 15 metres. It comes from Falk & Sons, who"
                    " build nothing else."
                ),
            ),
            (
                "Falk & Sons",
                "Falk & Sons employ ninety people. The house was set up in 1903 by a carpenter.",
            ),
            (
                "Records",
                (
                    "An Osprey glider flew 900 kilometres in 1998. Another Osprey glider reached"
                    " nine thousand metres."
                ),
            ),
            (
                "Makers of kites",
                (
                    "A maker of kites begins with the frame. When the frame is begun, the cloth is"
                    " cut."
                ),
            ),
        ),
        r"comes from (Falk & Sons)",
        "set up in 1903 by a carpenter",
        "{}",
    ),
    Hops(
        "Which country does the author of The Salt Road come from?",
        (
            (
                "The Salt Road",
                "The Salt Road is a novel of 1962. Mirela Danko wrote it within one winter.",
            ),
            ("Mirela Danko", "Mirela Danko published four novels. She is a native of Slovenia."),
            (
                "Salt",
                (
                    "The salt road led from the coast to the country's markets. Which road came"
                    " first is not known."
                ),
            ),
            ("Authors", "An author may come from any country. Most authors write in the morning."),
        ),
        r"(Mirela Danko) wrote",
        "native of Slovenia",
        "{} novelist",
    ),
    Hops(
        "What was the profession of the wife of the painter Orrin Vale?",
        (
            (
                "Orrin Vale",
                "Orrin Vale painted harbours. In 1911 he married Tessa Brandt, who outlived him.",
            ),
            (
                "Tessa Brandt",
                (
                    "Tessa Brandt is known for her goblets. She earned her living as an engraver of"
                    " glass."
                ),
            ),
            (
                "Paintings",
                (
                    "The painter Orrin Vale used zinc white. A harbour by Orrin Vale hangs in the"
                    " town hall."
                ),
            ),
            (
                "Professions",
                "What was a profession once is a hobby now. A wife of a smith was a smith as well.",
            ),
        ),
        r"married (Tessa Brandt)",
        "engraver of glass",
        "{}",
    ),
    Hops(
        "In what year did the architect of the Hollin Tower die?",
        (
            (
                "Hollin Tower",
                (
                    "The Hollin Tower has twelve storeys. It was designed by Piet Aldous, who never"
                    " saw it finished."
                ),
            ),
            (
                "Piet Aldous",
                (
                    "Piet Aldous drew for the town for thirty years. He passed away in 1957 at the"
                    " sea."
                ),
            ),
            (
                "Views",
                "From the Hollin Tower one sees the bay. The Hollin Tower is open on Sundays.",
            ),
            (
                "Years",
                (
                    "In a leap year, February has a day more. Architects die as others do, in any"
                    " year."
                ),
            ),
        ),
        r"designed by (Piet Aldous)",
        "passed away in 1957",
        "{} death",
    ),
    Hops(
        "Where is the sponsor of the Marrow Cup based?",
        (
            (
                "Marrow Cup",
                "The Marrow Cup is sailed in June. Denholm Bank pays for prizes and boats.",
            ),
            (
                "Denholm Bank",
                "Denholm Bank lends to fishermen. The bank has its head office in Utrecht.",
            ),
            (
                "Winners",
                (
                    "Two sisters won the Marrow Cup three times. The Marrow Cup was called off in"
                    " 1940."
                ),
            ),
            ("Sponsors", "A sponsor wants to be seen. Where sponsors are based matters little."),
        ),
        r"(Denholm Bank) pays",
        "head office in Utrecht",
        "{} address",
    ),
    Hops(
        "How old was the successor of Abbot Renwick when he took office?",
        (
            (
                "Abbot Renwick",
                "Abbot Renwick resigned in 1702. After him Tobias Lenk ruled the house.",
            ),
            (
                "Tobias Lenk",
                "Tobias Lenk came from a family of weavers. He became abbot at the age of 34.",
            ),
            (
                "Library",
                (
                    "Abbot Renwick bought nine hundred books. The books of Abbot Renwick were lost"
                    " in a fire."
                ),
            ),
            (
                "Office",
                "How an office is taken differs from land to land. An old office has old chairs.",
            ),
        ),
        r"After him (Tobias Lenk) ruled",
        "abbot at the age of 34",
        "{}",
    ),
    Hops(
        "How many ships does the owner of the ferry Calla have?",
        (
            (
                "Ferry Calla",
                (
                    "The ferry Calla crosses the sound eight times a day. She belongs to Northway"
                    " Lines."
                ),
            ),
            (
                "Northway Lines",
                "Northway Lines have sailed since 1950. Their fleet counts nine vessels today.",
            ),
            (
                "Calla in storms",
                (
                    "The ferry Calla stayed in port for two days in March. Cars wait for the ferry"
                    " Calla on the quay."
                ),
            ),
            ("Ships", "How many ships there are is not known. An owner of ships pays dues."),
        ),
        r"belongs to (Northway Lines)",
        "fleet counts nine vessels",
        "{} ferries",
    ),
    Hops(
        "At which university did the discoverer of comet Harrow teach?",
        (
            (
                "Comet Harrow",
                (
                    "Comet Harrow returns every 76 years. Lena Stroud was the first to see it, in"
                    " 1988."
                ),
            ),
            (
                "Lena Stroud",
                (
                    "Lena Stroud used a telescope of her own. She lectured in Leiden until she"
                    " retired."
                ),
            ),
            ("Orbit", "Comet Harrow passes near Mars. The tail of comet Harrow is blue."),
            (
                "Universities",
                "At a university one may teach or learn. Which university is best is not known.",
            ),
        ),
        r"(Lena Stroud) was the first to see",
        "lectured in Leiden",
        "{} astronomer",
    ),
    Hops(
        "From which mine does the stone of the Verrin bridge come?",
        (
            (
                "Verrin bridge",
                (
                    "The Verrin bridge has five arches. Its builders chose Callow granite, for its"
                    " colour."
                ),
            ),
            (
                "Callow granite",
                "Callow granite is pink. This rock is quarried at Tarn Edge and nowhere else.",
            ),
            (
                "Floods",
                (
                    "The Verrin bridge stood in the flood of 1921. A ship struck the Verrin bridge"
                    " in 1950."
                ),
            ),
            (
                "Mines",
                (
                    "From a mine comes ore. Which mine is deepest is not known; stone may come from"
                    " any."
                ),
            ),
        ),
        r"chose (Callow granite)",
        "quarried at Tarn Edge",
        "{} origin",
    ),
    Hops(
        "What instrument did the teacher of the composer Ada Quill play?",
        (
            (
                "Ada Quill",
                (
                    "Ada Quill wrote songs and one opera. As a girl she had studied under Matteo"
                    " Brune."
                ),
            ),
            (
                "Matteo Brune",
                (
                    "Matteo Brune moved to Graz in 1902. He was a violist in the orchestra of the"
                    " theatre."
                ),
            ),
            (
                "Songs",
                (
                    "The composer Ada Quill set forty poems. A song by the composer Ada Quill opens"
                    " the feast."
                ),
            ),
            (
                "Instruments",
                (
                    "What instrument one may play depends on the hands. A teacher may play any"
                    " instrument."
                ),
            ),
        ),
        r"studied under (Matteo Brune)",
        "a violist in the orchestra",
        "{} musician",
    ),
)


def reader(hops: Hops) -> Callable[[str], dict[str, Any]]:
    """Returns what a model says that follows the protocol and knows nothing but the quotes of its
    prompt.
    """

    def say(asked: str) -> dict[str, Any]:
        quotes = {int(n): line for n, line in re.findall(r"^\[(\d+)\] <<<(.*)>>>$", asked, re.M)}
        whom = next(
            (found[1] for line in quotes.values() if (found := re.search(hops.first, line))), ""
        )
        if "Split the question" in asked:
            return {"questions": []}
        if "Do these quotes" in asked:
            known = any(hops.second in line for line in quotes.values())
            # It keeps the words of the question and only searches otherwise, as models do.
            follow = (
                [{"question": hops.question, "query": hops.ask.format(whom)}]
                if whom and not known
                else []
            )
            return {"enough": known, "questions": follow}
        claims = [
            {"text": line.partition(": ")[2].strip(), "cites": [n]}
            for n, line in quotes.items()
            if re.search(hops.first, line) or hops.second in line
        ]
        return {"claims": claims, "missing": [] if len(claims) > 1 else ["the second step"]}

    return say
