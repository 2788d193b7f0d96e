"""The high door: propose, check, evaluate, accept, remember, until the budget or the goal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal

from textgrad_core import runtime
from textgrad_core.domain import Domain, Proposer, Reference
from textgrad_core.engine import get_engine
from textgrad_core.engine.protocol import Engine
from textgrad_core.errors import UsageError
from textgrad_core.journal import Listener, Mode
from textgrad_core.jsondata import JSON
from textgrad_core.run import Run
from textgrad_core.search.options import Options
from textgrad_core.search.result import Result


def optimize(
    start: Any,
    domain: Domain[Any],
    *,
    engine: Engine | str | None = None,
    proposer: Proposer | None = None,
    folder: Path | str | None = None,
    mode: Mode = "live",
    cache: Literal["shared", "off"] | Path = "shared",
    executor: Executor | None = None,
    listeners: Iterable[Listener] = (),
    references: Sequence[Reference] | None = None,
    settings: Mapping[str, JSON] | None = None,
    **options: Any,
) -> Result:
    """Improve a value by what its domain's instrument measures.

    Args:
        start: A value, or text the domain parses.
        domain: What is optimised, and how it is measured.
        engine: A model that proposes: an engine, or what `get_engine` understands.
        proposer: Search without a model; by default the domain's own. Not with an engine.
        folder: Run folder. Running again with the same folder continues: nothing that is
            recorded there is measured or asked again.
        mode: ``"replay"`` answers from the folder alone and raises at the first difference;
            ``"partial"`` shows as much of a run as the folder holds.
        cache: ``"shared"`` keeps outcomes of deterministic instruments for all runs of this
            user, a path keeps them in that file, ``"off"`` keeps none.
        executor: Where evaluations run; threads by default.
        listeners: Called with every journal entry.
        references: Known answers to compare with; by default the domain's.
        settings: More to record as the run's settings.
        **options: The fields of `Options`.

    Returns:
        The best candidate and everything that was tried; never worse than the start.

    Raises:
        UsageError: If an argument is out of bounds; nothing was evaluated.
        Invalid: If the start is no legal value, or the instrument rejects it.
        InstrumentError: If the start could not be measured.
        EngineError: If the model fails for good; run again with the same folder to go on.
        JournalError: If the folder cannot be used.
    """
    return runtime.run(
        aoptimize(
            start,
            domain,
            engine=engine,
            proposer=proposer,
            folder=folder,
            mode=mode,
            cache=cache,
            executor=executor,
            listeners=listeners,
            references=references,
            settings=settings,
            **options,
        )
    )


async def aoptimize(
    start: Any,
    domain: Domain[Any],
    *,
    engine: Engine | str | None = None,
    proposer: Proposer | None = None,
    folder: Path | str | None = None,
    mode: Mode = "live",
    cache: Literal["shared", "off"] | Path = "shared",
    executor: Executor | None = None,
    listeners: Iterable[Listener] = (),
    references: Sequence[Reference] | None = None,
    settings: Mapping[str, JSON] | None = None,
    **options: Any,
) -> Result:
    """The same as `optimize`, for async code."""
    from textgrad_core.search.loop import Search
    from textgrad_core.search.sources import BuiltIn, Model, Source

    chosen = _options(options)
    text = start if isinstance(start, str) else domain.canonical(start)
    canonical = domain.canonical(domain.parse(text))
    source: Source
    if engine is not None:
        if proposer is not None:
            raise UsageError("engine and proposer exclude each other: give one of them")
        source = Model(get_engine(engine), domain, chosen)
    elif (built_in := proposer or domain.proposer) is not None:
        if chosen.feedback != "exact":
            raise UsageError(f"feedback={chosen.feedback!r} needs an engine: pass engine=...")
        source = BuiltIn(built_in, chosen)
    else:
        raise UsageError(f"the domain {domain.name!r} has no search of its own: pass engine=...")
    known = tuple(domain.references() if references is None else references)
    recorded: dict[str, JSON] = {
        "domain": domain.name,
        "start": canonical,
        "source": source.name,
        "references": {r.name: r.answer for r in known},
        **chosen.to_json(),
        **(settings or {}),
    }
    with Run(
        None if folder is None else Path(folder),
        settings=recorded,
        mode=mode,
        budget=chosen.budget,
        cache=_cache(cache),
        executor=executor,
        listeners=listeners,
    ) as run:
        search = Search(run, domain, source, chosen, known)
        result = await search.finish(canonical)
        return result.with_settings(recorded, None if folder is None else Path(folder))


def _options(given: Mapping[str, Any]) -> Options:
    unknown = sorted(set(given) - set(Options.__dataclass_fields__))
    if unknown:
        known = ", ".join(Options.__dataclass_fields__)
        raise UsageError(f"unknown option {', '.join(unknown)}; known: {known}")
    return Options(**given)


def _cache(choice: Literal["shared", "off"] | Path) -> Any:
    from textgrad_core.cache import EvaluationCache, default_cache_path

    if choice == "off":
        return None
    return EvaluationCache(default_cache_path() if choice == "shared" else Path(choice))
