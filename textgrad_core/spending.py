"""What model calls took: by site and in all, as the servers counted it.

Requests that failed are counted too where the server said what they took. What nobody counted
stays unknown: a reply without usage, a model without a price, and attempts that failed before
any answer came.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from textgrad_core.counts import Tokens
from textgrad_core.engine.protocol import Engine, Reply, Request
from textgrad_core.engine.tokens import estimate_tokens
from textgrad_core.engine.wrapper import model_of, own_params
from textgrad_core.errors import UsageError
from textgrad_core.prices import PriceTable

_NUMBER = re.compile(r"\s*\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What some calls took.

    Args:
        calls: Calls with an answer, those recalled from the journal included.
        failed_attempts: Requests that brought no usable answer; what they took is in the sums
            as far as the servers said.
        counted_prompt_tokens: Tokens sent, in the requests whose servers said.
        counted_completion_tokens: Tokens received, likewise.
        unsaid_prompt: Calls whose server did not count the tokens sent.
        unsaid_completion: Likewise for those received.
        priced: Cost of what has a known price and was counted.
        unpriced: Calls and counted failures whose cost is unknown.
    """

    calls: int = 0
    failed_attempts: int = 0
    counted_prompt_tokens: int = 0
    counted_completion_tokens: int = 0
    unsaid_prompt: int = 0
    unsaid_completion: int = 0
    priced: Decimal = Decimal(0)
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            calls=self.calls + other.calls,
            failed_attempts=self.failed_attempts + other.failed_attempts,
            counted_prompt_tokens=self.counted_prompt_tokens + other.counted_prompt_tokens,
            counted_completion_tokens=self.counted_completion_tokens
            + other.counted_completion_tokens,
            unsaid_prompt=self.unsaid_prompt + other.unsaid_prompt,
            unsaid_completion=self.unsaid_completion + other.unsaid_completion,
            priced=self.priced + other.priced,
            unpriced=self.unpriced + other.unpriced,
        )

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens sent; None if a server did not say."""
        return None if self.unsaid_prompt else self.counted_prompt_tokens

    @property
    def completion_tokens(self) -> int | None:
        """Tokens received; None if a server did not say."""
        return None if self.unsaid_completion else self.counted_completion_tokens

    @property
    def tokens(self) -> int | None:
        """Tokens sent and received; None if a server did not say."""
        if self.unsaid_prompt or self.unsaid_completion:
            return None
        return self.counted_prompt_tokens + self.counted_completion_tokens

    @property
    def cost(self) -> Decimal | None:
        """What all of it cost; None if one price or count is unknown."""
        return None if self.unpriced else self.priced


class Ledger:
    """Sums by site.

    Args:
        prices: What models cost; without it every cost is unknown.
        by_operation: Sum by operation instead of by site, for a process that never ends.
    """

    def __init__(self, prices: PriceTable | None = None, *, by_operation: bool = False) -> None:
        """Start empty."""
        self._prices, self._by_operation = prices, by_operation
        self._by_site: dict[str, Spent] = {}
        self._total = Spent()
        self._guard = threading.Lock()

    @property
    def total(self) -> Spent:
        """Everything so far."""
        return self._total

    @property
    def by_site(self) -> Mapping[str, Spent]:
        """Everything so far, by place in the program, in the order of first answers."""
        with self._guard:
            return dict(self._by_site)

    def answered(self, site: str, names: Sequence[str], reply: Reply) -> Spent:
        """Add a reply, without the attempts before it; returns what it took.

        Args:
            site: Place in the program.
            names: Under which the model may have a price.
            reply: The answer.
        """
        sent, received = reply.prompt_tokens, reply.completion_tokens
        price = self._prices and self._prices.of(*names)
        known = price is not None and sent is not None and received is not None
        spent = Spent(
            calls=1,
            counted_prompt_tokens=sent or 0,
            counted_completion_tokens=received or 0,
            unsaid_prompt=int(sent is None),
            unsaid_completion=int(received is None),
            priced=price.cost(sent or 0, received or 0) if known and price else Decimal(0),
            unpriced=int(not known),
        )
        self._add(site, spent)
        return spent

    def failed(
        self, site: str, names: Sequence[str], attempts: int, tokens: Tokens | None
    ) -> Spent:
        """Add requests that brought no usable answer; returns what they took.

        Args:
            site: Place in the program.
            names: Under which the model may have a price.
            attempts: How many requests.
            tokens: What servers counted for them; None if nobody did.
        """
        price = self._prices and self._prices.of(*names)
        counted = tokens or Tokens()
        spent = Spent(
            failed_attempts=max(0, attempts),
            counted_prompt_tokens=counted.prompt,
            counted_completion_tokens=counted.completion,
            priced=price.cost(counted.prompt, counted.completion) if price else Decimal(0),
            unpriced=int(price is None and counted != Tokens()),
        )
        if spent != Spent():
            self._add(site, spent)
        return spent

    def expected(self, engine: Engine, request: Request) -> tuple[int, Decimal | None]:
        """Tokens and cost a request may take; the cost is None without a price."""
        tokens = estimate_tokens(request, own_params(engine))
        price = self._prices and self._prices.of(*names_of(engine))
        return tokens.total, price.cost(tokens.prompt, tokens.completion) if price else None

    def _add(self, site: str, spent: Spent) -> None:
        if self._by_operation:
            site = _NUMBER.sub("", site.rpartition("/")[2])
        with self._guard:
            self._by_site[site] = self._by_site.get(site, Spent()) + spent
            self._total += spent


def names_of(engine: Engine) -> tuple[str, ...]:
    """The names under which an engine's model may have a price."""
    return model_of(engine), engine.name


def unpriced(engine: Engine) -> UsageError:
    """Why a limit of money cannot be kept with a model whose price is unknown."""
    return UsageError(
        f"the budget limits the cost, but the prices do not name {model_of(engine)!r}: add it to "
        "them, or drop the limit; nothing was sent"
    )
