"""Whole numbers that Python neither writes as decimal digits nor reads, unless told to. Pure."""

from __future__ import annotations

import sys

from textgrad_code.errors import ProblemError

MOST_DIGITS = sys.int_info.default_max_str_digits
_BOUND = 10**MOST_DIGITS


def refuse_long_numbers(value: object, where: str) -> None:
    """See that a value can be written as JSON text, as far as its whole numbers go.

    Args:
        value: JSON data, or what should be; what contains itself is left to others.
        where: Its place, for the message.

    Raises:
        ProblemError: Naming the place, the size of the number, the bound and what to write.
    """
    rest, seen = [value], set[int]()
    while rest:
        one = rest.pop()
        if isinstance(one, int) and not -_BOUND < one < _BOUND:
            raise ProblemError(
                f"{where} holds an integer of {one.bit_length()} bits: in JSON it may have "
                f"{MOST_DIGITS} decimal digits: take a smaller one, or write it as a text"
            )
        if isinstance(one, (list, tuple, dict)) and id(one) not in seen:
            seen.add(id(one))
            rest += one.values() if isinstance(one, dict) else one
