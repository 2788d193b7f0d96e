"""Data sets: records, copies found by name and digest, and fetching from servers that fail."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from file_server import FileServer
from textgrad_core.cli.data import fetch_dataset, show_datasets
from textgrad_core.data import DataFile, Dataset, data_folder, fetch, find, is_here, read_data
from textgrad_core.errors import DataError, MissingExtra, UsageError

TEXT = b"".join(b"%d squared is %d\n" % (n, n * n) for n in range(20_000))
PACKED = gzip.compress(TEXT, 9, mtime=0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


PLAIN_FILE = DataFile(name="squares.txt", sha256=sha256(TEXT), bytes=len(TEXT))
PACKED_FILE = DataFile(
    name="squares.txt.gz", sha256=sha256(PACKED), bytes=len(PACKED), unpacked_sha256=sha256(TEXT)
)


def dataset(*files: DataFile, any_one: bool = False, note: str = "") -> Dataset:
    return Dataset(
        name="squares",
        summary="Squares of whole numbers.",
        files=files or (PLAIN_FILE,),
        licence="MIT (c) nobody",
        citation="Nobody, Squares, 2024",
        note=note,
        any_one=any_one,
    )


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own in which fetched files are kept."""
    folder = tmp_path / "kept"
    monkeypatch.setenv("TEXTGRAD_DATA", str(folder))
    return folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    pytest.importorskip("pooch", reason="needs the extra 'data'")
    with FileServer({"squares.txt": TEXT, "squares.txt.gz": PACKED}) as running:
        yield running


def leftovers(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def test_the_folder_is_named_by_the_environment_else_in_the_users_cache(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert data_folder() == kept
    monkeypatch.delenv("TEXTGRAD_DATA")
    monkeypatch.setenv("TEXTGRAD_CACHE", "~/elsewhere")
    assert data_folder() == Path.home() / "elsewhere" / "data"


@pytest.mark.parametrize("name", ["squares.txt", "squares.txt.gz"])
@pytest.mark.parametrize("file", [PLAIN_FILE, PACKED_FILE], ids=["plain", "packed"])
def test_a_copy_is_found_anywhere_in_a_folder_packed_or_not(
    tmp_path: Path, file: DataFile, name: str
) -> None:
    inner = tmp_path / "mine" / "a" / "b"
    inner.mkdir(parents=True)
    # packed again at another level: other bytes, the same content
    copy = gzip.compress(TEXT, 1) if name.endswith(".gz") else TEXT
    (inner / name).write_bytes(copy)
    found = find(dataset(file), tmp_path / "mine")
    assert found == inner / name
    assert read_data(found) == TEXT


def test_a_copy_is_found_behind_a_linked_folder_even_in_a_loop(tmp_path: Path) -> None:
    elsewhere, mine = tmp_path / "elsewhere", tmp_path / "mine"
    for folder in (elsewhere, mine):
        folder.mkdir()
        (folder / "back").symlink_to(mine, target_is_directory=True)
    (mine / "linked").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(DataError, match="not here"):
        find(dataset(), mine)
    (elsewhere / PLAIN_FILE.name).write_bytes(TEXT)
    assert read_data(find(dataset(), mine)) == TEXT


def test_a_copy_is_found_under_the_name_it_is_published_with(tmp_path: Path) -> None:
    (tmp_path / "run.csv").write_bytes(TEXT)
    file = replace(PLAIN_FILE, url="https://example.org/a/run.csv")
    assert find(dataset(file), tmp_path) == tmp_path / "run.csv"


def test_another_file_of_that_name_is_refused_with_both_digests(tmp_path: Path) -> None:
    (tmp_path / "squares.txt").write_bytes(TEXT[:-1])
    with pytest.raises(DataError) as refused:
        find(dataset(), tmp_path)
    assert sha256(TEXT) in str(refused.value)
    assert sha256(TEXT[:-1]) in str(refused.value)
    assert "--data DIR" in str(refused.value)


def test_the_right_file_counts_wherever_a_wrong_one_of_that_name_lies(tmp_path: Path) -> None:
    for inside, content in (("a", b"wrong"), ("b", TEXT), ("c", b"wrong too")):
        (tmp_path / inside).mkdir()
        (tmp_path / inside / "squares.txt").write_bytes(content)
    assert find(dataset(), tmp_path) == tmp_path / "b" / "squares.txt"


@pytest.mark.parametrize("content", [PACKED[:-20], b"\x1f\x8b not gzip", b""])
def test_a_torn_packed_copy_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "squares.txt.gz").write_bytes(content)
    with pytest.raises(DataError, match="is not the"):
        find(dataset(PACKED_FILE), tmp_path)


def test_what_is_nowhere_says_where_it_was_looked_for_and_what_to_do(
    tmp_path: Path, kept: Path
) -> None:
    with pytest.raises(DataError, match="no folder"):
        find(dataset(), tmp_path / "missing")
    with pytest.raises(DataError) as nowhere:
        find(dataset(replace(PLAIN_FILE, url="https://example.org/squares.txt")), tmp_path)
    for part in (str(tmp_path), str(kept), "textgrad data fetch squares", "--data DIR"):
        assert part in str(nowhere.value)


def test_one_of_several_copies_is_enough(tmp_path: Path) -> None:
    other = DataFile(name="other.txt", sha256=sha256(b"other"), bytes=5)
    either = dataset(other, PLAIN_FILE, any_one=True)
    with pytest.raises(DataError, match=r"other\.txt or squares\.txt"):
        find(either, tmp_path)
    (tmp_path / "squares.txt").write_bytes(TEXT)
    assert find(either, tmp_path) == tmp_path / "squares.txt"
    (tmp_path / "other.txt").write_bytes(b"not that either")
    assert find(either, tmp_path) == tmp_path / "squares.txt"
    assert is_here(either, tmp_path)
    assert not is_here(dataset(other, PLAIN_FILE), tmp_path)


@pytest.mark.parametrize(
    "change", [{"name": "../x"}, {"name": ""}, {"sha256": "abc"}, {"sha256": ""}], ids=str
)
def test_a_record_that_could_never_be_found_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        replace(PLAIN_FILE, **change)  # type: ignore[arg-type]


def test_which_file_is_meant_has_to_be_clear() -> None:
    several = dataset(PLAIN_FILE, replace(PLAIN_FILE, name="b.txt"))
    assert several.file("b.txt").name == "b.txt"
    assert dataset().file() is PLAIN_FILE
    for name in ("", "c.txt"):
        with pytest.raises(UsageError, match=r"squares\.txt, b\.txt"):
            several.file(name)


@pytest.mark.parametrize("file", [PLAIN_FILE, PACKED_FILE], ids=["plain", "packed"])
def test_a_download_is_kept_and_not_repeated(
    server: FileServer, kept: Path, file: DataFile
) -> None:
    wanted = dataset(replace(file, url=f"{server.url()}/{file.name}"))
    seen: list[tuple[str, int, int]] = []
    (path,) = fetch(wanted, progress=lambda *told: seen.append(told))
    assert read_data(path) == TEXT
    assert path.parent == kept / "squares"
    assert path.stat().st_mode & 0o777 == 0o644
    assert seen[-1] == (file.name, file.bytes, file.bytes)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert fetch(wanted) == (path,)
    assert find(wanted) == path
    assert server.asked == [f"/ok/{file.name}"]


def test_a_damaged_kept_file_is_fetched_again(server: FileServer) -> None:
    (path,) = fetch(dataset(), source=server.url())
    path.write_bytes(TEXT[:100])
    assert not is_here(dataset())
    assert fetch(dataset(), source=server.url()) == (path,)
    assert path.read_bytes() == TEXT


@pytest.mark.parametrize("way", ["short", "reset", "unsaid", "other", "nothing"])
def test_a_failed_download_leaves_nothing_and_says_what_to_do(
    server: FileServer, kept: Path, way: str
) -> None:
    with pytest.raises(DataError) as failed:
        fetch(dataset(), source=server.url(way))
    assert f"{server.url(way)}/squares.txt" in str(failed.value)
    assert "DIR" in str(failed.value)
    if way in ("unsaid", "other"):
        assert sha256(TEXT) in str(failed.value)
    assert leftovers(kept) == []
    (path,) = fetch(dataset(), source=f"{server.url()}/")
    assert path.read_bytes() == TEXT


def test_a_failed_download_leaves_the_files_fetched_before(server: FileServer) -> None:
    missing = DataFile(name="missing.txt", sha256=sha256(b"x"), bytes=1)
    both = dataset(PLAIN_FILE, missing)
    with pytest.raises(DataError, match=r"missing\.txt"):
        fetch(both, source=server.url())
    with pytest.raises(DataError, match=r"missing\.txt"):
        fetch(both, source=server.url())
    assert server.asked.count("/ok/squares.txt") == 1


def test_without_a_network_the_message_names_address_and_remedy(kept: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(DataError) as failed:  # nobody listens there any more
        fetch(dataset(), source=url)
    assert f"{url}/squares.txt" in str(failed.value)
    assert "textgrad data fetch squares --from DIR" in str(failed.value)
    assert leftovers(kept) == []


@pytest.mark.parametrize("name", ["squares.txt", "squares.txt.gz"])
def test_files_are_taken_from_a_local_folder(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "mine" / "inner"
    inner.mkdir(parents=True)
    (inner / name).write_bytes(gzip.compress(TEXT) if name.endswith(".gz") else TEXT)
    (path,) = fetch(dataset(), source=str(tmp_path / "mine"))
    assert path.name == name
    assert read_data(find(dataset())) == TEXT
    (inner / name).unlink()
    assert read_data(path) == TEXT


def test_a_wrong_local_file_is_not_taken(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "squares.txt").write_bytes(b"wrong")
    with pytest.raises(DataError, match="is not the"):
        fetch(dataset(), source=str(tmp_path / "mine"))
    assert leftovers(kept) == []


@pytest.mark.parametrize("source", ["ftp://example.org/x", "no/such/folder"])
def test_other_sources_are_refused(source: str) -> None:
    with pytest.raises(UsageError, match="no folder and no http"):
        fetch(dataset(), source=source)


def test_a_file_without_an_address_says_why(server: FileServer) -> None:
    by_hand = dataset(note="It has no licence: ask its authors.")
    with pytest.raises(DataError, match="ask its authors"):
        fetch(by_hand)
    fetched = replace(PACKED_FILE, url=f"{server.url()}/squares.txt.gz")
    (path,) = fetch(dataset(PLAIN_FILE, fetched, any_one=True))
    assert path.name == "squares.txt.gz"


def test_a_folder_that_cannot_be_made_is_named(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TEXTGRAD_DATA", str(tmp_path / "file"))
    with pytest.raises(DataError, match="TEXTGRAD_DATA"):
        fetch(dataset(), source=server.url())


def test_without_pooch_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch, server: FileServer, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtra, match=r"\[data\]"):
        fetch(dataset(), source=server.url())
    (tmp_path / "squares.txt").write_bytes(TEXT)  # local files need no download
    assert read_data(fetch(dataset(), source=str(tmp_path))[0]) == TEXT


def test_the_list_names_licence_and_state(capsys: pytest.CaptureFixture[str]) -> None:
    far = replace(PLAIN_FILE, url="https://example.org/squares.txt")
    assert show_datasets([dataset(far, note="A note.")], as_json=False) == 0
    shown = capsys.readouterr().out
    for part in ("squares", "to fetch", "514 kB", "MIT (c) nobody", "A note."):
        assert part in shown
    assert all(len(line) <= 80 for line in shown.splitlines()[:3])
    show_datasets([replace(dataset(), licence="MIT (c) nobody " * 8)], as_json=False)
    wide = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in wide if not line.startswith("Folder"))
    assert " ".join(" ".join(wide).split()).count("MIT (c) nobody") == 8
    show_datasets([dataset()], as_json=True)
    (record,) = json.loads(capsys.readouterr().out)
    assert record["here"] is False
    assert record["published"][0]["sha256"] == sha256(TEXT)


def test_the_command_fetches_says_where_and_cites(
    server: FileServer, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch_dataset([dataset()], "squares", source=server.url(), folder=None, as_json=False)
    told = capsys.readouterr()
    assert str(kept / "squares" / "squares.txt") in told.out
    assert "Nobody, Squares, 2024" in told.out
    assert told.err == "squares.txt: 514 kB of 514 kB\n"
    other = kept.parent / "other"
    fetch_dataset([dataset()], "squares", source=server.url(), folder=other, as_json=True)
    record = json.loads(capsys.readouterr().out)
    assert record["files"] == [str(other / "squares" / "squares.txt")]
    show_datasets([dataset()], as_json=False)
    assert "here" in capsys.readouterr().out


def test_an_unknown_data_set_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="did you mean 'squares'"):
        fetch_dataset([dataset()], "sqares", source=None, folder=None, as_json=False)
