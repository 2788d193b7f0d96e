"""The high door: propose, check, evaluate, accept, remember, until the budget or the goal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from textgrad_core import runtime
from textgrad_core.budget import Budget
from textgrad_core.cache import EvaluationCache, default_cache_path
from textgrad_core.domain import Domain, Proposer, Reference
from textgrad_core.engine import EngineLike, get_engine
from textgrad_core.errors import UsageError
from textgrad_core.journal import Listener, Mode
from textgrad_core.jsondata import JSON
from textgrad_core.loss import FeedbackMode
from textgrad_core.prices import PriceTable
from textgrad_core.run import Run
from textgrad_core.search.judgement import check_budget
from textgrad_core.search.loop import Search
from textgrad_core.search.options import Options
from textgrad_core.search.result import Result
from textgrad_core.search.sources import BuiltIn, Model, Source


class Keywords(TypedDict, total=False):
    """The keyword arguments of `optimize`; what each means stands there."""

    engine: EngineLike | None
    proposer: Proposer | None
    folder: Path | str | None
    mode: Mode
    cache: Literal["shared", "off"] | Path
    executor: Executor | None
    listeners: Iterable[Listener]
    references: Sequence[Reference] | None
    settings: Mapping[str, JSON]
    steps: int
    proposals: int
    parents: int
    finalists: int
    feedback: FeedbackMode
    seed: int
    deadline_s: float | None
    budget: Budget
    params: Mapping[str, JSON]
    prices: PriceTable | Mapping[str, object] | Path | str | None


def optimize(start: Any, domain: Domain[Any], **how: Unpack[Keywords]) -> Result:
    """Improve a value by what its domain's instrument measures.

    Args:
        start: A value, or text the domain parses.
        domain: What is optimised, and how it is measured.
        **how: Any of these.

            engine: a model that proposes: an engine, or what `get_engine` understands.
            proposer: search without a model; by default the domain's own. Not with an engine.
            steps, proposals, parents, finalists, feedback, seed, deadline_s, budget, params:
            how the search runs, see `Options`; `parents` is the domain's unless given.
            folder: run folder. Running again with the same folder continues: nothing that is
            recorded there is measured or asked again.
            mode: ``"replay"`` answers from the folder alone and raises at the first difference;
            ``"partial"`` shows as much of a run as the folder holds.
            cache: ``"shared"`` keeps outcomes of deterministic instruments for all runs of this
            user, a path keeps them in that file, ``"off"`` keeps none.
            executor: where evaluations run; threads by default.
            references: known answers to compare with; by default the domain's.
            prices: what models cost, see `Run`; needed for ``Budget(cost=...)``.
            listeners: functions of one journal entry, or `Callback`s; told every entry.
            settings: more to record as the run's settings.

    Returns:
        The best candidate and everything that was tried; never worse than the start.

    Raises:
        UsageError: If an argument is out of bounds; nothing was evaluated.
        Invalid: If the start is no legal value, or the instrument rejects it.
        InstrumentError: If the start could not be measured.
        EngineError: If the model fails for good; run again with the same folder to go on.
        JournalError: If the folder cannot be used.
    """
    return runtime.run(_optimize(start, domain, how))


async def aoptimize(start: Any, domain: Domain[Any], **how: Unpack[Keywords]) -> Result:
    """The same as `optimize`, for async code."""
    return await runtime.hand_over(_optimize(start, domain, how))


async def _optimize(start: Any, domain: Domain[Any], how: Keywords) -> Result:
    options = _options(how, domain)
    text = start if isinstance(start, str) else domain.canonical(start)
    canonical = domain.canonical(domain.parse(text))
    source = _source(domain, how.get("engine"), how.get("proposer"), options)
    named = how.get("references")
    references = tuple(domain.references() if named is None else named)
    check_budget(domain, options, len(references))
    recorded: dict[str, JSON] = {
        "domain": domain.name,
        "start": canonical,
        "source": source.name,
        "references": {r.name: r.answer for r in references},
        **options.to_json(),
        **how.get("settings", {}),
    }
    place = how.get("folder")
    folder = None if place is None else Path(place)
    with Run(
        folder,
        settings=recorded,
        mode=how.get("mode", "live"),
        budget=options.budget,
        prices=how.get("prices"),
        cache=_cache(how.get("cache", "shared")),
        executor=how.get("executor"),
        listeners=how.get("listeners", ()),
    ) as run:
        result = await Search(run, domain, source, options, references).finish(canonical)
        return result.with_settings(recorded, folder)


def _source(
    domain: Domain[Any], engine: EngineLike | None, proposer: Proposer | None, options: Options
) -> Source:
    if engine is not None:
        if proposer is not None:
            raise UsageError("engine and proposer exclude each other: give one of them")
        return Model(get_engine(engine), domain, options)
    built_in = proposer or domain.proposer
    if built_in is None:
        raise UsageError(f"the domain {domain.name!r} has no search of its own: pass engine=...")
    if options.feedback != "exact":
        raise UsageError(f"feedback={options.feedback!r} needs an engine: pass engine=...")
    return BuiltIn(built_in, options)


def _options(how: Keywords, domain: Domain[Any]) -> Options:
    fields = Options.__dataclass_fields__
    known = {*fields, *Keywords.__annotations__}
    unknown = sorted(set(how) - known)
    if unknown:
        raise UsageError(
            f"unknown argument {', '.join(unknown)}; known: {', '.join(Keywords.__annotations__)}"
        )
    given: dict[str, Any] = {name: value for name, value in how.items() if name in fields}
    return Options(**{"parents": domain.parents, **given})


def _cache(choice: Literal["shared", "off"] | Path) -> EvaluationCache | None:
    if choice == "off":
        return None
    return EvaluationCache(default_cache_path() if choice == "shared" else Path(choice))
