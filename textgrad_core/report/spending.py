"""What a run took, as the page shows it; what nobody counted is said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping

from textgrad_core.report.text import duration
from textgrad_core.search.result import Result, Usage


def spending(result: Result) -> tuple[tuple[str, str], ...]:
    """Pairs of name and amount; none if the run kept no account."""
    usage = result.usage
    if not (usage.evaluations or usage.model_calls or usage.failed_attempts):
        return ()
    rows = [("Evaluations", _counted(usage.evaluations, usage.evaluations_run))]
    if usage.model_calls or usage.failed_attempts:
        rows += [
            ("Model calls", _counted(usage.model_calls, usage.model_calls_made)),
            ("Requests that failed", f"{usage.failed_attempts:,}"),
            ("Tokens sent", _tokens(usage.prompt_tokens)),
            ("Tokens received", _tokens(usage.completion_tokens)),
            ("Cost", _cost(usage, currency_of(result))),
        ]
    return (*rows, ("Time", f"{duration(usage.seconds)} in this process{after_search(usage)}"))


def after_search(usage: Usage) -> str:
    """What the files took besides, to be told after the time of the search; empty if nothing."""
    taken = usage.report_seconds
    return f"; files and report: {duration(taken)}" if taken else ""


def currency_of(result: Result) -> str:
    """The currency of the prices in the settings; empty if they name none."""
    prices = result.settings.get("prices")
    currency = prices.get("currency") if isinstance(prices, Mapping) else None
    return currency if isinstance(currency, str) else ""


def _counted(number: int, here: int) -> str:
    return f"{number:,}" if here == number else f"{number:,}, of these {here:,} in this process"


def _tokens(number: int | None) -> str:
    return "unknown: a server did not count them" if number is None else f"{number:,}"


def _cost(usage: Usage, currency: str) -> str:
    if usage.cost is not None:
        return f"{usage.cost:,.6g} {currency}".rstrip()
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return "unknown: a server did not count the tokens"
    return "unknown price"
