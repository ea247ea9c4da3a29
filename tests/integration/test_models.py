"""Models over real HTTP: a whole answer or a named error, whatever their server does."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from sentient_kernel.errors import (
    Blocked,
    ConfigurationError,
    ModelCut,
    ModelError,
    ModelRefused,
    ModelTimedOut,
    Offline,
    SentientError,
    UnknownModel,
)
from sentient_kernel.models.base import MOST_REQUESTS, Message, Reply, Usage
from sentient_kernel.models.call import ServerCall
from sentient_kernel.models.check import COMMON, check
from sentient_kernel.models.llm import Deadlines, LanguageModel, ModelLimits, open_model
from sentient_kernel.models.pricing import Price, priced
from sentient_kernel.models.provider import build
from sentient_kernel.settings import Settings
from sentient_kernel.testing import ScriptedModel
from sentient_kernel.transport import Fetcher
from tests.kits.model_server import Asked, Fault, ModelServer, Said

KEY = "sk-canary-0123456789abcdef"
ASK = (
    Message(role="system", text="Be brief."),
    Message(role="user", text="How do bees find food?"),
)
SCHEMA = {
    "type": "object",
    "properties": {
        "queries": {"type": "array", "items": {"type": "string"}},
        "depth": {"type": "integer"},
    },
    "required": ["queries", "depth"],
}
PLAN = {"queries": ["bees dance", "bees in winter"], "depth": 2}
TEXT = "Bees dance to show where food is."
SHORT = ModelLimits(deadlines=Deadlines(first=0.3, between=0.3, whole=5.0))


class Pauses:
    """A clock whose pauses are over at once, and kept."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._now = 0.0

    def now_us(self) -> int:
        return 0

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self._now += seconds
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def providers(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModelServer], None]:
    """Takes the providers' variables of whoever runs the tests away; returns what points them to a
    server.
    """
    for name in [
        name
        for name in os.environ
        if name.split("_")[0] in ("OPENAI", "ANTHROPIC", "OLLAMA", "DEEPSEEK", "OPENROUTER")
    ]:
        monkeypatch.delenv(name)

    def point(server: ModelServer) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.root)
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("OLLAMA_BASE_URL", server.root)

    return point


Point = Callable[[ModelServer], None]


def ask(
    server: ModelServer,
    point: Point,
    *,
    name: str = "openai:local-1",
    messages: Sequence[Message] = ASK,
    clock: Pauses | None = None,
    limits: ModelLimits | None = None,
    times: int = 1,
    prices: dict[str, Price] | None = None,
    **given: Any,
) -> Reply:
    """Asks a model on a server, in a loop of its own; returns the last reply."""
    point(server)
    settings = Settings(_env_file=None)

    async def go() -> Reply:
        async with Fetcher(settings) as fetcher:
            model = open_model(
                name,
                settings,
                fetcher,
                clock=clock or Pauses(),
                limits=limits or SHORT,
                rng=random.Random(1),
                prices=prices,
            )
            for _ in range(times - 1):
                await model.complete(messages, **given)
            return await model.complete(messages, **given)

    return asyncio.run(go())


@pytest.mark.parametrize("name", ["openai:local-1", "anthropic:claude-sonnet-5-5", "ollama:qwen3"])
def test_text_comes_in_pieces_and_whole_with_its_usage_and_its_reasoning_apart(
    name: str, providers: Point
) -> None:
    pieces: list[str] = []
    with ModelServer(
        Said(text=TEXT, reasoning="They dance, I think.", prompt=40, completion=12, cached=5)
    ) as server:
        reply = ask(server, providers, name=name, on_text=pieces.append)
    assert reply.text == TEXT == "".join(pieces) and len(pieces) == 7
    assert (
        reply.reasoning == "They dance, I think."
        and reply.model == "scripted-1"
        and reply.value is None
    )
    read = 45 if name.startswith("anthropic") else 40  # there, what is cached comes on top
    assert (reply.usage.prompt, reply.usage.completion, reply.usage.cached) == (read, 12, 5)
    assert server.calls == 1 and [role for role, _ in server.requests[0].messages] == [
        "system",
        "user",
    ]


def test_pieces_are_shown_before_the_answer_is_whole(providers: Point) -> None:
    pieces: list[str] = []
    with (
        ModelServer(TEXT, faults=lambda _: Fault(kind="hang", after=4)) as server,
        pytest.raises(ModelTimedOut),
    ):
        ask(server, providers, on_text=pieces.append)
    # "" says that the text begins again
    assert pieces == [
        "Bees",
        " dance",
        " to",
        "",
        "Bees",
        " dance",
        " to",
    ]


@pytest.mark.parametrize("name", ["openai:local-1", "anthropic:claude-sonnet-5-5", "ollama:qwen3"])
def test_a_schema_is_answered_in_the_servers_own_way(name: str, providers: Point) -> None:
    with ModelServer(PLAN) as server:
        reply = ask(server, providers, name=name, schema=SCHEMA)
    assert reply.value == PLAN and server.calls == 1
    asked = server.requests[0].schema
    assert asked is not None and set(asked["properties"]) == {"queries", "depth"}


def test_a_local_server_gets_bounds_for_every_text_and_list(providers: Point) -> None:
    with ModelServer(PLAN) as server:
        ask(server, providers, schema=SCHEMA)
    asked = server.requests[0].schema
    assert (
        asked is not None
        and asked["properties"]["queries"]["maxItems"]
        and asked["properties"]["queries"]["items"]["maxLength"]
    )


def test_a_server_without_response_format_is_asked_in_the_prompt_and_remembered(
    providers: Point,
) -> None:
    with ModelServer(PLAN, structured="none") as server:
        reply = ask(server, providers, schema=SCHEMA, times=3)
    assert reply.value == PLAN and server.calls == 4
    assert ["response_format" in asked.body for asked in server.requests] == [
        True,
        False,
        False,
        False,
    ]
    assert (
        '"queries"' in server.requests[1].messages[0][1]
        and server.requests[1].messages[0][0] == "system"
    )


@pytest.mark.parametrize("structured", ["json_schema", "none"])
def test_json_in_prose_is_found(structured: Any, providers: Point) -> None:
    said = f"Sure! Here you are:\n\n```json\n{json.dumps(PLAN, indent=1)}\n```\nAnything else?"
    with ModelServer(said, structured=structured) as server:
        assert ask(server, providers, schema=SCHEMA).value == PLAN


def test_a_schema_that_is_no_object_is_asked_for_in_the_prompt(providers: Point) -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    with ModelServer(["b"]) as server:
        assert ask(server, providers, schema=schema).value == ["b"]
        assert [asked.schema for asked in server.requests] == [None]


def test_an_answer_that_does_not_fit_is_asked_for_once_more_and_both_are_counted(
    providers: Point,
) -> None:
    pieces: list[str] = []
    answers = iter([{"queries": ["bees"]}, PLAN])
    with ModelServer(lambda _: next(answers)) as server:
        reply = ask(server, providers, schema=SCHEMA, on_text=pieces.append)
    assert reply.value == PLAN and server.calls == 2
    assert "'depth' is missing in the answer." in server.requests[1].said
    assert "".join(pieces[pieces.index("") + 1 :]) == reply.text
    assert reply.usage.prompt == sum(
        len(text.split()) for asked in server.requests for _, text in asked.messages
    )


@pytest.mark.parametrize(
    "said",
    ["I cannot do that.", '{"queries": ["a"]}', '{"queries": ["a", "b"', "", "null", "[1, 2]"],
)
def test_what_never_fits_is_an_error(said: str, providers: Point) -> None:
    with ModelServer(said) as server, pytest.raises(ModelError) as caught:
        ask(server, providers, schema=SCHEMA)
    assert caught.value.usage is not None and caught.value.usage.prompt > 0 and server.calls <= 5


STREAM = [
    (Fault(kind="cut", after=3), ModelCut),
    (Fault(kind="cut"), ModelCut),
    (Fault(kind="ends", after=3), ModelCut),
    (Fault(kind="reset", after=3), ModelCut),
    (Fault(kind="reset"), ModelError),
    (Fault(kind="hang"), ModelTimedOut),
    (Fault(kind="hang", after=3), ModelTimedOut),
    (Fault(kind="not_json"), ModelCut),
    (Fault(kind="not_json", body=""), ModelCut),
    (Fault(kind="not_json", body='{"choices": []}'), ModelCut),
    (Fault(kind="not_json", body='{"choices": [{"message": {"content": 3}}]}'), ModelCut),
    (Fault(kind="status", status=500), ModelError),
    (Fault(kind="status", status=503, body="<html>busy</html>"), ModelError),
    (Fault(kind="status", status=429), ModelError),
    (Fault(kind="length"), ModelCut),
]


@pytest.mark.parametrize("name", ["openai:local-1", "anthropic:claude-sonnet-5-5"])
@pytest.mark.parametrize(
    ("fault", "error"),
    STREAM,
    ids=lambda value: f"{value.kind}-{value.after}" if isinstance(value, Fault) else "",
)
def test_a_fault_that_stays_is_a_named_error_and_never_half_an_answer(
    fault: Fault, error: type[ModelError], name: str, providers: Point
) -> None:
    with ModelServer(TEXT, faults=lambda _: fault) as server, pytest.raises(error) as caught:
        ask(server, providers, name=name)
    assert (
        type(caught.value).__module__ == "sentient_kernel.errors"
        and str(caught.value).count("\n") == 0
    )
    assert server.calls <= 5 and KEY not in told(caught.value)


@pytest.mark.parametrize("name", ["openai:local-1", "anthropic:claude-sonnet-5-5"])
@pytest.mark.parametrize(
    ("fault", "error"),
    [each for each in STREAM if each[0].kind != "length"],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_fault_that_passes_ends_in_the_answer(
    fault: Fault, error: type[ModelError], name: str, providers: Point
) -> None:
    with ModelServer(TEXT, faults=[fault]) as server:
        assert ask(server, providers, name=name).text == TEXT
    assert server.calls == 2


@pytest.mark.parametrize("kind", ["cut_json", "length", "cut", "ends", "not_json", "reset"])
@pytest.mark.parametrize("structured", ["json_schema", "none"])
def test_json_that_was_cut_is_asked_for_again(kind: Any, structured: Any, providers: Point) -> None:
    cut = Fault(kind=kind, after=3)
    with ModelServer(
        PLAN, structured=structured, faults=[cut] if structured == "json_schema" else [None, cut]
    ) as server:
        assert ask(server, providers, schema=SCHEMA).value == PLAN
    with (
        ModelServer(PLAN, structured=structured, faults=lambda _: cut) as server,
        pytest.raises(ModelError),
    ):
        ask(server, providers, schema=SCHEMA)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_server_that_fails_a_few_times_is_asked_again_after_growing_pauses(
    count: int, providers: Point
) -> None:
    clock = Pauses()
    with ModelServer(TEXT, faults=[Fault(kind="status", status=500)] * count) as server:
        assert ask(server, providers, clock=clock).text == TEXT
    assert server.calls == count + 1 and len(clock.taken) == count
    assert all(0 < pause <= 8 for pause in clock.taken) and clock.taken == sorted(clock.taken)


@pytest.mark.parametrize(
    ("header", "value", "seconds"), [("Retry-After", "7", 7.0), ("retry-after-ms", "1500", 1.5)]
)
def test_a_server_that_names_a_pause_gets_it(
    header: str, value: str, seconds: float, providers: Point
) -> None:
    clock = Pauses()
    with ModelServer(
        TEXT, faults=[Fault(kind="status", status=429, headers={header: value})]
    ) as server:
        assert ask(server, providers, clock=clock).text == TEXT
    assert sum(clock.taken) == pytest.approx(seconds) and server.calls == 2


def test_a_pause_that_one_call_is_told_holds_for_all_calls_to_that_provider(
    providers: Point,
) -> None:
    clock = Pauses()
    with ModelServer(
        TEXT, faults=[Fault(kind="status", status=429, headers={"Retry-After": "7"})]
    ) as server:
        providers(server)
        settings = Settings(_env_file=None)

        async def go() -> None:
            async with Fetcher(settings) as fetcher:
                first, second = (
                    open_model(f"openai:{name}", settings, fetcher, clock=clock, limits=SHORT)
                    for name in ("a", "b")
                )
                await first.complete(ASK)
                before = clock.monotonic()
                await second.complete(ASK)
                assert before >= 7

        asyncio.run(go())


def test_tokens_of_an_answer_that_broke_off_are_counted(providers: Point) -> None:
    broken = Fault(kind="cut", after=6)
    with ModelServer(TEXT, faults=[broken]) as server:
        whole = ask(server, providers)
    with ModelServer(TEXT) as server:
        plain = ask(server, providers)
    assert (
        whole.usage.prompt > plain.usage.prompt and whole.usage.completion > plain.usage.completion
    )
    with ModelServer(TEXT, faults=lambda _: broken) as server, pytest.raises(ModelCut) as caught:
        ask(server, providers)
    assert caught.value.usage is not None and caught.value.usage.completion >= 5 * server.calls


def test_what_a_server_does_not_say_is_guessed(providers: Point) -> None:
    with ModelServer(Said(text=TEXT, usage=False)) as server:
        reply = ask(server, providers)
    assert reply.usage.prompt > 0 and reply.usage.completion == -(-len(TEXT) // 4)


@pytest.mark.parametrize(
    "said", ['"12a"', '"12"', "-5", "NaN", "1e300", "1" + "0" * 40, "null", "[]", "true"]
)
@pytest.mark.parametrize("name", ["openai:local-1", "anthropic:claude-sonnet-5-5"])
def test_a_count_of_tokens_that_is_no_number_costs_the_count_and_not_the_answer(
    name: str, said: str, providers: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(value: Any) -> str:
        return json.dumps(value).replace('_tokens": 77', f'_tokens": {said}')

    monkeypatch.setattr(
        "tests.kits.model_wire.json", SimpleNamespace(dumps=written, loads=json.loads)
    )
    for prompt, completion in ((77, 5), (5, 77), (77, 77)):
        with ModelServer(Said(text=TEXT, prompt=prompt, completion=completion)) as server:
            reply = ask(server, providers, name=name)
        assert reply.text == TEXT and server.calls == 1
        assert 0 <= reply.usage.prompt < 100 and 0 <= reply.usage.completion < 100
    bad = json.loads(said)
    call = ServerCall(
        deadlines=Deadlines(),
        status=200,
        sent=40,
        seen=8,
        usage={"prompt_tokens": bad, "completion_tokens": bad},
    )
    assert (call.used().prompt, call.used().completion) == (10, 2)


def test_every_request_for_an_answer_is_counted(providers: Point) -> None:
    broken = [Fault(kind="status", status=500), Fault(kind="reset")]
    with ModelServer(TEXT, faults=broken) as server:
        assert ask(server, providers).usage.requests == server.calls == 3
    with ModelServer(
        lambda asked: "no JSON" if len(asked.messages) < 3 else json.dumps(PLAN)
    ) as server:
        assert ask(server, providers, schema=SCHEMA).usage.requests == server.calls == 2
    with ModelServer(json.dumps(PLAN), structured="none") as server:
        assert ask(server, providers, schema=SCHEMA).usage.requests == server.calls == 2


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_requests_are_sent_than_were_allowed(most: int, providers: Point) -> None:
    token = MOST_REQUESTS.set(most)
    try:
        for given in (
            {"faults": lambda _: Fault(kind="status", status=500)},
            {"answer": "no JSON"},
            {"structured": "none", "answer": "x"},
        ):
            with ModelServer(**given) as server, pytest.raises(ModelError) as caught:
                ask(server, providers, schema=SCHEMA)
            assert server.calls == most
            assert caught.value.usage is not None and caught.value.usage.requests == most
    finally:
        MOST_REQUESTS.reset(token)


@pytest.mark.parametrize(
    ("name", "variables", "identity"),
    [
        ("openai:x", {}, ""),
        ("openai:x", {"OPENAI_BASE_URL": "https://api.openai.com/v1/"}, ""),
        (
            "openai:x",
            {"OPENAI_BASE_URL": "https://me:secret@Here.example/v1/?key=secret"},
            "https://here.example/v1",
        ),
        (
            "openai-responses:x",
            {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"},
            "http://127.0.0.1:8000/v1",
        ),
        ("openai:x", {"OPENAI_ORG_ID": "org-7"}, "org-7"),
        ("ollama:x", {"OLLAMA_BASE_URL": "http://127.0.0.1:11434"}, ""),
        ("ollama:x", {"OLLAMA_BASE_URL": "http://gpu:11434"}, "http://gpu:11434/v1"),
        ("anthropic:x", {"ANTHROPIC_BASE_URL": "https://api.anthropic.com"}, ""),
        ("anthropic:x", {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, ""),
        ("groq:x", {"GROQ_BASE_URL": "http://there"}, "http://there"),
    ],
)
@pytest.mark.anyio
async def test_a_model_is_told_apart_by_where_it_is_asked_and_by_no_secret(
    name: str, variables: dict[str, str], identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    settings = Settings(_env_file=None)
    async with Fetcher(settings) as fetcher:
        model = open_model(name, settings, fetcher)
        assert isinstance(model, LanguageModel) and model.identity == identity


@pytest.mark.anyio
async def test_a_model_tells_what_a_call_would_cost(providers: Point) -> None:
    settings, usage = Settings(_env_file=None), Usage(prompt=1_000_000, completion=100_000)
    async with Fetcher(settings) as fetcher:
        for name, usd in (
            ("openai:gpt-4o-mini", 0.21),
            ("openai:mine", 3.0),
            ("ollama:qwen3", None),
        ):
            model = open_model(
                name, settings, fetcher, prices={"openai:mine": Price(prompt=2.0, completion=10.0)}
            )
            assert isinstance(model, LanguageModel) and model.cost(usage) == (
                usd and pytest.approx(usd)
            )


def test_no_usage_costs_less_than_nothing() -> None:
    odd = Usage(prompt=10, cached=1_000, completion=0)
    assert Price(prompt=2.0, completion=1.0, cached=0.5).of(odd) == pytest.approx(10 * 0.5e-6)
    assert (priced(odd, "openai:gpt-4o-mini").usd or 0.0) >= 0


def test_prices_are_known_named_or_unknown(providers: Point) -> None:
    said = Said(text=TEXT, prompt=1_000_000, completion=100_000, cached=0)
    with ModelServer(said) as server:
        assert ask(server, providers, name="openai:gpt-4o-mini").usage.usd == pytest.approx(
            0.15 + 0.06
        )
        assert ask(server, providers, name="ollama:qwen3").usage.usd is None
        named = {"ollama:qwen3": Price(prompt=1.0, completion=2.0)}
        assert ask(server, providers, name="ollama:qwen3", prices=named).usage.usd == pytest.approx(
            1.2
        )


@pytest.mark.parametrize("finish", [None, "content_filter", "tool_calls"])
def test_an_answer_that_did_not_finish_is_none(finish: str | None, providers: Point) -> None:
    with (
        ModelServer(
            Said(text=TEXT, finish=finish), faults=lambda _: Fault(kind="ends", after=99)
        ) as server,
        pytest.raises(ModelError),
    ):
        ask(server, providers)


def test_an_empty_answer_is_none(providers: Point) -> None:
    with (
        ModelServer(Said(text="", reasoning="I thought long.")) as server,
        pytest.raises(ModelCut, match="but its reasoning"),
    ):
        ask(server, providers)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "refuses the request"),
        (401, "refuses the key"),
        (404, "does not know"),
        (422, "refuses"),
    ],
)
def test_what_will_not_change_is_not_asked_twice(status: int, words: str, providers: Point) -> None:
    with (
        ModelServer(faults=lambda _: Fault(kind="status", status=status)) as server,
        pytest.raises(ModelRefused, match=words) as caught,
    ):
        ask(server, providers)
    assert server.calls == 1 and not caught.value.retryable


def test_a_server_that_is_not_there_is_named(providers: Point) -> None:
    with ModelServer(TEXT) as server:
        gone = server
    clock = Pauses()
    with pytest.raises(ModelError, match=rf"'127.0.0.1:{gone.port}' refused the connection"):
        ask(gone, providers, clock=clock)
    assert len(clock.taken) == 4


def test_so_many_calls_are_made_at_once_and_no_more(providers: Point) -> None:
    with ModelServer(TEXT, latency=0.02) as server:
        providers(server)
        settings = Settings(_env_file=None)

        async def go() -> None:
            async with Fetcher(settings) as fetcher:
                models = [
                    open_model(f"openai:{n}", settings, fetcher, limits=ModelLimits(at_once=3))
                    for n in range(4)
                ]
                await asyncio.gather(*(model.complete(ASK) for model in models * 5))

        asyncio.run(go())
    assert server.calls == 20 and 2 <= server.most_at_once <= 3


def test_a_cancelled_call_leaves_its_place_to_another(providers: Point) -> None:
    with ModelServer(TEXT, faults=[Fault(kind="hang")]) as server:
        providers(server)
        settings = Settings(_env_file=None)

        async def go() -> str:
            async with Fetcher(settings) as fetcher:
                model = open_model("openai:a", settings, fetcher, limits=ModelLimits(at_once=1))
                first = asyncio.create_task(model.complete(ASK))
                while not server.calls:
                    await asyncio.sleep(0)
                first.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await first
                return (await model.complete(ASK)).text

        assert asyncio.run(go()) == TEXT


def test_the_connection_serves_again(providers: Point) -> None:
    with ModelServer(TEXT) as server:
        ask(server, providers, times=4)
    assert server.calls == 4 and server.connections == 1


def test_a_listener_that_fails_fails_the_call_with_its_own_error(providers: Point) -> None:
    def listen(text: str) -> None:
        raise ZeroDivisionError

    with ModelServer(TEXT) as server, pytest.raises(ZeroDivisionError):
        ask(server, providers, on_text=listen)
    assert server.calls == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gpt", "is not the name of a model"),
        ("openai:", "is not the name of a model"),
        ("openai:gpt-x", "needs OPENAI_API_KEY to be set"),
        ("anthropic:claude-x", "needs ANTHROPIC_API_KEY to be set"),
        ("nobody:m", "There is no provider 'nobody'"),
        ("groq:llama", "needs the package 'groq'"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(name: str, words: str) -> None:
    settings = Settings(_env_file=None)

    async def go() -> None:
        async with Fetcher(settings) as fetcher:
            await open_model(name, settings, fetcher).complete(ASK)

    with pytest.raises(ConfigurationError, match=words) as caught:
        asyncio.run(go())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_server_of_ones_own_needs_no_key(
    providers: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(TEXT) as server:
        providers(server)
        for key in ("", None):
            (
                monkeypatch.setenv("OPENAI_API_KEY", "")
                if key == ""
                else monkeypatch.delenv("OPENAI_API_KEY")
            )
            assert ask(server, lambda _: None).text == TEXT


@pytest.mark.parametrize("key", ["", "  ", "sk-\u201cquoted\u201d", "sk-a\nb"])
def test_a_key_that_is_none_is_never_sent(
    key: str, providers: Point, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(TEXT) as server:
        settings = Settings(_env_file=None)
        providers(server)
        monkeypatch.setenv("OPENAI_API_KEY", key)
        if not key.strip():
            monkeypatch.delenv("OPENAI_BASE_URL")

        async def go() -> None:
            async with Fetcher(settings) as fetcher:
                await open_model("openai:a", settings, fetcher).complete(ASK)

        with pytest.raises(ConfigurationError):
            asyncio.run(go())
    assert not server.calls


def test_a_missing_extra_is_said_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_ai", None)
    settings = Settings(_env_file=None)
    with pytest.raises(
        ConfigurationError, match=r"needs the extra 'llm'\. pip install 'sentient-kernel\[llm\]'"
    ):
        check("openai:gpt-x", Fetcher(settings))
    assert (
        repr(open_model("openai:gpt-x", settings, Fetcher(settings))) == "<model openai:gpt-x>"
    ), "a replay needs no more"


@pytest.mark.parametrize("provider", COMMON)
def test_what_is_said_before_a_run_of_a_common_provider_is_what_pydantic_ai_would_say(
    provider: str,
) -> None:
    fetcher = Fetcher(Settings(_env_file=None))
    said = []
    for tries in (check, build):
        try:
            tries(f"{provider}:m", fetcher)
        except ConfigurationError as error:
            said.append(str(error))
    assert len(said) in (0, 2) and len(set(said)) <= 1
    assert bool(said) == bool(COMMON[provider])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("opneai:gpt-5", "openai"),
        ("antropic:claude", "anthropic"),
        ("Olama:q", "ollama"),
        ("gorq:x", "groq"),
    ],
)
def test_a_misspelt_provider_is_asked_about_and_the_known_ones_are_listed(
    name: str, meant: str
) -> None:
    with pytest.raises(
        UnknownModel, match=f"Did you mean '{meant}'\\? Known are anthropic, azure, .*openai"
    ) as caught:
        check(name, Fetcher(Settings(_env_file=None)))
    assert isinstance(caught.value, ConfigurationError)


def told(error: BaseException) -> str:
    """Everything that an error says, with what it hangs together with."""
    return (
        repr(error)
        + "".join(traceback.format_exception(error))
        + repr(error.__context__)
        + repr(error.__cause__)
        + repr(vars(error))
    )


def test_no_secret_is_in_an_error_or_a_repr(providers: Point) -> None:
    with (
        ModelServer(TEXT, api_key="another") as server,
        pytest.raises(ModelRefused, match="refuses the key") as caught,
    ):
        ask(server, providers)
    assert "Incorrect API key provided: …" in str(caught.value) and KEY not in told(caught.value)
    settings = Settings(_env_file=None)
    model = LanguageModel("openai:gpt-x", Fetcher(settings))
    assert repr(model) == "<model openai:gpt-x>"

    async def built() -> str:
        return repr(vars(model) | {"provider": await model._provider.ready()})

    assert KEY not in asyncio.run(built())


def test_nothing_is_asked_when_the_network_is_switched_off(providers: Point) -> None:
    with ModelServer(TEXT) as server:
        providers(server)
        for settings in (
            Settings(_env_file=None, offline=True),
            Settings(_env_file=None, mode="replay"),
        ):

            async def go(settings: Settings = settings) -> None:
                async with Fetcher(settings) as fetcher:
                    await open_model("openai:a", settings, fetcher, clock=Pauses()).complete(ASK)

            with pytest.raises(Offline):
                asyncio.run(go())
    assert server.calls == server.connections == 0


def test_a_redirect_is_not_followed(providers: Point) -> None:
    away = Fault(
        kind="status", status=307, headers={"Location": "http://169.254.169.254/latest"}, body="{}"
    )
    with ModelServer(TEXT, faults=lambda _: away) as server, pytest.raises(SentientError) as caught:
        ask(server, providers)
    assert isinstance(caught.value, ModelError | Blocked) and server.calls == 1


def test_opening_a_model_loads_no_sdk_and_asks_nobody() -> None:
    program = """
import socket, sys
socket.socket.connect = socket.socket.connect_ex = None
import sentient_kernel.models.llm as llm, sentient_kernel.testing
from sentient_kernel.settings import Settings
from sentient_kernel.transport import Fetcher
settings = Settings(_env_file=None)
print(llm.open_model("openai:gpt-x", settings, Fetcher(settings)))
print([name for name in ("pydantic_ai", "openai", "anthropic", "genai_prices", "tiktoken", "httpx", "httpx2") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["<model openai:gpt-x>", "[]"]


def test_a_scripted_model_answers_as_the_protocol_says() -> None:
    pieces: list[str] = []
    model = ScriptedModel([TEXT, PLAN])
    reply = asyncio.run(model.complete(ASK, most_tokens=9, on_text=pieces.append))
    assert reply.text == "".join(pieces) == TEXT and len(pieces) == 7 and reply.model == "scripted"
    assert asyncio.run(model.complete(ASK, schema=SCHEMA)).value == PLAN


def test_scripts_are_told_apart() -> None:
    def script(messages: Sequence[Message]) -> str:
        return TEXT

    same = ScriptedModel([TEXT, PLAN, ModelError("No.")]).identity
    assert same == ScriptedModel(iter([TEXT, PLAN, ModelError("No.")])).identity
    assert (
        len(
            {
                same,
                ScriptedModel([TEXT]).identity,
                ScriptedModel({"bees": TEXT}).identity,
                ScriptedModel(script).identity,
            }
        )
        == 4
    )


def test_usages_add_up() -> None:
    assert Usage(prompt=1, usd=0.5) + Usage(completion=2, usd=0.25) == Usage(
        prompt=1, completion=2, usd=0.75
    )
    assert (Usage(prompt=1, usd=0.5) + Usage(prompt=1)).usd is None
    assert (
        Usage() + Usage(prompt=1, usd=0.5)
        == Usage(prompt=1, usd=0.5)
        == Usage(prompt=1, usd=0.5) + Usage(usd=0.0)
    )


@pytest.mark.parametrize("path", ["/chat/completions", "/messages"])
def test_the_server_answers_in_one_piece_too(path: str) -> None:
    import httpx

    with ModelServer(lambda asked: f"You said {asked.said}", model="m") as server:
        answer = httpx.post(
            server.url + path, json={"messages": [{"role": "user", "content": "hi"}]}
        ).json()
        streamed = httpx.post(
            server.url + path,
            json={"messages": [{"role": "user", "content": "hi"}], "stream": True},
        )
    said = (
        answer["content"][0]["text"]
        if path == "/messages"
        else answer["choices"][0]["message"]["content"]
    )
    assert said == "You said hi" and answer["model"] == "m"
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert server.requests[0] == Asked(
        path="/v1" + path, headers=server.requests[0].headers, body=server.requests[0].body
    )
