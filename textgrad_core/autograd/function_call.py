"""A program's own function as an operation: tools, simulators, parsers, anything.

Its exception is a value, `Failure`: it flows on as text, and feedback on it needs no model,
because what went wrong is known exactly. A function that got a failed input is not called; the
failure is its result too, and the feedback goes to that input alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from textgrad_core.autograd.function import Feedback, FeedbackRequest, Function
from textgrad_core.autograd.model_call import (
    asking_for_feedback,
    told_once,
    understand_feedback,
)
from textgrad_core.autograd.once import Once
from textgrad_core.errors import Invalid, TextgradError, UsageError
from textgrad_core.gradient import as_gradient
from textgrad_core.jsondata import JSON
from textgrad_core.parsing import tag_for
from textgrad_core.prompting import render
from textgrad_core.run import Run, scope
from textgrad_core.threads import in_thread
from textgrad_core.values import from_json, plain, text_of, to_json
from textgrad_core.variable import NO_FEEDBACK, Gradient, NoFeedback, Variable

if TYPE_CHECKING:
    import asyncio

Explain = Callable[[dict[str, Any], Any, tuple[str, ...]], object]
"""From the inputs by name, the result, and the feedback on it, to feedback on the inputs: one for
all, or by name; None is no feedback."""

OUTPUT_ROLE = "output of a function"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The value of a function that raised; as text it says what happened.

    Args:
        function: What was called.
        error: Type and message of what it raised.
    """

    function: str
    error: str

    def __str__(self) -> str:
        """One line for prompts."""
        return f"{self.function} failed: {self.error}"


class FunctionCall(Function):
    """Call a function with the values of variables, by name.

    The function runs in a thread, or is awaited if it is async; several calls of it may run at
    the same time unless it has an attribute ``thread_safe = False``. Its result is recorded in
    the journal of a run, so it should be JSON data, bytes or text.

    Args:
        fn: The function.
        function_purpose: What it is for, in words: feedback is written from them.
        feedback: Exact feedback computed from inputs and result, instead of asking a model (see
            `Explain`); by default ``fn.explain`` if it has one.
    """

    name: ClassVar[str] = "function call"
    passes_variables: ClassVar[bool] = False

    def __init__(
        self,
        fn: Callable[..., Any],
        function_purpose: str,
        *,
        feedback: Explain | None = None,
    ) -> None:
        """Keep all of it."""
        if not callable(fn):
            raise UsageError(f"fn is a {type(fn).__name__}: give a function")
        self.fn, self.function_purpose = fn, function_purpose
        self.called = str(getattr(fn, "__name__", type(fn).__name__))
        self._explain = feedback or getattr(fn, "explain", None)
        self._once: Once[object] = Once()
        self._one_by_one: asyncio.Lock | None = None

    def forward(
        self,
        inputs: Mapping[str, Variable] | None = None,
        response_role_description: str | None = None,
        **named: Variable,
    ) -> Variable:
        """Start the call; its result is deferred.

        Args:
            inputs: The arguments of the function by name; they may be given by keyword too.
            response_role_description: What the result is for.
            **named: The same, where no name is one of the above.
        """
        given = {**(inputs or {}), **named}
        bound = _Bound(self, tuple(given))
        return bound.apply(list(given.values()), response_role_description or OUTPUT_ROLE)

    async def run_with(self, arguments: Mapping[str, Any], site: str) -> object:
        """The result, or the failure; with the function's own model calls in a place of theirs."""
        try:
            with scope(site.rpartition("/")[2]):  # the path before it is in scope already
                result = await self._run(arguments)
        except TextgradError as error:
            if isinstance(error, Invalid):
                return Failure(function=self.called, error=str(error))
            raise  # an engine, a budget or a journal is at fault, not what the function was given
        except Exception as error:  # noqa: BLE001 - border with the program's own function
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return Failure(function=self.called, error=told)
        return plain(result)

    async def _run(self, arguments: Mapping[str, Any]) -> object:
        import asyncio

        if getattr(self.fn, "thread_safe", True) is not False:
            return await self._once_called(arguments)
        if self._one_by_one is None:
            self._one_by_one = asyncio.Lock()
        async with self._one_by_one:
            return await self._once_called(arguments)

    async def _once_called(self, arguments: Mapping[str, Any]) -> object:
        if inspect.iscoroutinefunction(self.fn):
            return await self.fn(**arguments)
        result = await in_thread(lambda: self.fn(**arguments))
        return await result if inspect.isawaitable(result) else result

    async def explained(self, request: FeedbackRequest, names: Sequence[str]) -> Feedback | None:
        """The function's own feedback on one input; None if it gives none of its own."""
        explain = self._explain
        if explain is None:
            return None
        values = {n: v.value for n, v in zip(names, request.node.arguments, strict=True)}
        heard = tuple(g.text for g in request.received)
        result = request.output.value
        said = await self._once.get(
            (request.node.site, request.round_key),
            lambda: in_thread(lambda: explain(values, result, heard)),
        )
        if isinstance(said, Mapping):
            said = said.get(names[request.argument])
        return NO_FEEDBACK if said is None or said is NO_FEEDBACK else as_gradient(said)


class StringBasedFunction(FunctionCall):
    """A `FunctionCall` whose function gets the variables themselves, as in TextGrad."""

    passes_variables: ClassVar[bool] = True


class _Bound(Function):
    """A function with the names of its arguments."""

    name: ClassVar[str] = FunctionCall.name

    def __init__(self, call: FunctionCall, names: tuple[str, ...]) -> None:
        self._call, self._names = call, names

    async def compute(
        self, run: Run, site: str, inputs: Sequence[Variable], memo: dict[str, Any]
    ) -> Any:
        """The function's result, from the journal if it holds it."""
        failed = [n for n, v in enumerate(inputs) if isinstance(v.value, Failure)]
        if failed:
            memo["failed_inputs"] = failed
            return inputs[failed[0]].value
        given = inputs if self._call.passes_variables else [v.value for v in inputs]
        arguments = dict(zip(self._names, given, strict=True))

        async def call() -> JSON:
            result = await self._call.run_with(arguments, site)
            if isinstance(result, Failure):
                return {"failure": result.error}
            try:
                return {"result": to_json(result)}
            except UsageError as error:
                raise UsageError(f"the result of {self._call.called!r}: {error}") from error

        asked: JSON = {
            "function": self._call.called,
            "inputs": {n: _key(v.value) for n, v in zip(self._names, inputs, strict=True)},
        }
        record, _ = await run.journal.perform("function", site, asked, call)
        fields = record if isinstance(record, dict) else {}
        if "failure" in fields:
            return Failure(function=self._call.called, error=str(fields["failure"]))
        return from_json(fields.get("result"))

    async def feedback(self, request: FeedbackRequest) -> Feedback:
        """What went wrong; else the function's own words; else a model's."""
        value = request.output.value
        if isinstance(value, Failure):
            return self._about(value, request)
        exact = await self._call.explained(request, self._names)
        if exact is not None:
            return exact
        if request.engine is None:
            raise UsageError(
                f"no engine to write feedback for {self._call.called!r}: pass "
                "backward(engine=...), or let the function explain itself with feedback="
            )
        asked, context = self._asked(request)
        reply = await request.node.run.ask(request.engine, asked, request.site)
        return understand_feedback(reply, request, context)

    def _about(self, failure: Failure, request: FeedbackRequest) -> Gradient | NoFeedback:
        failed = request.output.memo.get("failed_inputs")
        if failed is not None and request.argument not in failed:
            return NO_FEEDBACK
        source = request.output.role_description
        if failed is not None:
            return Gradient(text=str(failure), source=source, verbatim=True)
        text = render(
            "function_failed",
            argument=self._names[request.argument],
            purpose=self._call.function_purpose,
            failure=str(failure),
        )
        return Gradient(text=text, source=source, verbatim=True)

    def _asked(self, request: FeedbackRequest) -> tuple[Any, str]:
        given = request.node.arguments
        values = [text_of(v.value) for v in given]
        output, feedback = text_of(request.output.value), told_once(request)
        mark = tag_for("\n".join([*values, output, feedback, self._call.function_purpose]))
        told = [
            f"{name} ({v.role_description}):\n<INPUT-{mark}>\n{text}\n</INPUT-{mark}>"
            for name, v, text in zip(self._names, given, values, strict=True)
        ]
        context = render(
            "function_context",
            purpose=self._call.function_purpose,
            inputs="\n\n".join(told),
            output=f"<OUTPUT-{mark}>\n{output}\n</OUTPUT-{mark}>",
            output_role=request.output.role_description,
        )
        user = render(
            "function_feedback",
            context=context,
            received=feedback or "(The output itself says what should get better.)",
            argument=self._names[request.argument],
            role=given[request.argument].role_description,
        )
        return asking_for_feedback(user), context


def _key(value: object) -> JSON:
    """What tells one input from another; large ones and foreign objects by their text."""
    if isinstance(value, bytes):
        return {"sha256": sha256(value).hexdigest(), "bytes": len(value)}
    try:
        return to_json(value)
    except UsageError:
        return text_of(value)
