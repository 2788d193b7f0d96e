"""Instruments: which one a domain measures with, and one use of it on any executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textgrad_core.domain import Domain, EvaluationContext
from textgrad_core.errors import (
    Divergence,
    InstrumentError,
    Invalid,
    SettingsDiffer,
    TextgradError,
)
from textgrad_core.journal import EndOfRecord, Journal, differences
from textgrad_core.jsondata import JSON, as_stored, digest
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured, outcome_to_json

if TYPE_CHECKING:
    import asyncio


class Instruments:
    """The fingerprints of a run's domains, each asked for once.

    Args:
        journal: Where the instrument of a search is recorded.
    """

    def __init__(self, journal: Journal) -> None:
        """Know none yet."""
        self._journal = journal
        # by identity; the domain is kept beside it, so that no other one can get its number
        self._asked: dict[int, tuple[Domain[Any], asyncio.Future[JSON]]] = {}

    async def mark(self, domain: Domain[Any], site: str) -> str:
        """The digest of a domain's fingerprint, as it goes into the key of an evaluation.

        A replay takes it from the record of the evaluation itself and needs no instrument.
        """
        if self._journal.mode == "live":
            return digest(await self.fingerprint(domain))
        entry = self._journal.recall("evaluation", site)
        request = {} if entry is None else entry.body.get("request")
        return str(request.get("instrument", "")) if isinstance(request, dict) else ""

    async def declare(self, domain: Domain[Any]) -> None:
        """Record what a search measures with, or hold it against the record.

        Raises:
            SettingsDiffer: If the journal was made with another instrument.
            InstrumentError: If the domain cannot say.
            Divergence: In a replay of a run that used no instrument.
        """
        site = f"instrument {domain.name}"
        entry = self._journal.recall("instrument", site)
        if self._journal.mode != "live":
            if entry is None:
                ended = EndOfRecord if self._journal.mode == "partial" else Divergence
                raise ended(f"the journal holds no instrument of the domain {domain.name!r}")
            self._journal.note("instrument", site, entry.body)
            return
        found = await self.fingerprint(domain)
        if entry is not None and entry.body["fingerprint"] != found:
            raise SettingsDiffer(
                "this run was measured with another instrument "
                f"({differences(entry.body['fingerprint'], found)}): restore that "
                "installation, replay the run, or start over with --fresh"
            )
        self._journal.note("instrument", site, {"fingerprint": found})

    async def fingerprint(self, domain: Domain[Any]) -> JSON:
        """Everything that shapes the domain's scores besides value, tier and seed.

        Raises:
            InstrumentError: If the domain cannot say.
        """
        import asyncio

        if id(domain) not in self._asked:
            self._asked[id(domain)] = domain, asyncio.ensure_future(_fingerprint_of(domain))
        answer = self._asked[id(domain)][1]
        try:
            return await asyncio.shield(answer)
        except BaseException:
            if answer.done():
                self._asked.pop(id(domain), None)  # ask again next time
            raise


async def _fingerprint_of(domain: Domain[Any]) -> JSON:
    import asyncio

    try:
        return as_stored(dict(await asyncio.to_thread(domain.fingerprint)))
    except TextgradError:
        raise
    except Exception as error:
        raise InstrumentError(
            f"the domain {domain.name!r} cannot say what it measures with: "
            f"{type(error).__name__}: {error}"
        ) from error


def measure_plainly(
    domain: Domain[Any], canonical: str, context: EvaluationContext
) -> dict[str, JSON]:
    """Evaluate on any executor: picklable in, JSON out, foreign exceptions kept inside."""
    try:
        outcome: Outcome = domain.evaluate(domain.parse(canonical), context)
        if isinstance(outcome, Evaluated):
            missing = [o.name for o in domain.objectives if o.name not in outcome.scores]
            if missing:
                return _useless(f"no score for {', '.join(missing)}")
        record = as_stored(outcome_to_json(outcome))
    except Invalid as error:
        return outcome_to_json(Rejected(reason=error.reason, hint=error.hint))
    # border with plugins: their failure has no score, and their exit ends nothing
    except (Exception, SystemExit) as error:  # noqa: BLE001 - border with plugins
        return outcome_to_json(Unmeasured(cause=f"{type(error).__name__}: {error}"))
    return record if isinstance(record, dict) else _useless(f"no outcome but {outcome!r}")


def _useless(answer: str) -> dict[str, JSON]:
    cause = f"the domain is broken, its evaluate() gave {answer}"
    return outcome_to_json(Unmeasured(cause=cause, retryable=False))
