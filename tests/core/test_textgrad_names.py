"""A TextGrad program finds every name where it looks for it, and calls it as it is used to."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import textgrad_core as tg

NAMES = {
    "": "Variable TextLoss BlackboxLLM sum aggregate logger",
    "variable": "Variable",
    "autograd": "LLMCall FormattedLLMCall LLMCall_with_in_context_examples MultimodalLLMCall "
    "OrderedFieldsMultimodalLLMCall Module StringBasedFunction sum aggregate",
    "autograd.function": "Function BackwardContext Module",
    "autograd.llm_ops": "LLMCall FormattedLLMCall LLMCall_with_in_context_examples",
    "autograd.multimodal_ops": "MultimodalLLMCall OrderedFieldsMultimodalLLMCall",
    "autograd.string_based_ops": "StringBasedFunction",
    "autograd.functional": "llm_call formatted_llm_call sum aggregate",
    "loss": "TextLoss MultiFieldEvaluation MultiFieldTokenParsedEvaluation MultiChoiceTestTime "
    "ImageQALoss",
    "model": "BlackboxLLM",
    "tasks": "DataLoader Dataset",
}
PLACES = [(home, name) for home, names in NAMES.items() for name in names.split()]

# From TextGrad's documentation: what may be given by position, in this order, and by name.
SIGNATURES = {
    "Variable": "value image_path predecessors requires_grad *role_description",
    "Variable.get_short_value": "n_words_offset",
    "Variable.backward": "engine",
    "Variable.generate_graph": "print_gradients",
    "Variable.set_value": "value",
    "Variable.set_role_description": "role_description",
    "Variable.set_grad_fn": "grad_fn",
    "TextLoss": "eval_system_prompt engine",
    "TextLoss.forward": "instance",
    "BlackboxLLM": "engine system_prompt",
    "BlackboxLLM.forward": "x",
    "sum": "variables",
    "aggregate": "variables",
    "autograd.LLMCall": "engine system_prompt",
    "autograd.LLMCall.forward": "input_variable response_role_description",
    "autograd.FormattedLLMCall": "engine format_string fields system_prompt",
    "autograd.FormattedLLMCall.forward": "inputs response_role_description",
    "autograd.LLMCall_with_in_context_examples.forward": "input_variable "
    "response_role_description in_context_examples",
    "autograd.MultimodalLLMCall": "engine system_prompt",
    "autograd.MultimodalLLMCall.forward": "inputs response_role_description",
    "autograd.OrderedFieldsMultimodalLLMCall": "engine fields system_prompt",
    "autograd.OrderedFieldsMultimodalLLMCall.forward": "inputs response_role_description",
    "autograd.StringBasedFunction": "fn function_purpose",
    "autograd.StringBasedFunction.forward": "inputs response_role_description",
    "autograd.functional.llm_call": "input_variable engine response_role_description "
    "system_prompt",
    "autograd.functional.formatted_llm_call": "inputs response_role_description engine "
    "format_string fields system_prompt",
    "loss.MultiFieldEvaluation": "evaluation_instruction role_descriptions engine system_prompt",
    "loss.MultiFieldTokenParsedEvaluation": "evaluation_instruction role_descriptions engine "
    "system_prompt parse_tags",
    "loss.MultiFieldTokenParsedEvaluation.parse_output": "response",
    "loss.MultiChoiceTestTime": "evaluation_instruction engine system_prompt",
    "loss.MultiChoiceTestTime.forward": "question prediction",
    "loss.ImageQALoss": "evaluation_instruction engine system_prompt",
    "loss.ImageQALoss.forward": "image question response",
    "tasks.DataLoader": "data batch_size shuffle",
}


def named(path: str) -> Any:
    found: Any = tg
    for part in path.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("home", "name"), PLACES)
def test_a_name_is_where_textgrad_has_it(home: str, name: str) -> None:
    module = importlib.import_module(f"textgrad_core.{home}".rstrip("."))
    assert getattr(module, name) is named(f"{home}.{name}".lstrip("."))


@pytest.mark.parametrize("path", sorted(SIGNATURES))
def test_a_call_takes_what_textgrad_takes(path: str) -> None:
    wanted = SIGNATURES[path].split()
    target: Callable[..., Any] = named(path)
    parameters = list(inspect.signature(target).parameters.values())
    if "." in path and inspect.isfunction(target) and parameters[0].name == "self":
        parameters = parameters[1:]
    by_place = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_place[: len(wanted)] == [w for w in wanted if not w.startswith("*")]
    by_name = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert by_name >= {w[1:] for w in wanted if w.startswith("*")}


def test_star_imports_of_the_homes_work_in_a_fresh_process() -> None:
    lines = [
        f"from textgrad_core{'.' if home else ''}{home} import {name}" for home, name in PLACES
    ]
    subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(lines)], check=True)


def test_members_of_a_variable_are_there() -> None:
    members = (
        "value role_description requires_grad predecessors gradients gradients_context "
        "get_value set_value get_role_description set_role_description get_short_value "
        "get_gradient_text reset_gradients backward generate_graph set_grad_fn get_grad_fn"
    )
    variable = tg.Variable("x", role_description="a text")
    assert [m for m in members.split() if not hasattr(variable, m)] == []
