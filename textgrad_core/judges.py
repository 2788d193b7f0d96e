"""Losses in which a model judges: one value, several against each other, an image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textgrad_core.answer_forms import said
from textgrad_core.autograd.layout import Piece
from textgrad_core.autograd.llm_calls import Caller, LLMCall, constant
from textgrad_core.autograd.module import Module
from textgrad_core.autograd.multimodal import OrderedFieldsMultimodalLLMCall
from textgrad_core.errors import AnswerError, UsageError
from textgrad_core.variable import Variable

if TYPE_CHECKING:
    from textgrad_core.engine import EngineLike

INSTRUCTION_ROLE = "instruction for the evaluation"
EVALUATION_ROLE = "evaluation"
_JUDGE = "You judge values by an instruction."


class TextLoss(Module):
    """A model's judgement of one value.

    Args:
        eval_system_prompt: What to judge by: text, or a variable if it should improve too.
        engine: The model; without one, the engine that is set when the loss is called.
    """

    def __init__(
        self, eval_system_prompt: Variable | str, engine: EngineLike | None = None
    ) -> None:
        """Keep instruction and engine."""
        self.eval_system_prompt = constant(eval_system_prompt, INSTRUCTION_ROLE)
        self.llm_call = LLMCall(engine, self.eval_system_prompt)

    def forward(self, instance: Variable) -> Variable:
        """The judgement, deferred."""
        return self.llm_call(instance, EVALUATION_ROLE)


class MultiFieldEvaluation(Module):
    """A model's judgement of several values by one instruction.

    The values keep the roles their program gave them; in the prompt they stand under the roles
    given here.

    Args:
        evaluation_instruction: What to judge by.
        role_descriptions: What the values are, in order.
        engine: The model; without one, the engine that is set when the loss is called.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def __init__(
        self,
        evaluation_instruction: Variable | str,
        role_descriptions: Sequence[str],
        engine: EngineLike | None = None,
        system_prompt: Variable | str | None = None,
    ) -> None:
        """Keep all of it."""
        instruction = constant(evaluation_instruction, INSTRUCTION_ROLE)
        if instruction is None:
            raise UsageError("evaluation_instruction is None: give text or a variable")
        self.evaluation_instruction = instruction
        self.role_descriptions = tuple(role_descriptions)
        if not self.role_descriptions:
            raise UsageError("role_descriptions is empty: say what the values are")
        self._call = Caller(engine, system_prompt or _JUDGE)

    def forward(
        self,
        *one_by_one: Variable | Sequence[Variable] | Mapping[str, Variable],
        inputs: Sequence[Variable] | Mapping[str, Variable] | None = None,
    ) -> Variable:
        """The judgement, deferred.

        Args:
            *one_by_one: The values in the order of their roles, as a list or one by one; or a
                dict from roles to values.
            inputs: The same, by TextGrad's keyword.

        Raises:
            UsageError: If there are not exactly as many as roles.
        """
        values = self._values(one_by_one if inputs is None else (*one_by_one, inputs))
        runs: list[list[Piece]] = [[0]]
        runs += [[f"**{role}**: ", n] for n, role in enumerate(self.role_descriptions, 1)]
        places = ["instruction", *(f"{role!r} part" for role in self.role_descriptions)]
        return self._call.ask(
            runs, [self.evaluation_instruction, *values], places, EVALUATION_ROLE
        )

    def _values(
        self, inputs: Sequence[Variable | Sequence[Variable] | Mapping[str, Variable]]
    ) -> list[Variable]:
        values: list[Variable] = []
        for given in inputs:
            match given:
                case Variable():
                    values.append(given)
                case Mapping() if set(given) == set(self.role_descriptions):
                    values.extend(given[role] for role in self.role_descriptions)
                case Mapping():
                    raise UsageError(
                        f"inputs are {list(given)}: the roles are {list(self.role_descriptions)}"
                    )
                case _:
                    values.extend(given)
        if len(values) != len(self.role_descriptions):
            raise UsageError(
                f"{len(values)} inputs for {len(self.role_descriptions)} roles "
                f"({', '.join(self.role_descriptions)}): give one for each"
            )
        return values


class MultiFieldTokenParsedEvaluation(MultiFieldEvaluation):
    """A `MultiFieldEvaluation` whose answer holds its result between two tags.

    Args:
        evaluation_instruction: What to judge by; it should name the tags.
        role_descriptions: What the values are, in order.
        engine: The model; without one, the engine that is set when the loss is called.
        system_prompt: Text, or a variable if feedback should reach it.
        parse_tags: The opening and the closing tag; without them, the whole answer counts.
    """

    def __init__(
        self,
        evaluation_instruction: Variable | str,
        role_descriptions: Sequence[str],
        engine: EngineLike | None = None,
        system_prompt: Variable | str | None = None,
        parse_tags: Sequence[str] | None = None,
    ) -> None:
        """Check the tags."""
        super().__init__(evaluation_instruction, role_descriptions, engine, system_prompt)
        if parse_tags is not None and len(parse_tags) != 2:
            raise UsageError(f"parse_tags holds {len(parse_tags)}: give an opening and a closing")
        self.parse_tags = None if parse_tags is None else tuple(parse_tags)

    def parse_output(self, response: Variable | str) -> str:
        """The result in an answer: what stands in the last pair of tags, whatever their case.

        Raises:
            AnswerError: If there is no such pair.
        """
        text = said(response if isinstance(response, str) else str(response.value))
        if self.parse_tags is None:
            return text
        opening, closing = (r"\s*".join(map(re.escape, _marks(t))) for t in self.parse_tags)
        found = re.findall(
            f"{opening}((?:(?!{opening}).)*?){closing}", text, re.DOTALL | re.IGNORECASE
        )
        if not found:
            raise AnswerError(
                f"the answer holds no {self.parse_tags[0]}...{self.parse_tags[1]}: {text[:200]!r}"
            )
        return str(found[-1]).strip()


class MultiChoiceTestTime(Module):
    """A model's judgement of the answer to a question, while nobody knows the right one.

    Args:
        evaluation_instruction: What to judge by.
        engine: The model; without one, the engine that is set when the loss is called.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def __init__(
        self,
        evaluation_instruction: Variable | str,
        engine: EngineLike | None = None,
        system_prompt: Variable | str | None = None,
    ) -> None:
        """Keep all of it."""
        roles = ("Question", "Answer")
        self._judge = MultiFieldEvaluation(evaluation_instruction, roles, engine, system_prompt)

    def forward(self, question: Variable | str, prediction: Variable) -> Variable:
        """The judgement, deferred."""
        asked = constant(question, "the question")
        return self._judge([asked, prediction])


class ImageQALoss(Module):
    """A model's judgement of an answer to a question about an image.

    Args:
        evaluation_instruction: What to judge by.
        engine: The model, which must read images.
        system_prompt: Text, or a variable if feedback should reach it.
    """

    def __init__(
        self,
        evaluation_instruction: Variable | str,
        engine: EngineLike | None = None,
        system_prompt: Variable | str | None = None,
    ) -> None:
        """Keep all of it."""
        self.evaluation_instruction = constant(evaluation_instruction, INSTRUCTION_ROLE)
        self._call = OrderedFieldsMultimodalLLMCall(
            engine, ("Instruction", "Image", "Question", "Answer"), system_prompt or _JUDGE
        )

    def forward(self, image: Variable, question: Variable | str, response: Variable) -> Variable:
        """The judgement, deferred."""
        inputs = {
            "Instruction": self.evaluation_instruction,
            "Image": image,
            "Question": constant(question, "the question"),
            "Answer": response,
        }
        return self._call(inputs, EVALUATION_ROLE)


def _marks(tag: str) -> list[str]:
    """A tag in pieces between which blanks may stand."""
    return re.findall(r"[\w-]+|\S", tag)
