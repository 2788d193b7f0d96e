"""Which structure of a case a protocol means: by its name or by an alias written down.

Names are compared without regard to case, blanks, hyphens and underscores, so ``RECTUM`` is
``Rectum`` and ``Femoral Head L`` is ``FemoralHead_L``. Nothing is guessed beyond that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from textgrad_radiotherapy.case import Case
from textgrad_radiotherapy.errors import CaseError
from textgrad_radiotherapy.goals import Protocol


def spelling(name: str) -> str:
    """A name's letters and digits, as they are compared."""
    return "".join(c for c in name.casefold() if c.isalnum() or c == "+")


def find_structure(
    name: str, structures: Iterable[str], aliases: Mapping[str, tuple[str, ...]]
) -> str | None:
    """The structure that goes by a name: as it is, respelt, or by an alias; None if none does.

    Raises:
        CaseError: If two structures go by it.
    """
    structures = tuple(structures)
    if name in structures:
        return name
    for spellings in ([name], aliases.get(name, ())):
        wanted = {spelling(s) for s in spellings}
        found = [s for s in structures if spelling(s) in wanted]
        if len(found) > 1:
            raise CaseError(
                f"{name!r} may be {' or '.join(found)}; rename one of them, or name it in the "
                "protocol as the case does"
            )
        if found:
            return found[0]
    return None


def matched(protocol: Protocol, case: Case) -> Protocol:
    """The protocol with its structures named as the case names them.

    Structures that the case does not have keep their names, and so do not match.

    Raises:
        CaseError: If a name is ambiguous, two names mean one target, or a target is missing.
    """
    return matched_names(protocol, tuple(case.structures), case.name)


def matched_names(protocol: Protocol, structures: tuple[str, ...], case: str) -> Protocol:
    """The same for a case of which only its name and those of its structures are known.

    Raises:
        CaseError: As `matched`.
    """

    def named(name: str) -> str:
        return find_structure(name, structures, protocol.aliases) or name

    targets = {name: named(name) for name in protocol.prescription_gy}
    missing = [name for name, found in targets.items() if found not in structures]
    if missing:
        raise CaseError(
            f"protocol {protocol.name} prescribes to {', '.join(missing)}, but case {case} "
            f"has {', '.join(structures) or 'no structure'}; add the name it has there to "
            "the protocol's aliases"
        )
    if len(set(targets.values())) < len(targets):
        raise CaseError(f"two targets of protocol {protocol.name} are one structure: {targets}")
    normalise = protocol.normalise
    return replace(
        protocol,
        prescription_gy={targets[n]: dose for n, dose in protocol.prescription_gy.items()},
        goals=tuple(
            replace(g, metric=replace(g.metric, structure=named(g.metric.structure)))
            for g in protocol.goals
        ),
        normalise=None if normalise is None else (named(normalise[0]), *normalise[1:]),
    )
