"""Installed packages as a source: read and never imported, named as people name them, read again
only when they change.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from sentient_kernel.errors import SourceError
from sentient_kernel.index.store import Index
from sentient_kernel.sources import Document, open_source
from sentient_kernel.sources.local.installed import installed
from sentient_kernel.sources.local.packages import PackagesSource

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index.db")
    yield index
    index.close()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site-packages folder with one distribution, whose import would leave a trace."""
    site = tmp_path / "site"
    install(site, "hive-kit", "1.0", hive_kit(tmp_path / "imported"))
    return site


def hive_kit(trace: Path) -> dict[str, str]:
    """The files of a package that writes a file when any of its modules is imported."""
    mine = f"__import__('pathlib').Path({str(trace)!r}).write_text('imported')\n"
    return {
        "hive/__init__.py": (
            f'"""Keeps bees in a hive, and counts the honey they make in a year."""\n{mine}from'
            " hive._core import Hive\n"
        ),
        "hive/_core.py": mine
        + '''
class Base:
    def swarm(self, when: str = "spring") -> int:
        """Divides the colony in two.

        The old queen leaves with half of the workers and looks for another home. The new queen stays with the combs, the brood and
        the honey that are there, which is why beekeepers try to be near when it happens, with an empty box in their hands.
        """

class Hive(Base):
    """A home for one colony, made of boxes that stand upon each other."""

    def harvest(self, *, frames: int = 3) -> float:
        """Takes frames of honey out and returns their weight in kilograms."""

    def _secret(self):
        """Private things that no reader should ever come across in a search."""
''',
        "hive/tests/test_hive.py": (
            '"""Tests of the swarm that nobody wants to read when they search for something."""\n'
            + mine
        ),
    }


def install(
    site: Path,
    name: str,
    version: str,
    files: dict[str, str],
    *,
    readme: str = "Hive kit keeps bees. It is small.",
) -> Path:
    """Puts a distribution into a folder as an installer would."""
    site.mkdir(exist_ok=True)
    for old in site.glob(f"{name.replace('-', '_')}-*.dist-info"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary:"
        f" Bees.\nLicense-Expression: MIT\n\n{readme}\n"
    )
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    (info / "RECORD").write_text(
        "".join(f"{path},sha256=x,{len(text)}\n" for path, text in files.items())
    )
    return info


async def test_public_names_versions_and_licences_stand_with_what_is_found(
    site: Path, index: Index
) -> None:
    source = PackagesSource(index, paths=[str(site)])
    health = await source.refresh()
    assert (health.refused, health.reason) == ((), "")
    best, *_ = await source.search("How does a colony swarm?")
    assert (best.title, best.uri) == (
        "hive.Hive.swarm (hive-kit 1.0)",
        "package:hive-kit==1.0/hive/_core.py#Base.swarm",
    )
    document = source.document(best.document)
    assert document is not None
    assert document.text.startswith(
        "```\nHive.swarm(when: str='spring') -> int\n```\n\nHive.swarm: Divides the colony in two."
    )
    assert document.text[best.start : best.end] == best.text
    assert document.meta == {
        "distribution": "hive-kit",
        "version": "1.0",
        "licence": "MIT",
        "kind": "method",
        "exported": True,
    }
    assert sorted(uri.partition("/")[2] for uri in index.stamps("packages")) == [
        "README",
        "hive/__init__.py",
        "hive/_core.py#Base.swarm",
        "hive/_core.py#Hive",
    ]


async def test_nothing_is_imported(site: Path, index: Index, tmp_path: Path) -> None:
    source = PackagesSource(index, paths=[str(site)])
    await source.refresh()
    await source.search("swarm")
    assert not (tmp_path / "imported").exists()
    assert "hive" not in sys.modules
    sys.path.insert(0, str(site))  # the trap works: an import does leave the trace
    try:
        __import__("hive")
        assert (tmp_path / "imported").read_text() == "imported"
    finally:
        sys.path.remove(str(site))
        for name in ("hive", "hive._core"):
            sys.modules.pop(name, None)


async def test_tests_and_private_things_are_left_out(site: Path, index: Index) -> None:
    source = PackagesSource(index, paths=[str(site)])
    await source.refresh()
    assert await source.search("private come across") == []
    assert all("tests" not in uri for uri in index.stamps("packages"))


async def test_an_unchanged_environment_is_not_read_again(site: Path, index: Index) -> None:
    assert (await PackagesSource(index, paths=[str(site)]).refresh()).read == 4
    source = PackagesSource(index, paths=[str(site)])
    health = await source.refresh()
    assert (health.read, health.documents) == (0, 4)


async def test_a_distribution_that_was_written_in_part_is_read_again(
    site: Path, index: Index
) -> None:
    class Failing(Index):
        def put(
            self,
            source: str,
            documents: Iterable[Document],
            *,
            stamps: Mapping[str, str] | None = None,
        ) -> int:
            super().put(source, list(documents)[:3], stamps=stamps)
            raise SourceError("The disk is full.")

    with Failing(index._database.path) as failing, pytest.raises(SourceError, match="disk is full"):
        await PackagesSource(failing, paths=[str(site)]).refresh()
    assert index.counts()["packages"][0] == 3
    health = await PackagesSource(index, paths=[str(site)]).refresh()
    assert (health.read, health.documents) == (4, 4)


async def test_an_upgraded_distribution_replaces_its_old_documents_and_no_others(
    site: Path, index: Index, tmp_path: Path
) -> None:
    install(
        site,
        "other",
        "2.0",
        {"other.py": '"""Something else entirely, about wasps and their nests of paper."""\n'},
    )
    source = PackagesSource(index, paths=[str(site)])
    assert (await source.refresh()).read == 6
    files = hive_kit(tmp_path / "imported")
    files["hive/_core.py"] = (
        files["hive/_core.py"]
        .replace("Divides the colony", "Splits the colony")
        .replace("def harvest", "def _harvest")
    )
    install(site, "hive-kit", "1.1", files)
    health = await source.refresh()
    assert (health.read, health.documents) == (4, 6)
    assert {uri.partition("/")[0] for uri in index.stamps("packages")} == {
        "package:hive-kit==1.1",
        "package:other==2.0",
    }
    assert [one.title for one in await source.search("splits")] == [
        "hive.Hive.swarm (hive-kit 1.1)"
    ]


async def test_a_distribution_that_is_gone_is_forgotten(site: Path, index: Index) -> None:
    install(
        site,
        "other",
        "2.0",
        {"other.py": '"""Something else entirely, about wasps and their nests of paper."""\n'},
    )
    source = PackagesSource(index, paths=[str(site)])
    await source.refresh()
    for file in (site / "other-2.0.dist-info").iterdir():
        file.unlink()
    (site / "other-2.0.dist-info").rmdir()
    health = await source.refresh()
    assert (health.read, health.documents) == (0, 4)
    assert await source.search("wasps") == []


async def test_what_was_installed_from_an_index_is_nobodys_own(site: Path, index: Index) -> None:
    source = PackagesSource(index, paths=[str(site)])
    await source.refresh()
    found = await source.search("swarm")
    assert found and not any(one.own for one in found)


async def test_an_editable_installation_is_read_where_its_source_is(
    tmp_path: Path, index: Index
) -> None:
    project = tmp_path / "project" / "src"
    (project / "nest").mkdir(parents=True)
    module = project / "nest" / "__init__.py"
    module.write_text(
        '"""Wasps build their nests of chewed wood, which is the oldest paper there is."""\n'
    )
    info = install(tmp_path / "site", "nest", "0.1", {"_nest.pth": f"{project}\n"})
    (info / "direct_url.json").write_text(
        json.dumps({"url": project.parent.as_uri(), "dir_info": {"editable": True}})
    )
    source = PackagesSource(index, paths=[str(tmp_path / "site")])
    assert (await source.refresh()).read == 2
    (found,) = await source.search("chewed wood")
    assert (found.uri, found.own) == (
        "package:nest==0.1/nest/__init__.py",
        True,
    ), "somebody works on it here: it is their own"
    assert (await source.refresh()).read == 0
    module.write_text(
        '"""Wasps build their nests of chewed quartz, which nobody has ever seen anywhere."""\n'
    )
    assert (await source.refresh()).read == 2
    assert len(await source.search("quartz")) == 1


async def test_an_editable_installation_with_a_finder_is_read_too(
    tmp_path: Path, index: Index
) -> None:
    project = tmp_path / "project"
    (project / "nest").mkdir(parents=True)
    (project / "nest" / "__init__.py").write_text(
        '"""Wasps build their nests of chewed wood, which is the oldest paper there is."""\n'
    )
    finder = f"raise SystemExit\nMAPPING: dict[str, str] = {{'nest': {str(project / 'nest')!r}}}\n"
    info = install(tmp_path / "site", "nest", "0.1", {"__editable___nest_0_1_finder.py": finder})
    (info / "direct_url.json").write_text(
        json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}})
    )
    await PackagesSource(index, paths=[str(tmp_path / "site")]).refresh()
    assert "package:nest==0.1/nest/__init__.py" in index.stamps("packages")


async def test_what_a_package_exports_comes_before_what_it_keeps_for_itself(
    tmp_path: Path, index: Index
) -> None:
    text = (
        '"""Weighs the honey of a hive in kilograms and writes it down in a book that lies beside'
        ' it, year after year after year. {}"""'
    )
    long = text.format(
        "It is used by all keepers of bees that there are in this valley and beyond it, and has"
        " been for ages."
    )
    files = {
        "lib/__init__.py": "from lib.public import weigh\n",
        "lib/public.py": f"def weigh():\n    {long}\n",
        "lib/helpers.py": f"def weigh():\n    {long}\n",
    }
    install(tmp_path / "site", "lib", "1", files)
    source = PackagesSource(index, paths=[str(tmp_path / "site")])
    await source.refresh()
    assert [one.title for one in await source.search("weigh honey", k=2)] == [
        "lib.weigh (lib 1)",
        "lib.helpers.weigh (lib 1)",
    ]


async def test_broken_distributions_cost_nothing_else(site: Path, index: Index) -> None:
    install(
        site,
        "odd",
        "1",
        {
            "odd.py": "def (:",
            "odd2.py": "\0",
            "deep.py": "(" * 10_000,
            "latin.py": "# coding: nonsense\n",
        },
    )
    (site / "nothing-1.dist-info").mkdir()
    info = install(
        site,
        "norecord",
        "1",
        {"norecord/__init__.py": '"""Says what it is for in one sentence that is long enough."""'},
    )
    (info / "RECORD").unlink()
    outside = install(site, "climber", "1", {})
    (outside / "RECORD").write_text("../../secret.py,,\n/etc/passwd.py,,\n")
    health = await PackagesSource(index, paths=[str(site), "/no/such/path"]).refresh()
    assert health.refused == ()
    held = {uri.partition("/")[0] for uri in index.stamps("packages")}
    assert held == {
        "package:hive-kit==1.0",
        "package:odd==1",
        "package:norecord==1",
        "package:climber==1",
    }
    assert "package:norecord==1/norecord/__init__.py" in index.stamps("packages")


async def test_some_packages_can_be_named_and_missing_ones_are_told(
    site: Path, index: Index
) -> None:
    source = PackagesSource(index, names=["Hive_Kit", "nonesuch"], paths=[str(site)])
    health = await source.refresh()
    assert (health.documents, health.refused) == (
        4,
        (("nonesuch", "It is not installed in this environment."),),
    )
    nothing = PackagesSource(index, names=["nonesuch"], paths=[str(site)], name="packages:nonesuch")
    assert (await nothing.refresh()).reason == "nonesuch: It is not installed in this environment."


async def test_an_empty_environment_says_so(tmp_path: Path, index: Index) -> None:
    source = PackagesSource(index, paths=[str(tmp_path)])
    assert (
        await source.refresh()
    ).reason == "No installed distribution was found on 1 import paths."


async def test_questions_about_real_packages_find_their_public_pages(index: Index) -> None:
    source = open_source("packages:pandas", index)
    health = await source.refresh()
    assert health.documents > 1000

    async def titles(question: str) -> list[str]:
        return [one.title.partition(" (")[0] for one in await source.search(question, k=10)]

    found = await titles("What is the difference between loc and iloc?")
    assert {"pandas.DataFrame.loc", "pandas.DataFrame.iloc"} <= set(found)
    assert any(
        "groupby" in title.lower() or "aggregate" in title
        for title in await titles("How do I group rows and compute several aggregates at once?")
    )
    assert "pandas.Series.str.contains" in await titles(
        "Which strings of a column contain a regular expression?"
    )


@pytest.mark.parametrize(
    ("url", "by", "own"),
    [
        ("file:///home/ada/hive", "pip", True),
        ("file:///home/ada/hive-1.0-py3-none-any.whl", "uv", True),
        ("", "pip", False),
        ("ssh://git@github.com/ada/hive.git", "pip", True),
        ("https://git.corp/hive.git", "pip", True),
        ("http://10.0.0.8/h.whl", "pip", True),
        ("https://github.com/pandas-dev/pandas.git", "pip", False),
        ("file:///croot/hive_1/work", "conda", False),
        ("no json", "pip", True),
    ],
)
def test_a_package_from_a_folder_or_a_private_address_is_ones_own(
    tmp_path: Path, url: str, by: str, own: bool
) -> None:
    info = tmp_path / "hive-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: hive\nVersion: 1.0\n")
    (info / "RECORD").write_text("")
    (info / "INSTALLER").write_text(f"{by}\n")
    if url:
        (info / "direct_url.json").write_text(
            "{" if url == "no json" else json.dumps({"url": url, "dir_info": {}})
        )
    (found,) = installed([str(tmp_path)])
    assert found.own is own and found.stamp.endswith("-own") is own
