"""The index over a real SQLite file: what is put comes back, whoever else is at it, whatever is
asked.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentient_kernel.errors import SourceError, UsageError
from sentient_kernel.ids import DocumentId
from sentient_kernel.index import records
from sentient_kernel.index.store import Index
from sentient_kernel.sources.base import Document

BEES = "Honey bees dance to show where food is. The dance tells direction and distance. " * 3
LONG = " ".join(
    f"Paragraph {n} of the hive record tells of comb {n * 7} and queen {n * 13}."
    for n in range(200)
)


def doc(uri: str, text: str, title: str = "", source: str = "notes") -> Document:
    return Document(title=title or uri, uri=uri, text=text, source=source, meta={"year": 2020})


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    with Index(tmp_path / "index.db") as made:
        yield made


def uris(index: Index, query: str, **given: object) -> list[str]:
    return [each.uri for each in index.search(query, **given)]  # type: ignore[arg-type]


def test_what_is_put_is_found_and_comes_back_exactly(index: Index) -> None:
    documents = [
        doc("bees.txt", BEES),
        doc("hive.txt", LONG),
        doc("moon.txt", "The moon is far away."),
    ]
    assert index.put("notes", documents, stamps={"bees.txt": "v1"}) == 3
    found = index.search("Where do bees find food?")
    assert found[0].uri == "bees.txt"
    for passage in [*found, *index.search("hive record of queen 1300")]:
        document = index.document(passage.document)
        assert document in documents
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.source == "notes"
    assert index.stamps("notes") == {"bees.txt": "v1", "hive.txt": "", "moon.txt": ""}
    counts = index.counts()
    assert counts["notes"][0] == 3
    assert counts["notes"][1] > 5


def test_passage_that_answers_is_found_inside_a_long_document(index: Index) -> None:
    index.put("notes", [doc("hive.txt", LONG)])
    assert "comb 1050 and queen 1950" in index.search("comb 1050", k=1)[0].text


def test_unchanged_document_is_not_cut_again(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    index.put("notes", [doc("a", BEES), doc("b", LONG)], stamps={"a": "1", "b": "1"})
    cut: list[str] = []
    real = records.chunks
    monkeypatch.setattr(records, "chunks", lambda text: (cut.append(text), real(text))[1])
    assert (
        index.put("notes", [doc("a", BEES), doc("b", "New words.")], stamps={"a": "2", "b": "2"})
        == 1
    )
    assert cut == ["New words."]
    assert index.stamps("notes") == {"a": "2", "b": "2"}


def test_replaced_document_is_found_by_its_new_words_only(index: Index) -> None:
    index.put("notes", [doc("a", "The walrus sleeps.")])
    old = index.search("walrus")[0].document
    index.put("notes", [doc("a", "The heron stands.")])
    assert index.search("walrus") == []
    assert uris(index, "heron") == ["a"]
    assert index.document(old) is None
    assert index.counts() == {"notes": (1, 1)}


def test_last_of_two_documents_with_one_uri_stays(index: Index) -> None:
    assert index.put("notes", [doc("a", "The walrus sleeps."), doc("a", "The heron stands.")]) == 1
    assert index.counts() == {"notes": (1, 1)}
    assert index.search("walrus") == []


def test_removed_and_dropped_documents_are_gone(index: Index) -> None:
    index.put("notes", [doc("a", "walrus one"), doc("b", "walrus two")])
    index.put("other", [doc("a", "walrus three", source="other")])
    assert index.remove("notes", ["a", "a", "missing"]) == 1
    assert sorted(each.text for each in index.search("walrus")) == ["walrus three", "walrus two"]
    assert index.drop("notes") == 1
    assert [each.text for each in index.search("walrus")] == ["walrus three"]
    assert index.counts() == {"other": (1, 1)}
    assert index.remove("unknown", ["a"]) == index.drop("unknown") == 0


def test_search_stays_in_the_sources_it_is_given(index: Index) -> None:
    for name in ("one", "two", "three"):
        index.put(name, [doc("a", f"walrus in {name}", source=name)])
    assert {each.source for each in index.search("walrus", sources=["one", "three"])} == {
        "one",
        "three",
    }
    assert {each.source for each in index.search("walrus")} == {"one", "two", "three"}
    assert index.search("walrus", sources=["unknown"]) == []
    assert index.search("walrus", sources=[]) == []


def test_words_of_the_source_filter_are_not_found_in_texts(index: Index) -> None:
    index.put("one", [doc("a", "walrus source2", source="one")])
    index.put("two", [doc("b", "walrus", source="two")])
    assert uris(index, "walrus", sources=["two"]) == ["b"]
    assert uris(index, "source1") == []


def test_document_named_in_the_best_passage_is_found_without_a_shared_word(index: Index) -> None:
    fillers = [
        doc(f"filler{n}", f"An unrelated note about stones and number {n}.") for n in range(30)
    ]
    first = doc(
        "film",
        "The film Arrow of Glass was directed by Mira Quellenstein and shot in winter.",
        title="Arrow of Glass (film)",
    )
    second = doc("person", "She was born in Basel and studied painting.", title="Mira Quellenstein")
    index.put("notes", [*fillers, first, second])
    assert uris(index, "Which city does the maker of Arrow of Glass come from?", k=2) == [
        "film",
        "person",
    ]


def test_scripts_without_spaces_are_found_by_part_of_a_sentence(index: Index) -> None:
    index.put(
        "notes", [doc("ja", "今日は天気がいいから散歩しましょう。"), doc("en", "Walk today.")]
    )
    assert uris(index, "天気") == ["ja"]
    found = index.search("散歩")[0]
    assert found.text == "今日は天気がいいから散歩しましょう。"


SMALL = """" ' ""|OR a|AND NEAR(a|b) title:x * ^a a*|b -a ( bees|NOT|dance {title}|:|bees
\\ ? % 🐝 🐝🐝 the|of|and 今日 пчёлы نحل '; -- DROP|TABLE""".split()
ODD = ["", " ", "\n", "\0", "bees\0dance", "\ud800", "\u202e"]
HUGE = [
    "a" * 100_000,
    "bees " * 20_000,
    '"' * 100_000,
    "x y " * 25_000,
    "e\u0301" * 50_000,
    "今" * 50_000,
]
HOSTILE = [*(text.replace("|", " ") for text in SMALL), *ODD, *HUGE]


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: ascii(query[:12]))
def test_any_text_may_be_asked(index: Index, query: str) -> None:
    index.put("notes", [doc("a", BEES), doc("b", 'title x NEAR "quoted" AND OR NOT the of and 🐝')])
    start = time.thread_time()
    for passage in index.search(query):
        document = index.document(passage.document)
        assert document is not None
        assert document.text[passage.start : passage.end] == passage.text
    assert time.thread_time() - start < 0.25  # CPU time
    assert uris(index, "bees dance")[0] == "a"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(st.characters(), max_size=300),
    title=st.text(st.characters(), max_size=20),
    uri=st.text(st.characters(), max_size=20),
    query=st.text(),
)
def test_any_document_comes_back_exactly(
    index: Index, text: str, title: str, uri: str, query: str
) -> None:
    document = Document(title=title, uri=uri, text=text, source="any", meta={"k": [1, None, text]})
    index.put("any", [document])
    assert index.document(document.id) == document
    assert set(index.stamps("any")) >= {uri}
    for passage in [*index.search(text), *index.search(query)]:
        held = index.document(passage.document)
        assert held is not None
        assert held.text[passage.start : passage.end] == passage.text


def test_same_question_gives_the_same_passages_in_any_order_of_threads(index: Index) -> None:
    index.put("notes", [doc(f"{n:03}", f"The walrus sleeps on rock {n % 3}.") for n in range(50)])
    expected = index.search("walrus rock", k=20)
    assert len({each.uri for each in expected}) == 20
    with ThreadPoolExecutor(4) as pool:
        assert all(
            found == expected
            for found in pool.map(lambda _: index.search("walrus rock", k=20), range(40))
        )


def test_threads_may_put_and_search_at_once(index: Index) -> None:
    def work(n: int) -> int:
        index.put(
            f"source{n % 2}",
            [doc(f"{n}/{i}", f"walrus {n} {i}", source=f"source{n % 2}") for i in range(10)],
        )
        return len(index.search(f"walrus {n}", k=100))

    with ThreadPoolExecutor(6) as pool:
        assert all(found >= 10 for found in pool.map(work, range(24)))
    assert sum(documents for documents, _ in index.counts().values()) == 240


WORKER = """
import sys
from sentient_kernel.index.store import Index
from sentient_kernel.sources.base import Document
path, me = sys.argv[1], sys.argv[2]
with Index(path) as index:
    for n in range(25):
        index.put("shared", [Document(title="t", uri=f"{me}/{n}", text=f"walrus {me} {n}", source="shared")])
        assert index.search(f"walrus {me}")
"""


def test_processes_may_open_put_and_search_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    children = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(path), str(n)], stderr=subprocess.PIPE)
        for n in range(4)
    ]
    errors = [child.communicate(timeout=60)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 4, errors
    with Index(path) as index:
        assert index.counts() == {"shared": (100, 100)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_is_told_to_open_the_index_again(index: Index) -> None:
    index.put("notes", [doc("a", BEES)])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            index.search("bees")
        except UsageError:
            code = 7
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert uris(index, "bees") == ["a"]


def test_files_are_for_the_owner_alone(index: Index, tmp_path: Path) -> None:
    index.put("notes", [doc("a", BEES)])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_contents_survive_reopening(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "index ü #?.db"
    with Index(path) as index:
        index.put("notes", [doc("a", BEES)], stamps={"a": "9"})
    with Index(path) as index:
        assert index.stamps("notes") == {"a": "9"}
        assert uris(index, "bees") == ["a"]


def test_index_of_another_version_is_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with Index(path) as index:
        index.put("notes", [doc("a", BEES)])
    db = apsw.Connection(str(path))
    db.pragma("user_version", 999)
    db.close()
    with Index(path) as index:
        assert index.counts() == {}
        assert index.put("notes", [doc("a", BEES)]) == 1
        assert uris(index, "bees") == ["a"]


def test_file_that_is_no_index_is_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(b"This is not a database. " * 500)
    with Index(path) as index:
        index.put("notes", [doc("a", BEES)])
        assert uris(index, "bees") == ["a"]


def test_index_that_cannot_be_kept_says_where_and_why(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot be kept"):
        Index(tmp_path / "file" / "index.db")
    with pytest.raises(SourceError, match="cannot be"):
        Index(tmp_path)


def test_full_disk_is_told_as_that_and_costs_nothing_that_was_there(index: Index) -> None:
    index.put("notes", [doc("a", BEES)])
    connection = index._database._writer
    assert connection is not None
    # SQLite's own "disk full"
    connection.pragma("max_page_count", connection.pragma("page_count"))
    with pytest.raises(SourceError, match="the disk is full") as refused:
        index.put("notes", [doc(f"{n}", f"{n} {LONG}") for n in range(40)])
    assert "Free some space" in str(refused.value) and "delete" not in str(refused.value)
    connection.pragma("max_page_count", 1_000_000)
    assert uris(index, "bees") == ["a"]
    index.put("notes", [doc("b", LONG)])
    assert set(uris(index, "queen")) == {"b"}


def test_failing_source_of_documents_leaves_the_index_usable(index: Index) -> None:
    def documents() -> Iterator[Document]:
        yield doc("a", "walrus")
        raise SourceError("The source went away.")

    with pytest.raises(SourceError, match="went away"):
        index.put("notes", documents())
    assert index.put("notes", [doc("b", "walrus")]) == 1


def test_closed_index_says_so(index: Index) -> None:
    index.close()
    with pytest.raises(UsageError, match="closed"):
        index.search("bees")


def test_unknown_document_is_none(index: Index) -> None:
    assert index.document(DocumentId("0" * 32)) is None


def test_asking_for_nothing_gives_nothing(index: Index) -> None:
    index.put("notes", [doc("a", BEES), doc("empty", ""), doc("blank", " \n ")])
    assert index.search("bees", k=0) == []
    assert index.counts() == {"notes": (3, 1)}
