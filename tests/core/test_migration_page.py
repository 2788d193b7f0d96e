"""What the migration page promises where no other test looks."""

from __future__ import annotations

import re

import textgrad_core as tg
from engines import Recorder
from project import ROOT
from textgrad_core.variable import Variable

PAGE = (ROOT / "docs" / "migrating-from-textgrad.md").read_text("utf-8")


def test_every_name_of_the_suite_on_the_page_exists() -> None:
    named = set(re.findall(r"\btg\.(\w+)", PAGE))
    assert {"Run", "Constraint", "logger"} <= named
    assert [name for name in sorted(named) if not hasattr(tg, name)] == []


def test_every_file_on_the_page_exists() -> None:
    for name in re.findall(r"`((?:examples|docs)/[\w./-]+)`", PAGE):
        assert (ROOT / name).is_file(), name


def test_every_row_has_two_columns() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert len(rows) > 40
    assert all(row.count("|") == 3 for row in rows)


def test_one_gradient_per_use_of_a_variable() -> None:
    critic = Recorder(lambda _: "shorter")
    twice = Variable("text", role_description="both prompts")
    tg.LLMCall(critic, system_prompt=twice)(twice).backward(critic)
    assert [g.text for g in twice.gradients] == ["shorter", "shorter"]


def test_values_of_any_json_type_are_accepted() -> None:
    for value in (1.5, True, None, {"a": [1]}, 3):
        assert Variable(value, role_description="a value").value == value
