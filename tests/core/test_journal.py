"""The journal as one process sees it: what is written, recalled, refused and told."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import any_texts, json_objects, json_values
from textgrad_core.errors import Divergence, JournalBusy, JournalError, SettingsDiffer
from textgrad_core.journal import EndOfRecord, Journal, Mode
from textgrad_core.journal_lines import Entry, entry_of, line_of, read_entries
from textgrad_core.jsondata import JSON


def answering(result: JSON, calls: list[JSON] | None = None) -> Callable[[], Awaitable[JSON]]:
    async def effect() -> JSON:
        if calls is not None:
            calls.append(result)
        return result

    return effect


def perform(journal: Journal, site: str, request: JSON, result: JSON = "done") -> JSON:
    return asyncio.run(journal.perform("model", site, request, answering(result)))[0]


def recall(journal: Journal, site: str, request: JSON) -> JSON:
    async def never() -> JSON:
        raise AssertionError(f"{site} was run again")

    result, recalled = asyncio.run(journal.perform("model", site, request, never))
    assert recalled
    return result


def fill(path: Path, count: int = 3) -> bytes:
    """A journal with a header and some entries; returns what is in the file."""
    journal = Journal(path, settings={"seed": 1})
    for number in range(count):
        perform(journal, f"site {number}", {"ask": number}, f"answer {number}")
    journal.close()
    return path.read_bytes()


def held(path: Path) -> list[JSON]:
    return [e.body["result"] for e in read_entries(path)[0] if e.kind == "model"]


def as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@given(body=json_objects(), site=any_texts(), kind=any_texts())
def test_any_entry_survives_its_line(body: dict[str, JSON], site: str, kind: str) -> None:
    line = line_of(Entry(number=7, kind=kind, site=site, key="k", body=body))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    back = entry_of(line[:-1])
    assert back is not None
    assert (back.number, back.kind, back.site, back.key) == (7, kind, site, "k")
    assert as_json(back.body) == as_json(body)
    assert back.recalled


@given(body=json_objects(), place=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_any_altered_byte_is_noticed(body: dict[str, JSON], place: int, byte: int) -> None:
    line = line_of(Entry(number=0, kind="a", site="b", key="c", body=body))[:-1]
    place %= len(line)
    altered = line[:place] + bytes([byte]) + line[place + 1 :]
    assert (entry_of(altered) is None) == (altered != line)


def test_results_come_back_exactly(tmp_path: Path) -> None:
    requests: list[JSON] = [{"n": n} for n in range(6)]
    results: list[JSON] = [
        "\ud800 \u2028 \x85 \r\n",
        {"b": 1, "a": [None, True]},
        [],
        0.1,
        2**70,
        "",
    ]
    with_file = Journal(tmp_path / "j.jsonl")
    for n, (request, result) in enumerate(zip(requests, results, strict=True)):
        assert as_json(perform(with_file, f"s {n}", request, result)) == as_json(result)
    with_file.close()
    again = Journal(tmp_path / "j.jsonl")
    for n, (request, result) in enumerate(zip(requests, results, strict=True)):
        assert as_json(recall(again, f"s {n}", request)) == as_json(result)
    again.close()


@given(result=json_values())
def test_a_live_result_is_the_one_a_replay_gives(
    result: JSON, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("live") / "j.jsonl"
    live = Journal(path)
    first = perform(live, "s", None, result)
    live.close()
    replay = Journal(path, mode="replay")
    # the order of keys counts as well: a prompt may be made by walking over them
    assert json.dumps(recall(replay, "s", None)) == json.dumps(first)


def test_tuples_read_back_as_the_lists_they_are_stored_as(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    loose: JSON = {"box": (1, 2)}  # type: ignore[dict-item]
    journal = Journal(path, settings={"box": (1, 2)})  # type: ignore[dict-item]
    assert perform(journal, "s", loose, loose) == {"box": [1, 2]}
    journal.close()
    again = Journal(path, settings={"box": (1, 2)})  # type: ignore[dict-item]
    assert recall(again, "s", loose) == {"box": [1, 2]}
    again.close()


def test_a_torn_tail_is_dropped_wherever_it_tore(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    whole = fill(path)
    last = whole.rindex(b"\n", 0, -1) + 1
    for length in range(last, len(whole)):
        path.write_bytes(whole[:length])
        journal = Journal(path, settings={"seed": 1})
        assert recall(journal, "site 0", {"ask": 0}) == "answer 0"
        assert recall(journal, "site 1", {"ask": 1}) == "answer 1"
        assert perform(journal, "site 2", {"ask": 2}, "again") == "again"
        journal.close()
        assert held(path) == ["answer 0", "answer 1", "again"], length


def test_a_torn_header_starts_the_file_anew(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    whole = fill(path, count=0)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        Journal(path, settings={"seed": 1}).close()
        assert path.read_bytes() == whole, length


def test_a_damaged_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    whole = fill(path)
    path.write_bytes(whole[:-20] + bytes(19) + b"\n")  # a crash of the system leaves zeros
    Journal(path, settings={"seed": 1}).close()
    assert held(path) == ["answer 0", "answer 1"]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("tail", [b"", b'{"body":{"re'])
def test_damage_before_the_end_is_refused(tmp_path: Path, number: int, tail: bytes) -> None:
    path = tmp_path / "j.jsonl"
    lines = fill(path).splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(b'"key"', b'"kay"')
    damaged = b"".join(lines) + tail
    path.write_bytes(damaged)
    with pytest.raises(JournalError, match=rf"line {number} is damaged.*after line {number - 1}"):
        Journal(path, settings={"seed": 1})
    assert path.read_bytes() == damaged
    path.write_bytes(b"".join(lines[: number - 1]))  # what the message says
    Journal(path, settings={"seed": 1}).close()


def test_the_last_line_is_not_last_if_something_follows(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    whole = fill(path)
    path.write_bytes(whole.replace(b"answer 2", b"answer X") + b'{"body"')
    with pytest.raises(JournalError, match="line 4 is damaged"):
        Journal(path, settings={"seed": 1})


def test_a_missing_or_repeated_line_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    lines = fill(path).splitlines(keepends=True)
    for forged in (lines[:1] + lines[2:], [*lines[:2], lines[1], *lines[2:]]):
        path.write_bytes(b"".join(forged))
        with pytest.raises(JournalError, match=r"line [23] is damaged"):
            Journal(path, settings={"seed": 1})


@pytest.mark.parametrize("mode", ["live", "replay"])
@pytest.mark.parametrize(
    "content",
    [b"hello\n", b"step,score\n1,2\n", b'{"a": 1}\n', b"one line without end", b"\x89PNG\0\0"],
)
def test_a_foreign_file_is_left_alone(tmp_path: Path, content: bytes, mode: Mode) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="no journal: choose another folder"):
        Journal(path, mode=mode)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["live", "replay"])
def test_a_journal_of_another_format_is_left_to_its_version(tmp_path: Path, mode: Mode) -> None:
    path = tmp_path / "j.jsonl"
    body: dict[str, JSON] = {"format": 2, "settings": {}}
    sealed = line_of(Entry(number=0, kind="run", site="run", key="k", body=body))
    for content in (
        sealed,
        sealed + b"a line of another form\n",
        b'{"body":{"format":2},"new":1}',
    ):
        path.write_bytes(content)
        with pytest.raises(JournalError, match="has format 2, this version reads and writes 1"):
            Journal(path, mode=mode)
        assert path.read_bytes() == content


def test_a_whole_line_that_is_no_entry_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    lines = fill(path).splitlines(keepends=True)
    for strange in (b'{"n":1', b"[1", b'{"n":1,"kind":"k","site":"s","key":"k"'):
        sealed = strange + b',"sum":"%08x"}\n' % zlib.crc32(strange + b"}")
        path.write_bytes(b"".join([lines[0], sealed, *lines[2:]]))
        with pytest.raises(JournalError, match="line 2 is damaged"):
            Journal(path, settings={"seed": 1})


def test_a_resumed_run_answers_from_the_file_and_then_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    fill(path)
    journal = Journal(path, settings={"seed": 1})
    calls: list[JSON] = []
    for number in range(5):
        request: JSON = {"ask": number}
        effect = answering(f"answer {number}", calls)
        result, _ = asyncio.run(journal.perform("model", f"site {number}", request, effect))
        assert result == f"answer {number}"
    journal.close()
    assert calls == ["answer 3", "answer 4"]
    assert [e.number for e in read_entries(path)[0]] == list(range(6))


def test_a_changed_request_runs_again_and_stays_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "j.jsonl"
    fill(path)
    journal = Journal(path, settings={"seed": 1})
    with caplog.at_level(logging.WARNING, logger="textgrad_core"):
        assert perform(journal, "site 1", {"ask": "other"}, "new") == "new"
    assert "site 1" in caplog.text
    journal.close()
    again = Journal(path, settings={"seed": 1})
    assert recall(again, "site 1", {"ask": "other"}) == "new"
    assert recall(again, "site 2", {"ask": 2}) == "answer 2"
    again.close()


def test_an_effect_that_raises_records_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    before = fill(path)
    journal = Journal(path, settings={"seed": 1})

    async def failing() -> JSON:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        asyncio.run(journal.perform("model", "site 9", None, failing))
    journal.close()
    assert path.read_bytes() == before


def test_a_result_that_is_no_json_records_nothing(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    before = fill(path)
    journal = Journal(path, settings={"seed": 1})
    bad: tuple[object, ...] = (float("nan"), {"a": {1, 2}}, object())
    for result in bad:
        with pytest.raises((TypeError, ValueError)):
            perform(journal, "site 9", None, result)  # type: ignore[arg-type]
    journal.close()
    assert path.read_bytes() == before


def test_a_strict_replay_answers_and_shows_the_first_difference(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    long = "The molecule is heavy. " * 30
    journal = Journal(path)
    perform(journal, "step 1/update 1", {"prompt": long + "Make it lighter."}, "CCO")
    journal.close()
    before = path.read_bytes()
    replay = Journal(path, mode="replay")
    assert recall(replay, "step 1/update 1", {"prompt": long + "Make it lighter."}) == "CCO"
    with pytest.raises(Divergence) as caught:
        perform(replay, "step 1/update 1", {"prompt": long + "Make it heavier."})
    message = str(caught.value)
    assert "'step 1/update 1'" in message
    assert "line 2" in message
    assert "Make it lighter" in message
    assert "Make it heavier" in message
    assert len(message) < 400
    with pytest.raises(Divergence, match="no model at 'step 2'") as unknown:
        perform(replay, "step 2", {"prompt": long})
    assert not isinstance(unknown.value, EndOfRecord)
    assert len(str(unknown.value)) < 400
    with pytest.raises(Divergence):
        replay.note("stop", "stop", {"reason": "else"})
    assert path.read_bytes() == before


def test_a_partial_replay_says_where_the_record_ends(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    before = fill(path)
    partial = Journal(path, settings={"seed": 1}, mode="partial")
    assert recall(partial, "site 2", {"ask": 2}) == "answer 2"
    partial.note("stop", "stop", {"reason": "not recorded"})
    with pytest.raises(EndOfRecord):
        perform(partial, "site 3", {"ask": 3})
    with pytest.raises(Divergence) as changed:
        perform(partial, "site 1", {"ask": "other"})
    assert not isinstance(changed.value, EndOfRecord)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["replay", "partial"])
def test_nothing_to_replay_is_refused(tmp_path: Path, mode: Mode) -> None:
    with pytest.raises(JournalError, match="nothing to replay"):
        Journal(tmp_path / "absent" / "j.jsonl", mode=mode)
    assert not (tmp_path / "absent").exists()
    (tmp_path / "j.jsonl").touch()
    with pytest.raises(JournalError, match="empty"):
        Journal(tmp_path / "j.jsonl", mode=mode)


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "run" / "j.jsonl"
    Journal(path, settings={"seed": 1, "steps": 5, "start": "CCO"}).close()
    before = path.read_bytes()
    with pytest.raises(SettingsDiffer) as caught:
        Journal(path, settings={"seed": 1, "steps": 6, "start": "CCO", "extra": None, "new": 2})
    message = str(caught.value)
    assert "steps: was 5, now 6" in message
    assert "new: was" in message
    assert "seed" not in message
    assert "start:" not in message
    assert path.read_bytes() == before
    Journal(path, settings={"start": "CCO", "steps": 5, "seed": 1}).close()


def test_a_busy_journal_is_refused_and_free_again_after_close(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    first = Journal(path)
    with pytest.raises(JournalBusy):
        Journal(path)
    perform(first, "s", None, "still mine")
    Journal(path, mode="replay").close()  # reading is always allowed
    first.close()
    first.close()
    Journal(path).close()
    assert held(path) == ["still mine"]


def test_writing_after_close_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.note("step", "1", {})


@pytest.mark.parametrize("blocked", ["folder", "journal", "lock"])
def test_a_folder_that_cannot_be_used_is_a_journal_error(tmp_path: Path, blocked: str) -> None:
    path = tmp_path / "run" / "j.jsonl"
    if blocked == "folder":
        (tmp_path / "run").write_text("a file where the folder should be", "utf-8")
    else:
        (path if blocked == "journal" else path.with_suffix(".lock")).mkdir(parents=True)
    with pytest.raises(JournalError, match=str(tmp_path)):
        Journal(path)


def test_listeners_hear_everything_and_may_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "j.jsonl"
    fill(path)
    heard: list[tuple[str, bool]] = []

    def failing(entry: Entry) -> None:
        raise RuntimeError(f"no interest in {entry.site}")

    def hearing(entry: Entry) -> None:
        heard.append((entry.site, entry.recalled))

    with caplog.at_level(logging.ERROR, logger="textgrad_core"):
        journal = Journal(path, settings={"seed": 1}, listeners=[failing, hearing])
        perform(journal, "site 0", {"ask": 0})
        perform(journal, "new", None)
        journal.close()
    assert heard == [("run", True), ("site 0", True), ("new", False)]
    assert "no interest in site 0" in caplog.text


def test_without_a_path_listeners_hear_but_nothing_is_kept() -> None:
    heard: list[str] = []
    journal = Journal(listeners=[lambda entry: heard.append(entry.site)])
    assert perform(journal, "s", None, 1) == 1
    assert perform(journal, "s", None, 2) == 2
    assert heard == ["s", "s"]
    assert journal.entries() == ()


def test_no_secret_of_the_file_system_is_written(tmp_path: Path) -> None:
    assert str(tmp_path).encode() not in fill(tmp_path / "j.jsonl")
