"""Optimisation by textual feedback: variables, losses that measure, and a search around them.

Importing this package only defines names; each is loaded at first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from textgrad_core import absent

if TYPE_CHECKING:
    from textgrad_core.autograd.algebra import aggregate as aggregate
    from textgrad_core.autograd.algebra import sum as sum
    from textgrad_core.autograd.function_call import FunctionCall as FunctionCall
    from textgrad_core.autograd.llm_calls import LLMCall as LLMCall
    from textgrad_core.autograd.module import Module as Module
    from textgrad_core.budget import Budget as Budget
    from textgrad_core.callbacks import Callback as Callback
    from textgrad_core.config import SingletonBackwardEngine as SingletonBackwardEngine
    from textgrad_core.config import set_backward_engine as set_backward_engine
    from textgrad_core.config import using as using
    from textgrad_core.domain import Constraint as Constraint
    from textgrad_core.domain import Domain as Domain
    from textgrad_core.domain import EvaluationContext as EvaluationContext
    from textgrad_core.domain import Objective as Objective
    from textgrad_core.domain import Proposal as Proposal
    from textgrad_core.domain import ProposalRequest as ProposalRequest
    from textgrad_core.domain import Proposer as Proposer
    from textgrad_core.domain import Reference as Reference
    from textgrad_core.engine import EngineLM as EngineLM
    from textgrad_core.engine import get_engine as get_engine
    from textgrad_core.errors import Invalid as Invalid
    from textgrad_core.errors import TextgradError as TextgradError
    from textgrad_core.errors import UsageError as UsageError
    from textgrad_core.journal_lines import Entry as Entry
    from textgrad_core.jsondata import JSON as JSON
    from textgrad_core.logs import logger as logger
    from textgrad_core.loss import EvaluatorLoss as EvaluatorLoss
    from textgrad_core.loss import TextLoss as TextLoss
    from textgrad_core.model import BlackboxLLM as BlackboxLLM
    from textgrad_core.optimizer.base import StepReport as StepReport
    from textgrad_core.optimizer.tgd import TGD as TGD
    from textgrad_core.optimizer.tgd import TextualGradientDescent as TextualGradientDescent
    from textgrad_core.optimizer.tgd import (
        TextualGradientDescentwithMomentum as TextualGradientDescentwithMomentum,
    )
    from textgrad_core.outcome import Artefact as Artefact
    from textgrad_core.outcome import Evaluated as Evaluated
    from textgrad_core.outcome import Outcome as Outcome
    from textgrad_core.outcome import Rejected as Rejected
    from textgrad_core.outcome import Unmeasured as Unmeasured
    from textgrad_core.plugin import Check as Check
    from textgrad_core.plugin import Command as Command
    from textgrad_core.plugin import Plugin as Plugin
    from textgrad_core.plugin import RunDefaults as RunDefaults
    from textgrad_core.registry import load_domain as load_domain
    from textgrad_core.registry import load_plugin as load_plugin
    from textgrad_core.registry import plugin_names as plugin_names
    from textgrad_core.run import Run as Run
    from textgrad_core.runtime import eager as eager
    from textgrad_core.schema import Schema as Schema
    from textgrad_core.search.optimize import aoptimize as aoptimize
    from textgrad_core.search.optimize import optimize as optimize
    from textgrad_core.search.result import Result as Result
    from textgrad_core.search.result import Trial as Trial
    from textgrad_core.variable import NO_FEEDBACK as NO_FEEDBACK
    from textgrad_core.variable import Gradient as Gradient
    from textgrad_core.variable import Variable as Variable
    from textgrad_core.view.graph import Graph as Graph
    from textgrad_core.view.graph import graph as graph

__version__ = "0.1.0"

_HOMES = {
    "autograd.algebra": ("aggregate", "sum"),
    "autograd.function_call": ("FunctionCall",),
    "autograd.llm_calls": ("LLMCall",),
    "autograd.module": ("Module",),
    "budget": ("Budget",),
    "callbacks": ("Callback",),
    "config": ("SingletonBackwardEngine", "set_backward_engine", "using"),
    "domain": (
        "Constraint",
        "Domain",
        "EvaluationContext",
        "Objective",
        "Proposal",
        "ProposalRequest",
        "Proposer",
        "Reference",
    ),
    "engine": ("EngineLM", "get_engine"),
    "errors": ("Invalid", "TextgradError", "UsageError"),
    "journal_lines": ("Entry",),
    "jsondata": ("JSON",),
    "logs": ("logger",),
    "loss": ("EvaluatorLoss", "TextLoss"),
    "model": ("BlackboxLLM",),
    "optimizer.base": ("StepReport",),
    "optimizer.tgd": ("TGD", "TextualGradientDescent", "TextualGradientDescentwithMomentum"),
    "outcome": ("Artefact", "Evaluated", "Outcome", "Rejected", "Unmeasured"),
    "plugin": ("Check", "Command", "Plugin", "RunDefaults"),
    "registry": ("load_domain", "load_plugin", "plugin_names"),
    "run": ("Run",),
    "runtime": ("eager",),
    "schema": ("Schema",),
    "search.optimize": ("aoptimize", "optimize"),
    "search.result": ("Result", "Trial"),
    "variable": ("NO_FEEDBACK", "Gradient", "Variable"),
    "view.graph": ("Graph", "graph"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_SUBMODULES = (
    "autograd",
    "config",
    "engine",
    "errors",
    "loss",
    "model",
    "optimizer",
    "report",
    "search",
    "tasks",
    "testing",
)

__all__ = [*sorted(_HOME_OF), "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name, or a submodule, at its first use."""
    if name in _HOME_OF:
        found = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        globals()[name] = found
        return found
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(absent.told(__name__, name))


def __dir__() -> list[str]:
    """The public names."""
    return sorted([*__all__, *_SUBMODULES])


absent.install()
