"""What servers say when they refuse a part of a request, and how they are asked then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sentient_kernel.models.server_manner import Manner, final, learnt, remember, remembered, shaped

BODY: dict[str, Any] = {
    "model": "streamer-1",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello."}],
    "max_tokens": 16_500,
    "stream": True,
    "stream_options": {"include_usage": True},
    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {}}},
    "temperature": 0.0,
    "seed": 7,
}
ROLES = {"system", "developer"}


def of_openai(message: str, **more: Any) -> bytes:
    return json.dumps(
        {"error": {"message": message, "type": "invalid_request_error", **more}}
    ).encode()


def of_fastapi(*places: tuple[Any, ...]) -> bytes:
    """As pydantic says it: with the place, and with what was sent."""
    found = [
        {"type": "extra_forbidden", "loc": ["body", *place], "msg": said, "input": BODY}
        for *place, said in places
    ]
    return json.dumps({"detail": found}).encode()


LIMIT = [
    of_openai(
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use"
        " 'max_completion_tokens' instead."
    ),
    of_openai(
        "max_tokens is deprecated for this deployment, please use max_completion_tokens",
        code="unsupported_parameter",
    ),
    of_openai("Unrecognized request argument supplied: max_tokens"),
    of_fastapi(("max_tokens", "Extra inputs are not permitted")),
    b"unknown field `max_tokens`",
    of_openai(
        "litellm.UnsupportedParamsError: this model does not support parameters: ['max_tokens']"
    ),
]
ROLE = [
    of_openai("System role not supported"),
    of_openai("Only user and assistant roles are supported!"),
    of_openai("Conversation roles must alternate user/assistant/user/assistant/..."),
    of_openai("Developer instruction is not enabled for models/small-it"),
    of_openai(
        "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        param="messages[0].role",
    ),
    of_openai("'system' is not one of ['user', 'assistant'] - 'messages.0.role'"),
    of_openai('Error rendering prompt with jinja template: "System messages are not allowed here"'),
    of_fastapi(("messages", 0, "role", "Input should be 'user' or 'assistant'")),
    of_openai("Unexpected role 'system' after nothing"),
    of_openai("Invalid role: system"),
]
USAGE = [
    of_openai("Unknown parameter: 'stream_options'."),
    of_fastapi(("stream_options", "Extra inputs are not permitted")),
    of_openai("stream_options.include_usage is not supported"),
    of_openai("Stream options are not available for this model"),
    of_openai("Additional properties are not allowed ('stream_options' was unexpected)"),
]
STREAM = [
    of_openai("Streaming is not supported for this model"),
    of_openai(
        "Your organization must be verified to stream this model; it is not allowed otherwise",
        param="stream",
    ),
    of_openai("'stream' must be false", param="stream"),
    b'{"message": "stream: unknown field"}',
    of_openai("Streaming responses are not available at this address"),
]
FORM = [
    of_openai(
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this"
        " model."
    ),
    of_openai("failed to parse grammar: unexpected end of input"),
    of_openai("Structured outputs are not available for this model"),
    of_openai("JSON mode is not enabled for this model"),
    of_fastapi(("response_format", "type", "Input should be 'text' or 'json_object'")),
    of_openai("Invalid schema for response_format 'answer': 'maxLength' is not permitted."),
]
OTHERS = [
    (
        of_openai(
            "Unsupported value: 'temperature' does not support 0.0 with this model. Only the"
            " default (1) is."
        ),
        "temperature",
    ),
    (of_openai("Unknown parameter: 'seed'."), "seed"),
]


@pytest.mark.parametrize("status", [400, 422, 500, 501])
@pytest.mark.parametrize(
    ("said", "refused"),
    [(said, {"max_tokens"}) for said in LIMIT]
    + [(said, ROLES) for said in ROLE]
    + [(said, {"stream_options"}) for said in USAGE]
    + [(said, {"stream"}) for said in STREAM]
    + [(said, {"response_format"}) for said in FORM]
    + [(said, {name}) for said, name in OTHERS],
)
def test_a_refusal_teaches_what_it_names_and_nothing_else(
    said: bytes, refused: set[str], status: int
) -> None:
    lesson = learnt(Manner(), BODY, status, said, spare=True)
    assert lesson is not None and lesson.refused == refused and lesson.room == 0


def test_all_that_one_refusal_names_is_learnt_at_once() -> None:
    extra = "Extra inputs are not permitted"
    said = of_fastapi(("stream_options", extra), ("response_format", extra), ("seed", extra))
    lesson = learnt(Manner(), BODY, 422, said, spare=True)
    assert lesson is not None and lesson.refused == {"stream_options", "response_format", "seed"}


def test_a_server_that_names_the_developer_role_is_asked_in_it() -> None:
    said = of_openai("'system' is not supported with this model. Use the 'developer' role instead.")
    lesson = learnt(Manner(), BODY, 400, said, spare=False)
    assert lesson is not None and lesson.refused == {"system"}
    sent = shaped(BODY, lesson, messages=False, own=False)
    assert [turn["role"] for turn in sent["messages"]] == ["developer", "user"]
    again = learnt(lesson, sent, 400, of_openai("developer role is not supported"), spare=False)
    assert again is not None and again.refused == ROLES


TOO_LARGE = [
    of_openai(
        "max_tokens is too large: 16500. This model supports at most 4096 completion tokens,"
        " whereas you provided 16500."
    ),
    of_openai(
        "This model's maximum context length is 4096 tokens. However, you requested 17300 tokens"
        " (800 in the messages, 16500)."
    ),
    of_openai(
        "max_tokens: 16500 > 4096, which is the maximum allowed number of output tokens for this"
        " model"
    ),
    of_openai(
        "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 800 `inputs` tokens and 16500"
        " `max_new_tokens`"
    ),
    of_openai(
        "Unable to submit: a maxOutputTokens value of 16500, but the supported range is from 1 to"
        " 8193"
    ),
    of_openai(
        "This request requires more credits, or fewer max_tokens. You requested up to 16500 tokens."
    ),
    of_openai("Range of max_tokens should be [1, 8192]"),
    of_openai(
        "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens`"
    ),
    of_openai(
        "Request too large for this model on tokens per minute (TPM): Limit 6000, Requested 17200"
    ),
]


@pytest.mark.parametrize("said", TOO_LARGE)
def test_a_server_that_finds_the_limit_too_large_is_asked_with_less_room_and_then_with_none(
    said: bytes,
) -> None:
    manner = Manner()
    rooms: list[int] = []
    while (lesson := learnt(manner, BODY, 400, said, spare=len(rooms) < 3)) is not None:
        assert not lesson.refused
        manner = lesson
        rooms.append(manner.room)
    assert rooms == [1, 2, 3]


@pytest.mark.parametrize("status", [402, 413, 429])
def test_of_a_busy_server_only_the_size_of_the_request_is_learnt(status: int) -> None:
    assert learnt(Manner(), BODY, status, TOO_LARGE[-1], spare=True) == Manner(room=1)
    busy = of_openai(
        "Rate limit reached on tokens per minute: Limit 6000, Used 5900, Requested 900. Streaming"
        " must wait 2s."
    )
    assert learnt(Manner(), BODY, status, busy, spare=True) is None


STAYS = [
    (
        404,
        of_openai(
            "The model `streamer-1` does not exist or you do not have access to it.",
            code="model_not_found",
        ),
    ),
    (404, of_openai("model 'system-prompt-3' not found, try pulling it first")),
    (401, of_openai("Incorrect API key provided. Streaming is not supported.")),
    (403, of_openai("System role not supported")),
    (
        400,
        of_openai(
            "It was filtered by the content management policy; system prompts must comply",
            code="content_filter",
        ),
    ),
    (
        400,
        of_openai(
            "Your request was rejected by our safety system. Your prompt must not contain this."
        ),
    ),
    (
        400,
        of_openai(
            "The maximum context length is 4096 tokens. Your messages resulted in 9000 tokens."
        ),
    ),
    (
        429,
        of_openai(
            "You exceeded your current quota, please check your plan and billing details",
            code="insufficient_quota",
        ),
    ),
    (500, of_openai("stream error: stream ID 1; INTERNAL_ERROR")),
    (500, b"<html><body>502: the system prompt is not supported</body></html>"),
    (400, b""),
    (200, of_openai("System role not supported")),
]


@pytest.mark.parametrize(("status", "said"), STAYS)
def test_a_refusal_for_another_reason_teaches_nothing(status: int, said: bytes) -> None:
    assert learnt(Manner(), BODY, status, said, spare=True) is None


def test_what_a_refusal_repeats_of_the_request_is_not_read() -> None:
    body = {**BODY, "messages": [{"role": "user", "content": "seed stream_options not supported"}]}
    said = json.dumps(
        {
            "detail": [
                {
                    "loc": ["body", "seed"],
                    "msg": "Extra inputs are not permitted",
                    "input": body,
                    "ctx": body,
                }
            ]
        }
    ).encode()
    lesson = learnt(Manner(), body, 422, said, spare=True)
    assert lesson is not None and lesson.refused == {"seed"}


def test_a_refusal_inside_a_refusal_is_read() -> None:
    inner = of_openai("Unknown parameter: 'seed'.").decode()
    said = json.dumps(
        {"error": {"message": "Provider returned error", "metadata": {"raw": inner}}}
    ).encode()
    lesson = learnt(Manner(), BODY, 400, said, spare=True)
    assert lesson is not None and lesson.refused == {"seed"}


def test_whatever_a_server_refuses_it_is_asked_a_few_times_at_most() -> None:
    everything = of_openai(
        "not supported: max_tokens max_completion_tokens stream_options streaming system role"
        " developer role response_format seed temperature model messages"
    )
    manner, asked = Manner(), 0
    while (
        lesson := learnt(
            manner, shaped(BODY, manner, messages=False, own=False), 400, everything, spare=False
        )
    ) is not None:
        manner, asked = lesson, asked + 1
    sent = shaped(BODY, manner, messages=False, own=False)
    assert asked <= 3 and sent == {
        "model": "streamer-1",
        "stream": False,
        "messages": [{"role": "user", "content": "Be brief.\n\nHello."}],
    }


def test_the_limit_goes_by_the_name_that_a_server_takes() -> None:
    body = {"model": "m", "messages": [], "max_completion_tokens": 9}
    names = {"max_tokens", "max_completion_tokens"}

    def sent(*refused: str, own: bool = False) -> set[str]:
        return names & shaped(body, Manner(frozenset(refused)), messages=False, own=own).keys()

    assert sent(own=True) == {"max_completion_tokens"} and sent() == {"max_tokens"}
    assert sent("max_tokens") == {"max_completion_tokens"} and sent(
        "max_completion_tokens", own=True
    ) == {"max_tokens"}
    assert sent(*names) == set()


def test_the_instructions_of_anthropics_form_go_into_the_first_turn_where_they_are_refused() -> (
    None
):
    turn = {"role": "user", "content": [{"type": "text", "text": "Hi."}]}
    body = {"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": [turn]}
    lesson = learnt(
        Manner(),
        body,
        400,
        b'{"error": {"message": "system: Extra inputs are not permitted"}}',
        spare=False,
    )
    assert lesson is not None
    sent = shaped(body, lesson, messages=True, own=False)
    assert (
        sent["messages"] == [{"role": "user", "content": "Be brief.\n\nHi."}]
        and "system" not in sent
        and sent["max_tokens"] == 9
    )


def test_what_is_remembered_is_bounded() -> None:
    for n in range(500):
        remember("http://there", f"m{n}", Manner(room=1))
    assert (
        remembered("http://there", "m499") == Manner(room=1)
        and remembered("http://there", "m0") == Manner()
    )


def test_reasons_that_no_other_form_mends_are_known() -> None:
    assert all(final(said) for status, said in STAYS[4:8]) and not any(
        final(said) for said in [*ROLE, *LIMIT, *FORM, *STREAM, *USAGE]
    )
