"""Failures that are part of a run's course, and how the journal holds them."""

from __future__ import annotations

from textgrad_core.counts import tokens_in
from textgrad_core.errors import BudgetExhausted, EngineError, EngineFailure
from textgrad_core.jsondata import JSON

ANSWER_FAULTS: tuple[EngineFailure, ...] = ("refused", "cut", "empty")
"""Failures in which an answer came, was paid for, and says nothing."""
_KEPT: tuple[EngineFailure, ...] = (*ANSWER_FAULTS, "wrong_shape")


def is_answer_fault(error: EngineError) -> bool:
    """Whether an answer came that says nothing, as what is no text does.

    A server's damaged answer may be sound the next time, so that one is an outage.
    """
    return error.kind in ANSWER_FAULTS or (error.kind == "wrong_shape" and not error.retryable)


def failure_record(error: EngineError) -> dict[str, JSON]:
    """Plain data in place of a reply."""
    counted = {} if error.spent is None else {"spent": error.spent.to_json()}
    return {
        "failure": error.kind,
        "message": error.message,
        "attempts": error.attempts,
        "request_id": error.request_id,
        **counted,
    }


def refusal_record(error: BudgetExhausted) -> dict[str, JSON]:
    """Plain data in place of a reply that was not asked for."""
    note = {"note": error.note} if error.note else {}
    return {"refused": error.what, "used": error.used, "limit": error.limit, **note}


def failure_in(record: JSON) -> EngineError | BudgetExhausted | None:
    """The failure a record holds in place of a reply, if it does."""
    fields = record if isinstance(record, dict) else {}
    if "failure" in fields:
        known: EngineFailure = next((k for k in _KEPT if k == fields["failure"]), "empty")
        attempts, request_id = fields.get("attempts"), fields.get("request_id")
        return EngineError(
            str(fields.get("message", "")),
            kind=known,
            attempts=attempts if isinstance(attempts, int) else 1,
            request_id=request_id if isinstance(request_id, str) else None,
            spent=tokens_in(fields.get("spent")),
        )
    if "refused" in fields:
        used, limit = fields.get("used"), fields.get("limit")
        return BudgetExhausted(
            str(fields["refused"]),
            used if isinstance(used, int | float) else 0,
            limit if isinstance(limit, int | float) else 0,
            str(fields.get("note", "")),
        )
    return None
