"""Problems in files: the shipped set, and a user's own in TOML or JSON."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from textgrad_code.errors import ProblemError
from textgrad_code.plain_data import refuse_long_numbers
from textgrad_code.problem import Problem
from textgrad_code.problem_fields import shown
from textgrad_code.problem_json import problem_from_json, problem_to_json
from textgrad_code.trusted import trusted_function
from textgrad_core.errors import Invalid
from textgrad_core.schema import parse_json

__all__ = ["load_problem", "problem_from_json", "problem_names", "problem_to_json"]
SUFFIXES = (".toml", ".json")
GROUPS = ("visible", "hidden")


@cache
def problem_names() -> tuple[str, ...]:
    """Names of the problems that come with the package, sorted."""
    folder = files("textgrad_code").joinpath("problems")
    found = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in found if name.endswith(".toml")))


def load_problem(name_or_path: str) -> Problem:
    """A problem by the name of a shipped one, or from a ``.toml`` or ``.json`` file.

    A file may hold Python that makes tests; it runs in this process with its rights, so load
    only files whose author you trust.

    Args:
        name_or_path: One of `problem_names`, or a path; what ends in ``.toml`` or ``.json`` is
            a path.

    Raises:
        ProblemError: If there is no such problem, or the file is not as it should be; the
            message names the file, the field, its value, the bound and the remedy.
    """
    if name_or_path.endswith(SUFFIXES):
        path = Path(name_or_path)
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise ProblemError(f"the problem {path} cannot be read: {error}") from error
        return read_problem(text, path.name)
    names = problem_names()
    if name_or_path not in names:
        near = difflib.get_close_matches(name_or_path, names, n=3)
        guess = f"did you mean {' or '.join(near)}? " if near else ""
        raise ProblemError(
            f"no problem is named {shown(name_or_path)}: {guess}"
            "'textgrad code problems' lists the names; a file must end in .toml or .json"
        )
    entry = files("textgrad_code").joinpath("problems", f"{name_or_path}.toml")
    return read_problem(entry.read_text("utf-8"), entry.name)


def read_problem(text: str, file_name: str) -> Problem:
    """A problem from the text of a file.

    Args:
        text: The whole file.
        file_name: Its name; the suffix tells TOML from JSON, the rest names a problem that
            gives no name itself.

    Raises:
        ProblemError: If it is not as it should be.
    """
    is_toml = file_name.endswith(".toml")
    try:
        data: object = tomllib.loads(text) if is_toml else parse_json(text)
    except (ValueError, RecursionError, Invalid) as error:
        form = "TOML" if is_toml else "JSON"
        raise ProblemError(f"{file_name} is no {form}: {error}") from error
    if not isinstance(data, Mapping):
        raise ProblemError(f"{file_name} holds {shown(data)}: write a table of named fields")
    read: dict[str, object] = {"name": Path(file_name).stem, **data}
    signature = data.get("signature")
    stdin = isinstance(signature, Mapping) and signature.get("kind") == "stdin"
    for group in GROUPS:
        tests = read.get(group)
        if isinstance(tests, list):
            read[group] = [
                _plain(test, f"{file_name}: {group}[{index}]", texts=is_toml and not stdin)
                for index, test in enumerate(tests)
            ]
    return problem_from_json(read, file_name)


def _plain(test: object, where: str, *, texts: bool) -> object:
    """A test as JSON data: generated tests made, and JSON texts read."""
    if not isinstance(test, Mapping):
        return test
    plain = dict(test)
    if "generator" in plain:
        plain["input"], plain["expected"] = _generated(plain, where)
        del plain["generator"]
    elif texts:
        for name in ("input", "expected"):
            if name in plain:
                plain[name] = _from_text(plain[name], f"{where}.{name}")
    return plain


def _from_text(value: object, where: str) -> object:
    if not isinstance(value, str):
        raise ProblemError(f"{where} is {shown(value)}: write JSON in quotes, such as '[[1, 2]]'")
    try:
        return parse_json(value)
    except Invalid as error:
        raise ProblemError(f"{where} is {shown(value)}: {error}") from error


def _generated(test: Mapping[str, object], where: str) -> tuple[object, object]:
    """Input and expected answer that a test's generator makes."""
    where_source = f"{where}.generator"
    source = test["generator"]
    if not isinstance(source, str):
        raise ProblemError(f"{where_source} is {shown(source)}: write a Python program")
    for name in ("input", "expected"):
        if name in test:
            raise ProblemError(f"{where} has both generator and {name}: leave one of them out")
    make = trusted_function(source, "test", where_source)
    try:
        made = make()
        refuse_long_numbers(made, f"{where_source}: the value of test()")
        arguments, expected = json.loads(json.dumps(made, allow_nan=False))
    except ProblemError:
        raise
    except Exception as error:
        raise ProblemError(
            f"{where_source}: test() fails, or does not return (list of arguments, expected) as "
            f"JSON data: {type(error).__name__}: {error}"
        ) from error
    return arguments, expected
