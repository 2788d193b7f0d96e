"""What can be written as JSON text and sent to a program, and what cannot. Pure."""

from __future__ import annotations

import math
import sys

from textgrad_code.errors import ProblemError

MOST_DIGITS = sys.int_info.default_max_str_digits
_BOUND = 10**MOST_DIGITS
_CONTAINERS = {dict, list, tuple}
_SCALARS = (bool, str, type(None))
REMEDY = "use None, bool, int, float, str, lists and dicts with text keys"


def refuse_long_numbers(value: object, where: str) -> None:
    """See that JSON data can be written, as far as its whole numbers go.

    Python neither writes long ones as decimal digits nor reads them, unless told to.

    Args:
        value: JSON data, or what should be; what contains itself is left to others.
        where: Its place, for the message.

    Raises:
        ProblemError: Naming the place, the size of the number, the bound and what to write.
    """
    _refuse(value, where, numbers_only=True)


def refuse_other_data(value: object, where: str) -> None:
    """See that a value can be sent to a program.

    Args:
        value: Anything; what contains itself is left to others.
        where: Its place, for the message.

    Raises:
        ProblemError: Naming the place, what cannot be sent, and what to write.
    """
    _refuse(value, where, numbers_only=False)


def refuse_other_keys(value: object, where: str) -> None:
    """See that every key is a text: JSON would make it one without a word.

    Args:
        value: Anything.
        where: Its place, for the message.

    Raises:
        ProblemError: Naming the place, the key, and what to write.
    """
    rest, seen = [value], set[int]()
    while rest:
        one = rest.pop()
        if not isinstance(one, (dict, list, tuple)) or id(one) in seen:
            continue
        seen.add(id(one))
        for key in one if isinstance(one, dict) else ():
            if not isinstance(key, str):
                raise ProblemError(
                    f"{where} has the key {key!r} of type {type(key).__name__}; in JSON keys are "
                    'texts: expect such a dict as {"$dict": [[key, value], ...]}, and give it '
                    "as a list of pairs"
                )
        inside = one.values() if isinstance(one, dict) else one
        if _CONTAINERS & set(map(type, inside)):
            rest += inside


def _refuse(value: object, where: str, *, numbers_only: bool) -> None:
    rest, seen = [value], set[int]()
    while rest:
        one = rest.pop()
        if isinstance(one, int) and not -_BOUND < one < _BOUND:
            raise ProblemError(
                f"{where} holds an integer of {one.bit_length()} bits: in JSON it may have "
                f"{MOST_DIGITS} decimal digits: take a smaller one, or write it as a text"
            )
        if isinstance(one, (list, tuple, dict)):
            if id(one) not in seen:
                seen.add(id(one))
                rest += one.values() if isinstance(one, dict) else one
        elif numbers_only or isinstance(one, (int, *_SCALARS)):
            continue
        elif not isinstance(one, float):
            raise ProblemError(f"{where} holds a value of type {type(one).__name__}: {REMEDY}")
        elif not math.isfinite(one):
            raise ProblemError(
                f"{where} holds {one}: JSON has no such number: take a large finite one, or a text"
            )
