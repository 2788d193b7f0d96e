"""Reading protocols from files, with every mistake named."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from textgrad_core.jsondata import JSON
from textgrad_radiotherapy.course_dose import check_per_course, check_prescription
from textgrad_radiotherapy.errors import GoalError
from textgrad_radiotherapy.goal_notation import parse_goal
from textgrad_radiotherapy.goals import Goal, Protocol
from textgrad_radiotherapy.once import GivenTwice, json_once

FIELDS = ("name", "title", "source", "prescription_gy", "fractions", "normalise", "goals",
          "aliases", "assumptions")  # fmt: skip
NEEDED = ("name", "title", "source", "prescription_gy", "goals")
GOAL_FIELDS = ("goal", "priority", "source", "acceptable", "assumed")
NORMALISE_FIELDS = ("structure", "volume_percent", "dose_gy")
AT_PRESCRIPTION = ("CI", "CI_RTOG", "GI")
LARGEST_NUMBER = 10**12  # of anything in a protocol: no dose, volume or count comes near it
FOLDER = files("textgrad_radiotherapy.protocols")


def protocol_names() -> tuple[str, ...]:
    """Names of the embedded protocols, in alphabetical order."""
    found = (Path(entry.name) for entry in FOLDER.iterdir())
    return tuple(sorted(path.stem for path in found if path.suffix == ".json"))


def load_protocol(name_or_path: str | Path) -> Protocol:
    """An embedded protocol by its name, or one from a ``.json`` or ``.toml`` file.

    Raises:
        GoalError: If there is none, the file cannot be read, or it is no valid protocol.
    """
    if str(name_or_path) in protocol_names():
        text, where = (FOLDER / f"{name_or_path}.json").read_text("utf-8"), str(name_or_path)
        return protocol_from_data(_decoded(text, ".json", where), where)
    path = Path(name_or_path)
    if path.suffix.lower() not in (".json", ".toml") or not path.is_file():
        raise GoalError(
            f"there is no protocol {str(name_or_path)!r}; give the path of a .json or .toml "
            f"file, or one of {', '.join(protocol_names())}"
        )
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GoalError(f"protocol {path} cannot be read: {error}") from error
    return protocol_from_data(_decoded(text, path.suffix.lower(), str(path)), str(path))


def protocol_from_data(data: JSON, where: str = "protocol") -> Protocol:
    """A protocol from plain data.

    Args:
        data: An object with ``name``, ``title``, ``source``, ``prescription_gy`` (Gy per course
            by target) and ``goals``; perhaps ``fractions``, ``normalise`` (``structure``,
            ``volume_percent``, ``dose_gy``), ``aliases`` (lists of other names by structure) and
            ``assumptions`` (a list of sentences: what the source does not say).
            A goal has ``goal`` (in the notation of `parse_goal`), and perhaps ``priority``,
            ``source``, ``acceptable`` (a wider bound in the goal's own unit) and ``assumed``
            (true for a guard that the source does not have).
        where: What to call it in messages.

    Raises:
        GoalError: If a field is missing, unknown or of the wrong type, a goal is malformed or
            given twice, or a dose is not per course.
    """
    fields = _object(data, where, FIELDS, needed=NEEDED)
    prescription = {
        target: _number(dose, f"{where}: prescription_gy of {target}")
        for target, dose in _object(fields["prescription_gy"], f"{where}: prescription_gy").items()
    }
    rows = _list(fields["goals"], f"{where}: goals")
    if not rows:
        raise GoalError(f"{where}: goals is empty; a protocol has at least one goal")
    fractions = _count(fields.get("fractions"), f"{where}: fractions")
    try:
        check_prescription(prescription, fractions)
        protocol = Protocol(
            name=_text(fields["name"], f"{where}: name"),
            title=_text(fields["title"], f"{where}: title"),
            prescription_gy=prescription,
            fractions=fractions,
            goals=tuple(_goal(row, i, prescription) for i, row in enumerate(rows, start=1)),
            normalise=_normalise(fields.get("normalise"), prescription),
            source=_text(fields["source"], f"{where}: source"),
            aliases=_aliases(fields.get("aliases", {})),
            assumptions=tuple(
                _text(sentence, f"{where}: assumptions")
                for sentence in _list(fields.get("assumptions", []), f"{where}: assumptions")
            ),
        )
        check_per_course(protocol)
        _check_goals(protocol)
    except GoalError as error:
        if str(error).startswith(f"{where}: "):
            raise
        raise GoalError(f"{where}: {error}") from error
    return protocol


def protocol_data(protocol: Protocol) -> dict[str, JSON]:
    """The protocol as plain data, which `protocol_from_data` reads back to the same."""
    goals: list[JSON] = []
    for goal in protocol.goals:
        row: dict[str, JSON] = {"goal": goal.name, "priority": goal.priority}
        row |= {"source": goal.source} if goal.source else {}
        row |= {"acceptable": goal.acceptable} if goal.acceptable is not None else {}
        row |= {"assumed": True} if goal.assumed else {}
        goals.append(row)
    normalise = protocol.normalise
    return {
        "name": protocol.name,
        "title": protocol.title,
        "source": protocol.source,
        "prescription_gy": dict(protocol.prescription_gy),
        "fractions": protocol.fractions,
        "normalise": None
        if normalise is None
        else dict(zip(NORMALISE_FIELDS, normalise, strict=True)),
        "goals": goals,
        "aliases": {name: list(others) for name, others in protocol.aliases.items()},
        "assumptions": list(protocol.assumptions),
    }


def _decoded(text: str, suffix: str, where: str) -> JSON:
    try:
        data: JSON = json_once(text) if suffix == ".json" else tomllib.loads(text)
    except GivenTwice as twice:
        raise GoalError(f"protocol {where}: {twice}") from twice
    except ValueError as error:
        raise GoalError(f"protocol {where} is no {suffix[1:].upper()}: {error}") from error
    except RecursionError:
        raise GoalError(
            f"protocol {where} is nested too deeply: a protocol is an object of texts, numbers "
            "and lists of goals"
        ) from None
    return data


def _goal(row: JSON, number: int, prescription: Mapping[str, float]) -> Goal:
    where = f"goal {number}"
    fields = _object(row, where, GOAL_FIELDS, needed=("goal",))
    text = _text(fields["goal"], f"{where}: goal")
    wider = fields.get("acceptable")
    priority = _count(fields.get("priority", 1), f"{where} ({text}): priority")
    assumed = fields.get("assumed", False)
    if not isinstance(assumed, bool):
        raise GoalError(f"{where} ({text}): assumed is {_kind(assumed)}, not true or false")
    goal = parse_goal(
        text,
        1 if priority is None else priority,
        prescription_gy=prescription,
        source=_text(fields.get("source", ""), f"{where} ({text}): source"),
        acceptable=None if wider is None else _number(wider, f"{where} ({text}): acceptable"),
    )
    return replace(goal, assumed=assumed)


def _normalise(data: JSON, prescription: Mapping[str, float]) -> tuple[str, float, float] | None:
    if data is None:
        return None
    fields = _object(data, "normalise", NORMALISE_FIELDS, needed=NORMALISE_FIELDS)
    target = _text(fields["structure"], "normalise: structure")
    volume = _number(fields["volume_percent"], "normalise: volume_percent")
    dose = _number(fields["dose_gy"], "normalise: dose_gy")
    if target not in prescription:
        raise GoalError(f"normalise: {target} has no prescription; {', '.join(prescription)} has")
    if not 0 < volume < 100:
        raise GoalError(f"normalise: volume_percent is between 0 and 100, not {volume:g}")
    return target, volume, dose


def _aliases(data: JSON) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(_text(other, f"aliases of {name}") for other in _list(others, "aliases"))
        for name, others in _object(data, "aliases").items()
    }


def _check_goals(protocol: Protocol) -> None:
    names = [goal.name for goal in protocol.goals]
    for name in names:
        if names.count(name) > 1:
            raise GoalError(f"the goal {name!r} is given {names.count(name)} times; once will do")
    for goal in protocol.goals:
        target = goal.metric.structure
        if goal.metric.kind in AT_PRESCRIPTION and target not in protocol.prescription_gy:
            raise GoalError(f"{goal.name!r} needs a prescription of {target} to be measured at")


def _object(
    data: JSON,
    where: str,
    allowed: tuple[str, ...] | None = None,
    needed: tuple[str, ...] = (),
) -> dict[str, JSON]:
    """An object with the needed fields, and with none but the allowed ones."""
    if not isinstance(data, dict):
        raise GoalError(f"{where} is {_kind(data)}, not an object with named fields")
    unknown = [key for key in data if allowed is not None and key not in allowed]
    if unknown:
        raise GoalError(f"{where} has an unknown field {unknown[0]!r}; known are "
                        f"{', '.join(allowed or ())}")  # fmt: skip
    missing = [key for key in needed if key not in data]
    if missing:
        raise GoalError(f"{where} lacks {', '.join(missing)}")
    return data


def _list(data: JSON, where: str) -> list[JSON]:
    if not isinstance(data, list):
        raise GoalError(f"{where} is {_kind(data)}, not a list")
    return data


def _text(data: JSON, where: str) -> str:
    if not isinstance(data, str):
        raise GoalError(f"{where} is {_kind(data)}, not a text")
    return data


def _number(data: JSON, where: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise GoalError(f"{where} is {_kind(data)}, not a number")
    if abs(data) > LARGEST_NUMBER:  # floats end at 10^308, whole numbers do not
        raise GoalError(f"{where} is {_kind(data)}, more than the {LARGEST_NUMBER:g} allowed")
    return float(data)


def _count(data: JSON, where: str) -> int | None:
    if data is None:
        return None
    if isinstance(data, bool) or not isinstance(data, int):
        raise GoalError(f"{where} is {_kind(data)}, not a whole number")
    if abs(data) > LARGEST_NUMBER:
        raise GoalError(f"{where} is {_kind(data)}, more than the {LARGEST_NUMBER:g} allowed")
    return data


def _kind(data: JSON) -> str:
    if isinstance(data, int) and abs(data) > LARGEST_NUMBER:
        return f"a number of about {data.bit_length() * 0.30103:.0f} digits"
    return f"{json.dumps(data, default=str)[:60]}"
