"""The command line. Progress goes to stderr, results to stdout; errors are one sentence; exit codes
say how it ended.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentient_kernel.budget import Budget
from sentient_kernel.cli.arguments import (
    DONE,
    ENDINGS,
    FAILED,
    NOTHING,
    USAGE,
    WAITING,
    one_line,
    parsed,
    shell_word,
)
from sentient_kernel.errors import RunError, SentientError, UnknownModel, UsageError
from sentient_kernel.failures import exact
from sentient_kernel.redaction import shown

if TYPE_CHECKING:
    from sentient_kernel.report.report import Report
    from sentient_kernel.workbench.run import Run
    from sentient_kernel.workbench.workbench import Workbench


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Its words; by default those the process was started with.

    Returns:
        0 done, 1 failed, 2 wrong usage, 3 nothing found, 4 waiting for an answer.
    """
    try:
        _streams()
        code = _run(parsed(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print(
            "Interrupted. What was finished is kept: see `sentient-kernel runs`.", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        # the reader has gone; nothing more to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except (SentientError, OSError) as error:
        return _fail(error, USAGE if isinstance(error, UsageError) else FAILED)


def _fail(error: object, code: int) -> int:
    print(f"sentient-kernel: {one_line(shown(str(error)))}", file=sys.stderr)
    return code


def _streams() -> None:
    """Gives what was closed before the start a place to go to, and lets a terminal that cannot show
    a character show its code.
    """
    for name in ("stdout", "stderr"):
        # it stays open as long as the process lives
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
        setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(args: argparse.Namespace) -> int:
    from sentient_kernel.settings import tell
    from sentient_kernel.workbench.workbench import Workbench

    if args.command == "lab":
        from sentient_kernel.cli.lab import open_lab

        return open_lab(args.folder, args.options)
    if args.command == "trust":
        from sentient_kernel.cli.trust import trust

        return trust(args.path, yes=args.yes)
    _check(args)
    tell(lambda sentence: _fail(sentence, DONE))
    if args.command == "verify":
        return _verify(args)
    with Workbench(args.home) as workbench:
        return COMMANDS[args.command](workbench, args)


def _check(args: argparse.Namespace) -> None:
    """Refuses what can be told before anything is opened or begun."""
    question = getattr(args, "question", getattr(args, "query", None))
    if question is not None:
        from sentient_kernel.research.library import check_query

        check_query(question)
    out = getattr(args, "out", None)
    if out and not Path(out).absolute().parent.is_dir():
        raise UsageError(
            f"{out!r} cannot be written: there is no folder {str(Path(out).parent)!r}."
        )
    if out and args.format is None and not out.lower().endswith(ENDINGS):
        raise UsageError(
            f"{out!r} must end in one of {', '.join(ENDINGS)}.",
            hint="Or say how to write it with --format.",
        )


# -- commands --------------------------------------------------------------------------------------


def _research(wb: Workbench, args: argparse.Namespace) -> int:
    try:
        budget = None if args.budget_usd is None else Budget(usd=args.budget_usd)
        run = wb.research(
            args.question,
            sources=args.source,
            model=args.model,
            depth=args.depth,
            approve=args.approve,
            budget=budget,
            name=args.name,
            clarify=args.clarify,
        )
    except UnknownModel as error:
        if args.model is None:  # then it is the setting that is wrong
            raise
        raise UsageError(error.message, hint=error.hint) from None
    return _finish(wb, run, args)


def _demo(wb: Workbench, args: argparse.Namespace) -> int:
    print(
        "A question to the documentation of the packages installed here, no key needed:\n "
        f" {args.question}",
        file=sys.stderr,
    )
    return _finish(wb, wb.research(args.question, sources="packages"), args)


def _resume(wb: Workbench, args: argparse.Namespace) -> int:
    run = wb.run(args.run)
    if run.status != "completed":
        run.resume()
    return _finish(wb, run, args)


def _finish(wb: Workbench, run: Run, args: argparse.Namespace) -> int:
    """Follows a run to its end and prints what came of it."""
    from sentient_kernel.cli.terminal import follow

    try:
        status = follow(run)
    except KeyboardInterrupt:
        wb.close()
        print(
            f"\nInterrupted. The run is kept; `sentient-kernel resume {run.id}` goes on where it"
            " was.",
            file=sys.stderr,
        )
        return 130
    if status == "waiting":
        for asked in (one for one in run.approvals if one.status == "open"):
            print(one_line(asked.id))
            print(
                f"Waiting for an answer: {one_line(asked.question)} `sentient-kernel approve"
                f" {shell_word(asked.id)}`, then `sentient-kernel resume {run.id}`.",
                file=sys.stderr,
            )
        return WAITING
    if status in ("paused", "crashed"):
        why = f": {run.cause}" if run.cause is not None else "."
        raise RunError(
            f"Run {run.id} is {status}{why}",
            hint=f"`sentient-kernel resume {run.id}` goes on with it.",
        )
    result = run.result()
    for line in run.shortfalls():
        _fail(line, DONE)
    return _print_result(result, args)


def _print_result(result: Any, args: argparse.Namespace) -> int:
    from sentient_kernel.report.report import Report

    if not isinstance(result, Report):
        return _write(_json(result), args)
    if args.format is not None:
        _write(_formatted(result, args), args)
    elif args.out:
        result.save(args.out)
        print(f"Written to {args.out}.", file=sys.stderr)
    else:
        from sentient_kernel.cli.terminal import print_report

        print_report(result)
    if not result.abstained:
        return DONE
    reasons = [f"{source}: {reason}" for gap in result.unanswered for source, reason in gap.sources]
    return _fail(" ".join([result.answer, *dict.fromkeys(reasons)]), NOTHING)


def _formatted(report: Report, args: argparse.Namespace) -> str:
    if args.format == "json":
        return _json(report.to_dict())
    if args.format == "md":
        return report.to_markdown()
    from sentient_kernel.report.html import page

    return page(report) if args.out else report.to_html()


def _search(wb: Workbench, args: argparse.Namespace) -> int:
    found = wb.search(args.query, sources=args.source, k=args.k)
    if args.json:
        _table(found, args)
    for i, passage in enumerate(() if args.json else found, 1):
        print(
            f"{i}. {one_line(passage.title)}  ({one_line(passage.uri)})\n  "
            f" {one_line(passage.text)[:300]}\n"
        )
    if found:
        return DONE
    healths = [
        (ref[0], wb.library.source(ref).health) for ref in wb.library.references(args.source or ())
    ]
    reasons = [f"{name}: {health.reason}" for name, health in healths if health.reason]
    return _fail(" ".join(reasons) or "No passage fits.", NOTHING)


def _approvals(wb: Workbench, args: argparse.Namespace) -> int:
    from sentient_kernel.projections.drawing.words import payload_lines

    waiting = wb.approvals
    _table(waiting, args)
    for index, one in enumerate(() if args.json else waiting):
        if asked := payload_lines(one.payload, f"wb.approvals[{index}].payload"):
            print(f"\n{exact(one_line(one.id))} {exact(one_line(one.question))}")
            print("\n".join(f"  {part}" for part in asked))
    return DONE


def _table(table: Any, args: argparse.Namespace) -> int:
    return _write(_json([_plain(row) for row in table]) if args.json else str(table), args)


def _show(wb: Workbench, args: argparse.Namespace) -> int:
    run = wb.run(args.run)
    look = run.look
    if args.json:
        steps = [_plain(step) for step in look.steps]
        return _write(_json({**_plain(look.run), "steps": steps}), args)
    from sentient_kernel.projections.drawing.views import run_text

    print(
        run_text(
            look.run, look.steps, look.progress, look.sources, look.approvals, foreign=look.foreign
        )
    )
    if run.error is not None:
        print(f"\n{one_line(f'{run.error.type}: {run.error.message} {run.error.hint}')}")
    if look.run.status != "completed":
        return DONE
    print()
    return _print_result(run.result(), args)


def _approve(wb: Workbench, args: argparse.Namespace) -> int:
    payload = None
    if args.payload:
        try:
            payload = json.loads(Path(args.payload).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"The payload in {args.payload!r} cannot be read:"
                f" {getattr(error, 'strerror', None) or error}.",
                hint="Give a file that holds JSON.",
            ) from None
    wb.decide(args.id, "approve", payload=payload)
    return _answered(wb, args.id, "Approved")


def _reject(wb: Workbench, args: argparse.Namespace) -> int:
    wb.decide(args.id, "reject", reason=args.reason)
    return _answered(wb, args.id, "Rejected")


def _answered(wb: Workbench, approval: str, what: str) -> int:
    run = wb.run(wb.approval(approval).run)
    how = (
        f" `sentient-kernel resume {run.id}` goes on with the run."
        if run.view.workflow.startswith("sentient_kernel.")
        else " Start its script or notebook again; it goes on there."
    )
    print(f"{what}: {one_line(approval)}.{'' if run.alive else how}", file=sys.stderr)
    return DONE


def _export(wb: Workbench, args: argparse.Namespace) -> int:
    print(f"Written to {wb.export(args.run, args.file)}.", file=sys.stderr)
    return DONE


def _doctor(wb: Workbench, args: argparse.Namespace) -> int:
    found = wb.doctor()
    if args.json:
        _write(_json(found), args)
    for name, value in () if args.json else found.items():
        pairs = [f"{k} {v}" for k, v in value.items()] if isinstance(value, dict) else [str(value)]
        print(f"{name.replace('_', ' '):20} {', '.join(pairs)}")
    return DONE if found["journal"]["ok"] and found["sqlite"]["ok"] else FAILED


def _verify(args: argparse.Namespace) -> int:
    """Checks the journal without a workbench: one that is damaged cannot be written, and so no
    workbench holds it.
    """
    from sentient_kernel.settings import Settings
    from sentient_kernel.workbench.workbench import open_journal

    settings = Settings.load()
    home = Path(args.home if args.home is not None else settings.home).expanduser().absolute()
    with closing(open_journal(home, settings, readonly=True)) as journal:
        verdict = journal.verify(full=True)
    if args.json:
        damage = [_plain(one) for one in verdict.damage]
        _write(_json({"ok": verdict.ok, **_plain(verdict), "damage": damage}), args)
    elif verdict.ok:
        print(
            f"The journal is whole: {verdict.rows:,} rows, none missing or altered up to the last"
            f" one.\n{verdict.rows - verdict.foreign:,} were written by this installation,"
            f" {verdict.foreign:,} come from elsewhere.\n"
            "That no row is missing or altered does not prove who wrote it: a whole journal can be"
            " made up.\n"
            "Nor that it is the newest: an older copy that was put in its place is whole too, and"
            " what came later is not in it."
        )
    else:
        for one in verdict.damage:
            print(f"rows {one.first} to {one.last}: {one_line(one.what)}")
        _fail("The journal is damaged; what can be read is there.", FAILED)
    return DONE if verdict.ok else FAILED


COMMANDS: dict[str, Callable[[Workbench, argparse.Namespace], int]] = {
    "research": _research,
    "search": _search,
    "runs": lambda wb, args: _table(wb.runs, args),
    "show": _show,
    "resume": _resume,
    "approvals": _approvals,
    "approve": _approve,
    "reject": _reject,
    "demo": _demo,
    "export": _export,
    "doctor": _doctor,
}


# -- output ----------------------------------------------------------------------------------------


def _plain(row: Any) -> dict[str, Any]:
    from pydantic_core import to_jsonable_python

    from sentient_kernel.projections.drawing.table import fields_of

    fields = {name: getattr(row, name) for name in fields_of(type(row))}
    return dict(to_jsonable_python(fields, inf_nan_mode="strings"))


def _json(value: Any) -> str:
    """Returns JSON: for programs as it is, on a terminal without what could move its cursor."""
    return json.dumps(value, indent=2, ensure_ascii=sys.stdout.isatty(), default=str)


def _write(text: str, args: argparse.Namespace) -> int:
    if out := getattr(args, "out", None):
        Path(out).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        print(f"Written to {out}.", file=sys.stderr)
    else:
        print(text)
    return DONE
