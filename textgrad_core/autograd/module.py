"""Programs as objects: what in them can improve, saved and loaded by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textgrad_core.autograd.function import Function
from textgrad_core.errors import UsageError
from textgrad_core.jsondata import JSON
from textgrad_core.values import from_json, to_json
from textgrad_core.variable import Variable


class Module:
    """Base class of programs: assign variables and modules as attributes, define `forward`.

    Attributes are found when they are asked for, in the order of assignment, also in lists,
    tuples and dicts and in the operations a module holds; nothing is registered and no
    ``super().__init__()`` is needed. What an operation returned is no part of a module.

    Attributes:
        training: Whether `train` was called last; for `forward` to look at.
    """

    training: bool = True

    def __call__(self, *args: Any, **kwargs: Any) -> Variable:
        """The same as `forward`."""
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Variable:
        """What the program does."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    def parameters(self) -> list[Variable]:
        """The variables that can improve, each once."""
        return [variable for _, variable in self.named_parameters()]

    def named_parameters(self) -> Iterator[tuple[str, Variable]]:
        """The variables that can improve, each once, with a name that only it has.

        The name is the path of attributes to it, such as ``judge.call.system_prompt``.
        """
        return ((n, found) for n, found in named_variables(self) if found.requires_grad)

    def modules(self) -> list[Module]:
        """This module and those in it, each once."""
        return [self, *(m for _, m in _walk(self) if isinstance(m, Module))]

    def zero_grad(self) -> None:
        """Forget the feedback on every parameter, contexts included."""
        for parameter in self.parameters():
            parameter.reset_gradients()

    def train(self, mode: bool = True) -> Module:
        """Set `training`, here and in every module in this one."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """The same as ``train(False)``."""
        return self.train(False)

    def state_dict(self) -> dict[str, JSON]:
        """The values of all its variables by name, frozen ones too, as JSON data.

        Raises:
            UsageError: If a value is neither JSON data nor bytes.
        """
        state: dict[str, JSON] = {}
        for name, variable in named_variables(self):
            try:
                state[name] = to_json(variable.value)
            except UsageError as error:
                raise UsageError(f"{name}: {error}") from error
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, JSON], strict: bool = True
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Set the values that `state_dict` gave; all of them or none.

        Args:
            state_dict: Values by name.
            strict: Whether the names must be exactly those of this module.

        Returns:
            Names of this module that were not there, and names that this module has not.

        Raises:
            UsageError: If the names differ and they must not, or a value is damaged.
        """
        here = dict(named_variables(self))
        missing = tuple(name for name in here if name not in state_dict)
        unknown = tuple(name for name in state_dict if name not in here)
        if strict and (missing or unknown):
            raise UsageError(
                f"the state lacks {list(missing)} and has {list(unknown)}, which "
                f"{type(self).__name__} has not: load it into the module it was saved from, or "
                "pass strict=False"
            )
        values = {name: from_json(state_dict[name]) for name in here if name in state_dict}
        for name, value in values.items():
            here[name].value = value
        return missing, unknown


def named_variables(module: Module) -> Iterator[tuple[str, Variable]]:
    """Every variable of a module that no operation made, each once, by its path."""
    for name, found in _walk(module):
        if isinstance(found, Variable) and found.node is None and not found.predecessors:
            yield name, found


def _walk(module: Module) -> Iterator[tuple[str, object]]:
    """What a module holds, depth first in the order of assignment, each object once."""
    known = {id(module)}
    waiting = list(reversed(list(_held(module, ""))))
    while waiting:
        name, found = waiting.pop()
        if id(found) in known:
            continue
        if isinstance(found, Variable | Module | Function | list | tuple | dict):
            known.add(id(found))
            yield name, found
            waiting.extend(reversed(list(_held(found, f"{name}."))))


def _held(holder: object, prefix: str) -> Iterator[tuple[str, object]]:
    match holder:
        case Module() | Function():
            pairs = vars(holder).items()
        case list() | tuple():
            pairs = {str(number): item for number, item in enumerate(holder)}.items()
        case dict():
            pairs = {str(key): item for key, item in holder.items()}.items()
        case _:
            return
    for key, item in pairs:
        yield f"{prefix}{key}", item
