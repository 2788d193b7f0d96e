"""What models cost, as data the user brings: none are shipped, because they change.

A model that is not in the table has an unknown cost, never a guessed one.

    currency = "USD"

    [models."some-model"]
    prompt_per_million = 1.25
    completion_per_million = 10
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON

MILLION = 1_000_000
_FIELDS = ("prompt_per_million", "completion_per_million")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost, in the table's currency."""

    prompt_per_million: Decimal
    completion_per_million: Decimal

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """What a call cost; exact, so that a sum does not depend on its order."""
        return (
            self.prompt_per_million * prompt_tokens
            + self.completion_per_million * completion_tokens
        ) / MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by model name; only the exact name counts.

    Args:
        currency: What the numbers are in.
        models: Price of each model.
    """

    currency: str = ""
    models: Mapping[str, Price] = field(default_factory=dict)

    def of(self, *names: str) -> Price | None:
        """The price under the first of these names that has one."""
        return next((self.models[n] for n in names if n in self.models), None)

    def to_json(self) -> dict[str, JSON]:
        """Plain data that `price_table` reads back exactly."""
        return {
            "currency": self.currency,
            "models": {
                name: {n: str(getattr(price, n)) for n in _FIELDS}
                for name, price in self.models.items()
            },
        }


def price_table(data: Mapping[str, object]) -> PriceTable:
    """Read a table from plain data, as TOML and JSON give it.

    Raises:
        UsageError: If it holds anything but currency and models, or a price is no number from 0.
    """
    strange = sorted(set(data) - {"currency", "models"})
    if strange:
        raise UsageError(f"prices hold {strange[0]!r}: give 'currency' and 'models' only")
    models = data.get("models")
    if not isinstance(models, Mapping) or not models:
        raise UsageError("prices hold no models: give a price for at least one")
    return PriceTable(
        currency=str(data.get("currency", "")),
        models={str(name): _price(str(name), given) for name, given in models.items()},
    )


def load_prices(path: Path) -> PriceTable:
    """Read a table from a ``.toml`` or ``.json`` file.

    Raises:
        UsageError: If it cannot be read, or holds no prices.
    """
    import tomllib

    try:
        text = path.read_text("utf-8")
        data = (
            json.loads(text, parse_float=Decimal)
            if path.suffix == ".json"
            else tomllib.loads(text, parse_float=Decimal)
        )
    except (OSError, ValueError) as error:
        raise UsageError(f"prices cannot be read from {path}: {error}") from error
    if not isinstance(data, Mapping):
        raise UsageError(f"{path} holds no table of prices but a {type(data).__name__}")
    return price_table(data)


def as_prices(given: PriceTable | Mapping[str, object] | Path | str | None) -> PriceTable | None:
    """A table in any form in which one may be given."""
    if given is None or isinstance(given, PriceTable):
        return given
    return price_table(given) if isinstance(given, Mapping) else load_prices(Path(given))


def _price(model: str, given: object) -> Price:
    if not isinstance(given, Mapping) or set(given) != set(_FIELDS):
        raise UsageError(f"the price of {model!r} is {given!r}: give {' and '.join(_FIELDS)}")
    return Price(**{name: _amount(model, name, given[name]) for name in _FIELDS})


def _amount(model: str, name: str, given: object) -> Decimal:
    try:
        amount = Decimal("nan" if isinstance(given, bool) else str(given))
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and amount >= 0):
        raise UsageError(f"{name} of {model!r} is {given!r}: give a number from 0")
    return amount
