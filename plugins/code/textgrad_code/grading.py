"""Whether an answer is right for a problem: expected values meet answers here, and only here."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from textgrad_code.compare import MOST_MORE, MOST_TIMES, Order, first_difference
from textgrad_code.differences import items, shown, size_of, size_within, untagged
from textgrad_code.errors import ProblemError
from textgrad_code.jail.nodes import Shape, shape_of
from textgrad_code.node_data import canonical_nodes
from textgrad_code.problem import Problem, TestCase
from textgrad_code.trusted import file_of, trusted_function
from textgrad_code.untrusted import clean, shortened
from textgrad_core.jsondata import JSON

DECIMAL = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?\d+[eE][-+]?\d+", re.ASCII)
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
WHOLE = re.compile(r"0|-?[1-9]\d{0,299}", re.ASCII)
LONGEST_FAULT, LONGEST_CALL = 500, 80
ANSWERS = {"List": list, "list": list, "str": str, "int": int, "float": float, "bool": bool}
MOST_CHECKED = 500_000  # values, beyond ten times those of the test, that a checker looks at


class Form(NamedTuple):
    """What an answer was declared to be.

    Attributes:
        shape: The node type; None for plain data.
        floats: Whether there are floats in it.
    """

    shape: Shape | None
    floats: bool

    @classmethod
    def of(cls, notation: str) -> Form:
        """From a type's notation."""
        return cls(shape_of(notation), "float" in notation or "double" in notation)


PLAIN = Form(None, floats=False)


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
        self.form, self.judged_type = Form.of(judged), judged
        self.design = signature.kind == "design"
        self.operations = {one.name: Form.of(one.returns) for one in signature.operations}
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
        if self.design:
            return self._fault_of_operations(test, answer, order)
        return self._difference(test.expected, self.form, answer, order)

    def most_values(self, test: TestCase) -> int:
        """An answer with more values is wrong whatever they are."""
        if self.checker.kind != "program":
            return MOST_TIMES * size_of(test.expected) + MOST_MORE
        known = size_of(list(test.arguments)) + size_of(test.expected)
        return MOST_TIMES * known + MOST_CHECKED

    def _difference(self, expected: JSON, form: Form, answer: JSON, order: Order) -> str | None:
        right = expected_form(expected, form.shape, floats=form.floats)
        order = order_around(form.shape, order)
        return first_difference(right, answer, order=order, tolerance=self.checker.tolerance)

    def _fault_of_operations(self, test: TestCase, answer: JSON, order: Order) -> str | None:
        """Answers of a design class, one by one, as the operations are."""
        expected = test.expected
        if not isinstance(expected, list) or not isinstance(answer, list):
            return self._difference(expected, PLAIN, answer, "ordered")
        calls = list(zip(*test.arguments, strict=False))
        for index, (call, right, given) in enumerate(zip(calls, expected, answer, strict=False)):
            name, arguments = call
            found = self._difference(right, self.operations.get(name, PLAIN), given, order)
            if found is not None:
                told = shortened(f"{name}({shown(arguments, LONGEST_CALL)[1:-1]})", LONGEST_CALL)
                return f"operation {index}, {told}: {found}"
        if len(expected) != len(answer):
            return f"expected {items(expected)}, got {items(answer)}"
        return None

    def _fault_of_output(self, expected: str, answer: str, order: Order) -> str | None:
        lines = lines_of(expected)
        for what, right, printed in (
            ("lines", len(lines), answer.rstrip().count("\n") + 1),
            ("words", len(expected.split()), len(answer.split())),
        ):
            most = MOST_TIMES * right + MOST_MORE
            if printed > most:  # not worth the time and memory of a comparison
                return f"the output has more than {most} {what}, expected {right}"
        others = lines_of(answer)
        if lines == others:
            return None
        found = first_difference(
            *words_of(lines, others, in_order=order == "ordered"),
            order=order,
            tolerance=self.checker.tolerance,
        )
        return None if found is None else f"output as lines of words, counted from 0: {found}"

    def _fault_by_program(self, test: TestCase, answer: JSON) -> str | None:
        most = self.most_values(test)
        if not size_within(answer, most):
            return f"the answer has more than {most} values"
        check = trusted_function(self.checker.source, "check", self.where)
        try:
            said = check(
                *copy.deepcopy((list(test.arguments), test.expected, plain_numbers(answer)))
            )
        except Exception as error:
            if self._is_the_checkers(error):
                name = getattr(error, "name", None)  # no message: it may quote a hidden value
                told = f"{type(error).__name__} of the name {name!r}"
                raise ProblemError(f"{self.where} fails: {told}") from error
            self._require_reading_of_expected(check, test)
            return clean(f"the checker cannot read the answer: {error!r}", LONGEST_FAULT)
        if said is True:
            return None
        if said is False:
            return "the checker does not accept the answer"
        if isinstance(said, str):
            return clean(said, LONGEST_FAULT)
        raise ProblemError(
            f"{self.where} gave a value of type {type(said).__name__}: return True, False or a "
            "text that says what is wrong"
        )

    def _require_reading_of_expected(self, check: Callable[..., object], test: TestCase) -> None:
        """See that a checker can read a value that is an answer by its declared type.

        Of a type that is not declared, ``expected`` may be anything that the checker needs.

        Raises:
            ProblemError: If it cannot.
        """
        outer = "str" if self.script else re.split(r"[\[|]", self.judged_type)[0].strip()
        if not test.expected or type(test.expected) is not ANSWERS.get(outer):
            return
        try:
            check(*copy.deepcopy((list(test.arguments), test.expected, test.expected)))
        except Exception as error:
            raise ProblemError(  # no message: it may quote a hidden value
                f"{self.where} fails on the expected answer too: {type(error).__name__}: mend "
                "check(), or give null as expected if that is no answer"
            ) from error

    def _is_the_checkers(self, error: Exception) -> bool:
        """Whether no answer can cause it, and no text that the checker evaluates did."""
        if not isinstance(error, (NameError, ImportError)) or isinstance(error, UnboundLocalError):
            return False
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        return last is not None and last.tb_frame.f_code.co_filename == file_of(self.where)


_LATEST: list[tuple[Problem, Grader]] = []


def grader_of(problem: Problem) -> Grader:
    """A problem's grader; the latest one again for the same problem, as it usually is.

    Raises:
        ProblemError: If its checker is no program that defines ``check``.
    """
    for known, grader in _LATEST[-1:]:
        if known is problem:
            return grader
    grader = Grader(problem)
    _LATEST[:] = [(problem, grader)]
    return grader


def expected_form(value: Any, shape: Shape | None, *, floats: bool) -> Any:
    """The expected answer in the form answers have.

    Args:
        value: As the problem's author wrote it.
        shape: The declared node type; of several ways to write the same nodes, answers have one.
        floats: Whether floats are declared, so that 3 means 3.0.
    """
    if shape is not None:
        return canonical_nodes(shape, value)
    if floats and type(value) is int:
        return float(value)
    if floats and isinstance(value, list):
        return [expected_form(one, None, floats=True) for one in value]
    return value


def order_around(shape: Shape | None, order: Order) -> Order:
    """The order that lists of nodes may have; those that stand for nodes keep theirs."""
    if shape is None or order == "ordered":
        return order
    return "any-order" if shape.lists else "ordered"


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
