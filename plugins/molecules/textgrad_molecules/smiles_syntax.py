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
_ELEMENTS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og b c n o p s se as te si"
)
_SYMBOL = "|".join(sorted(_ELEMENTS.split(), key=len, reverse=True))
_BRACKET = re.compile(
    rf"\[\d*(?:{_SYMBOL}|\*|#\d+)"
    r"(?:@{1,2}(?:TH[12]|AL[12]|SP[123]|TB\d*|OH\d*)?)?(?:H\d*)?(?:[+-]\d+|\++|-+)?(?::\d+)?\]"
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
    branches: list[tuple[int, int]] = field(default_factory=list)
    bonded: set[tuple[int, int]] = field(default_factory=set)
    atoms: int = 0
    current: int = 0
    before: str = "start"
    before_at: int = 0
    before_bond: str = ""


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
            hint="inside brackets: isotope, element, chirality, H count, charge: [C@@H], [N+]",
        )
    fault = _order_fault(scan, kind, token, at)
    if fault is not None:
        return fault
    if kind in ("bracket", "atom"):
        scan.atoms += 1
        if scan.before not in ("start", "dot"):
            scan.bonded.add((scan.current, scan.atoms))
        scan.current = scan.atoms
    elif kind == "ring":
        fault = _ring(scan, token, at)
    elif kind == "open":
        scan.branches.append((at, scan.current))
    elif kind == "close":
        scan.current = scan.branches.pop()[1]
    if kind == "bond":
        scan.before_bond = scan.before
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
    opens_branch = "open" in (scan.before, scan.before_bond if scan.before == "bond" else "")
    if kind == "ring" and opens_branch:
        return Fault(
            reason=f"branch holds ring number {token!r} at character {at} before any atom",
            hint="write an atom first, as in (-c2ccccc2); ring numbers follow their atom",
        )
    if kind == "bond" and (starts_piece or scan.before == "bond"):
        return Fault(
            reason=f"bond {token!r} at character {at} does not follow an atom",
            hint="write one bond symbol between two atoms",
        )
    if kind in ("dot", "open") and scan.before == "open":
        return Fault(
            reason=f"branch opened at character {scan.before_at} starts with {token!r}",
            hint="start a branch with an atom, or with a bond and an atom",
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
        scan.rings[number] = (scan.current, at)
        return None
    start, opened = scan.rings.pop(number)
    if start == scan.current:
        return Fault(
            reason=f"ring {number} opened at character {opened} closes on its own atom",
            hint="put the closing number behind another atom of the ring",
        )
    pair = (min(start, scan.current), max(start, scan.current))
    if pair in scan.bonded:
        return Fault(
            reason=f"ring {number} (characters {opened} and {at}) joins two atoms already bonded",
            hint="a ring needs three atoms or more",
        )
    scan.bonded.add(pair)
    return None


def _at_end(scan: _Scan) -> Fault | None:
    if scan.before in ("bond", "dot"):
        return Fault(
            reason=f"{scan.before} at character {scan.before_at} leads nowhere",
            hint="add the atom it leads to, or remove it",
        )
    if scan.branches:
        opened = scan.branches[-1][0]
        return Fault(
            reason=f"unbalanced parenthesis: ( at character {opened} is never closed",
            hint="close the branch with )",
        )
    if scan.rings:
        number, (_, at) = next(iter(scan.rings.items()))
        return Fault(
            reason=f"unclosed ring {number}, opened at character {at}",
            hint=f"write {number} again behind the atom that closes the ring",
        )
    return None
