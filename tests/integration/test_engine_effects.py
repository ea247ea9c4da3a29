"""Effects say what they are: pure ones may repeat, idempotent ones carry a key, those that may
happen once never repeat silently.
"""

from __future__ import annotations

from typing import Any

import engine_kit
import pytest
from engine_kit import Calls, answer, ended, events, finish, kinds, outcome, wait_for

from sentient_kernel.engine import Context, Engine, Retry, idempotent, once, pure, workflow
from sentient_kernel.errors import UsageError

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


class Busy(Exception):
    """Says nothing about whether it happened."""


async def double(i: int) -> int:
    return i * 2


def test_idempotent_effect_carries_its_key_to_a_parameter_that_asks_for_it(engine: Engine) -> None:
    keys: list[str] = []

    async def pay(amount: int, idempotency_key: str = "") -> str:
        keys.append(idempotency_key)
        if len(keys) == 1:
            raise Busy
        return "paid"

    async def pays_without(amount: int) -> str:
        return "paid"

    @workflow
    async def buys(ctx: Context) -> list[str]:
        effect = idempotent("order-7")
        first = await ctx.step(pay, 5, effect=effect, retry=Retry(delay=0))
        return [first, await ctx.step(pays_without, 5, effect=effect)]

    assert finish(engine, buys) == ["paid", "paid"]
    assert keys == ["order-7", "order-7"]


def mails(ctx: Context, what: str, retry: Retry | None = None) -> Any:
    return ctx.step(send_mail, what, effect=once(), retry=retry)


async def send_mail(what: str) -> str:
    n = calls("send_mail")
    if what == "cut off" and n == 1:
        raise SystemExit
    if what == "cut off twice" and n <= 2:
        raise SystemExit
    if what == "unclear" and n == 1:
        raise Busy
    return f"sent {n}"


@workflow
async def mailing(ctx: Context, what: str, retried: bool = False) -> str:
    return str(await mails(ctx, what, Retry(delay=0) if retried else None))


def test_effect_once_writes_its_intent_before_it_happens(engine: Engine) -> None:
    run = engine.start(mailing, ("well",))
    assert outcome(engine, run) == "sent 1"
    assert kinds(engine, run)[1:4] == ["step_started", "effect_intended", "step_completed"]


@pytest.mark.parametrize(
    ("payload", "result", "sent"),
    [
        (None, "sent 2", 2),
        ({"happened": True, "result": "seen in the outbox"}, "seen in the outbox", 1),
    ],
)
def test_effect_once_that_was_cut_off_asks_a_person(
    engine: Engine, payload: Any, result: str, sent: int
) -> None:
    run = engine.start(mailing, ("cut off",))
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    answer(engine, run, **({} if payload is None else {"payload": payload}))
    assert outcome(engine, run) == result
    assert calls["send_mail"] == sent
    assert events(engine, run, "approval_requested")[0].ask == "effect"


def test_effect_once_that_was_cut_off_twice_asks_twice(engine: Engine) -> None:
    run = engine.start(mailing, ("cut off twice",))
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    answer(engine, run)
    assert ended(engine, run) == "crashed"
    assert calls["send_mail"] == 2
    engine.resume(run)
    answer(engine, run, count=2)
    assert outcome(engine, run) == "sent 3"


@pytest.mark.parametrize("retried", [True, False], ids=["by retry", "by resume"])
def test_effect_once_that_failed_is_not_repeated_silently(engine: Engine, retried: bool) -> None:
    run = engine.start(mailing, ("unclear", retried))
    if not retried:
        assert ended(engine, run) == "failed"
        engine.resume(run)
    answer(engine, run, payload={"happened": True, "result": "it did arrive"})
    assert outcome(engine, run) == "it did arrive"
    assert calls["send_mail"] == 1


def test_answer_about_an_effect_must_fit_the_question(engine: Engine) -> None:
    run = engine.start(mailing, ("cut off",))
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    with pytest.raises(UsageError, match="does not fit"):
        answer(engine, run, payload=["yes"])
    answer(engine, run, "reject", reason="leave it")
    assert ended(engine, run) == "failed"
    assert calls["send_mail"] == 1


def test_policy_for_everything_does_not_let_an_effect_happen_twice(engine: Engine) -> None:
    run = engine.start(mailing, ("cut off",), approve={"default": "auto"})
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    wait_for(engine, run, "approval_requested")
    assert calls["send_mail"] == 1
    answer(engine, run)
    assert outcome(engine, run) == "sent 2"


def test_policy_that_names_effects_is_taken_at_its_word(engine: Engine) -> None:
    run = engine.start(mailing, ("cut off",), approve={"effect": "auto"})
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == "sent 2"


@pytest.mark.parametrize("effect", [once, "once", None])
def test_effect_that_is_none_is_refused_in_words(engine: Engine, effect: Any) -> None:
    @workflow
    async def wrong(ctx: Context) -> None:
        await ctx.step(double, 1, effect=effect)

    with pytest.raises(UsageError, match="effect must be an effect"):
        finish(engine, wrong)


def test_pure_is_the_default(engine: Engine) -> None:
    @workflow
    async def plain(ctx: Context) -> list[int]:
        return [await ctx.step(double, 1), await ctx.step(double, 1, effect=pure())]

    assert finish(engine, plain) == [2, 2]
