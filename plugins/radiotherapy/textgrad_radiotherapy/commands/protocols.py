"""``textgrad radiotherapy protocols``: which there are, and what each asks for."""

from __future__ import annotations

import json
import textwrap
from argparse import Namespace

from textgrad_core.cli.exits import OK
from textgrad_radiotherapy.goals import ASSUMED_MEANS, Goal, Protocol
from textgrad_radiotherapy.notice import NOTICE
from textgrad_radiotherapy.protocols import load_protocol, protocol_data, protocol_names

WIDTH = 80


def run(given: Namespace) -> int:
    """List the protocols, or show one."""
    if given.protocol is not None:
        protocol = load_protocol(given.protocol)
        if given.json:
            print(json.dumps(protocol_data(protocol), ensure_ascii=False))
        else:
            print("\n".join(_shown(protocol)))
        return OK
    found = [load_protocol(name) for name in protocol_names()]
    if given.json:
        print(json.dumps([protocol_data(p) for p in found], ensure_ascii=False))
        return OK
    width = max(len(p.name) for p in found)
    for protocol in found:
        print(
            f"{protocol.name:<{width}}  {len(protocol.goals):>2} goals  {protocol.title}"[:WIDTH]
        )
    print(f"\n'textgrad radiotherapy protocols NAME' shows one.\n{NOTICE}")
    return OK


def _shown(protocol: Protocol) -> list[str]:
    lines = [protocol.title]
    told = ", ".join(f"{name} {gy:g} Gy" for name, gy in protocol.prescription_gy.items())
    fractions = protocol.fractions
    lines += _wrapped(
        f"Prescription per course: {told}"
        + (f", in {fractions} fractions" if fractions else "; fractionation not stated")
    )
    if protocol.normalise is not None:
        target, volume, dose = protocol.normalise
        lines += _wrapped(f"Plans are scaled so that D{volume:g}% of {target} is {dose:g} Gy.")
    lines += ["", f"{'priority':>8}  goal (Gy per course)"]
    lines += [f"{goal.priority:>8}  {goal.marked}{_acceptable(goal)}" for goal in protocol.goals]
    if any(goal.assumed for goal in protocol.goals):
        lines.append(f"{ASSUMED_MEANS}.")
    lines += ["", *_wrapped(f"Source: {protocol.source}")]
    if protocol.assumptions:
        lines.append("Assumed here, not in the source:")
        lines += [line for each in protocol.assumptions for line in _wrapped(f"- {each}", "  ")]
    return [*lines, NOTICE]


def _acceptable(goal: Goal) -> str:
    return "" if goal.acceptable is None else f" (acceptable {goal.acceptable:g})"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False, subsequent_indent=indent)
