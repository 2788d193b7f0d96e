"""What the computed assertions of HumanEval mean, as tests.

Where the data set draws inputs without a seed, these are drawn with one.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from textgrad_code.problem import TestCase
from textgrad_core.jsondata import JSON

_DRAWS = 100
_HALVINGS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """Tests of one problem that its data set computes.

    Args:
        make: Makes them.
        checker: Source of a checking program, where there is more than one right answer.
    """

    make: Callable[[], Iterator[TestCase]]
    checker: str = ""

    def tests(self) -> tuple[TestCase, ...]:
        """The tests, always the same ones."""
        return tuple(self.make())


ZERO_OF_POLYNOMIAL = '''
from math import isfinite


def check(arguments, expected, answer):
    """The polynomial with these coefficients, lowest power first, vanishes at the answer."""
    if isinstance(answer, bool) or not isinstance(answer, (int, float)) or not isfinite(answer):
        return "the answer is no finite number"
    value = 0.0
    for coefficient in reversed(arguments[0]):
        value = value * float(answer) + coefficient
    return abs(value) < 1e-4 or f"the polynomial is {value:g} there, not 0"
'''


def _zeros() -> Iterator[TestCase]:
    """The data set's own draws: their seed is 42. Expected is one zero; every zero is right."""
    draw = Random(42)
    for _ in range(_DRAWS):
        count = 2 * draw.randint(1, 4)
        drawn = [draw.randint(-10, 10) or 1 for _ in range(count)]
        coefficients: list[JSON] = list(drawn)
        yield TestCase(arguments=(coefficients,), expected=_zero(drawn))


def _zero(coefficients: list[int]) -> float:
    """A zero of a polynomial of odd degree, by bisection between Cauchy's bounds."""
    sign = 1 if coefficients[-1] > 0 else -1
    high = 1.0 + max(map(abs, coefficients)) / abs(coefficients[-1])
    low = -high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        value = 0.0
        for coefficient in reversed(coefficients):
            value = value * middle + coefficient
        low, high = (low, middle) if sign * value > 0 else (middle, high)
    return (low + high) / 2


def _every_third_sorted() -> Iterator[TestCase]:
    """Lists that the data set compares with the answer of the solution itself."""
    for numbers in (
        [1, 2, 3],
        [5, 3, -5, 2, -3, 3, 9, 0, 123, 1, -10],
        [5, 8, -12, 4, 23, 2, 3, 11, 12, -10],
    ):
        expected = list(numbers)
        expected[::3] = sorted(expected[::3])
        given: list[JSON] = list(numbers)
        answer: list[JSON] = list(expected)
        yield TestCase(arguments=(given,), expected=answer)


def _words() -> Iterator[str]:
    draw = Random(0)
    for _ in range(_DRAWS):
        yield "".join(draw.choice(string.ascii_lowercase) for _ in range(draw.randint(10, 20)))


def _cycled() -> Iterator[TestCase]:
    """Full groups of three letters turned left by one."""
    for word in _words():
        groups = [word[start : start + 3] for start in range(0, len(word), 3)]
        turned = "".join(g[1:] + g[0] if len(g) == 3 else g for g in groups)
        yield TestCase(arguments=(turned,), expected=word)


def _shifted() -> Iterator[TestCase]:
    """Every letter moved on by five places."""
    letters = string.ascii_lowercase
    table = str.maketrans(letters, letters[5:] + letters[:5])
    for word in _words():
        yield TestCase(arguments=(word.translate(table),), expected=word)


def _sums() -> Iterator[TestCase]:
    draw = Random(0)
    for _ in range(_DRAWS):
        first, second = draw.randint(0, 1000), draw.randint(0, 1000)
        yield TestCase(arguments=(first, second), expected=first + second)


def _in_the_next_base() -> Iterator[TestCase]:
    for number in range(2, 8):
        yield TestCase(arguments=(number, number + 1), expected=str(number))


def _odd_squares() -> Iterator[TestCase]:
    numbers: list[JSON] = list(range(-99, 100, 2))
    yield TestCase(arguments=(numbers,), expected=sum(n * n for n in range(1, 100, 2)))


COMPUTED = {
    "HumanEval/32": Computed(make=_zeros, checker=ZERO_OF_POLYNOMIAL),
    "HumanEval/33": Computed(make=_every_third_sorted),
    "HumanEval/38": Computed(make=_cycled),
    "HumanEval/44": Computed(make=_in_the_next_base),
    "HumanEval/50": Computed(make=_shifted),
    "HumanEval/53": Computed(make=_sums),
    "HumanEval/151": Computed(make=_odd_squares),
}
