"""The command line. Progress goes to stderr, results to stdout; errors are one sentence; exit codes
say how it ended.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    except UsageError as error:
        return _fail(error, USAGE)
    except SentientError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        print(
            "Interrupted. What was finished is kept: see `sentient-kernel runs`.", file=sys.stderr
        )
        return 130
    except BrokenPipeError:
        # the reader has gone; nothing more to say to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except OSError as error:
        return _fail(error, FAILED)


def _fail(error: object, code: int) -> int:
    print(f"sentient-kernel: {one_line(shown(str(error)))}", file=sys.stderr)
    return code


def _streams() -> None:
    """Gives what was closed before the start a place to go to, and lets a terminal that cannot show
    a character show its code.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # it stays open as long as the process lives
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
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
        run = wb.research(
            args.question,
            sources=args.source or None,
            model=args.model,
            depth=args.depth,
            approve=args.approve,
            budget=_budget(args.budget_usd),
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
        for approval in run.approvals:
            if approval.status == "open":
                print(one_line(approval.id))
                how = (
                    f"`sentient-kernel approve {shell_word(approval.id)}`, then `sentient-kernel"
                    f" resume {run.id}`"
                )
                print(
                    f"Waiting for an answer: {one_line(approval.question)} {how}.", file=sys.stderr
                )
        return WAITING
    if status in ("paused", "crashed"):
        why = f": {run.cause}" if run.cause is not None else "."
        raise RunError(
            f"Run {run.id} is {status}{why}",
            hint=f"`sentient-kernel resume {run.id}` goes on with it.",
        )
    result = run.result()
    for line in map(one_line, run.shortfalls()):
        print(f"sentient-kernel: {line}", file=sys.stderr)
    return _print_result(result, args)


def _print_result(result: Any, args: argparse.Namespace) -> int:
    from sentient_kernel.report.report import Report

    if not isinstance(result, Report):
        _write(_json(result), args)
        return DONE
    if args.out and args.format is None:
        result.save(args.out)
        print(f"Written to {args.out}.", file=sys.stderr)
    elif args.format == "json":
        _write(_json(result.to_dict()), args)
    elif args.format == "html":
        from sentient_kernel.report.html import page

        _write(page(result).rstrip("\n") if args.out else result.to_html(), args)
    elif args.out:
        _write(result.to_markdown().rstrip("\n"), args)
    elif args.format == "md":
        print(result.to_markdown())
    else:
        from sentient_kernel.cli.terminal import print_report

        print_report(result)
    if not result.abstained:
        return DONE
    return _fail(_why_nothing(result), NOTHING)


def _why_nothing(report: Report) -> str:
    reasons = [f"{source}: {reason}" for gap in report.unanswered for source, reason in gap.sources]
    return f"{report.answer} {' '.join(dict.fromkeys(reasons))}".strip()


def _search(wb: Workbench, args: argparse.Namespace) -> int:
    found = wb.search(args.query, sources=args.source or None, k=args.k)
    if args.json:
        rows = [
            {
                name: getattr(p, name)
                for name in ("document", "title", "uri", "start", "end", "text", "score", "source")
            }
            for p in found
        ]
        _write(_json(rows), args)
    else:
        for i, passage in enumerate(found, 1):
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
    done = _table(wb.approvals, args)
    if not args.json:
        from sentient_kernel.projections.drawing.words import payload_lines

        for index, one in enumerate(wb.approvals):
            if one.status == "open" and (
                asked := payload_lines(one.payload, f"wb.approvals[{index}].payload")
            ):
                print(
                    "\n".join(
                        [
                            f"\n{exact(one_line(one.id))} {exact(one_line(one.question))}",
                            *(f"  {part}" for part in asked),
                        ]
                    )
                )
    return done


def _table(table: Any, args: argparse.Namespace) -> int:
    if args.json:
        _write(_json([_plain(row) for row in table]), args)
    else:
        print(table)
    return DONE


def _show(wb: Workbench, args: argparse.Namespace) -> int:
    run = wb.run(args.run)
    view = run.view
    if args.json:
        steps = [_plain(step) for step in run.steps]
        _write(_json({**_plain(view), "steps": steps}), args)
        return DONE
    from sentient_kernel.projections.drawing.views import run_text

    look = run.look
    print(
        run_text(
            view, look.steps, look.progress, look.sources, look.approvals, foreign=look.foreign
        )
    )
    if run.error is not None:
        print(f"\n{one_line(f'{run.error.type}: {run.error.message} {run.error.hint}')}")
    if view.status == "completed":
        print()
        return _print_result(run.result(), args)
    return DONE


def _approve(wb: Workbench, args: argparse.Namespace) -> int:
    payload = None
    if args.payload:
        try:
            payload = json.loads(Path(args.payload).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UsageError(
                f"The payload in {args.payload!r} cannot be read: {why}.",
                hint="Give a file that holds JSON.",
            ) from None
    wb.decide(args.id, "approve", payload=payload)
    return _answered(wb, args.id, "Approved")


def _reject(wb: Workbench, args: argparse.Namespace) -> int:
    wb.decide(args.id, "reject", reason=args.reason)
    return _answered(wb, args.id, "Rejected")


def _answered(wb: Workbench, approval: str, what: str) -> int:
    run = wb.run(wb.approval(approval).run)
    ours = run.view.workflow.startswith("sentient_kernel.")
    how = (
        f"`sentient-kernel resume {run.id}` goes on with the run."
        if ours
        else "Start its script or notebook again; it goes on there."
    )
    goes_on = "" if run.alive else f" {how}"
    print(f"{what}: {one_line(approval)}.{goes_on}", file=sys.stderr)
    return DONE


def _export(wb: Workbench, args: argparse.Namespace) -> int:
    print(f"Written to {wb.export(args.run, args.file)}.", file=sys.stderr)
    return DONE


def _doctor(wb: Workbench, args: argparse.Namespace) -> int:
    found = wb.doctor()
    if args.json:
        _write(_json(found), args)
    else:
        for name, value in found.items():
            shown = (
                ", ".join(f"{k} {v}" for k, v in value.items())
                if isinstance(value, dict)
                else value
            )
            print(f"{name.replace('_', ' '):20} {shown}")
    return DONE if found["journal"]["ok"] and found["sqlite"]["ok"] else FAILED


def _verify(args: argparse.Namespace) -> int:
    """Checks the journal without a workbench: one that is damaged cannot be written, and so no
    workbench holds it.
    """
    from sentient_kernel.settings import Settings
    from sentient_kernel.workbench.workbench import open_journal

    settings = Settings.load()
    home = Path(args.home if args.home is not None else settings.home).expanduser().absolute()
    journal = open_journal(home, settings, readonly=True)
    try:
        verdict = journal.verify(full=True)
    finally:
        journal.close()
    if args.json:
        told = {
            "ok": verdict.ok,
            "rows": verdict.rows,
            "head": verdict.head,
            "foreign": verdict.foreign,
        }
        _write(
            _json(
                {
                    **told,
                    "damage": [
                        {"first": d.first, "last": d.last, "what": d.what} for d in verdict.damage
                    ],
                }
            ),
            args,
        )
    elif verdict.ok:
        print(
            f"The journal is whole: {verdict.rows:,} rows, none missing or altered up to the last"
            " one."
        )
        print(
            f"{verdict.rows - verdict.foreign:,} were written by this installation,"
            f" {verdict.foreign:,} come from elsewhere."
        )
        print(
            "That no row is missing or altered does not prove who wrote it: a whole journal can be"
            " made up."
        )
        print(
            "Nor that it is the newest: an older copy that was put in its place is whole too, and"
            " what came later is not in it."
        )
    else:
        for damage in verdict.damage:
            print(f"rows {damage.first} to {damage.last}: {one_line(damage.what)}")
        print(
            "sentient-kernel: The journal is damaged; what can be read is there.", file=sys.stderr
        )
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


def _budget(usd: float | None) -> Any:
    from sentient_kernel.budget import Budget

    return None if usd is None else Budget(usd=usd)


def _plain(row: Any) -> dict[str, Any]:
    from pydantic_core import to_jsonable_python

    fields = {
        f.name: getattr(row, f.name) for f in dataclasses.fields(row) if not f.name.startswith("_")
    }
    value: dict[str, Any] = to_jsonable_python(fields, inf_nan_mode="strings")
    return value


def _json(value: Any) -> str:
    """Returns JSON: for programs as it is, on a terminal without what could move its cursor."""
    return json.dumps(value, indent=2, ensure_ascii=sys.stdout.isatty(), default=str)


def _write(text: str, args: argparse.Namespace) -> None:
    out = getattr(args, "out", None)
    if out:
        Path(out).write_text(text + "\n", encoding="utf-8")
        print(f"Written to {out}.", file=sys.stderr)
    else:
        print(text)
