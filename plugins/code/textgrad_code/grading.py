"""Whether an answer is right for a problem: expected values meet answers here, and only here."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from textgrad_code.compare import Order, first_difference
from textgrad_code.differences import untagged
from textgrad_code.errors import ProblemError
from textgrad_code.jail.nodes import Shape, shape_of
from textgrad_code.problem import Problem, TestCase
from textgrad_code.trusted import trusted_function
from textgrad_code.untrusted import clean
from textgrad_core.jsondata import JSON

DECIMAL = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
WHOLE = re.compile(r"0|-?[1-9]\d{0,299}")
LONGEST_FAULT = 500


class Grader:
    """Tells what is wrong with answers to one problem.

    Args:
        problem: The problem.

    Raises:
        ProblemError: If its checker is no program that defines ``check``.
    """

    def __init__(self, problem: Problem) -> None:
        self.checker, signature = problem.checker, problem.signature
        self.script = signature.kind == "stdin"
        judged = signature.returns
        if signature.in_place is not None and signature.in_place < len(signature.parameters):
            judged = signature.parameters[signature.in_place].type
        self.floats = "float" in judged or "double" in judged
        self.shape = shape_of(judged)
        self.where = f"the checker of {problem.name}"
        if self.checker.kind == "program":
            trusted_function(self.checker.source, "check", self.where)

    def fault(self, test: TestCase, answer: JSON) -> str | None:
        """What is wrong with an answer, in one line; None if nothing is.

        Raises:
            ProblemError: If the problem's own checker is broken.
        """
        order = self.checker.kind
        if order == "program":
            return self._fault_by_program(test, answer)
        if self.script:
            return self._fault_of_output(str(test.expected), str(answer), order)
        return first_difference(
            expected_form(test.expected, self.shape, floats=self.floats),
            answer,
            order=order,
            tolerance=self.checker.tolerance,
        )

    def _fault_of_output(self, expected: str, answer: str, order: Order) -> str | None:
        lines, others = lines_of(expected), lines_of(answer)
        if lines == others:
            return None
        found = first_difference(
            *words_of(lines, others, in_order=order == "ordered"),
            order=order,
            tolerance=self.checker.tolerance,
        )
        return None if found is None else f"output as lines of words, counted from 0: {found}"

    def _fault_by_program(self, test: TestCase, answer: JSON) -> str | None:
        check = trusted_function(self.checker.source, "check", self.where)
        try:
            said = check(
                *copy.deepcopy((list(test.arguments), test.expected, plain_numbers(answer)))
            )
        except Exception as error:
            faulty = (NameError, ImportError, SyntaxError)  # no answer can cause these, but one
            if isinstance(error, faulty) and not isinstance(error, UnboundLocalError):
                told = f"{type(error).__name__}: {error}"
                raise ProblemError(f"{self.where} fails: {told}") from error
            return clean(f"the checker cannot read the answer: {error!r}", LONGEST_FAULT)
        if said is True:
            return None
        if said is False:
            return "the checker does not accept the answer"
        if isinstance(said, str):
            return clean(said, LONGEST_FAULT)
        raise ProblemError(
            f"{self.where} gave {said!r}: return True, False or a text that says what is wrong"
        )


def expected_form(value: Any, shape: Shape | None, *, floats: bool) -> Any:
    """The expected answer in the form answers have.

    Args:
        value: As the problem's author wrote it.
        shape: The declared node type; null then is no node, which answers give as ``[]``.
        floats: Whether floats are declared, so that 3 means 3.0.
    """
    if shape is not None:
        if shape.lists and isinstance(value, list):
            inner = Shape(shape.node, shape.lists - 1)
            return [expected_form(one, inner, floats=floats) for one in value]
        return [] if value is None else value
    if floats and type(value) is int:
        return float(value)
    if floats and isinstance(value, list):
        return [expected_form(one, None, floats=True) for one in value]
    return value


def lines_of(text: str) -> list[str]:
    """Lines, ended by LF or CRLF, without white space at their ends; no empty ones at the end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


Words = list[list[str | float]]


def words_of(expected: list[str], answer: list[str], *, in_order: bool) -> tuple[Words, Words]:
    """Lines as words; an expected decimal and what is printed for it are numbers.

    Args:
        expected: The right lines.
        answer: The printed lines.
        in_order: Whether what is printed for a word is at its place; otherwise every whole
            number is read as a number too as soon as one decimal is expected.
    """
    left, right = [line.split() for line in expected], [line.split() for line in answer]
    decimal = any(DECIMAL.fullmatch(word) for line in left for word in line)
    if in_order or not decimal:
        read: tuple[Words, Words] = [], []
        for line, other in zip_longest(left, right, fillvalue=()):
            pairs = zip(line, other, strict=False)
            numbers = [
                bool(DECIMAL.fullmatch(one) and NUMBER.fullmatch(two)) for one, two in pairs
            ]
            read[0].append(_read(line, numbers))
            read[1].append(_read(other, numbers))
        return read[0][: len(left)], read[1][: len(right)]
    return [list(map(_number, line)) for line in left], [list(map(_number, one)) for one in right]


def _read(words: Sequence[str], numbers: list[bool]) -> list[str | float]:
    rest = words[len(numbers) :]
    read = [float(word) if is_one else word for word, is_one in zip(words, numbers, strict=False)]
    return [*read, *rest]


def _number(word: str) -> str | float:
    if WHOLE.fullmatch(word):
        return int(word)
    return float(word) if DECIMAL.fullmatch(word) else word


def plain_numbers(answer: Any) -> Any:
    """An answer as a checker gets it: no tagged numbers, but NaN, infinities and large ints."""
    if isinstance(answer, list):
        return [plain_numbers(one) for one in answer]
    if isinstance(answer, dict):
        number = untagged(answer)
        if number is not answer:
            return number
        return {key: plain_numbers(one) for key, one in answer.items()}
    return answer
