from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from absent_modules import without_jinja2
from result_samples import rejected, sample_result, scored, unmeasured
from textgrad_core.domain import Reference
from textgrad_core.errors import MissingExtra
from textgrad_core.outcome import Artefact, Rejected
from textgrad_core.report import Section, render_page, render_report
from textgrad_core.report import page as page_module
from textgrad_core.report.text import clipped, duration, headline, number, visible
from textgrad_core.search.result import Result, Trial, Usage

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre></td></table><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "{{ 7 * 7 }}{% raw %}",
    "C/C=C\\C&lt;&#60;'\"`",
    "<!-- <svg onload=alert(1)>",
)


class Page(HTMLParser):
    """What a browser would build from the text: tags, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.comments: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def everywhere(text: str) -> Result:
    """A result with the text in every place a model or a plugin can write to."""
    result = sample_result()
    failing = replace(rejected(1, 1, text), outcome=Rejected(reason=text, hint=text))
    final = replace(result.best, origin=text, feedback=text, rationale=text, canonical=text)
    trial = replace(final, tier="screen")
    objective = replace(result.objectives[0], unit=text)
    return replace(
        result,
        domain=text,
        objectives=(objective, result.objectives[1]),
        scalar_name=text,
        trials=(result.trials[0], trial, failing, replace(failing, feedback=text)),
        best=final,
        finals=(result.start, final),
        references=(replace(final, canonical="C"),),
        stop_reason=text,
        proposer=text,
        settings={"command": text, text: text, "versions": {text: text}},
        folder=Path("runs") / "x",
    )


def rendered(text: str) -> Page:
    artefact = Artefact(name=text, media_type="text/plain", text=text)
    html = render_report(
        everywhere(text),
        {text: f"<svg>{text}</svg>"},
        references=(Reference(name=text, answer="C", note=text),),
        sections=(Section(title=text, text=text, artefacts=(artefact,)),),
        files=(text,),
        versions={text: text},
        licences=(text,),
        created=text,
    )
    return Page(html)


def assert_harmless(page: Page) -> None:
    assert not {"script", "iframe", "object", "embed", "link", "base", "form"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on")]
    addresses = [v for _, name, v in page.attributes if name in {"src", "href", "xlink:href"}]
    assert all(a.startswith("data:image/") for a in addresses)
    assert page.comments == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_never_becomes_markup(text: str) -> None:
    page, plain = rendered(text), rendered("x" * len(text))
    assert_harmless(page)
    assert page.tags == plain.tags
    assert {a[:2] for a in page.attributes} == {a[:2] for a in plain.attributes}
    assert page.text.count(" ".join(text.split())) >= 15


def sections_alone(text: str) -> Page:
    artefact = Artefact(name=text, media_type="text/plain", text=text)
    html = render_page(
        text,
        notice=text,
        sections=(Section(title=text, text=text, artefacts=(artefact,)),),
        finding=text,
        files=(text,),
        versions={text: text},
        licences=(text,),
        created=text,
    )
    return Page(html)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_without_a_run_is_as_closed_as_a_report(text: str) -> None:
    page, plain = sections_alone(text), sections_alone("x" * len(text))
    assert_harmless(page)
    assert page.tags == plain.tags
    assert {a[:2] for a in page.attributes} == {a[:2] for a in plain.attributes}
    assert page.text.count(" ".join(text.split())) == 13
    assert policy_of(page) == policy_of(Page(render_report(sample_result())))


def test_a_page_without_a_run_says_nothing_of_a_run() -> None:
    html = render_page("Plan", notice="Not for <patients>.", sections=(Section(title="Goals"),))
    page = Page(html)
    for words in ("Plan", "Not for <patients>.", "Goals", "MIT licence"):
        assert words in page.text
    for words in ("Trajectory", "Candidates were proposed", "How to reproduce", "Beside this"):
        assert words not in page.text
    style = re.compile(r"<style>(.*)</style>", re.DOTALL)
    ours, theirs = (style.findall(h) for h in (html, render_report(sample_result())))
    assert ours[0] == theirs[0].split("</style>")[0]


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=60))
def test_no_text_changes_what_the_page_may_do(text: str) -> None:
    assert_harmless(rendered(text))


def test_controls_and_direction_overrides_are_spelled_out() -> None:
    page = rendered("a\x00b\u202ec\ud800d")
    assert "a\\u0000b\\u202ec\\ud800d" in page.text
    assert not re.search("[\x00\u202e\ud800]", page.text)


def policy_of(page: Page) -> dict[str, str]:
    (policy,) = [v for t, n, v in page.attributes if n == "content" and "default-src" in v]
    return dict([rule.split(maxsplit=1) for rule in policy.split("; ")])


def test_the_policy_forbids_network_and_scripts() -> None:
    page = Page(render_report(sample_result()))
    assert policy_of(page) == {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": "'unsafe-inline'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_pictures_are_embedded_as_images() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    page = Page(render_report(sample_result(), {"CCOCC": svg}))
    assert_harmless(page)
    sources = [v for t, n, v in page.attributes if (t, n) == ("img", "src")]
    assert sources
    for source in sources:
        assert base64.b64decode(source.removeprefix("data:image/svg+xml;base64,")) == svg.encode()


def test_the_page_says_what_a_reader_must_know() -> None:
    result = sample_result()
    page = Page(
        render_report(
            result,
            references=(Reference(name="phenol", answer="c1ccccc1O", note="a solvent"),),
            versions={"rdkit": "2026.03"},
            files=("result.csv",),
            created="2026-01-02",
        )
    )
    for words in (
        "Research use only.",
        "Candidates were proposed by: built-in graph search; no language model was used.",
        "From start to best, vina - 3 qed fell from -3.700 to -5.500",
        "both measured at the report tier",
        "12 steps done",
        "1 min 05 s",
        "1 rejected, 1 unmeasured",
        "Reference: phenol",
        "a solvent",
        "kcal/mol",
        "higher is better",
        "ring 1 is never closed (close it)",
        "worker died (signal 9)",
        "textgrad run molecules --start 'C C'",
        "domain.exhaustiveness",
        "rdkit",
        "MIT licence",
        "result.csv",
    ):
        assert words in page.text, words
    own = Page(render_report(replace(result, notice="Not for <patients>.")))
    assert "Not for <patients>." in own.text
    assert "Research use only." not in own.text


def test_the_line_of_parents_leads_from_start_to_best() -> None:
    page = Page(render_report(sample_result()))
    part = page.text.split("How the best was reached")[1].split("All candidates")[0]
    places = [part.index(f"{number} -") for number in ("0.0", "1.0", "2.1")]
    assert places == sorted(places)


def test_parents_that_form_a_circle_end() -> None:
    result = sample_result()
    trials = tuple(replace(t, parent="CCOCC") for t in result.trials)
    assert "CCOCC" in render_report(replace(result, trials=trials))


def no_trial_accepted(result: Result) -> Result:
    trials = (rejected(1, 0), unmeasured(1, 1))
    return replace(result, trials=trials, best=result.start, finals=(), references=())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"references": ()}, "The run had no references to compare with."),
        ({"finals": ()}, "Best"),
        ({"trials": ()}, "The run made no candidate."),
        ({"proposer": ""}, "Who proposed the candidates was not recorded."),
        ({"settings": {}}, "The run recorded no command"),
        ({"objectives": ()}, "Comparison"),
        ({"usage": Usage(model_calls=3, prompt_tokens=None)}, "Model calls 3"),
        ({"usage": Usage(model_calls=3, prompt_tokens=7)}, "7 tokens sent, 0 received"),
    ],
)
def test_what_is_missing_is_said(change: Mapping[str, object], words: str) -> None:
    page = Page(render_report(replace(sample_result(), **change)))  # type: ignore[arg-type]
    assert words in page.text


def test_a_run_that_found_nothing_says_so() -> None:
    page = Page(render_report(no_trial_accepted(sample_result())))
    assert "No candidate was better than the start" in page.text
    assert "Start, still the best" in page.text


def test_a_run_without_any_score_says_so() -> None:
    failed = unmeasured(0, 0)
    result = replace(no_trial_accepted(sample_result()), start=failed, best=failed)
    page = Page(render_report(result))
    assert "No candidate could be scored" in page.text
    assert "Improvement n/a" in page.text


def test_different_tiers_are_never_subtracted() -> None:
    result = sample_result()
    mixed = replace(result, best=replace(result.best, tier="screen"))
    page = Page(render_report(mixed))
    assert "not comparable" in page.text
    assert "Improvement n/a" in page.text
    assert "-1.800" not in page.text


def test_a_best_that_is_worse_at_the_report_tier_is_not_sold_as_a_success() -> None:
    result = sample_result()
    best = scored(2, 1, "CCOCC", -1.0, accepted=True, tier="report")
    page = Page(render_report(replace(result, best=best, finals=(result.start, best))))
    assert "the best candidate is no improvement" in page.text


def many(count: int, feedback: str = "") -> tuple[Trial, ...]:
    return tuple(
        scored(i // 4, i % 4, f"V{i}", float(i % 89), accepted=i % 500 == 0, feedback=feedback)
        for i in range(count)
    )


def test_thousands_of_trials_are_bounded_and_the_rest_is_announced() -> None:
    page = Page(render_report(replace(sample_result(), trials=many(3000))))
    assert "1,000 of 3,000 candidates are left out of this table" in page.text
    table = page.text.split("All candidates")[1]
    assert "V500 " in table, "accepted trials are always there"
    assert "V88 " not in table, "the worst are not"
    assert page.tags.count("circle") == 3 * 3000


def test_long_feedback_is_bounded_and_the_rest_is_announced() -> None:
    trials = many(400, feedback="word " * 4000)
    html = render_report(replace(sample_result(), trials=trials))
    assert len(html) < 2_500_000
    text = Page(html).text
    assert re.search(r"The feedback of 27\d candidates is left out", text)
    assert "(12,000 more characters)" in text


def test_a_program_as_value_is_shown_whole_on_demand() -> None:
    program = "def f(x):\n    return x < 1 and x > 0\n" * 12
    result = sample_result()
    best = replace(result.best, canonical=program)
    page = Page(render_report(replace(result, best=best)))
    assert program in page.words
    assert page.tags.count("details") > 1


def test_sections_draw_images_and_print_text() -> None:
    pixels = base64.b64encode(b"not really a PNG").decode()
    section = Section(
        title="Dose",
        text="Two slices.",
        artefacts=(
            Artefact(name="slice.png", media_type="image/png", text=pixels),
            Artefact(name="diff.txt", media_type="text/plain", text="- a\n+ b"),
            Artefact(name="pose.sdf", media_type="chemical/x-mdl-sdfile", text="ATOMS"),
        ),
    )
    page = Page(render_report(sample_result(), sections=(section,)))
    assert ("img", "src", f"data:image/png;base64,{pixels}") in page.attributes
    assert "- a\n+ b" in page.words
    assert "pose.sdf" in page.text
    assert "ATOMS" not in page.text


def test_the_page_is_the_same_every_time_and_names_no_folder_of_the_machine() -> None:
    result = replace(sample_result(), folder=Path("/somewhere/private/run-7"))
    html = render_report(result)
    assert html == render_report(result)
    assert "run-7" in html
    assert "private" not in html


def test_without_jinja2_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_jinja2(monkeypatch, page_module)
    with pytest.raises(MissingExtra, match=re.escape("pip install -e '.[report]'")):
        render_report(sample_result())
    with pytest.raises(MissingExtra, match=re.escape("pip install -e '.[report]'")):
        render_page("Plan", notice="", sections=())


@given(st.text())
def test_visible_text_survives_every_encoding(text: str) -> None:
    shown = visible(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (-5.25, 1, "-5.2"),
        (-0.0, 2, "0.00"),
        (1e-9, 2, "1.00e-09"),
        (1e300, 2, "1.00e+300"),
        (None, 2, "n/a"),
        (float("inf"), 2, "inf"),
    ],
)
def test_numbers_as_shown(value: float | None, decimals: int, shown: str) -> None:
    assert number(value, decimals) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (9.96, "10 s"),
        (59.7, "1 min 00 s"),
        (65.0, "1 min 05 s"),
        (3599.8, "1 h 00 min"),
        (7380.0, "2 h 03 min"),
        (-1.0, "n/a"),
    ],
)
def test_durations_as_shown(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_headlines_and_cuts_say_that_they_cut() -> None:
    assert headline("\n  first\nsecond", 20) == "first"
    assert headline("a" * 30, 10) == "a" * 9 + "…"
    assert clipped("abcdef", 4) == "abcd … (2 more characters)"
