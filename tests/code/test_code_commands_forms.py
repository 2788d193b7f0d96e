"""Forms in which programs come to ``code judge``, and what ``code repair`` says to type next."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import textgrad_code
from textgrad_code.judge import Judge
from textgrad_code.problem_json import problem_from_json
from textgrad_core import registry
from textgrad_core.cli import main
from textgrad_core.cli.exits import OK, REFUSED

DOUBLE = {
    "title": "Double",
    "signature": {"kind": "function", "name": "double", "parameters": ["number: int"]},
    "starter": "def double(number):\n",
    "visible": [{"input": [2], "expected": 4}],
    "hidden": [{"input": [5], "expected": 10}],
}


@pytest.fixture(autouse=True)
def code_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin is found whether or not this clone's metadata is up to date."""
    monkeypatch.setattr(registry, "plugin_names", lambda: ("code",))
    monkeypatch.setattr(registry, "load_plugin", lambda _: textgrad_code.plugin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, which holds the problem in two forms."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "double.json").write_text(json.dumps(DOUBLE))
    shown = {name: value for name, value in DOUBLE.items() if name != "hidden"}
    (tmp_path / "shown.json").write_text(json.dumps(shown))
    return tmp_path


def test_an_answer_in_a_fence_is_judged_without_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "answer.py").write_text(
        "```python\ndef double(number):\n    return 2 * number\n```\n"
    )
    assert main(["code", "judge", "answer.py", "--problem", "double.json"]) == OK
    assert "without the Markdown fence" in capsys.readouterr().out


def test_a_completion_needs_the_code_before_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "body.py").write_text("    return 2 * number\n")
    arguments = ["code", "judge", "body.py", "--problem", "double.json"]
    assert main(arguments) == REFUSED
    assert "--prepend-starter" in capsys.readouterr().out
    assert main([*arguments, "--prepend-starter"]) == OK
    assert "first line is indented" not in capsys.readouterr().out


PROGRAM = "def double(number):\n    return 2 * number\n"
DOCUMENTED = f'{PROGRAM[:-1]}\n    """\n```\nexample\n```\n"""\n'


@pytest.mark.parametrize(
    "text",
    [
        f"Here it is:\n\n```python\n{PROGRAM}```\nIt doubles.\n",
        f"Sure.\n~~~\n{PROGRAM}~~~",
        f"{PROGRAM}```\n",
        f"{PROGRAM}```\n\nThis doubles it, and it's fast.\n",
        f"Here it is:\n```python\n{PROGRAM}",
        DOCUMENTED,
    ],
)
def test_prose_around_a_fence_is_left_out(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "answer.py").write_text(text)
    assert main(["code", "judge", "answer.py", "--problem", "double.json"]) == OK
    assert ("outside of it" in capsys.readouterr().out) == (text != DOCUMENTED)


def test_several_fences_are_named_where_nothing_compiles(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "answer.py").write_text(f"```\n{PROGRAM}```\nor\n```\n{PROGRAM}```\n")
    assert main(["code", "judge", "answer.py", "--problem", "double.json"]) == REFUSED
    told = capsys.readouterr().out
    assert "CE" in told
    assert "leave nothing but the program" in told


@pytest.mark.parametrize(
    ("starter", "completion"),
    [
        ("def double(number):", "    n = number\n    return 2 * n\n"),
        ("def double(number):", "\n    n = number\n    return 2 * n\n"),
        ("def double(number):", "return 2 * number\n"),
        ("def double(number):", "    return 2 * number\n```\n"),
        ("def double(number):\n    ", "    n = number\n    return 2 * n\n"),
        ("def double(number):\n    ", "n = number\n    return 2 * n\n"),
        ('def double(number):\n    """Twice."""', "    return 2 * number\n"),
        ("two = 2", "def double(number):\n    return two * number\n"),
        (
            "def double(number):\n    ",
            "import math\n\ndef double(number):\n    return 2 * number\n",
        ),
        ("two = 2\ndef double(n):\n    'x'\n", "def double(number):\n    return two * number\n"),
    ],
)
def test_a_completion_goes_on_where_the_starter_ends(
    starter: str, completion: str, folder: Path
) -> None:
    (folder / "started.json").write_text(json.dumps({**DOUBLE, "starter": starter}))
    (folder / "body.py").write_text(completion)
    typed = ["code", "judge", "body.py", "--problem", "started.json", "--prepend-starter"]
    assert main(typed) == OK


@pytest.mark.parametrize(("factor", "out"), [("2", None), ("3", "repaired program.py")])
def test_what_repair_says_to_type_can_be_typed(
    factor: str, out: str | None, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.py").write_text(f"def double(number):\n    return {factor} * number\n")
    arguments = ["code", "repair", "p.py", "--problem", "double.json", "--time-limit", "3"]
    assert main([*arguments, *(["--out", out] if out else [])]) == OK
    told = capsys.readouterr().out
    assert "Whether it is right" in told
    (line,) = (one for one in told.splitlines() if one.startswith("  textgrad "))
    words = shlex.split(line)
    assert words[-2:] == ["--time-limit", "3.0"]
    assert main(words[1:]) == OK
    assert "2 of 2 tests pass" in capsys.readouterr().out


def test_repair_speaks_of_hidden_tests_only_if_there_are_some(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "p.py").write_text("def double(number):\n    return 2 * number\n")
    assert main(["code", "repair", "p.py", "--problem", "shown.json"]) == OK
    told = capsys.readouterr().out
    assert "they cannot say" in told
    assert "hidden" not in told


def test_names_in_scope_without_an_import() -> None:
    program = (
        "def double(number):\n"
        "    setrecursionlimit(2000)\n"
        "    days = date(2020, 1, 1) + timedelta(days=number) - date(2020, 1, 1)\n"
        "    return loads(dumps(days.days)) + int(io.StringIO(str(number)).read())\n"
    )
    problem = problem_from_json({"name": "double", **DOUBLE})
    with Judge() as judge:
        assert judge.judge(program, problem).verdict == "AC"


def test_prose_of_the_feedback_is_wrapped_and_values_are_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = (
        "def double(number):\n    print('a  b ' * 40)\n    number[0] = 1\n    return 'c  ' * 40\n"
    )
    problem = {**DOUBLE, "visible": [{"input": [[2]], "expected": 4}], "hidden": []}
    (folder / "lists.json").write_text(json.dumps(problem))
    (folder / "p.py").write_text(program)
    assert main(["code", "judge", "p.py", "--problem", "lists.json"]) == REFUSED
    told = capsys.readouterr().out
    assert "a  b " * 39 in told
    assert "c  " * 40 in told
    assert "The call changes its input" in told
    start = told.index("The call changes its input")
    assert all(len(line) <= 80 for line in told[start:].split("\n"))
    assert "unless the task asks for it." in told[start:].replace("\n", " ")
