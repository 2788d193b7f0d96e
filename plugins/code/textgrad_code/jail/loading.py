"""The program's text becomes a module, and the name that is called is found in it."""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from textgrad_code.jail.failures import FILE, source_lines
from textgrad_code.jail.node_classes import NODE_CLASSES
from textgrad_code.jail.nodes import Shape, shape_of
from textgrad_code.jail.prelude import prelude

CREDITS = ("exit", "quit")


class Operation(NamedTuple):
    """A method of a design class that takes or gives nodes."""

    parameters: tuple[Shape | None, ...]
    returns: Shape | None


class Signature(NamedTuple):
    """How the program is called, as the judge says it."""

    kind: str
    name: str
    class_name: str
    parameters: tuple[Shape | None, ...]
    returns: Shape | None
    in_place: int | None
    operations: dict[str, Operation]

    @property
    def shapes(self) -> list[Shape | None]:
        """Of everything that goes in or comes out."""
        shapes = [*self.parameters, self.returns]
        for operation in self.operations.values():
            shapes += [*operation.parameters, operation.returns]
        return shapes


class Missing(Exception):
    """The program does not define what is to be called."""


def signature_of(job: dict[str, Any]) -> Signature:
    """The signature in a job."""
    return Signature(
        kind=job["kind"],
        name=job["name"],
        class_name=job["class_name"],
        parameters=tuple(map(shape_of, job["parameters"])),
        returns=shape_of(job["returns"]),
        in_place=job["in_place"],
        operations={
            name: Operation(tuple(map(shape_of, parameters)), shape_of(returns))
            for name, parameters, returns in job.get("operations", ())
        },
    )


def compiled(source: str) -> types.CodeType:
    """The program's code; errors in it name ``solution.py``. A byte order mark is no part of it.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: As the compiler does.
    """
    lines = [line + "\n" for line in source_lines(source)]
    linecache.cache[FILE] = (len(source), None, lines, FILE)
    return compile(source.removeprefix("\ufeff"), FILE, "exec", dont_inherit=True)


def solution_module() -> types.ModuleType:
    """An empty module named ``solution``, with the names a program may expect."""
    module = types.ModuleType("solution")
    vars(module).update(prelude(), __file__=FILE)
    sys.argv[:] = [FILE]
    sys.modules["solution"] = module
    return module


def run_top_level(code: types.CodeType, module: types.ModuleType, signature: Signature) -> None:
    """Run the program's own definitions in a module."""
    names = vars(module)
    for shape in signature.shapes:
        if shape is not None and shape.node in NODE_CLASSES:
            names["Node"] = NODE_CLASSES[shape.node]
    exec(code, names)  # this is what the jail is for


def run_as_main(code: types.CodeType) -> None:
    """Run the program as a script, with nothing but the built-ins; `end_script` ends it."""
    module = types.ModuleType("__main__")
    names = module.__dict__
    names.update(dict.fromkeys(CREDITS, sys.exit), __builtins__=__builtins__)
    names["__file__"] = FILE
    sys.modules["__main__"] = module
    exec(code, names)  # this is what the jail is for


def target(names: dict[str, Any], signature: Signature) -> Callable[[], Callable[..., Any]]:
    """Gives what is called: every time bound to a fresh instance, where it is a method.

    Raises:
        Missing: If the program does not define it; the message says what it does define.
    """
    if signature.kind == "method":
        cls = _named(names, signature.class_name, "class")
        if not callable(getattr(cls, signature.name, None)):
            raise Missing(
                f"class {signature.class_name} has no method {signature.name!r}; {_own(vars(cls))}"
            )
        return lambda: getattr(cls(), signature.name)
    kind = "function" if signature.kind == "function" else "class"
    found = _named(names, signature.name, kind)
    return lambda: found


def _named(names: dict[str, Any], name: str, kind: str) -> Any:
    found = names.get(name)
    if kind == "class" and not isinstance(found, type):
        raise Missing(f"the program defines no class {name!r}; {_own(names)}")
    if not callable(found):
        raise Missing(f"the program defines no function {name!r}; {_own(names)}")
    return found


def _own(names: Any) -> str:
    """What the program itself defines, for a message."""
    own = [
        name
        for name, value in list(names.items())
        if not name.startswith("__")
        and callable(value)
        and getattr(value, "__module__", "") == "solution"
    ]
    return f"it defines {', '.join(own[:10])}" if own else "it defines nothing that can be called"
