"""Say where a SMILES that does not parse is broken: the first fault, with its character."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"(?P<bracket>\[[^\[\]]*\])"
    r"|(?P<atom>Br|Cl|[BCNOPSFI]|[bcnops]|\*)"
    r"|(?P<bond><-|->|[-=#$:/\\~])"
    r"|(?P<ring>%\d\d|%\(\d{1,5}\)|\d)"
    r"|(?P<open>\()|(?P<close>\))|(?P<dot>\.)"
)
_BRACKET = re.compile(
    r"\[\d*(?:[A-Z][a-z]?|[a-z][a-z]?|\*|#\d+)"
    r"(?:@{1,2}(?:TH[12]|AL[12]|SP[123]|TB\d+|OH\d+)?)?(?:H\d*)?(?:[+-]\d+|\++|-+)?(?::\d+)?\]"
)
_ATOMS = "B C N O P S F Cl Br I, aromatic b c n o p s, or an atom in brackets such as [nH]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a text that should be SMILES, and how to mend it."""

    reason: str
    hint: str


@dataclass(slots=True)
class _Scan:
    """What has been read so far."""

    rings: dict[str, tuple[int, int]] = field(default_factory=dict)
    branches: list[int] = field(default_factory=list)
    ring_bonds: set[tuple[int, int]] = field(default_factory=set)
    atoms: int = 0
    before: str = "start"
    before_at: int = 0


def find_fault(text: str) -> Fault | None:
    """The first syntax fault of ``text``, counted from character 1; None if none is seen."""
    scan, place = _Scan(), 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return _unknown(text, place)
        kind = match.lastgroup or ""
        fault = _step(scan, kind, match.group(), place + 1)
        if fault is not None:
            return fault
        place = match.end()
    return _at_end(scan)


def _unknown(text: str, place: int) -> Fault:
    at = f"at character {place + 1}"
    match text[place]:
        case "[":
            return Fault(
                reason=f"square bracket opened {at} is never closed",
                hint="close the bracket atom with ], for example [nH] or [O-]",
            )
        case "]":
            return Fault(
                reason=f"closing square bracket {at} has no opening one",
                hint="open the bracket atom with [ or drop the ]",
            )
        case ">":
            return Fault(reason=f"reaction arrow {at}", hint="send one molecule, no reaction")
        case "%":
            return Fault(
                reason=f"% {at} is not followed by a two-digit ring number",
                hint="write ring numbers above 9 as %10, %11 ...",
            )
        case unknown:
            return Fault(
                reason=f"unknown token {unknown!r} {at}", hint=f"SMILES atoms are {_ATOMS}"
            )


def _step(scan: _Scan, kind: str, token: str, at: int) -> Fault | None:
    """Take one token in; a fault if it cannot stand where it stands."""
    if kind == "bracket" and not _BRACKET.fullmatch(token):
        return Fault(
            reason=f"bracket atom {token!r} at character {at} cannot be read",
            hint="inside brackets: isotope, symbol, chirality, H count, charge; e.g. [C@@H], [N+]",
        )
    fault = _order_fault(scan, kind, token, at)
    if fault is not None:
        return fault
    if kind in ("bracket", "atom"):
        scan.atoms += 1
    elif kind == "ring":
        fault = _ring(scan, token, at)
    elif kind == "open":
        scan.branches.append(at)
    elif kind == "close":
        scan.branches.pop()
    scan.before, scan.before_at = kind, at
    return fault


def _order_fault(scan: _Scan, kind: str, token: str, at: int) -> Fault | None:
    starts_piece = scan.before in ("start", "dot")
    if kind == "close" and not scan.branches:
        return Fault(
            reason=f"unbalanced parenthesis: ) at character {at} closes nothing",
            hint="remove it, or open the branch with ( after the atom that carries it",
        )
    if kind == "close" and scan.before in ("open", "bond", "dot"):
        return Fault(
            reason=f"branch ending at character {at} holds no atom after its last symbol",
            hint="write an atom before the ) or remove the branch",
        )
    if kind in ("ring", "open", "dot") and starts_piece:
        return Fault(
            reason=f"{token!r} at character {at} stands before any atom",
            hint="start with an atom; ring numbers and branches follow the atom they belong to",
        )
    if kind == "bond" and (starts_piece or scan.before == "bond"):
        return Fault(
            reason=f"bond {token!r} at character {at} does not follow an atom",
            hint="write one bond symbol between two atoms",
        )
    if kind in ("dot", "open") and scan.before == "bond":
        return Fault(
            reason=f"bond at character {scan.before_at} leads to {token!r} instead of an atom",
            hint="write the bond symbol inside the branch, for example C(=O)",
        )
    return None


def _ring(scan: _Scan, token: str, at: int) -> Fault | None:
    number = token.strip("%()").lstrip("0") or "0"
    if number not in scan.rings:
        scan.rings[number] = (scan.atoms, at)
        return None
    start, opened = scan.rings.pop(number)
    if start == scan.atoms:
        return Fault(
            reason=f"ring {number} opened at character {opened} closes on its own atom",
            hint="put the closing number behind another atom of the ring",
        )
    pair = (start, scan.atoms)
    if pair in scan.ring_bonds or (scan.atoms - start == 1 and not scan.branches):
        return Fault(
            reason=f"ring {number} (characters {opened} and {at}) joins two atoms already bonded",
            hint="a ring needs three atoms or more",
        )
    scan.ring_bonds.add(pair)
    return None


def _at_end(scan: _Scan) -> Fault | None:
    if scan.before == "bond":
        return Fault(
            reason=f"bond at character {scan.before_at} leads nowhere",
            hint="add the atom it leads to, or remove it",
        )
    if scan.branches:
        return Fault(
            reason=f"unbalanced parenthesis: ( at character {scan.branches[-1]} is never closed",
            hint="close the branch with )",
        )
    if scan.rings:
        number, (_, at) = next(iter(scan.rings.items()))
        return Fault(
            reason=f"unclosed ring {number}, opened at character {at}",
            hint=f"write {number} again behind the atom that closes the ring",
        )
    return None
