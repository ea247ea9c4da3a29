"""Makes the recording that ``notebooks/02_research_with_a_model.ipynb`` replays:
``python tests/make_recording.py``.

For after a change to prompts, to search or to the texts about bees; the notebook says that nothing
is recorded then. The model is a server on this machine whose answers were written by hand, here.
All else is real: plan, searches, quotes, verdicts, the mending, the export.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import sentient_kernel as sk
from tests.kits.model_server import Asked, ModelServer

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
RECORDING = NOTEBOOKS / "data" / "recordings" / "far_and_where.run"
QUESTION = "How far do honey bees fly for food, and how do they tell each other where it is?"
MODEL = "openai:written-by-hand"

PLAN = [
    {
        "question": "What keeps foragers near the hive, or at home?",
        "query": "foragers distance price rain temperature at home",
    },
    {
        "question": "How does the waggle dance tell direction and distance?",
        "query": "waggle run direction angle duration distance",
    },
]
GAP = [{"question": "Who deciphered the dance?", "query": "deciphered dance Nobel Prize"}]
WRITTEN = [
    (
        "Most foragers stay within one kilometre of the hive where the farmland is rich.",
        "most foragers stay within one kilometre",
    ),
    (
        (
            "Where flowers are scarce, single foragers were followed to food more than nineteen"
            " kilometres away."
        ),
        "more than nine kilometres",
    ),
    (
        "The direction of the waggle run tells the direction of the food.",
        "tells the direction of the food",
    ),
    ("The longer the waggle run, the farther the food.", "the longer the run"),
    ("Karl von Frisch deciphered the dance.", "Karl von Frisch"),
    (
        "Rain and temperatures below about ten degrees Celsius keep foragers at home.",
        "Rain and temperatures",
    ),
    ("The dance was first filmed in a hive with glass walls.", "Bees correct the angle"),
]
MENDED = [
    (
        (
            "Where flowers are scarce, single foragers were followed to food more than nine"
            " kilometres away."
        ),
        "more than nine kilometres",
    ),
]
MISSING = ["How a bee measures the distance that she has flown."]


def say(asked: Asked) -> Any:
    """Gives the answer that was written for a question, with the numbers that the quotes have this
    time.
    """
    lines = [line for line in asked.said.splitlines() if line.startswith("[")]

    def cites(words: str) -> list[int]:
        return [int(line[1 : line.index("]")]) for line in lines if words.lower() in line.lower()][
            :1
        ]

    if asked.said.startswith("Split the question"):
        return {"questions": PLAN}
    if asked.said.startswith("Do these quotes"):
        return {"enough": False, "questions": GAP}
    if asked.said.startswith("The words of these sentences"):
        doubtful = [line for line in asked.said.splitlines() if line.startswith("(")]
        which = {
            text: n for n, line in enumerate(doubtful, 1) for text, _ in MENDED if text[:30] in line
        }
        return {
            "claims": [
                {"sentence": which[text], "words": "", "text": text, "cites": cites(words)}
                for text, words in MENDED
            ]
        }
    return {
        "claims": [{"text": text, "cites": cites(words)} for text, words in WRITTEN],
        "missing": MISSING,
    }


def main() -> None:
    """Runs the research once and writes the file."""
    with (
        ModelServer(say, model=MODEL.partition(":")[2]) as server,
        tempfile.TemporaryDirectory() as folder,
    ):
        os.environ |= {
            "OPENAI_BASE_URL": server.url,
            "OPENAI_API_KEY": "none",
            "LOGNAME": "tutorial",
        }
        shutil.copytree(NOTEBOOKS / "data" / "bees", f"{folder}/data/bees")
        os.chdir(folder)  # what is recorded names no folder of this machine
        with sk.Workbench(".sentient", settings=sk.Settings(_env_file=None), model=MODEL) as wb:  # type: ignore[call-arg]
            wb.add("data/bees")
            run = wb.research(
                QUESTION, approve={"plan": "auto"}, budget=sk.Budget(calls=6), name="far and where"
            )
            report = run.result(60)
            RECORDING.parent.mkdir(exist_ok=True)
            wb.export(run.id, RECORDING)
    print(f"{RECORDING.name}: {RECORDING.stat().st_size:,} bytes, {server.calls} calls, {report!r}")
    for claim in report.claims:
        print(f"  {claim.verdict}: {claim.text} {claim.reason}")


if __name__ == "__main__":
    main()
