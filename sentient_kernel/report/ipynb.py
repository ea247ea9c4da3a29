"""Draws a report as a Jupyter notebook: the text with its quotes, and cells that bring the run
back. Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sentient_kernel.report.markdown import draw

if TYPE_CHECKING:
    from sentient_kernel.report.report import Report


def notebook(report: Report) -> str:
    """Returns the report as the JSON of a notebook (format 4.5).

    Args:
        report: Any report.
    """
    cells = [_markdown("report", draw(report))]
    if report.run_id:
        code = (
            "import sentient_kernel as sk\n\nwb = sk.Workbench()\nrun ="
            f" wb.run({str(report.run_id)!r})\nrun"
        )
        cells += [
            _markdown(
                "back",
                "Where the workbench that made it is at hand, this brings the run back, with every"
                " quote in its context:",
            ),
            _code(code),
        ]
    value = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _markdown(name: str, text: str) -> dict[str, Any]:
    return {
        "cell_type": "markdown",
        "id": name,
        "metadata": {},
        "source": text.splitlines(keepends=True),
    }


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": "run",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": text.splitlines(keepends=True),
    }
