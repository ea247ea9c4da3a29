"""The front end's scripts parse, alone and put together, and hold what their types say."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from sentient_kernel.errors import UsageError
from sentient_kernel.failures import exact, plain
from sentient_kernel.widgets.bundle import STATIC, VIEWS, bundle, modules, style

SCRIPTS = sorted(STATIC.rglob("*.js"))
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
TOOLS = Path.home() / ".cache" / "sentient-tools"
STRICT = [
    "--noEmit",
    "--strict",
    "--checkJs",
    "--allowJs",
    "--target",
    "es2022",
    "--module",
    "es2022",
    "--moduleResolution",
    "bundler",
]
LIBRARIES = ["--lib", "es2023,dom,dom.iterable", "--types", ""]


def missing(what: str) -> NoReturn:
    """Skips the test because the machine lacks something; on CI fails instead."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI has to have it", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="module")
def node() -> str:
    return shutil.which("node") or missing("Node (Debian: apt-get install nodejs)")


@pytest.fixture(scope="module")
def tsc() -> str:
    """Returns the TypeScript compiler: that of SENTIENT_TSC, the one on PATH, or the one that
    ``.ci/run`` installed.
    """
    places = [
        os.environ.get("SENTIENT_TSC"),
        shutil.which("tsc"),
        str(TOOLS / "node_modules" / ".bin" / "tsc"),
    ]
    for place in places:
        if place and Path(place).is_file():
            return place
    missing(f"TypeScript (npm install --prefix {TOOLS} typescript)")


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder with all bundles."""
    folder = tmp_path_factory.mktemp("bundles")
    for view in VIEWS:
        (folder / f"{view}.mjs").write_text(bundle(view), encoding="utf-8")
    return folder


def run(*words: str) -> None:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=110, check=False, cwd=STATIC
    )
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}", pytrace=False)


def test_every_script_parses(node: str, tmp_path: Path) -> None:
    for script in SCRIPTS:
        # Named .mjs, so that it is read as what it is on every version of Node.
        copied = tmp_path / f"{script.parent.name}-{script.stem}.mjs"
        copied.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
        run(node, "--check", str(copied))


AGREE = """
import { exact, plain } from "%s";
import { readFileSync } from "node:fs";
const wrong = JSON.parse(readFileSync("%s", "utf8")).filter(([text, shown, agreed]) => plain(text) !== shown || exact(text) !== agreed);
if (wrong.length) throw new Error(JSON.stringify(wrong.slice(0, 5)));
"""


def test_scripts_and_package_agree_on_what_cannot_be_seen(node: str, tmp_path: Path) -> None:
    for script in (STATIC / "kit").glob("*.js"):
        text = re.sub(
            r'from "\./(\w+)\.js"', r'from "./\1.mjs"', script.read_text(encoding="utf-8")
        )
        (tmp_path / f"{script.stem}.mjs").write_text(text, encoding="utf-8")
    signs = [
        *"a1# \n\t\u2764\u260e\u2194\u20ac\u845b\u5b57\ud55c\u0639\u06a9\u0915\u094d\u0937\u203c\u1820\u20e3"
    ]
    signs += [*"\U0001f469\U0001f4bb\U0001f3fd\U00020000"]
    signs += [
        *"\ufe0f\ufe0e\ufe00\u200c\u200d\u200b\u00ad\u034f\u3164\u115f\u2003\u2800\u180b\U000e0100"
    ] * 2
    texts = ["".join(random.Random(n).choices(signs, k=n % 12 + 1)) for n in range(10_000)]
    (tmp_path / "texts.json").write_text(
        json.dumps([[text, plain(text), exact(text)] for text in texts])
    )
    (tmp_path / "agree.mjs").write_text(AGREE % ("./dom.mjs", tmp_path / "texts.json"))
    run(node, str(tmp_path / "agree.mjs"))


def test_every_bundle_parses_so_no_name_is_given_twice(node: str, paths: Path) -> None:
    for view in VIEWS:
        run(node, "--check", str(paths / f"{view}.mjs"))


def test_every_bundle_can_be_loaded_and_is_what_a_widget_needs(node: str, paths: Path) -> None:
    for view in VIEWS:
        run(
            node,
            "--input-type=module",
            "-e",
            f"import v from '{paths / view}.mjs'; if (typeof v.render !== 'function')"
            " process.exit(1);",
        )


def test_types_of_scripts_hold_strictly(tsc: str) -> None:
    run(tsc, *STRICT, *LIBRARIES, *map(str, SCRIPTS))


def test_a_bundle_holds_each_module_once_after_those_it_imports() -> None:
    for view in VIEWS:
        names = modules(view)
        assert len(names) == len(set(names)) and names[-1] == f"views/{view}"
        text = bundle(view)
        assert not re.search(r"^(import|export (?!default))", text, re.MULTILINE), view
        assert text.endswith(f'export default mount("{view}", {VIEWS[view]});\n')
    assert modules("run").index("views/approval") < modules("run").index("views/run")
    with pytest.raises(UsageError, match="no view 'nothing'"):
        bundle("nothing")


def test_every_script_belongs_to_a_view_or_is_for_the_web_page() -> None:
    used = {name for view in VIEWS for name in modules(view)}
    assert {script.relative_to(STATIC).with_suffix("").as_posix() for script in SCRIPTS} - used <= {
        "views/panels"
    }


def test_outside_text_has_one_way_in_and_nothing_is_fetched() -> None:
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        for banned in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "fetch(",
            'import("http',
        ):
            assert banned not in text, f"{banned} in {script.name}"
        assert text.startswith("// @ts-check\n"), script.name
    assert "@import" not in style() and "url(" not in style()


def test_files_stay_readable() -> None:
    for file in [*SCRIPTS, *STATIC.rglob("*.css")]:
        lines = file.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= 460, f"{file.name} has {len(lines)} lines"
