from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from result_samples import QED, VINA, sample_result, scored
from textgrad_core.domain import Objective
from textgrad_core.outcome import outcome_from_json
from textgrad_core.report import json_text, result_csv, result_json, write_atomically
from textgrad_core.report.files import csv_header, json_safe
from textgrad_core.search.result import Result


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result_csv(result), newline="")))


def test_csv_has_one_row_per_trial_with_units_in_the_header() -> None:
    result = sample_result()
    table = rows(result)
    assert list(table[0]) == [
        *("step", "index", "tier", "origin", "value", "status"),
        *("vina_kcal_mol", "qed", "vina_3_qed", "best_so_far", "parent", "rationale", "reason"),
    ]
    assert len(table) == len(result.trials) + len(result.finals) + len(result.references)
    assert [r["tier"] for r in table] == ["screen"] * 6 + ["report"] * 4
    assert table[-1]["origin"] == "phenol"


def test_csv_numbers_are_exact_and_missing_ones_empty() -> None:
    table = rows(sample_result())
    assert float(table[0]["vina_3_qed"]) == -2.5 - 3.0 * 0.4
    assert (table[2]["vina_kcal_mol"], table[2]["vina_3_qed"]) == ("", "")
    assert table[2]["reason"] == "ring 1 is never closed (close it)"
    assert table[3]["reason"] == "worker died (signal 9)"


def test_csv_best_so_far_never_rises_and_is_empty_at_the_report_tier() -> None:
    table = rows(sample_result())
    best = [float(r["best_so_far"]) for r in table if r["tier"] == "screen"]
    assert best == sorted(best, reverse=True)
    assert best[-1] == min(float(r["vina_3_qed"]) for r in table[:6] if r["vina_3_qed"])
    assert {r["best_so_far"] for r in table if r["tier"] == "report"} == {""}


def test_csv_has_no_best_before_the_first_score() -> None:
    result = sample_result()
    table = rows(replace(result, trials=result.trials[2:4]))
    assert [r["best_so_far"] for r in table[:2]] == ["", ""]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(alphabet='",;\r\n =+-@\t'))
def test_csv_gives_back_every_text_unaltered(value: str, rationale: str) -> None:
    trial = scored(0, 0, value, -1.0, rationale=rationale)
    table = rows(replace(sample_result(), trials=(trial,), finals=(), references=()))
    assert (table[0]["value"], table[0]["rationale"]) == (value, rationale)


def test_csv_rows_end_as_the_standard_asks() -> None:
    text = result_csv(sample_result())
    assert text.count("\r\n") == 11
    assert text.endswith("\r\n")


@given(st.lists(st.sampled_from(["value", "step", "a", "a b", "%", ""]), max_size=5), st.text())
def test_csv_columns_are_all_different(names: list[str], scalar: str) -> None:
    header = csv_header([Objective(name=n) for n in names], scalar)
    assert len(set(header)) == len(header) == len(names) + 11


def test_csv_tells_units_that_look_alike_apart() -> None:
    dose = Objective(name="D95", unit="Gy")
    volume = Objective(name="V20", unit="%")
    assert csv_header([dose, volume, VINA, QED], "score")[6:11] == (
        *("D95_Gy", "V20_percent", "vina_kcal_mol", "qed", "score"),
    )


def test_json_is_complete_and_reads_back() -> None:
    result = sample_result()
    record: Any = json.loads(json_text(result_json(result)))
    assert set(record) >= {
        *("start", "best", "finals", "references", "trials", "usage", "settings", "stop_reason")
    }
    assert [outcome_from_json(t["outcome"]) for t in record["trials"]] == [
        t.outcome for t in result.trials
    ]
    assert record["best"]["scalar"] == result.best.scalar
    assert record["trials"][0]["feedback"] == "too small"
    assert record["usage"]["evaluations"] == 5
    assert record["settings"]["domain"]["exhaustiveness"] == 8
    assert record["objectives"][0]["unit"] == "kcal/mol"
    assert record["notice"] == "Research use only."
    own = replace(result, notice="Not for patients.")
    assert result_json(own)["notice"] == "Not for patients."


def test_json_withholds_secrets_but_keeps_settings_that_only_sound_like_one() -> None:
    settings: dict[str, Any] = {
        "engine": {"api_key": "sk-123", "max_tokens": 900, "url": "https://me:pw@host/v1"},
        "headers": [{"Authorization": "Bearer 1"}],
    }
    shown = result_json(replace(sample_result(), settings=settings))["settings"]
    assert shown == {
        "engine": {
            "api_key": "(withheld)",
            "max_tokens": 900,
            "url": "https://(withheld)@host/v1",
        },
        "headers": [{"Authorization": "(withheld)"}],
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.integers(), inner),
    )
)
def test_anything_becomes_strict_json(value: object) -> None:
    json.dumps(json_safe(value), allow_nan=False)


def test_foreign_types_are_written_as_text() -> None:
    assert json_safe({1: (Path("a"), float("inf"))}) == {"1": ["a", "inf"]}


def test_write_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result.csv"
    write_atomically(path, "old")
    write_atomically(path, "a\r\nβ\n")
    assert path.read_bytes() == "a\r\nβ\n".encode()
    assert [p.name for p in tmp_path.iterdir()] == ["result.csv"]


def test_write_keeps_the_mode_of_an_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    path.chmod(0o640)
    write_atomically(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_gets_the_mode_any_new_file_gets(tmp_path: Path) -> None:
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_text("x")
    write_atomically(ours, "x")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_write_follows_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, "old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if broken == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_a_missing_folder_is_an_error_not_a_new_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a", "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="file names are limited otherwise there")
def test_the_longest_file_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomically(path, "x")
    assert path.read_text() == "x"


def test_text_that_utf8_cannot_hold_is_spelled_out(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, "x\ud800y")
    assert path.read_text("utf-8") == "x\\ud800y"
