"""Every error this suite raises on purpose, in one tree.

    TextgradError
      UsageError            the call is wrong: change the argument it names
      Invalid               an answer is no legal value of the domain: goes back as feedback
      MissingExtra          an optional dependency is absent: run the command in the message
      PluginError           a plugin is broken: the others keep working
        UnknownPlugin       a plugin of that name is not installed
      InstrumentError       an evaluator failed although the candidate may be fine: try again
      EngineError           a language model did not answer: see ``kind`` and ``retryable``
      AnswerError           an answer could not be understood, even after one repair call
      BudgetExhausted       the next call would exceed the budget: nothing was sent
      DataError             a data set is not here or not the recorded one: fetch it, name a folder
      JournalError          the run folder cannot be used
        JournalBusy         another process is writing the same run
        SettingsDiffer      the folder holds a run with other settings
        Divergence          a replay asked for something the journal does not hold
      BackwardError         feedback could not be computed: call ``backward`` again to go on

``UsageError`` is also a ``ValueError`` and ``MissingExtra`` an ``ImportError``, so callers may
catch the built-in they know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from textgrad_core.counts import Tokens

EngineFailure = Literal[
    "auth",
    "quota",
    "rate",
    "overflow",
    "refused",
    "cut",
    "empty",
    "malformed",
    "wrong_shape",
    "timeout",
    "network",
    "server",
    "request",
]


class TextgradError(Exception):
    """Anything this suite raises on purpose."""


class UsageError(TextgradError, ValueError):
    """An argument is out of bounds; the message names the value, the bound and the remedy."""


class Invalid(TextgradError):
    """An answer is not a legal value of its domain.

    Args:
        reason: What is wrong, naming the offending part.
        hint: How to mend it, in words a model or a person can act on.
    """

    def __init__(self, reason: str, hint: str = "") -> None:
        """Keep both parts; the message joins them."""
        super().__init__(f"{reason} ({hint})" if hint else reason)
        self.reason, self.hint = reason, hint

    def __reduce__(self) -> tuple[type[Invalid], tuple[str, str]]:
        """Travel between processes with both parts."""
        return type(self), (self.reason, self.hint)


class MissingExtra(TextgradError, ImportError):
    """An optional dependency is absent.

    Args:
        needed_by: The part that needs it, for the message.
        modules: The import names that were not found.
        extra: The extra of this distribution that brings them.
    """

    def __init__(self, needed_by: str, modules: tuple[str, ...], extra: str) -> None:
        """Say what is missing and the command that installs it."""
        self.needed_by, self.modules, self.extra = needed_by, modules, extra
        self.command = install_command(extra)
        super().__init__(
            f"{needed_by} needs {', '.join(modules)} (not installed); "
            f"in your clone of textgrad-suite run: {self.command}"
        )
        self._given = needed_by, modules, extra

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with every field."""
        return type(self), self._given


def install_command(extra: str) -> str:
    """The command, run in a clone of this repository, that installs one of its extras."""
    return f"pip install -e '.[{extra}]'"


class PluginError(TextgradError):
    """A plugin failed to load."""


class UnknownPlugin(PluginError, UsageError):
    """No plugin of that name is installed."""


class InstrumentError(TextgradError):
    """An evaluator failed; the candidate has no score, good or bad."""


class EngineError(TextgradError):
    """A language model did not give a usable answer.

    Args:
        message: What happened; never holds a key.
        kind: The class of failure.
        retryable: Whether the same request may succeed later.
        attempts: How many requests were sent.
        request_id: The server's identifier of the last one, if it gave any.
        retry_after_s: Seconds the server asked to wait; None if it did not say.
        spent: Tokens of all these requests, as far as servers counted them; None if none did.

    Attributes:
        counted: Whether a run has counted attempts and tokens in its own sums.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: EngineFailure,
        retryable: bool = False,
        attempts: int = 1,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        spent: Tokens | None = None,
    ) -> None:
        """Keep the fields a caller decides by."""
        message = message.removeprefix(f"{kind}: ")  # of a failure that tells of another one
        super().__init__(f"{kind}: {message}")
        self.message = message
        self.kind, self.retryable = kind, retryable
        self.attempts, self.request_id = attempts, request_id
        self.retry_after_s = retry_after_s
        self.spent = spent
        self.counted = False

    def but(self, **changed: Any) -> EngineError:
        """The same failure with other fields, such as ``attempts`` or ``message``."""
        return EngineError(**{**self._fields(), **changed})

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with every field."""
        return self._again, (self._fields(),)

    def _fields(self) -> dict[str, Any]:
        return {
            "message": self.message,
            "kind": self.kind,
            "retryable": self.retryable,
            "attempts": self.attempts,
            "request_id": self.request_id,
            "retry_after_s": self.retry_after_s,
            "spent": self.spent,
        }

    @staticmethod
    def _again(fields: dict[str, Any]) -> EngineError:
        return EngineError(**fields)


class AnswerError(TextgradError):
    """An answer could not be understood, even after one repair call."""


class BudgetExhausted(TextgradError):
    """The next call would exceed the budget and was not sent, or time ran out during a call.

    Args:
        what: The resource.
        used: How much of it was used.
        limit: How much there was.
        note: What else the reader should know.
    """

    def __init__(self, what: str, used: float, limit: float, note: str = "") -> None:
        """Name the limit that was reached."""
        told = f"; {note}" if note else ""
        super().__init__(f"budget of {limit:g} {what} is used up ({used:g} used){told}")
        self.what, self.used, self.limit, self.note = what, used, limit, note

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with every field."""
        return type(self), (self.what, self.used, self.limit, self.note)


class DataError(TextgradError):
    """A data set is not here, or what is here is not the recorded one."""


class JournalError(TextgradError):
    """The run folder cannot be used."""


class JournalBusy(JournalError):
    """Another process is writing the same run."""


class SettingsDiffer(JournalError):
    """The folder holds a run with other settings."""


class Divergence(JournalError):
    """A strict replay asked for something the journal does not hold."""


class BackwardError(TextgradError):
    """Feedback could not be computed for every edge; call ``backward`` again to go on."""
