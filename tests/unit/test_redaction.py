"""Known secrets are replaced in every form that programs echo them in; what looks like one only
where that is meant.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import os
import re
import string
import textwrap
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from cpu_kit import cpu_seconds
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentient_kernel import redaction
from sentient_kernel.redaction import Redactor, StreamRedactor, in_address
from sentient_kernel.redaction.names import is_secret, is_telling
from sentient_kernel.redaction.patterns import without_patterns

SECRETS = [
    "sk-canary-4f9Aq0Zr7Lw2",
    'pa"ss\\w&rd <4> / é+1',
    "correct horse battery staple",
    "line one 1\nline two 2",
    "a" * 20,
]


def forms(secret: str) -> dict[str, str]:
    raw = secret.encode()
    encoded = {
        f"base64 after {n}": base64.b64encode(b"ab"[:n] + raw + b"tail").decode() for n in range(3)
    }
    safe = {
        f"urlsafe after {n}": base64.urlsafe_b64encode(b"ab"[:n] + raw).decode() for n in range(3)
    }
    return {
        "itself": f"it is {secret}.",
        "hex": raw.hex(),
        "HEX": raw.hex().upper(),
        "json": json.dumps({"k": secret}),
        "ascii json": json.dumps(secret, ensure_ascii=False),
        "json in json": json.dumps(json.dumps(secret)),
        "html": html.escape(secret),
        "url": quote(secret, safe=""),
        "form": quote_plus(secret),
        "repr": repr(secret),
        "bytes": repr(raw),
        "basic": base64.b64encode(b"ada:" + raw).decode(),
        **encoded,
        **safe,
    }


def holds(text: str, secret: str) -> bool:
    """Tells whether a secret can still be read in a text, decoded in all the ways that it may have
    been encoded.
    """
    raw = secret.encode()
    if (
        secret in text
        or raw.hex() in text.lower()
        or quote(secret, safe="") in text
        or html.escape(secret) in text
    ):
        return True
    for token in re.findall(r"[A-Za-z0-9+/_-]{8,}", text):
        for cut in range(4):
            part = token[cut:].translate(str.maketrans("-_", "+/"))
            if raw in base64.b64decode(part[: len(part) // 4 * 4] + "====", validate=False):
                return True
    return False


@pytest.mark.parametrize("secret", SECRETS)
def test_a_known_value_is_replaced_in_all_its_forms(secret: str) -> None:
    redactor = Redactor({secret: "THE_KEY"})
    for form, text in forms(secret).items():
        clean = redactor.text(text)
        assert not holds(clean, secret), form
        assert "[hidden:THE_KEY]" in clean, form
        data = redactor.data(json.dumps({"said": [text]}).encode())
        assert not holds(json.loads(data)["said"][0], secret), form


@given(
    st.text(min_size=12, max_size=60).filter(is_telling), st.text(max_size=20), st.text(max_size=20)
)
def test_no_value_survives_wherever_it_stands(secret: str, before: str, after: str) -> None:
    redactor = Redactor({secret: "KEY"})
    assert secret not in redactor.text(before + secret + after)
    encoded = base64.b64encode((before + secret + after).encode()).decode()
    assert not holds(redactor.text(encoded), secret) or holds(
        base64.b64encode((before + after).encode()).decode(), secret
    )


SIGNS = string.ascii_letters + string.digits + "!$%&=+/-_.~'#@ü "
MADE = st.one_of(
    st.binary(min_size=12, max_size=48).map(lambda raw: base64.urlsafe_b64encode(raw).decode()),
    st.binary(min_size=12, max_size=48).map(lambda raw: base64.b64encode(raw).decode()),
    st.text(SIGNS, min_size=12, max_size=64).map(str.strip),
).filter(lambda made: len(made) >= 12 and is_telling(made))
"""Secrets as programs make them: many end in a sign that other programs escape."""
ESCAPED = {
    "itself": str,
    "url": lambda v: quote(v, safe=""),
    "small url": lambda v: re.sub("%..", lambda m: m[0].lower(), quote(v, safe="")),
    "script": lambda v: quote(v, safe="!'()*~"),
    "uri": lambda v: quote(v, safe=";/?:@&=+$,#!'()*~"),
    "form": quote_plus,
    "html": html.escape,
    "json": lambda v: json.dumps(v)[1:-1],
    "php": lambda v: json.dumps(v)[1:-1].replace("/", "\\/"),
    "go": lambda v: re.sub(
        "[&<>]", lambda m: f"\\u{ord(m[0]):04x}", json.dumps(v, ensure_ascii=False)[1:-1]
    ),
    "repr": lambda v: repr(v)[1:-1],
    "bytes": lambda v: repr(v.encode())[2:-1],
    "hex": lambda v: v.encode().hex(),
}


@settings(max_examples=300, deadline=None)
@example(["0000000=0000"], "bytes", 1)  # its end looks like its beginning
@example(["000000000000="], "bytes", 1)
@given(
    st.lists(MADE, min_size=1, max_size=3, unique=True),
    st.sampled_from(sorted(ESCAPED)),
    st.integers(1, 40),
)
def test_a_known_value_is_found_whole_however_its_signs_are_escaped(
    secrets: list[str], how: str, size: int
) -> None:
    """Escaped it is longer, so that other forms of it begin alike: whichever stands there is
    replaced whole, and refused.
    """
    secret = secrets[0]
    redactor = Redactor(dict.fromkeys(secrets, "KEY"))
    text = ESCAPED[how](secret)
    assert redactor.text(f"\N{EM DASH}{text}\N{EM DASH}") == "\N{EM DASH}[hidden:KEY]\N{EM DASH}"
    for value in (text, {"a": [text]}, {text: 1}, f"x{text}x"):
        assert redactor.held_in(json.dumps(value).encode()) is not None
    assert text not in json.loads(redactor.data(json.dumps([text]).encode()))[0]
    stream, whole = StreamRedactor(), f"\N{EM DASH}{text}\N{EM DASH}."
    pieces = [stream.take(whole[at : at + size], redactor) for at in range(0, len(whole), size)]
    assert re.fullmatch(r"\N{EM DASH}.{0,3}\[hidden:KEY\]\N{EM DASH}\.", "".join(pieces)), (
        "three signs of it tell nothing"
    )


@given(MADE, MADE, st.integers(1, 30))
def test_no_value_stays_where_the_beginning_of_another_runs_into_it(
    one: str, other: str, cut: int
) -> None:
    """A text that was cut, and goes on at once with what begins like the rest of the first."""
    joined = one[: max(12, cut)] + other
    redactor = Redactor({one: "ONE", joined[6:]: "OTHER"})
    assert other not in redactor.text(joined)
    assert redactor.held_in(json.dumps(joined).encode()) is not None


@given(st.text(max_size=200))
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    redactor = Redactor({"sk-canary-4f9Aq0Zr7Lw2": "KEY"})
    assert redactor.text(text) == text
    data = json.dumps(text).encode()
    assert redactor.data(data) is data and redactor.held_in(data) is None


def test_the_beginning_of_a_value_in_a_text_that_was_cut_is_replaced_too() -> None:
    redactor = Redactor({SECRETS[0]: "KEY"})
    assert redactor.text(f"it said {SECRETS[0][:15]}…") == "it said [hidden:KEY]…"
    assert redactor.held_in(json.dumps(SECRETS[0][:15]).encode()) is None, (
        "but nothing is refused for a beginning"
    )


@pytest.mark.parametrize(
    "word",
    ["postgres", "password", "12345678", "secret", "none", "true", "", "admin1", "a wrong one"],
)
def test_ordinary_words_are_never_looked_for(word: str) -> None:
    assert (
        Redactor({word: "DB_PASSWORD"}).text(f"The {word} was asked.") == f"The {word} was asked."
    )


def test_json_stays_json_where_a_value_begins_like_an_escape() -> None:
    secret = "network-9k2JxQ81"
    data = json.dumps({"said": f"one\n{secret}", "n": 1, secret: [True, None, 1.5]}).encode()
    clean = json.loads(Redactor({secret: "KEY"}).data(data))
    assert clean == {"said": "one\n[hidden:KEY]", "n": 1, "[hidden:KEY]": [True, None, 1.5]}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, {"b": "x sk-canary-4f9Aq0Zr7Lw2"}]}, "it['a'][1]['b']"),
        ("sk-canary-4f9Aq0Zr7Lw2", "it"),
        ([base64.b64encode(b"sk-canary-4f9Aq0Zr7Lw2").decode()], "it[0]"),
        ({"sk-canary-4f9Aq0Zr7Lw2": 1}, "it: its key 1"),
    ],
)
def test_what_is_refused_is_named_with_its_place(value: object, where: str) -> None:
    assert Redactor({"sk-canary-4f9Aq0Zr7Lw2": "KEY"}).held_in(json.dumps(value).encode()) == (
        "KEY",
        where,
    )


def test_numbers_keys_and_what_is_no_json_are_cleaned_too() -> None:
    number = "92837465102938475610293847"
    redactor = Redactor({number: "ACCOUNT", SECRETS[0]: "KEY"})
    data = b'{"a":[%b,1.5,null,true],"n":"x"}' % number.encode()
    assert json.loads(redactor.data(data)) == {"a": ["[hidden:ACCOUNT]", 1.5, None, True], "n": "x"}
    assert redactor.held_in(data) == ("ACCOUNT", "it['a'][0]")
    twice = b'{"k":"%b","k":"x"}' % SECRETS[0].encode()
    assert redactor.held_in(twice) == ("KEY", "it['k']") and b"canary" not in redactor.data(twice)
    assert redactor.data(b"{no json: %b" % SECRETS[0].encode()) == b"{no json: [hidden:KEY]"
    deep = b"[" * 100_000 + b'"%b"' % SECRETS[0].encode() + b"]" * 100_000
    assert b"canary" not in redactor.data(deep) and redactor.held_in(deep) is not None
    binary = b"\xff\x00" + SECRETS[0].encode()
    assert redactor.data(binary) is binary


_BODY = [
    base64.b64encode(bytes((i * i * n + 7 * i) % 251 for i in range(48))).decode()
    for n in (3, 5, 7)
]
PEM = "\n".join(["-----BEGIN PRIVATE KEY-----", *_BODY, "-----END PRIVATE KEY-----"])
WRAPPED = {
    "as it is": PEM,
    "set in": textwrap.indent(PEM, "    "),
    "CRLF": PEM.replace("\n", "\r\n"),
    "joined": " ".join(PEM.split()),
    "run together": "".join(PEM.split("\n")),
    "repr": repr(PEM),
    "bytes": repr(PEM.encode()),
    "json": json.dumps({"k": PEM}),
    "body": "".join(PEM.split("\n")[1:-1]),
    "one line": PEM.split("\n")[2],
    "quoted": textwrap.indent(PEM, "> | "),
    "base64, wrapped": base64.encodebytes(PEM.encode()).decode(),
    "narrow": "\n".join(textwrap.wrap("".join(PEM.split("\n")[1:-1]), 40)),
    "url": quote(PEM, safe=""),
    "form": quote_plus(PEM),
}


@pytest.mark.parametrize("how", WRAPPED)
def test_a_value_of_several_lines_is_found_however_they_are_wrapped(how: str) -> None:
    redactor = Redactor({PEM: "KEY"})
    clean = redactor.text(f"It said {WRAPPED[how]}, it did.")
    assert clean.startswith("It said ") and clean.endswith(", it did.") and "[hidden:KEY]" in clean
    body = [part for line in PEM.split("\n")[1:-1] for part in (line[:12], line[20:32], line[-12:])]
    assert [
        part
        for part in (*body, *(base64.b64encode(part.encode()).decode()[:14] for part in body))
        if part in clean
    ] == []
    assert redactor.held_in(json.dumps([WRAPPED[how]]).encode()) is not None
    assert (
        redactor.text("-----BEGIN PRIVATE KEY-----\nAAAA\n")
        == "-----BEGIN PRIVATE KEY-----\nAAAA\n"
    ), "that of somebody else"


def test_blanks_inside_of_a_value_are_no_hiding_place() -> None:
    redactor = Redactor(
        {"correct horse battery staple": "PHRASE", "line one 1\nline two 2": "LINES"}
    )
    for text in (
        "correct horse\n   battery staple",
        "correct horse battery\tstaple",
        "line one 1\n\n\tline two 2",
        "line one 1 line two 2",
    ):
        assert redactor.text(f"<{text}>") in ("<[hidden:PHRASE]>", "<[hidden:LINES]>")
    for text in ("correct hand of horses", "line one 1\nthe other"):
        assert redactor.text(text) == text


@pytest.mark.parametrize("secret", SECRETS)
def test_a_value_that_is_split_over_pieces_does_not_come_through(secret: str) -> None:
    redactor = Redactor({secret: "KEY"})
    for text in (
        f"It is {secret}, it said.",
        f"In base64 {base64.b64encode(secret.encode()).decode()}, it said.",
    ):
        for size in range(1, len(text)):
            stream = StreamRedactor()
            pieces = [text[at : at + size] for at in range(0, len(text), size)]
            shown = "".join(stream.take(piece, redactor) for piece in pieces)
            assert not holds(shown, secret) and secret[4:] not in shown, (size, shown)
            assert shown.startswith("I") and shown.endswith(", it said."), (size, shown)


@given(st.lists(st.text(alphabet="sk-canry 4f", max_size=6), max_size=12))
def test_pieces_without_a_secret_come_through_whole(pieces: list[str]) -> None:
    redactor, stream = Redactor({"sk-canary-4f9Aq0Zr7Lw2": "KEY"}), StreamRedactor()
    whole = "".join(pieces)
    shown = "".join(stream.take(piece, redactor) for piece in [*pieces, "."])
    assert shown == redactor.text(whole + ".")


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Incorrect API key provided: sk-abcd****wxyz.", "Incorrect API key provided: sk-…"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: …"),
        ("it sent bearer abcdef0123456789 there", "it sent bearer … there"),
        ("{'set-cookie': 'session=8f31ab'}", "{'set-cookie': '…'}"),
        ("(b'x-api-key', b'8f31ab99')", "(b'x-api-key', b'…')"),
        ("GET https://ada:pw@example.org/x", "GET https://…@example.org/x"),
        (
            "https://example.org/x?page=2&access_token=8f31ab99",
            "https://example.org/x?page=2&access_token=…",
        ),
        ("password=hunter42x is wrong", "password=… is wrong"),
        ("the token was 9f8e7d6c5b4a39281706", "the token was …"),
        ("AKIAIOSFODNN7EXAMPLE is gone", "AKIA… is gone"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ghp_…"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out_of_errors(text: str, clean: str) -> None:
    assert without_patterns(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "The key is not in the table.",
        "A key-value store was asked.",
        "There is no run '01a22d2a-31b9-7c44-ae39-250bf1f1caf9' here.",
        "The secret of bees is patience.",
        "https://example.org/x?page=2&key=bees",
        "token: 12 of 40",
        "Basic questions are answered.",
        "HoldsSecret: Argument 1 of it.",
        "The token: Something else.",
        "KeyError: 'temperature'",
        "sk-learn has no column 'x'",
        "The password is wrong.",
        "basic authentication is not supported",
    ],
)
def test_ordinary_errors_stay_as_they_are(text: str) -> None:
    assert without_patterns(text) == text


@pytest.mark.parametrize(
    "part",
    [
        "sk-",
        "eyJ-",
        "eyJa.",
        "a://",
        "?key=",
        "token ",
        "x-x-key",
        "key: ",
        "secret=",
        "cookie:",
        "bearer ",
        "-",
        "=",
        "&key",
        "a1",
        "Aa1/",
    ],
)
def test_no_pattern_takes_long_for_a_hostile_text(part: str) -> None:
    text = part * (100_000 // len(part))
    # 50 ms, and room for a machine that others use too
    assert cpu_seconds(without_patterns, "key " + text) < 0.05 * 4


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("OPENAI_API_KEY", True),
        ("GH_TOKEN", True),
        ("DB_PASSWORD", True),
        ("MYSQL_PWD", True),
        ("apiKey", True),
        ("access-token", True),
        ("PWD", False),
        ("OLDPWD", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("MONKEY", False),
        ("PATH", False),
        ("KEYBOARD", False),
        ("KEY_COLUMN", False),
        ("MAX_TOKENS", False),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("PRIVATE_KEY", True),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret(name, "customer_identifier_2") is secret
    assert not is_secret(name, "true")


def test_secrets_of_an_address() -> None:
    assert in_address("postgresql://ada:p%40ss-9x@db/x?sslmode=require") == ["p@ss-9x"]
    assert in_address("https://example.org/feed?api_key=k3y-12345&q=bees") == ["k3y-12345"]
    assert in_address("no address") == in_address("http://[broken") == []


def test_the_environment_is_looked_through_again_when_it_has_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNIT_ONE_API_KEY", "unit-one-83kdJ2")
    monkeypatch.setenv("UNIT_PROXY", "http://ada:unit-two-83kdJ2@proxy:8080")
    monkeypatch.setenv("UNIT_HOME", "unit-three-83kdJ2")
    monkeypatch.setenv("UNIT_KEY_FILE", str(tmp_path))
    redaction.hold_file(
        {"UNIT_FOUR_TOKEN": "unit-four-83kdJ2-9aQ", "UNIT_FIVE_TOKEN": "sentient_kernel.research"},
        foreign=True,
    )
    redaction.redactor(thorough=True)
    text = redaction.redactor().text
    assert (
        text("unit-one-83kdJ2 unit-two-83kdJ2 unit-four-83kdJ2-9aQ")
        == "[hidden:UNIT_ONE_API_KEY] [hidden:UNIT_PROXY] [hidden:UNIT_FOUR_TOKEN]"
    )
    kept = f"unit-three-83kdJ2 {tmp_path} sentient_kernel.research"
    assert text(kept) == kept, "no name of a secret, a path, and what a file may not make a pattern"
    os.environ["UNIT_SIX_SECRET"] = "unit-six-83kdJ2"
    try:
        assert (
            redaction.redactor(thorough=True).text("unit-six-83kdJ2") == "[hidden:UNIT_SIX_SECRET]"
        )
    finally:
        del os.environ["UNIT_SIX_SECRET"]


def test_credentials_in_json_are_known_by_what_they_are_called_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {
        "type": "service_account",
        "private_key": PEM,
        "client_email": "bees@example.org",
        "more": [{"refreshToken": "rt-83kdJ2aQ9x"}],
    }
    monkeypatch.setenv("UNIT_SERVICE_CREDENTIALS", json.dumps(given))
    text = redaction.redactor(thorough=True).text
    assert (
        text(f"{PEM} rt-83kdJ2aQ9x")
        == "[hidden:UNIT_SERVICE_CREDENTIALS] [hidden:UNIT_SERVICE_CREDENTIALS]"
    )
    assert text(json.dumps(given, indent=2)).count("service_account") == 1, (
        "what is no secret in it stays"
    )


def test_a_file_of_somebody_else_pushes_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWN_API_KEY", "own-83kdJ2aQ9x")
    redaction.redactor(thorough=True)
    redaction.hold_file(
        {f"F{n}_TOKEN": f"aB3dE5fG7hJ9kL{n:05d}" for n in range(5_000)}, foreign=True
    )
    text = redaction.redactor().text
    assert (
        text("own-83kdJ2aQ9x") == "[hidden:OWN_API_KEY]"
        and text("aB3dE5fG7hJ9kL00001") == "[hidden:F1_TOKEN]"
    )
    redaction.hold_file({}, foreign=True)
    assert redaction.redactor().text("aB3dE5fG7hJ9kL00001") == "aB3dE5fG7hJ9kL00001"


class Odd:
    """What cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_log_records_are_cleaned_where_they_are_made_and_never_fail_for_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    before = logging.getLogRecordFactory()
    redaction.hold("logs-9fK2-secret-1", "A_KEY")
    redaction.guard_logs()
    redaction.guard_logs()
    try:
        for name, said in (
            ("a.user", "password=hunter42x logs-9fK2-secret-1"),
            ("httpx", "password=hunter42x logs-9fK2-secret-1"),
        ):
            logging.getLogger(name).warning("sent %s", said)
        try:
            raise ValueError("logs-9fK2-secret-1")
        except ValueError:
            logging.getLogger("a.user").exception("it failed")
        made = logging.makeLogRecord({"msg": "x"})
        assert made.getMessage() == "x"
        # pytest's own handler raises; the making of the record does not
        with suppress(RuntimeError, TypeError):
            logging.getLogger("a.user").handle(
                logging.getLogRecordFactory()("a", 30, "f", 1, "%s", (Odd(),), None)
            )
    finally:
        logging.setLogRecordFactory(before)
    assert "sent password=hunter42x [hidden:A_KEY]" in caplog.text, (
        "what only looks so stays in the logs of others"
    )
    assert "sent password=… [hidden:A_KEY]" in caplog.text
    assert "ValueError: [hidden:A_KEY]" in caplog.text and "logs-9fK2" not in caplog.text
