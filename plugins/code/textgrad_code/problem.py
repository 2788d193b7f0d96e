"""What a programming problem is: how the program is called, what it must answer, its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from textgrad_code.plain_data import refuse_other_keys
from textgrad_core.jsondata import JSON

Kind = Literal["method", "function", "design", "stdin"]
CheckKind = Literal["ordered", "any-order", "nested-any-order", "program"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One argument of the program.

    Args:
        name: As the statement calls it.
        type: In LeetCode's notation, such as ``List[int]``, ``Optional[TreeNode]`` or
            ``List[Optional[ListNode]]``. Node types are built from and read back to JSON: a tree
            is its values level by level with null for an absent child, a linked list is the list
            of its values, and one whose last node links back to the node at index p is
            ``{"values": [...], "cycle": p}``. Every other type is passed as it is.
    """

    name: str
    type: str = "Any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of a design class, where values are more than plain data.

    Args:
        name: The method.
        parameters: Its arguments in order.
        returns: Type of its answer.
    """

    name: str
    parameters: tuple[Parameter, ...] = ()
    returns: str = "Any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a program is called.

    Args:
        kind: ``method`` of a class (a fresh instance for every test), plain ``function``,
            ``design`` class (a list of operations, the constructor first), or ``stdin``
            program (text in, text out).
        name: The method, function or design class; empty for ``stdin``.
        class_name: The class that holds the method.
        parameters: The arguments in order.
        returns: Type of the answer, in the same notation.
        in_place: Index of the argument that is judged after the call instead of the answer.
        operations: Methods of a design class that take or give nodes, or give floats; those that
            are not named here take and give plain data. ``parameters`` are the constructor's;
            if there are none, it takes whatever plain data the tests give it.
    """

    kind: Kind
    name: str = ""
    class_name: str = "Solution"
    parameters: tuple[Parameter, ...] = ()
    returns: str = "Any"
    in_place: int | None = None
    operations: tuple[Operation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCase:
    """One call and the answer it must give.

    Args:
        arguments: One JSON value per parameter. ``design``: the list of operation names and the
            list of argument lists. ``stdin``: the text.
        expected: The answer as JSON; never enters the sandbox.
        name: As shown; empty for its number.
        weight: Its share in the pass fraction.
    """

    __test__ = False  # pytest collects classes named Test...

    arguments: tuple[JSON, ...]
    expected: JSON
    name: str = ""
    weight: float = 1.0

    def __post_init__(self) -> None:
        """See that keys are texts.

        Raises:
            ProblemError: If not.
        """
        refuse_other_keys((self.arguments, self.expected), f"a test {self.name}".rstrip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """When an answer counts as right.

    Args:
        kind: ``ordered``: equal; ``any-order``: the outermost list is a multiset (of a design
            class: that of every operation's answer); ``nested-any-order``: so are the lists
            inside; ``program``: ``source`` decides. Linked nodes are one value, no list.
        tolerance: Largest difference of two floats, absolute or relative; None compares
            floats exactly. In what a ``stdin`` program prints, words are compared as texts,
            but where a decimal (``2.0``, ``1e5``) is expected, as numbers: ``2`` is right.
        source: For ``program``: trusted Python from the problem's author, defining
            ``check(arguments, expected, answer)`` -> bool or a text that says what is wrong.
            It runs outside the sandbox, on plain data only.
    """

    kind: CheckKind = "ordered"
    tolerance: float | None = 1e-5
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use.

    Args:
        test_s: Wall seconds for one test.
        total_s: Wall seconds for all tests of one judgement.
        memory_mib: Address space of the process that runs it, above what Python itself takes.
        output_bytes: Most it may print during one test.
        answer_bytes: Longest answer to one test, encoded.
    """

    test_s: float = 2.0
    total_s: float = 60.0
    memory_mib: int = 256
    output_bytes: int = 1 << 20
    answer_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Buggy:
    """A program with a known fault, to measure repair with.

    Args:
        source: The program.
        fault: What is wrong with it, in words.
    """

    source: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem with its tests.

    Args:
        name: Short name, such as ``two-sum``.
        title: As people read it.
        statement: The task in words.
        signature: How the program is called.
        visible: Tests whose content may be shown to whoever writes the program.
        hidden: Tests that only judge; nothing of them is ever fed back.
        checker: When an answer is right.
        limits: What the program may use.
        constraints: Bounds of the input, in words.
        starter: Code to start from.
        reference: A right program; empty if there is none. Never enters a prompt.
        buggy: Wrong programs.
        source: Where the problem comes from and its licence.
        tags: Topics.
        scaling: Trusted Python from the problem's author, defining ``arguments(n)`` -> the list
            of arguments of an input of size n, on which the growth of the work is measured.
    """

    name: str
    signature: Signature
    title: str = ""
    statement: str = ""
    visible: tuple[TestCase, ...] = ()
    hidden: tuple[TestCase, ...] = ()
    checker: Checker = field(default_factory=Checker)
    limits: Limits = field(default_factory=Limits)
    constraints: tuple[str, ...] = ()
    starter: str = ""
    reference: str = ""
    buggy: tuple[Buggy, ...] = ()
    source: str = ""
    tags: tuple[str, ...] = ()
    scaling: str = ""
    extra: Mapping[str, JSON] = field(default_factory=dict)
