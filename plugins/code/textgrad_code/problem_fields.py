"""Read the fields of a table from outside, naming the place of whatever is wrong."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import cast

from textgrad_code.errors import ProblemError
from textgrad_code.plain_data import refuse_long_numbers
from textgrad_core.jsondata import JSON, as_stored

MAX_SHOWN = 80


def shown(value: object) -> str:
    """A value for a message, cut."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of too many digits in it; nested too deeply
        text = f"a value of type {type(value).__name__} that is too large to show"
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


class Fields:
    """One table: every field is asked for once, then `finish` refuses what nobody asked for.

    Args:
        table: What was read.
        where: The place of the table, such as ``two-sum.toml: hidden[3]``.

    Raises:
        ProblemError: If it is no table.
    """

    def __init__(self, table: object, where: str) -> None:
        """Keep the table."""
        if not isinstance(table, Mapping):
            raise ProblemError(f"{where} is {shown(table)}: write a table of named fields")
        self._table = table
        self._asked: list[str] = []
        self.where = where

    def place(self, name: str) -> str:
        """The full name of a field, for a message."""
        return f"{self.where}{'' if self.where.endswith(': ') else '.'}{name}"

    def given(self, name: str) -> bool:
        """Whether the field is there."""
        return name in self._table

    def take(self, name: str, default: object = None) -> object:
        """A field as it is."""
        self._asked.append(name)
        return self._table.get(name, default)

    def wrong(self, name: str, remedy: str) -> ProblemError:
        """The error that a field is not as it should be."""
        if name not in self._table:
            return ProblemError(f"{self.place(name)} is missing: {remedy}")
        return ProblemError(f"{self.place(name)} is {shown(self._table[name])}: {remedy}")

    def text(self, name: str, default: str | None = "", *, remedy: str = "write a text") -> str:
        """A text; required if the default is None."""
        value = self.take(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, remedy)
        return value

    def choice(self, name: str, options: tuple[str, ...], default: str | None) -> str:
        """One of some texts."""
        value = self.take(name, default)
        if not isinstance(value, str) or value not in options:
            raise self.wrong(name, f"write one of {', '.join(options)}")
        return value

    def number(self, name: str, default: float, *, above: float, most: float) -> float:
        """A number with ``above < number <= most``."""
        value = self.take(name, default)
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (good and isinstance(value, (int, float)) and above < value <= most):
            bound = f" of at most {most:g}" if math.isfinite(most) else ""
            raise self.wrong(name, f"write a number above {above:g}{bound}")
        return float(value)

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number with ``least <= number <= most``."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.wrong(name, f"write a whole number from {least} to {most}")
        return value

    def items(self, name: str) -> list[object]:
        """A list, empty if absent."""
        value = self.take(name, [])
        if not isinstance(value, list):
            raise self.wrong(name, "write a list")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts, empty if absent."""
        found = self.items(name)
        for index, item in enumerate(found):
            if not isinstance(item, str):
                place = f"{self.place(name)}[{index}]"
                raise ProblemError(f"{place} is {shown(item)}: write a text")
        return tuple(str(item) for item in found)

    def tables(self, name: str) -> list[Fields]:
        """A list of tables, empty if absent."""
        items = self.items(name)
        return [Fields(item, f"{self.place(name)}[{n}]") for n, item in enumerate(items)]

    def table(self, name: str) -> Fields:
        """A table, empty if absent."""
        return Fields(self.take(name, {}), self.place(name))

    def json(self, name: str) -> JSON:
        """Any JSON value; required."""
        if name not in self._table:
            raise self.wrong(name, "write it")
        refuse_long_numbers(self.take(name), self.place(name))
        try:
            return as_stored(cast(JSON, self.take(name)))
        except (TypeError, ValueError, RecursionError) as error:
            raise self.wrong(name, f"it must be JSON ({error})") from error

    def finish(self) -> None:
        """Refuse fields that nobody asked for.

        Raises:
            ProblemError: Naming the first of them and the most similar known name.
        """
        for name in self._table:
            if name not in self._asked:
                near = difflib.get_close_matches(str(name), self._asked, n=1)
                guess = f"did you mean {near[0]!r}? " if near else ""
                raise ProblemError(
                    f"{self.place(str(name))} is no field of this table: {guess}"
                    f"there are {', '.join(self._asked)}"
                )
