"""A forgotten await is named: what was called, in which line; before the run starts where the code
shows it, else when the run ends.
"""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from workbench_kit import BEES, QUESTION

import sentient_kernel as sk
from sentient_kernel.engine.context import Context
from sentient_kernel.engine.workflow import METHODS


def work(x: Any) -> list[Any]:
    return [x]


async def helper(ctx: Any, x: Any) -> Any:
    return await ctx.step(work, x)


@sk.workflow
async def child(ctx: Any) -> str:
    return "child"


@sk.workflow
async def bare_step(ctx: Any) -> None:
    ctx.step(work, "a")


@sk.workflow
async def bare_emit_in_a_branch(ctx: Any) -> None:
    for _ in range(2):
        ctx.emit("half way")


@sk.workflow
async def bare_helper(ctx: Any) -> None:
    helper(ctx, 1)  # type: ignore[unused-coroutine]


@sk.workflow
async def bare_sleep(ctx: Any) -> None:
    asyncio.sleep(1)  # type: ignore[unused-coroutine]


@sk.workflow
async def bare_child(ctx: Any) -> None:
    child(ctx)


@sk.workflow
async def assigned(ctx: Any) -> str:
    plan = ctx.step(work, "a")  # noqa: F841
    return "done"


@sk.workflow
async def iterated(ctx: Any) -> list[Any]:
    plan = ctx.approve("Go ahead?", [1])
    return [part for part in plan]


@sk.workflow
async def returned(ctx: Any) -> Any:
    return ctx.receive(timeout=1)


@sk.workflow
async def inside_a_result(ctx: Any) -> Any:
    return {"all": [ctx.run(child)]}


@sk.workflow
async def passed_on(ctx: Any) -> Any:
    first = ctx.step(work, "a")
    return await ctx.step(work, first)


@sk.workflow
async def gathered(ctx: Any) -> Any:
    outcomes = ctx.gather(*(ctx.step(work, x) for x in "abc"), limit=2)
    return outcomes[0].value


@sk.workflow
async def called_child(ctx: Any) -> Any:
    return [child(ctx)]


@sk.workflow
async def in_a_helper(ctx: Any) -> str:
    async def inner() -> str:
        sent = ctx.send("me", 1)  # noqa: F841
        return "done"

    return await inner()


BEFORE = {
    "ctx.step(...) is not awaited in line {} of 'bare_step': ctx.step(work, \"a\")": bare_step,
    "ctx.emit(...) is not awaited in line {} of 'bare_emit_in_a_branch': ctx.emit(\"half way\")": (
        bare_emit_in_a_branch
    ),
    "helper(...) is not awaited in line {} of 'bare_helper': helper(ctx, 1)": bare_helper,
    "asyncio.sleep(...) is not awaited in line {} of 'bare_sleep': asyncio.sleep(1)": bare_sleep,
    "child(...) is not awaited in line {} of 'bare_child': child(ctx)": bare_child,
}
AFTER = {
    "ctx.step(...) is not awaited in line {} of 'assigned': plan = ctx.step(work, \"a\")": assigned,
    "ctx.approve(...) is not awaited in line {} of 'iterated': plan = ctx.approve(\"Go ahead?\", [1])": (
        iterated
    ),
    "ctx.receive(...) is not awaited in line {} of 'returned': return ctx.receive(timeout=1)": (
        returned
    ),
    "ctx.run(...) is not awaited in line {} of 'inside_a_result': return {{\"all\": [ctx.run(child)]}}": (
        inside_a_result
    ),
    "ctx.step(...) is not awaited in line {} of 'passed_on': first = ctx.step(work, \"a\")": (
        passed_on
    ),
    "ctx.gather(...) is not awaited in line {} of 'gathered': outcomes = ctx.gather(": gathered,
    "child(...) is not awaited in line {} of 'called_child': return [child(ctx)]": called_child,
    "ctx.send(...) is not awaited in line {} of 'inner': sent = ctx.send(\"me\", 1)": in_a_helper,
}


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    with sk.Workbench(tmp_path, settings=sk.Settings(_env_file=None)) as workbench:  # type: ignore[call-arg]
        yield workbench


def line_of(flow: Any, text: str) -> int:
    lines, first = inspect.getsourcelines(flow.fn)
    return first + next(
        i
        for i, line in enumerate(lines)
        if text.rpartition("': ")[2].replace("{{", "{").replace("}}", "}") in line
    )


@pytest.mark.parametrize("said", BEFORE)
def test_a_call_that_stands_alone_is_told_before_the_run_starts(
    wb: sk.Workbench, said: str
) -> None:
    with pytest.raises(sk.UsageError) as raised:
        wb.start(BEFORE[said])
    assert said.format(line_of(BEFORE[said], said)) in str(raised.value)
    assert "Write `await " in raised.value.hint
    assert len(wb.runs) == 0


@pytest.mark.parametrize("said", AFTER)
def test_a_call_that_nobody_awaited_fails_the_run_with_its_line(
    wb: sk.Workbench, said: str
) -> None:
    with warnings.catch_warnings(record=True) as warned, pytest.raises(sk.RunFailed) as raised:
        warnings.simplefilter("always")
        wb.start(AFTER[said]).result(20)
    expected = said.format(line_of(AFTER[said], said)).replace("{{", "{").replace("}}", "}")
    assert expected in str(raised.value)
    assert not [one for one in warned if "never awaited" in str(one.message)], "it is said once"
    (run,) = wb.runs
    assert (
        run.error is not None and run.error.type == "UsageError" and expected in run.error.message
    )


MADE: list[Any] = []


@sk.workflow
async def uses_a_helper(ctx: Any) -> Any:
    made = helper(ctx, 1)
    try:
        return made[0]  # type: ignore[index]
    finally:
        made.close()


@sk.workflow
async def returns_a_helper(ctx: Any) -> Any:
    MADE.append(helper(ctx, 1))
    return MADE


def test_an_async_function_of_ones_own_is_named_where_its_result_is_used(wb: sk.Workbench) -> None:
    with pytest.raises(
        sk.RunFailed,
        match=r"An `await` is missing .* at test_engine_awaits\.py:\d+ uses_a_helper\.",
    ):
        wb.start(uses_a_helper).result(20)
    with pytest.raises(
        sk.RunFailed,
        match=r"it\[0\] is of type builtins\.coroutine\. An `await` is missing before helper\.",
    ):
        wb.start(returns_a_helper).result(20)
    MADE.pop().close()


@sk.workflow
async def awaits_all(ctx: Any) -> Any:
    task = asyncio.create_task(ctx.step(work, 1))
    timed = await asyncio.wait_for(ctx.step(work, 2), 5)
    unused = [ctx.step(work, n) for n in range(3)]
    for one in unused:
        one.close()
    outcomes = await ctx.gather(*(ctx.step(work, n) for n in range(400)), limit=3)
    await helper(ctx, 3)
    await child(ctx)
    await ctx.emit("all")
    return await task + timed + [len(outcomes)]


@sk.workflow
async def raises_something_else(ctx: Any) -> Any:
    later = [ctx.step(work, n) for n in range(3)]
    if later:
        raise ValueError("no plan")


def test_what_is_awaited_in_any_way_is_left_alone(wb: sk.Workbench) -> None:
    assert wb.start(awaits_all).result(60) == [1, 2, 400]
    with pytest.raises(sk.RunFailed, match="ValueError: no plan"):
        wb.start(raises_something_else).result(20)


def test_every_method_of_the_context_that_has_to_be_awaited_is_watched() -> None:
    annotated = {
        name: inspect.signature(method).return_annotation
        for name, method in vars(Context).items()
        if inspect.isfunction(method)
    }
    given = {
        name
        for name, method in vars(Context).items()
        if inspect.iscoroutinefunction(inspect.unwrap(method))
    }
    given |= {name for name, returns in annotated.items() if str(returns).startswith("Awaitable")}
    assert given == METHODS


def test_a_workflow_that_is_called_without_a_context_says_how_to_start_it() -> None:
    with pytest.raises(sk.UsageError, match=r"wb\.start\(child, \.\.\.\)"):
        child([1, 2])  # type: ignore[arg-type]


TAKEN_FOR_A_REPORT: dict[str, Callable[[Any], Any]] = {
    "claims": lambda run: run.claims,
    "to_markdown": lambda run: run.to_markdown(),
    "save": lambda run: run.save("bees.md"),
    "answer": lambda run: run.answer,
}


@pytest.mark.parametrize("name", TAKEN_FOR_A_REPORT)
def test_a_run_that_is_taken_for_its_report_says_what_is_missing(
    wb: sk.Workbench, name: str
) -> None:
    run = wb.research(QUESTION, sources=BEES)
    with pytest.raises(
        AttributeError,
        match=rf"is the run, not its report: write report = run\.result\(\).* report\.{name}\.",
    ):
        TAKEN_FOR_A_REPORT[name](run)
    for looks in (lambda: run["claims"], lambda: list(run)):
        with pytest.raises(TypeError, match=r"not its result: write run\.result\(\), or await run"):
            looks()
    assert (
        not hasattr(run, "clams")
        and not hasattr(run, "_repr_markdown_")
        and isinstance(run, Awaitable)
    )
    with pytest.raises(sk.ValueNotStorable, match="An `await` is missing before Run"):
        wb.start(child_of, run)
    run.result(60)


@sk.workflow
async def child_of(ctx: Any, report: Any) -> Any:
    return report
