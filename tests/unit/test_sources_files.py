"""Nothing outside of a folder is ever opened, and every name in it is read or refused by name."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sentient_kernel.errors import SourceError
from sentient_kernel.sources.local.files import open_inside, pieces, walk

SECRET = b"the secret outside"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file, beside a sibling of the same prefix with a secret, and all kinds of
    links to that.
    """
    (tmp_path / "data2").mkdir()
    (tmp_path / "data2" / "secret.txt").write_bytes(SECRET)
    (tmp_path / "secret.txt").write_bytes(SECRET)
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "in.txt").write_bytes(b"inside")
    (root / "sub" / "deep.txt").write_bytes(b"deep")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "relative.txt").symlink_to("../secret.txt")
    (root / "chain.txt").symlink_to("link.txt")
    (root / "folder").symlink_to(tmp_path / "data2")
    (root / "up").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "here").symlink_to(".")
    (root / "proc").symlink_to("/proc/self")
    return root


FORMS = [
    "../secret.txt",
    "sub/../../secret.txt",
    "./../secret.txt",
    "..",
    ".",
    "",
    "/",
    "//",
    "sub/",
    "sub//deep.txt",
    "../data2/secret.txt",
    "../data/../secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "/etc/passwd\0.txt",
    "in.txt\0",
    "\0",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%2fsecret.txt",
    "%252e%252e/secret.txt",
    "..%c0%afsecret.txt",
    "..\\secret.txt",
    "sub\\..\\..\\secret.txt",
    "C:\\Windows\\win.ini",
    "C:/Windows/win.ini",
    "\\\\server\\share\\x.txt",
    "~/.bashrc",
    "~root/.bashrc",
    "$HOME/.bashrc",
    "file:///etc/passwd",
    "....//secret.txt",
    "..;/secret.txt",
    ".. /secret.txt",
    "\u2024\u2024/secret.txt",
    "\uff0e\uff0e/secret.txt",
    "link.txt",
    "relative.txt",
    "chain.txt",
    "folder/secret.txt",
    "up/secret.txt",
    "up/data2/secret.txt",
    "loop",
    "here/in.txt",
    "proc/environ",
    "proc/root/etc/passwd",
    "in.txt/..",
    "in.txt/../../secret.txt",
    "sub",
]


def test_there_are_forty_forms_and_more() -> None:
    assert len(set(FORMS)) >= 40


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_path_leads_out_of_the_folder(root: Path, form: str) -> None:
    with pytest.raises(SourceError):
        os.close(open_inside(root, form))


@pytest.mark.parametrize("absolute", ["secret.txt", "data2/secret.txt", "data/in.txt"])
def test_absolute_paths_are_refused_even_into_the_folder(root: Path, absolute: str) -> None:
    with pytest.raises(SourceError, match="not a path below"):
        open_inside(root, str(root.parent / absolute))


def test_a_folder_swapped_for_a_link_after_the_look_leads_nowhere(root: Path) -> None:
    found = [one.relative for one in walk(root) if not one.refused]
    assert "sub/deep.txt" in found
    (root / "sub" / "deep.txt").unlink()
    (root / "sub").rmdir()
    (root / "sub").symlink_to(root.parent / "data2")
    (root.parent / "data2" / "deep.txt").write_bytes(SECRET)
    with pytest.raises(SourceError):
        open_inside(root, "sub/deep.txt")


def test_plain_files_are_opened_and_read(root: Path) -> None:
    file = open_inside(root, "sub/deep.txt")
    assert b"".join(pieces(file, 100, size=3)) == b"deep"
    os.close(file)


def test_a_file_that_is_longer_than_it_said_is_refused_while_it_is_read(root: Path) -> None:
    file = open_inside(root, "in.txt")
    with pytest.raises(SourceError, match="more than the"):
        list(pieces(file, 3))
    os.close(file)


def test_a_walk_follows_no_link_and_names_those_that_lead_out(root: Path) -> None:
    found = {one.relative: one.refused for one in walk(root)}
    assert {name for name, why in found.items() if not why} == {"in.txt", "sub/deep.txt"}
    out = "is a link that leads out of the folder"
    assert {name: why for name, why in found.items() if why} == {
        **dict.fromkeys(["link.txt", "relative.txt", "chain.txt", "folder", "up", "proc"], out),
        "loop": "is a link that leads nowhere",
    }


def test_a_link_that_stays_inside_is_passed_over_since_its_target_is_found_itself(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").symlink_to("a.txt")
    assert [one.relative for one in walk(tmp_path.resolve())] == ["a.txt"]


def test_pipes_sockets_and_devices_are_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.txt"))
        found = {one.relative: one.refused for one in walk(tmp_path.resolve())}
        assert set(found) == {"pipe.txt", "s.txt"}
        assert all("a pipe, a socket or a device" in why for why in found.values())
        for name in found:
            with pytest.raises(SourceError):
                open_inside(tmp_path.resolve(), name)


def test_a_pipe_that_took_the_place_of_a_file_does_not_block_its_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(SourceError, match="not a plain file"):
        open_inside(tmp_path.resolve(), "a.txt")


def test_hidden_and_foreign_folders_are_left_out(tmp_path: Path) -> None:
    for name in (".git", "node_modules", ".venv", ".sentient", "__pycache__", ".hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text("x")
    (tmp_path / ".env").write_text("KEY=x")
    (tmp_path / "a.txt").write_text("a")
    assert [one.relative for one in walk(tmp_path.resolve())] == ["a.txt"]


@pytest.mark.parametrize(
    "name",
    [
        "with space.txt",
        "ünï 日本.txt",
        "a#b.txt",
        "100%41.txt",
        "what?.txt",
        "new\nline.txt",
        "quote'\".txt",
        "-rf.txt",
        "a\\b.txt",
        "*.txt",
    ],
)
def test_odd_names_are_found_and_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("odd")
    assert [one.relative for one in walk(tmp_path.resolve())] == [name]
    os.close(open_inside(tmp_path.resolve(), name))


def test_a_name_that_is_no_text_is_refused_in_a_form_that_can_be_shown(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"bad\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such names")
    (found,) = walk(tmp_path.resolve())
    assert found.relative == "bad\\xff.txt"
    assert "not valid UTF-8" in found.refused


def test_a_walk_ends_at_its_limit_and_says_so(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("x")
    found = list(walk(tmp_path.resolve(), most=3))
    assert [one.relative for one in found[:3]] == ["0.txt", "1.txt", "2.txt"]
    assert len(found) == 4
    assert "more than 3 files" in found[3].refused
