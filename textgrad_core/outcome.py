"""What an evaluation can say about a candidate: a closed union of three.

``Evaluated``   the instrument measured it.
``Rejected``    the candidate is at fault: counts, and the reason is fed back.
``Unmeasured``  the instrument is at fault: retried and reported, never a score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """Something a person would rather look at: a picture, a pose, a plan.

    Args:
        name: File name without folder, such as ``pose.sdf``.
        media_type: Such as ``image/svg+xml`` or ``chemical/x-mdl-sdfile``.
        text: The content; binary formats are base64.
    """

    name: str
    media_type: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """The instrument measured the candidate.

    Args:
        scores: One finite number per objective of the domain, by name.
        feedback: What the instrument itself said, in words.
        data: JSON data behind the feedback: sensitivities, per-test results, components.
        artefacts: Files for a person to look at.
        seconds: Wall time the measurement took where it ran.
    """

    scores: Mapping[str, float]
    feedback: str = ""
    data: Mapping[str, JSON] = field(default_factory=dict)
    artefacts: tuple[Artefact, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a score that is no number: it would win or lose every comparison silently."""
        for name, score in self.scores.items():
            if not math.isfinite(score):
                raise UsageError(
                    f"score {name!r} is {score}: return Rejected or Unmeasured instead"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The candidate is at fault.

    Args:
        reason: What is wrong with it.
        hint: How to mend it.
    """

    reason: str
    hint: str = ""

    @property
    def text(self) -> str:
        """Reason and hint in one line."""
        return f"{self.reason} ({self.hint})" if self.hint else self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """The instrument is at fault; the candidate has no score.

    Args:
        cause: What failed.
        retryable: Whether the same evaluation may succeed when tried again.
    """

    cause: str
    retryable: bool = True


Outcome: TypeAlias = "Evaluated | Rejected | Unmeasured"


def outcome_to_json(outcome: Outcome) -> dict[str, JSON]:
    """Plain data for the journal, the cache and the way between processes."""
    match outcome:
        case Evaluated():
            return {
                "kind": "evaluated",
                "scores": dict(outcome.scores),
                "feedback": outcome.feedback,
                "data": dict(outcome.data),
                "artefacts": [
                    {"name": a.name, "media_type": a.media_type, "text": a.text}
                    for a in outcome.artefacts
                ],
                "seconds": outcome.seconds,
            }
        case Rejected():
            return {"kind": "rejected", "reason": outcome.reason, "hint": outcome.hint}
        case Unmeasured():
            return {"kind": "unmeasured", "cause": outcome.cause, "retryable": outcome.retryable}


def outcome_from_json(record: Mapping[str, JSON]) -> Outcome:
    """The inverse of `outcome_to_json`.

    Raises:
        UsageError: If ``record`` was not written by `outcome_to_json`.
    """
    match record:
        case {"kind": "evaluated", "scores": dict(scores), "data": dict(data)}:
            return Evaluated(
                scores={name: float(_number(score)) for name, score in scores.items()},
                feedback=str(record.get("feedback", "")),
                data=data,
                artefacts=tuple(_artefact(a) for a in _items(record.get("artefacts"))),
                seconds=float(_number(record.get("seconds", 0.0))),
            )
        case {"kind": "rejected", "reason": str(reason)}:
            return Rejected(reason=reason, hint=str(record.get("hint", "")))
        case {"kind": "unmeasured", "cause": str(cause)}:
            return Unmeasured(cause=cause, retryable=bool(record.get("retryable", True)))
    raise UsageError(f"not an outcome: {str(record)[:200]}")


def _number(value: JSON) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"expected a number, got {value!r}")
    return value


def _items(value: JSON) -> list[JSON]:
    return value if isinstance(value, list) else []


def _artefact(value: JSON) -> Artefact:
    if not isinstance(value, dict):
        raise UsageError(f"expected an artefact, got {value!r}")
    return Artefact(
        name=str(value["name"]), media_type=str(value["media_type"]), text=str(value["text"])
    )
