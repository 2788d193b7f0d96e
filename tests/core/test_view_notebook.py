"""What a notebook shows for variables, feedback and results."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import textgrad_core as tg
from engines import Meeting
from result_samples import sample_result
from textgrad_core.gradient import Gradient

HOSTILE = '</pre></div><script>alert(1)</script><img src=x onerror=alert(1)> & "q" \x07\ud800'
VOID = {"img"}


class Page(HTMLParser):
    """Collects tags and text; fails on a tag that closes what is not open."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(thing: object) -> Page:
    """The page a notebook would put into its output cell."""
    html = thing._repr_html_()  # type: ignore[attr-defined]
    html.encode()
    return Page(html)


def test_a_variable_shows_role_value_and_feedback() -> None:
    v = tg.Variable("CCO", role_description="a molecule")
    v.gradients.add("make it bigger")
    page = shown(v)
    for text in ("a molecule", "CCO", "parameter, feedback: 1", "make it bigger"):
        assert text in page.text


def test_a_variable_under_way_is_not_waited_for() -> None:
    call = tg.LLMCall(Meeting(guests=2))
    first = call(tg.Variable("1", role_description="q"), "the answer")
    assert "is being computed" in shown(first).text
    second = call(tg.Variable("2", role_description="q"))
    assert (first.value, second.value) == ("answer to 1", "answer to 2")
    assert "answer to 1" in shown(first).text


def test_much_is_cut_with_a_mark() -> None:
    v = tg.Variable("x" * 100_000, role_description="long")
    for number in range(500):
        v.gradients.add(f"feedback {number} " + "y" * 10_000)
    html = v._repr_html_()
    assert len(html) < 40_000
    assert "(96,000 more characters)" in html
    assert "490 more" in html


def test_feedback_shows_its_source_and_numbers() -> None:
    page = shown(Gradient(text="shrink", source="a loss", score=2.5, data={"wrong": [1]}))
    for text in ("shrink", "from a loss", "score 2.500", "data: wrong"):
        assert text in page.text


def test_hostile_texts_stay_texts() -> None:
    v = tg.Variable(HOSTILE, role_description=HOSTILE)
    gradient = Gradient(text=HOSTILE, source=HOSTILE, data={HOSTILE: 1})
    v.gradients.add(gradient)
    for thing in (v, gradient):
        page = shown(thing)
        assert not {"script", "img"} & {*page.tags}
        assert not page.handlers
        assert "<script>alert(1)</script>" in page.text
        assert "\\ud800" in page.text


def test_a_result_shows_finding_table_and_course() -> None:
    result = sample_result()
    page = shown(result)
    assert "From start to best" in page.text
    assert page.tags.count("img") == 1
    assert page.tags.count("table") == 1
    for text in (result.domain, result.best.canonical, result.start.canonical, "Finalist"):
        assert text in page.text
    assert not page.handlers


def test_no_template_engine_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert "From start to best" in shown(sample_result()).text


def test_an_image_is_named_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cell.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    picture = tg.Variable(image_path=str(path), role_description="an image")
    path.unlink()
    assert "(image cell.png)" in shown(picture).text
