"""Rules of the house that no linter knows."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from project import ROOT, source_files, tracked_files

LONGEST_MODULE = 350
# How many suppressions the packages may hold. Lower it when one goes; think before raising it.
CEILING = {"noqa": 26, "type: ignore": 9}
NOQA = re.compile(
    r"#\s*noqa(?P<rules>:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)?(?P<reason>\s+-\s+\S.+)?"
)
TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore(?P<rules>\[[a-z0-9, -]+\])?")
HOSTS = ("pythonhos" + "ted.org", "py" + "pi.org")
MACHINE_PATH = re.compile(r"(?<![\w.$}~])/(?:root|home|Users)/[\w.]|/opt/(?:pypi|wheels)\b")


def ids(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def comments(file: Path) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(file.read_text("utf-8")).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


@pytest.mark.parametrize("file", source_files(), ids=ids)
def test_module_is_short(file: Path) -> None:
    assert len(file.read_text("utf-8").splitlines()) <= LONGEST_MODULE


def test_suppressions_stay_under_the_ceiling() -> None:
    found: Counter[str] = Counter()
    for file in source_files():
        for comment in comments(file):
            found["noqa"] += bool(NOQA.search(comment))
            found["type: ignore"] += bool(TYPE_IGNORE.search(comment))
    for kind, ceiling in CEILING.items():
        assert found[kind] <= ceiling, f"{found[kind]} times {kind}, the ceiling is {ceiling}"


@pytest.mark.parametrize("file", source_files(), ids=ids)
def test_suppressions_name_their_rule_and_reason(file: Path) -> None:
    for comment in comments(file):
        noqa, ignore = NOQA.search(comment), TYPE_IGNORE.search(comment)
        if noqa is not None:
            assert noqa["rules"], f"{comment!r} names no rule"
            assert noqa["reason"], f"{comment!r} gives no reason: # noqa: RULE - why"
        if ignore is not None:
            assert ignore["rules"], f"{comment!r} names no error code"


@pytest.mark.parametrize("file", tracked_files(), ids=ids)
def test_file_names_no_machine_and_no_registry(file: Path) -> None:
    text = file.read_bytes().decode("utf-8", "replace")
    assert str(ROOT) not in text
    for host in HOSTS:
        assert host not in text
    found = MACHINE_PATH.search(text)
    assert found is None, f"{found and found[0]!r}: a path of one machine"


@pytest.mark.parametrize("top", ["root", "home", "Users"])
def test_machine_paths_are_recognised(top: str) -> None:
    assert MACHINE_PATH.search(f"see '/{top}/ada/x'")


@pytest.mark.parametrize("text", ["$HOME/x", "~/home/x", "docs/home/x.md", "/usr/bin/env"])
def test_other_paths_are_not(text: str) -> None:
    assert not MACHINE_PATH.search(text)
