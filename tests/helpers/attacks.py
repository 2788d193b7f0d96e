"""Hostile and odd programs, judged; each with the verdicts it may get.

Run as a script, it judges all of them in the tiers named, as whoever started it, and prints
what was wrong as JSON:     attacks.py FOLDER [TIER ...]
Without tiers, in all that work for him.
"""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canaries import Canaries
from textgrad_code.jail.libc import this_architecture
from textgrad_code.judge import Judge
from textgrad_code.problem import Checker, Limits, Parameter, Problem, Signature, TestCase
from textgrad_code.sandbox import Tier, open_sandbox, probe
from textgrad_code.sandbox.jailed import SPARES
from textgrad_code.verdict import Judgement, Verdict

PATIENT_S = 60.0  # for programs whose verdict does not depend on time
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")

FORGE = """
import gc, json, os
def driver():
    return next(one for one in gc.get_objects() if type(one).__name__ == "Driver")
def packed(frame):
    body = json.dumps(frame).encode()
    return len(body).to_bytes(4, "little") + body
def send(frame):
    os.write(4, packed(frame))
def raw(body):
    data = len(body).to_bytes(4, "little") + body
    while data: data = data[os.write(4, data):]
    os._exit(0)
def reply(frame):
    send({**frame, "nonce": driver().nonce})
    os._exit(0)
"""
SYSTEM = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
NUMBERS = @NUMBERS@
def system(name, *arguments):
    if name not in NUMBERS: raise OSError("not on this machine")
    got = libc.syscall(*map(ctypes.c_long, (NUMBERS[name], *arguments)))
    if got < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return got
"""
# x86_64, aarch64; the jail's own table lacks what it never names
NUMBERS = {
    "creat": (85, None),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "execveat": (322, 281),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "mlockall": (151, 230),
    "inotify_init1": (294, 26),
    "pkey_mprotect": (329, 288),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One program.

    Args:
        group: The file it is in.
        name: What it tries.
        why: Why the verdict is what it must be.
        verdicts: Those it may get.
        says: Must be found in the judgement's message.
        call: Body of ``f(self, n)``; other code in ``before``. Or all of it in ``program``.
        arguments: Of the one test; by default n is 1, 2, 3.
        expected: By default n * n + 1.
        checker: An order, or the source of a program.
        limit_s: Seconds for one test.
        tests: How many of the default tests.
        memory_mib: What the program may take.
    """

    group: str
    name: str
    why: str
    verdicts: list[str]
    says: str = ""
    call: str = ""
    before: str = ""
    program: str | None = None
    kind: str = "method"
    returns: str = "Any"
    arguments: list[Any] | None = None
    expected: Any = None
    checker: str = "ordered"
    limit_s: float = PATIENT_S
    tests: int = 3
    memory_mib: int = 256

    def source(self, names: Mapping[str, str]) -> str:
        """The program, with what it looks for filled in."""
        text = self.program
        if text is None:
            body = "\n".join(f"        {line}" for line in self.call.splitlines())
            text = f"{self.before}\nclass Solution:\n    def f(self, n):\n{body}\n"
        for name, value in {"FORGE": FORGE, "SYSTEM": SYSTEM, **names}.items():
            text = text.replace(f"@{name}@", value)
        return text

    def problem(self) -> Problem:
        """What it is judged on."""
        source = self.checker if "\n" in self.checker else ""
        kind: Any = "program" if source else self.checker
        signature_kind: Any = self.kind
        return Problem(
            name="attack",
            signature=Signature(
                kind=signature_kind,
                name="f",
                parameters=(Parameter(name="n"),),
                returns=self.returns,
            ),
            limits=Limits(
                test_s=self.limit_s, total_s=4 * self.limit_s, memory_mib=self.memory_mib
            ),
            checker=Checker(kind=kind, source=source),
            visible=tuple(self.cases()),
        )

    def cases(self) -> Iterator[TestCase]:
        """Its tests."""
        expected = self.expected
        if expected == "@ROWS@":
            expected = [["y" * 5000, index] for index in range(400)]
        if self.arguments is not None:
            yield TestCase(arguments=tuple(self.arguments), expected=expected)
            return
        for n in range(1, self.tests + 1):
            answer = n * n + 1 if expected is None else expected
            yield TestCase(arguments=(n,), expected=answer)


def read_attacks(folder: Path) -> dict[str, Attack]:
    """All of them by a name that says where they are."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["attack"]:
            attack = Attack(group=path.stem, **entry)
            found[f"{path.stem}: {attack.name}"] = attack
    return found


def shared_names() -> dict[str, str]:
    """What programs look for that is there anyhow."""
    architecture = this_architecture()
    assert architecture is not None
    place = 0 if architecture.name == "x86_64" else 1
    numbers = dict(architecture.numbers)
    numbers.update({name: n for name, pair in NUMBERS.items() if (n := pair[place]) is not None})
    import textgrad_code

    return {
        "NUMBERS": repr(numbers),
        "PACKAGES": sysconfig.get_paths()["purelib"],
        "PROBLEMS": str(Path(textgrad_code.__file__).parent / "problems"),
        "SURROGATE": "\ud800",
        "NESTED": "x = " + "-" * 200_000 + "1\n",
        "LONGSUM": "class Solution:\n    def f(self, n): return " + "1+" * 100_000 + "1\n",
    }


class Arena:
    """A judge of one tier among canaries.

    Args:
        canaries: What may not be touched.
        tier: Where programs run.
    """

    def __init__(self, canaries: Canaries, tier: Tier) -> None:
        self.canaries, self.tier = canaries, tier
        self.sandbox = open_sandbox(tier=tier)
        self.judge = Judge(sandbox=self.sandbox)
        self.names = {**shared_names(), **canaries.names()}
        self.own_processes = SPARES + (2 if tier is Tier.FULL else 1)

    def faults(self, attack: Attack) -> list[str]:
        """What is wrong after one program: breaches, a wrong verdict, an unclean text."""
        program, problem = attack.source(self.names), attack.problem()
        try:
            judgement = self.judge.judge(program, problem, stop_at_first=True)
        except Exception as error:  # noqa: BLE001 - a program that breaks the judge has won
            return [f"the judge failed: {type(error).__name__}: {error}"]
        said = json.dumps(judgement.to_json())
        found = self.canaries.breaches(said, self.own_processes)
        word = f"{judgement.verdict}: {judgement.message}"
        if judgement.verdict not in attack.verdicts:
            found.append(f"expected {' or '.join(attack.verdicts)}, got {word}")
        elif not re.search(attack.says, judgement.message):
            found.append(f"expected to read {attack.says!r}, got {word}")
        if judgement.verdict is Verdict.AC and judgement.pass_fraction != 1.0:
            found.append(f"accepted with {judgement.pass_fraction}")
        if any(CONTROL.search(text) for text in shown(judgement)):
            found.append(f"control codes in {said[:500]}")
        return found

    def left(self) -> list[str]:
        """What remains after everything was closed."""
        self.sandbox.close()
        count = self.canaries.processes(0)
        return [f"{count} processes survive the sandbox"] if count else []


def shown(judgement: Judgement) -> Iterator[str]:
    """Texts of a judgement that people, terminals and models get to see."""
    yield judgement.message
    for result in judgement.results:
        yield from (result.message, result.output, result.exception)
        yield from (one.function for one in result.trace)
    if judgement.compile_error is not None:
        yield judgement.compile_error.message


def main(folder: str, *tiers: str) -> None:
    wrong: dict[str, dict[str, list[str]]] = {}
    attacks = read_attacks(Path(folder))
    judged = tiers or [str(probed.tier) for probed in probe() if probed.works]
    with Canaries() as canaries:
        for tier in judged:
            arena = Arena(canaries, Tier(tier))
            found = {name: arena.faults(attack) for name, attack in attacks.items()}
            found["afterwards"] = arena.left()
            if any(found.values()):
                wrong[tier] = {name: faults for name, faults in found.items() if faults}
    report = {"programs": len(attacks), "user": os.getuid(), "judged": judged, "wrong": wrong}
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
