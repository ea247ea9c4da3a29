"""Models that think, over real HTTP: caps bound what is seen, reasoning has room of its own and is
counted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from test_models import PLAN, SCHEMA, TEXT, Pauses, Point, ask, providers

from sentient_kernel.errors import ModelCut, ModelError, ModelTimedOut, ReasoningTooLong
from sentient_kernel.models.base import MOST_TOKENS
from sentient_kernel.models.llm import Deadlines, ModelLimits
from sentient_kernel.models.server_manner import remembered
from tests.kits.model_server import Asked, ModelServer, Said
from tests.kits.model_wire import Out

__all__ = ["providers"]  # a fixture

FORMS = pytest.mark.parametrize(
    "name", ["openai:local-1", "anthropic:claude-sonnet-5-5", "ollama:qwen3"]
)


def thinker(hidden: int, answer: Any = TEXT) -> Said:
    return Said(text=answer if isinstance(answer, str) else json.dumps(answer), hidden=hidden)


@FORMS
@pytest.mark.parametrize("hidden", [0, 600, 2_400, 15_000])
def test_hidden_reasoning_takes_nothing_from_the_answer(
    hidden: int, name: str, providers: Point
) -> None:
    with ModelServer(thinker(hidden)) as server:
        reply = ask(server, providers, name=name, most_tokens=300)
    assert reply.text == TEXT and server.calls == 1 and server.requests[0].limit == 16_300
    assert reply.usage.completion == hidden + len(TEXT.split())
    if not name.startswith("anthropic"):  # which does not tell them apart
        assert reply.usage.reasoning == hidden


def test_an_answer_that_was_cut_within_its_reasoning_is_asked_for_again_with_more_room(
    providers: Point,
) -> None:
    with ModelServer(thinker(20_000, PLAN)) as server:
        reply = ask(server, providers, most_tokens=300, schema=SCHEMA)
    assert reply.value == PLAN and [asked.limit for asked in server.requests] == [16_300, 32_300]
    # nothing was wrong with an answer that never came
    assert [len(asked.messages) for asked in server.requests] == [
        2,
        2,
    ]
    assert reply.usage.reasoning == 16_300 + 20_000 and reply.usage.requests == 2


def test_reasoning_without_end_is_an_error_that_names_the_setting(providers: Point) -> None:
    with (
        ModelServer(thinker(10**6)) as server,
        pytest.raises(ReasoningTooLong, match=r"SENTIENT_MODEL_REASONING \(500 ") as caught,
    ):
        ask(server, providers, most_tokens=300, limits=ModelLimits(reasoning=500))
    assert [asked.limit for asked in server.requests] == [800, 1_300]
    assert caught.value.usage is not None and caught.value.usage.completion == 2_100
    with ModelServer(thinker(10**6)) as server, pytest.raises(ReasoningTooLong):
        ask(server, providers, most_tokens=300, limits=ModelLimits(reasoning=0))
    assert [asked.limit for asked in server.requests] == [300]


def test_hidden_reasoning_that_its_server_does_not_count_is_counted_by_the_limit(
    providers: Point,
) -> None:
    silent = Said(text=TEXT, hidden=10**6, usage=False)
    with ModelServer(silent) as server, pytest.raises(ReasoningTooLong) as caught:
        ask(server, providers, most_tokens=300, limits=ModelLimits(reasoning=500))
    assert (
        caught.value.usage is not None
        and caught.value.usage.completion == caught.value.usage.reasoning == 800 + 1_300
    )


def test_what_may_be_used_is_never_passed_also_not_by_another_try(providers: Point) -> None:
    token = MOST_TOKENS.set(2_000)
    try:
        with (
            ModelServer(thinker(10**6)) as server,
            pytest.raises(ReasoningTooLong, match="budget") as caught,
        ):
            ask(server, providers, most_tokens=300)
        assert (
            server.calls == 1
            and caught.value.usage is not None
            and caught.value.usage.tokens <= 2_000
        )
        with ModelServer(TEXT) as server:
            assert ask(server, providers, most_tokens=300).text == TEXT
        assert server.requests[0].limit is not None and server.requests[0].limit <= 2_000
    finally:
        MOST_TOKENS.reset(token)


@FORMS
def test_an_answer_without_end_is_cut_though_reasoning_has_room(
    name: str, providers: Point
) -> None:
    pieces: list[str] = []
    with ModelServer("word " * 50_000) as server, pytest.raises(ModelCut):
        ask(
            server,
            providers,
            name=name,
            most_tokens=300,
            limits=ModelLimits(),
            on_text=pieces.append,
        )
    assert server.calls == 1 and len("".join(pieces)) < 10 * 300


def test_prose_without_end_in_place_of_json_is_cut_soon(providers: Point) -> None:
    with (
        ModelServer("word " * 50_000, structured="none") as server,
        pytest.raises(ModelCut) as caught,
    ):
        ask(server, providers, most_tokens=100, schema=SCHEMA, limits=ModelLimits())
    assert (
        server.calls <= 3
        and caught.value.usage is not None
        and caught.value.usage.completion < 8_000
    )


def test_long_reasoning_that_only_its_end_marks_is_read_at_the_second_try_and_then_at_the_first(
    providers: Point,
) -> None:
    said = "We look at each in turn. " * 200 + f"\n</think>\n\n{json.dumps(PLAN)}"
    with ModelServer(said) as server:
        assert (
            ask(server, providers, most_tokens=100, schema=SCHEMA, limits=ModelLimits()).value
            == PLAN
        )
        assert server.calls == 2
        assert (
            ask(server, providers, most_tokens=100, schema=SCHEMA, limits=ModelLimits()).value
            == PLAN
        )
        assert server.calls == 3


def test_reasoning_without_end_that_is_shown_is_cut_too(providers: Point) -> None:
    with (
        ModelServer(Said(text=TEXT, reasoning="hm " * 50_000)) as server,
        pytest.raises(ReasoningTooLong) as caught,
    ):
        ask(server, providers, most_tokens=100, limits=ModelLimits(reasoning=200))
    assert (
        server.calls == 2
        and caught.value.usage is not None
        and 0 < caught.value.usage.reasoning < 5_000
    )


@pytest.mark.parametrize(
    "written",
    [
        "<think>{}</think>\n{}",
        "<think>\n{}\n</think>\n\n{}",
        "{}\n</think>\n\n{}",  # the template wrote the opening mark
        "<thinking>{}</thinking>{}",
        "[THINK]{}[/THINK]{}",
        "<think>{}</think><think>more</think>{}",
        "<|channel|>analysis<|message|>{}<|end|><|start|>assistant<|channel|>final<|message|>{}",
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_reasoning_in_the_text_is_no_part_of_the_answer(
    written: str, stream: bool, providers: Point
) -> None:
    thought = 'We need JSON such as {"queries": ["no"], "depth": 1}. ' * 40
    cases: list[tuple[str, dict[str, Any]]] = [(json.dumps(PLAN), {"schema": SCHEMA}), (TEXT, {})]
    for answer, given in cases:
        said = written.replace("{}", thought, 1).replace("{}", answer)
        pieces: list[str] = []
        with ModelServer(said, stream=stream) as server:
            reply = ask(server, providers, most_tokens=300, on_text=pieces.append, **given)
        assert (
            reply.text == answer
            and reply.value == (PLAN if given else None)
            and "We need JSON" in reply.reasoning
        )
        assert "".join(pieces[pieces.index("") + 1 :] if "" in pieces else pieces) == answer
        assert 300 < reply.usage.reasoning <= reply.usage.completion


@pytest.mark.parametrize(
    "text",
    ["In a template, `</think>` closes it.", '{"note": "</think>"}', "a </ think> b", "1 < 2"],
)
def test_marks_that_an_answer_speaks_of_are_its_text(text: str, providers: Point) -> None:
    with ModelServer(text) as server:
        reply = ask(server, providers)
    assert reply.text == text and not reply.reasoning


# -- patience --------------------------------------------------------------------------------------


class Slow(ModelServer):
    """Says nothing for a while, but that it lives, before it answers."""

    def __init__(self, signs: list[str], gap: float) -> None:
        super().__init__(TEXT)
        self._signs, self._pause = signs, gap

    async def _respond(self, asked: Asked, out: Out) -> bool:
        await out.begin()
        for sign in self._signs:
            await out.piece(sign)
            await asyncio.sleep(self._pause)
        chunk = {"choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": "stop"}]}
        await out.piece(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n")
        await out.end()
        return True


def delta(**said: Any) -> str:
    return (
        f"data: {json.dumps({'choices': [{'index': 0, 'delta': said, 'finish_reason': None}]})}\n\n"
    )


SIGNS = {
    "comments": ": still here\n\n",
    "an empty delta": delta(content=""),
    "reasoning": delta(reasoning_content="hm"),
}


@pytest.mark.parametrize("sign", SIGNS, ids=str)
def test_a_model_that_shows_that_it_lives_is_waited_for(sign: str, providers: Point) -> None:
    with Slow([SIGNS[sign]] * 6, 0.15) as server:  # 0.9 s in all
        assert (
            ask(
                server,
                providers,
                limits=ModelLimits(deadlines=Deadlines(first=0.4, between=0.4, whole=5.0)),
            ).text
            == TEXT
        )
    assert server.calls == 1


def test_silence_has_an_end_and_the_note_names_the_setting(providers: Point) -> None:
    with (
        Slow([": here\n\n"], 5.0) as server,
        pytest.raises(ModelTimedOut, match="SENTIENT_MODEL_TIMEOUT") as caught,
    ):
        ask(
            server,
            providers,
            limits=ModelLimits(deadlines=Deadlines(first=0.3, between=0.3, whole=9.0)),
        )
    assert server.calls == 2 and "0.3 s" in str(caught.value)


def test_signs_of_life_alone_are_not_waited_for_without_end(providers: Point) -> None:
    with Slow([": here\n\n"] * 100, 0.05) as server, pytest.raises(ModelTimedOut):
        ask(
            server,
            providers,
            limits=ModelLimits(deadlines=Deadlines(first=0.5, between=0.5, whole=0.6)),
        )
    assert server.calls <= 2


# -- servers that refuse a part of a request -------------------------------------------------------

Refuses = Callable[[dict[str, Any]], str | None]


def has_role(body: dict[str, Any]) -> bool:
    return any(turn["role"] in ("system", "developer") for turn in body["messages"])


PARTS: dict[str, Refuses] = {
    "old limit": lambda body: (
        "'max_tokens' is not supported. Use 'max_completion_tokens' instead."
        if "max_tokens" in body
        else None
    ),
    "new limit": lambda body: (
        "Unknown parameter: 'max_completion_tokens'." if "max_completion_tokens" in body else None
    ),
    "role": lambda body: "System role not supported" if has_role(body) else None,
    "usage": lambda body: (
        "Unknown parameter: 'stream_options'." if "stream_options" in body else None
    ),
    "form": lambda body: (
        "'response_format' is not supported" if "response_format" in body else None
    ),
    "stream": lambda body: "Streaming is not supported" if body.get("stream") else None,
    "large": lambda body: (
        f"max_tokens is too large: at most 4096 tokens, not {n}"
        if (n := body.get("max_tokens", 0)) > 4_096
        else None
    ),
}


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize(
    "parts",
    [
        *[[part] for part in PARTS],
        ["old limit", "role", "form"],
        ["role", "usage", "stream", "form"],
        ["large", "role"],
    ],
)
def test_a_server_is_asked_in_the_way_that_it_takes_and_that_is_remembered(
    parts: list[str], status: int, providers: Point
) -> None:
    def refuses(body: dict[str, Any]) -> tuple[int, str] | None:
        said = next((said for part in parts if (said := PARTS[part](body))), None)
        return None if said is None else (status, said)

    clock = Pauses()
    with ModelServer(thinker(600, PLAN), refuses=refuses) as server:
        reply = ask(
            server,
            providers,
            schema=SCHEMA,
            most_tokens=300,
            clock=clock,
            times=3,
            limits=ModelLimits(),
        )
        assert reply.value == PLAN and server.calls <= 3 + len(parts) + ("large" in parts)
        assert not any(clock.taken)
        assert all("Be brief." in json.dumps(asked.body["messages"]) for asked in server.requests)
        before = server.calls
        assert ask(server, providers, schema=SCHEMA, most_tokens=300).value == PLAN, (
            "another workbench of this process"
        )
        assert server.calls == before + 1


def test_a_server_that_refuses_everything_is_not_asked_for_ever(providers: Point) -> None:
    def refuses(body: dict[str, Any]) -> tuple[int, str]:
        return 400, next(
            (said for part in PARTS.values() if (said := part(body))), "System role not supported"
        )

    with (
        ModelServer(TEXT, refuses=refuses) as server,
        pytest.raises(ModelError, match="not supported"),
    ):
        ask(server, providers, schema=SCHEMA, most_tokens=300)
    assert server.calls <= 10
    assert remembered(server.url + "/", "openai:local-1") == remembered("", ""), "nothing worked"


def test_a_prompt_that_is_too_long_stays_so_and_teaches_nothing(providers: Point) -> None:
    said = (
        "This model's maximum context length is 4096 tokens. Your messages resulted in 9000 tokens."
    )
    with (
        ModelServer(TEXT, refuses=lambda body: (400, said)) as server,
        pytest.raises(ModelError, match="9000 tokens"),
    ):
        ask(server, providers, schema=SCHEMA, most_tokens=300)
    assert server.calls <= 3
    with (
        ModelServer(
            TEXT, refuses=lambda body: (404, "The model 'local-1' does not exist")
        ) as server,
        pytest.raises(ModelError, match="local-1"),
    ):
        ask(server, providers, schema=SCHEMA, most_tokens=300)
    assert server.calls == 1
