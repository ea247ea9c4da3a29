"""The test ground itself: each line of ipykernel, both applications, and what a person does to a
page.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernels_kit import LINES
from lab_kit import IN_APP, NO_SUBSHELLS, Lab, barriers, browser, end_kernels, lab, opened

VERSION = "import ipykernel, sentient_kernel\nprint('ipykernel', ipykernel.__version__)"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, needs_browser: Path) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), kernels=list(LINES), settings=NO_SUBSHELLS) as running:
        yield running


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


def write(server: Lab, name: str, *cells: str) -> str:
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=code), server.folder / name)
    return name


@pytest.mark.parametrize("kernel", LINES)
def test_a_notebook_runs_on_the_line_of_ipykernel_that_its_metadata_names(
    chrome: Any, server: Lab, kernel: str
) -> None:
    with opened(chrome, server, write(server, f"{kernel}.ipynb", VERSION), kernel=kernel) as book:
        book.run_cell(0)
        book.cell(0).get_by_text(f"ipykernel {LINES[kernel]}").wait_for()
        assert book.complaints == []


def test_a_notebook_runs_in_the_notebook_application_too(chrome: Any, server: Lab) -> None:
    name = write(server, "application.ipynb", VERSION, "21 * 2")
    with opened(chrome, server, name, app="notebook", kernel="ipykernel631") as book:
        assert "/notebooks/" in book.page.url
        book.run_all()
        book.wait_for_the_end()
        assert f"ipykernel {LINES['ipykernel631']}" in book.cell(0).inner_text()
        book.save()
        book.reload()
        assert "42" in book.cell(1).inner_text()
        assert book.complaints == []


def test_a_page_is_reloaded_shared_left_and_opened_again_and_its_kernel_restarted(
    chrome: Any, server: Lab
) -> None:
    name = write(server, "pages.ipynb", "import os\nthis = os.getpid()", "print('kernel', this)")
    with opened(chrome, server, name, kernel="python3") as book:
        book.run_all()
        book.wait_for_the_end()
        said = book.cell(1).locator(".jp-OutputArea-output").inner_text()
        book.save()
        book.reload()
        assert book.cell(1).locator(".jp-OutputArea-output").inner_text() == said
        second = book.another()
        second.run_cell(1)
        second.wait_for_the_end()
        assert second.cell(1).locator(".jp-OutputArea-output").inner_text() == said, (
            "another kernel"
        )
        assert second.page.url != "about:blank" and second.complaints == []
        second.page.close()
        book.python("this = 'changed beside the notebook'")
        book.run_cell(1)
        book.cell(1).get_by_text("changed beside the notebook").wait_for()
        book.restart()
        book.run_cell(1)
        book.cell(1).get_by_text("NameError").first.wait_for()
        book.close()
        end_kernels(server)
        book.open()
        assert book.cell(1).locator(".jp-OutputArea-output").inner_text() == said, "what was saved"


def test_what_a_user_sets_is_set(chrome: Any, server: Lab) -> None:
    with opened(chrome, server, write(server, "settings.ipynb", "0"), kernel="python3") as book:
        found = book.page.evaluate(
            f"() => {IN_APP}.serviceManager.kernels.commsOverSubshells ?? null"
        )
        kernel = book.page.evaluate(
            "() =>"
            f" {IN_APP}.shell.currentWidget.context.sessionContext.session.kernel.commsOverSubshells"
            " ?? null"
        )
        assert "disabled" in (found, kernel), (found, kernel)


def test_what_shuts_people_out_is_found_where_it_is(chrome: Any, server: Lab) -> None:
    drawn = (
        '<section class="bad"><button></button></section><section'
        ' class="good"><button>Approve</button></section>'
    )
    cell = f"from IPython.display import HTML\nHTML({drawn!r})"
    with opened(chrome, server, write(server, "barriers.ipynb", cell), kernel="python3") as book:
        book.run_cell(0)
        book.cell(0).locator(".good button").wait_for()
        assert barriers(book.page, ".good") == []
        (found,) = barriers(book.page, ".bad")
        assert found.startswith("button-name: ")
