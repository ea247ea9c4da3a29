"""What a reader cannot see is spelled out; in what a person agrees to, all of it, elsewhere all
that no script and no emoji needs.
"""

from __future__ import annotations

import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.failures import exact, plain, without_hidden
from sentient_kernel.report.escape import visible
from sentient_kernel.research.prompts import further

IGNORABLE = (
    (0xAD,),
    (0x34F,),
    (0x61C,),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164,),
    (0xFE00, 0xFE0F),
    (0xFEFF,),
    (0xFFA0,),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Default_Ignorable_Code_Point of DerivedCoreProperties.txt."""
UNSEEN = [chr(code) for one in IGNORABLE for code in range(one[0], one[-1] + 1)]
NEEDED = [
    "I \N{HEAVY BLACK HEART}\ufe0f bees",
    "call \N{BLACK TELEPHONE}\ufe0e now",
    "press 1\ufe0f\u20e3",
    "\U0001f469\u200d\U0001f4bb works",
    "\U0001f469\U0001f3fd\u200d\U0001f4bb",
    "\N{HEAVY BLACK HEART}\ufe0f\u200d\U0001f525",
    "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647",
    "\u0915\u094d\u200d\u0937",
    "\u845b\U000e0100\u57ce",
    "\u1820\u180b",
]
"""Emoji, Persian, Hindi, a Japanese name, Mongolian."""


def test_what_nobody_sees_is_spelled_out_wherever_no_script_needs_it() -> None:
    for sign in UNSEEN:
        text = f"{sign}hi{sign}ve{sign}{sign}1{sign}2{sign}"
        for shown in (plain(text), exact(text), visible(text), without_hidden(text)):
            assert sign not in shown, text
        assert plain(text).count(f"[U+{ord(sign):04X}]") == 6
        twice = f"\N{HEAVY BLACK HEART}{sign}{sign}\u845b{sign}{sign}"
        assert plain(twice).count(sign) <= 2 and sign not in exact(twice)


@pytest.mark.parametrize("text", NEEDED)
def test_what_scripts_and_emoji_need_stays_but_not_where_somebody_agrees(text: str) -> None:
    assert plain(text) == visible(text) == without_hidden(text) == text
    assert not [sign for sign in exact(text) if sign in UNSEEN]
    assert exact(text) != text


@given(st.text(min_size=1, max_size=30))
def test_in_what_is_agreed_to_each_sign_is_seen(text: str) -> None:
    shown = exact(text)
    assert not [
        sign
        for sign in shown
        if sign in UNSEEN or unicodedata.category(sign) in ("Cf", "Cn", "Co", "Cs", "Zl", "Zp")
    ]
    assert not [sign for sign in shown if sign.isspace() and sign not in " \n\t"]
    assert exact(shown) == shown


def test_a_text_cannot_be_written_in_what_is_not_seen() -> None:
    """Of 8 bits a sign, in ten ways, none is left in what a person sees; a model's query has none
    of it from the beginning.
    """
    secret = "zebra-4831"
    bits = [bit == "1" for sign in secret for bit in f"{ord(sign):08b}"]
    pairs = [
        ("\u200b", "\u200c"),
        ("\ufe00", "\ufe01"),
        ("\u3164", "\uffa0"),
        ("\u034f", "\u17b4"),
        ("\u00ad", "\u2060"),
        ("\u180e", "\U0001d173"),
    ]
    ways = [
        "".join(one if bit else other for bit in bits)
        for one, other in [*pairs, ("\u2800", "\u2003")]
    ]
    ways += ["".join(chr(base + ord(sign)) for sign in secret) for base in (0xE0000, 0xE0100)]
    ways.append("".join(random.Random(1).choices(UNSEEN, k=40)))
    for way in ways:
        assert not [sign for sign in exact(f"waggle hive{way}") if sign in way]
        (part,) = further(
            {"questions": [{"question": f"Where?{way}", "query": f"waggle{way} hive"}]}, [], 3, ()
        )
        assert part.query.split() in (
            ["waggle", "hive"],
            ["waggle", *part.query.split()[1:-1], "hive"],
        )
        assert not [
            sign for sign in part.query if sign in way and not sign.isspace() and sign != "\u2800"
        ]
