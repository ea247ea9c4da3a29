"""An error names the user's own line: the cell, the line and what stands there, in a real kernel."""

from __future__ import annotations

from pathlib import Path

from kernel_kit import Kernel

DEFINED = """
import sentient_kernel as sk

wb = sk.Workbench("home")

@sk.workflow
async def weighs(ctx):
    return await ctx.step(weigh, 3)
"""
FAILS = """
def weigh(grams):
    scale = grams - 3
    return grams / scale
"""
SHOWN = """
run = wb.start(weighs)
run.wait(20)
print(run.error)
print([(one.where, one.count) for one in wb.errors])
"""


def test_a_failing_step_is_told_by_cell_and_line_and_one_fault_is_one_group(tmp_path: Path) -> None:
    with Kernel(tmp_path) as kernel:
        kernel.run(DEFINED)
        kernel.run("1")
        kernel.run(FAILS)
        said = kernel.run(SHOWN).text
        assert said.splitlines()[0] == "Cell In[3], line 3 in weigh: return grams / scale"
        assert said.splitlines()[1].startswith("StepFailed: Step 'weigh' failed: ZeroDivisionError")
        assert "[('Cell In[3], line 3 in weigh', 1)]" in said
        kernel.run(FAILS)  # the same code in another cell
        again = kernel.run(SHOWN).text
        assert again.splitlines()[0] == "Cell In[5], line 3 in weigh: return grams / scale"
        assert again.splitlines()[-1].count("line 3") == 1 and ", 2)]" in again
        assert kernel.run("print(repr(run.error)[:60]); run").error is None
