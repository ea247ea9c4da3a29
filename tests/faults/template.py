"""A process that has imported everything and opened nothing: it forks children that are then to be
killed.

Starting an interpreter for every death would cost more than the death. Reads one JSON request a
line and writes one answer a line: ``{"do": name, "with": {...}, "out": path}`` forks a child that
calls that function of :mod:`lives` and answers with its pid; ``{"wait": pid}`` answers with the
child's exit status, negative for the signal that ended it; ``{"load": [...]}`` imports modules
first, and what they define can be called too.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib import import_module
from types import ModuleType
from typing import Any, NoReturn

import lives

KNOWN: list[ModuleType] = [lives]


def child(request: dict[str, Any]) -> NoReturn:
    """Calls what was asked for, with its output in a file; a normal end runs what is registered for
    the end of an interpreter.
    """
    sys.stdin.close()
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    code = 1
    try:
        next(getattr(one, request["do"]) for one in KNOWN if hasattr(one, request["do"]))(
            **request["with"]
        )
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:  # noqa: BLE001 - the parent is to read it
        traceback.print_exc()
    finally:
        lives.at_exit()
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    """Serves until standard input is closed."""
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "load" in request:
            KNOWN[:0] = map(import_module, request["load"])
            answer = 0
        elif "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                child(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
