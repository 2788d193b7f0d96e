"""The page of a single plan: what it shows, that it needs nothing else, and that it may lack."""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from absent_modules import without_jinja2
from rt_commands import COARSE, Typed, data_of, protocol, typed
from textgrad_core.report import page as core_page
from textgrad_radiotherapy.comparison import comparison_lines
from textgrad_radiotherapy.notice import SENTENCE

HOSTILE = "<img src=x onerror=alert(1)>"
PLAN = ("radiotherapy", "plan", "--case", "tg119-prostate", "--protocol", "chhip-60-20", *COARSE)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture
def run(tmp_path: Path, cache: Path) -> Typed:
    return lambda *words: typed(*words, folder=tmp_path, cache=cache)


def text_of(page: str) -> str:
    """What is to be read on a page, blanks as they may be broken."""
    body = page.split("<body>")[1]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def embedded(page: str) -> list[tuple[str, bytes]]:
    """Kind and content of every picture."""
    found = re.findall(r'src="data:image/([a-z+]+);base64,([^"]*)"', page)
    return [(kind, base64.b64decode(code)) for kind, code in found]


def test_the_page_of_a_plan_shows_all_that_a_run_s_page_shows_of_it(
    tmp_path: Path, run: Typed
) -> None:
    done = run(*PLAN, "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    said = " ".join(done.stdout.split())
    assert "fluence.npy, report.html Look at it: p/report.html" in said
    page = (tmp_path / "p" / "report.html").read_text("utf-8")
    told = text_of(page)
    assert f"<strong>{SENTENCE}</strong>" in page
    kept = json.loads((tmp_path / "p" / "plan.json").read_text("utf-8"))
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [
        "Known before planning", "Clinical goals", "Dose-volume histogram", "Dose distribution",
        "Plan in words", "About this case", "Files", "Versions", "Licences",
    ]  # fmt: skip
    assert "The case prescribes 75.6 Gy to PTV in 42 fractions" in told
    assert all(row["goal"] in told for row in kept["table"]["rows"])
    assert f"relative gap {kept['solver']['gap']:.1e} (proven)" in told
    lines = comparison_lines(kept)
    assert len(lines) > 10
    assert all(" ".join(line.split()) in told for line in lines)
    assert "cannot be delivered as it is" in told
    pictures = embedded(page)
    assert [kind for kind, _ in pictures] == ["svg+xml", "svg+xml", "png"]
    for (_, content), name in zip(
        pictures, ("goals.svg", "dvh.svg", "dose_wash.png"), strict=True
    ):
        assert content == (tmp_path / "p" / name).read_bytes()


def test_the_page_needs_no_second_file_and_no_network(tmp_path: Path, run: Typed) -> None:
    assert run(*PLAN, "--out", "p").returncode in (0, 6)
    page = (tmp_path / "p" / "report.html").read_text("utf-8")
    addresses = re.findall(r"""\b(?:src|href|action|url)\s*[=(]\s*["']?([^"'\s>)]+)""", page)
    assert len(addresses) == 3
    assert all(address.startswith("data:image/") for address in addresses)
    assert not re.search(r"https?:|<script|@import", page)
    assert str(tmp_path) not in page


def test_names_of_a_case_stay_words(tmp_path: Path, run: Typed) -> None:
    ptv, body = np.zeros((6, 8, 8), dtype=bool), np.ones((6, 8, 8), dtype=bool)
    ptv[2:4, 3:5, 3:5] = True
    influence = np.random.default_rng(3).random((ptv.size, 12)) * 0.2
    influence[ptv.ravel()] += 1.0
    arrays: dict[str, Any] = {
        "target:PTV": ptv, f"oar:{HOSTILE}": body & ~ptv, "external:Body": body,
        "prescription_gy:PTV": 75.6, "fractions": 42, "origin_mm": np.zeros(3),
        "spacing_mm": np.full(3, 5.0), "influence": influence,
    }  # fmt: skip
    np.savez(tmp_path / "<b>my.npz", **arrays)
    mine = protocol(
        title=HOSTILE, aliases={"Rectum": [HOSTILE]},
        goals=[{"goal": "PTV D95% >= 60 Gy"}, {"goal": "Rectum Dmean <= 40 Gy"}],
    )  # fmt: skip
    (tmp_path / "mine.json").write_text(json.dumps(mine), "utf-8")
    done = run("radiotherapy", "plan", "--case", "<b>my.npz", "--protocol", "mine.json",
               "--out", "p")  # fmt: skip
    assert done.returncode in (0, 6), done.stderr
    page = (tmp_path / "p" / "report.html").read_text("utf-8")
    assert page.count("<img ") == 3
    assert HOSTILE not in page
    assert "<b>my" not in page
    assert text_of(page).count(HOSTILE) >= 3


def test_without_jinja2_there_is_no_page_and_a_note_says_how_to_get_it(
    tmp_path: Path, run: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_jinja2(monkeypatch, core_page)
    done = run(*PLAN, "--out", "p")
    assert done.returncode in (0, 6), done.stderr
    said = " ".join(done.stdout.split())
    assert "Note: report.html was not written: " in said
    assert "pip install -e '.[report]'" in said
    assert "Look at it" not in said
    assert (tmp_path / "p" / "goals.csv").exists()
    assert not (tmp_path / "p" / "report.html").exists()
    found = data_of(run(*PLAN, "--out", "q", "--json"))
    assert "report.html" not in found["files"]
    assert found["notes"][-1].startswith("report.html was not written: ")


def test_a_page_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, run: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("textgrad_radiotherapy.commands.plan.plan_page", full)
    done = run(*PLAN, "--out", "p")
    assert done.returncode not in (0, 6)
    assert "No space left" in done.stderr
    assert not list(tmp_path.iterdir())
