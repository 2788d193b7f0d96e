"""The one door of effects: recorded once, counted before, measured where and when it should."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import tracemalloc
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engines import Recorder, down
from textgrad_core.budget import Budget
from textgrad_core.cache import EvaluationCache
from textgrad_core.domain import EvaluationContext, Tier
from textgrad_core.engine.protocol import Message, Reply, Request
from textgrad_core.errors import (
    BudgetExhausted,
    Divergence,
    EngineError,
    InstrumentError,
    SettingsDiffer,
)
from textgrad_core.journal import EndOfRecord
from textgrad_core.jsondata import JSON
from textgrad_core.outcome import Evaluated, Outcome, Rejected, Unmeasured
from textgrad_core.run import Run, current_run, scope
from toy_domain import ToyDomain, distance

SCREEN = EvaluationContext(tier="screen")


def toy(tmp_path: Path, **options: Any) -> ToyDomain:
    return ToyDomain(counter=str(tmp_path / "uses"), **options)


def evaluate(
    run: Run, domain: ToyDomain, word: str, site: str = "", tier: Tier = "screen", **more: Any
) -> Outcome:
    context = EvaluationContext(tier=tier)
    return asyncio.run(run.evaluate(domain, word, context, site or f"at {word}", **more))


def request(text: str, sample: int = 0) -> Request:
    return Request(messages=(Message(role="user", content=text),), sample=sample)


@contextmanager
def spawned(workers: int = 2) -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield pool


class Unfindable(ToyDomain):
    """Its installation is gone."""

    def fingerprint(self) -> Mapping[str, JSON]:
        raise FileNotFoundError("receptor.pdbqt")


class Answering(ToyDomain):
    """Gives whatever it was told to, legal or not."""

    outcome: Any = None

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        super().evaluate(value, context)
        outcome: Outcome = self.outcome
        return outcome


class Seeded(ToyDomain):
    seeded = True


class Noisy(ToyDomain):
    deterministic = False


def test_an_evaluation_is_measured_and_recorded_once(tmp_path: Path) -> None:
    domain = toy(tmp_path)
    for paid in (1, 0, 0):
        with Run(tmp_path / "run") as run:
            outcome = evaluate(run, domain, "ACGTTTTA")
            assert isinstance(outcome, Evaluated)
            assert outcome.scores == {"distance": distance("ACGTTTTA")}
            assert run.evaluations_run == paid
            assert run.meter.used["evaluations"] == 1
    assert domain.evaluations() == 1


def test_live_and_recalled_outcomes_are_the_same(tmp_path: Path) -> None:
    domain = Answering(counter=str(tmp_path / "uses"))
    Answering.outcome = Evaluated(
        scores={"zeta": 1.0, "distance": 2.0, "alpha": 3.0},
        data={"z": (1, 2), "a": {"y": 1, "b": 2}},  # type: ignore[dict-item]
        seconds=0.25,
    )
    told: list[str] = []
    for _ in range(2):
        with Run(tmp_path / "run") as run:
            told.append(repr(evaluate(run, domain, "A")))
    assert told[0] == told[1]
    assert domain.evaluations() == 1


def test_everything_that_shapes_a_measurement_is_part_of_its_key(tmp_path: Path) -> None:
    domain = toy(tmp_path)
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    run = Run(cache=cache)
    tiers: tuple[Tier, ...] = ("screen", "report", "screen", "report")
    for number, tier in enumerate(tiers):
        evaluate(run, domain, "ACGT", f"site {number}", tier)
    assert domain.evaluations() == 2
    for other in (toy(tmp_path, hidden="TTTT"), toy(tmp_path, version="2")):
        outcome = evaluate(run, other, "ACGT", f"other {other.version}")
        assert isinstance(outcome, Evaluated)
        assert outcome.scores["distance"] == distance("ACGT", other.hidden)
    assert domain.evaluations() == 4
    run.close()


def test_a_seed_counts_where_the_instrument_needs_it(tmp_path: Path) -> None:
    for kind, uses in ((Seeded, 2), (ToyDomain, 1)):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        domain = kind(counter=str(folder / "uses"))
        run = Run(cache=EvaluationCache(folder / "c.sqlite3"))
        for seed in (1, 2):
            context = EvaluationContext(seed=seed, tier="screen")
            asyncio.run(run.evaluate(domain, "ACGT", context, f"seed {seed}"))
        assert domain.evaluations() == uses
        run.close()


def test_a_cached_outcome_is_not_measured_by_another_run(tmp_path: Path) -> None:
    domain = toy(tmp_path)
    outcomes = []
    for folder in ("one", "two"):
        cache = EvaluationCache(tmp_path / "c.sqlite3")
        with Run(tmp_path / folder, cache=cache) as run:
            outcomes.append(evaluate(run, domain, "ACGA"))
            assert run.evaluations_run == (folder == "one")
            assert run.meter.used["evaluations"] == 1
    assert outcomes[0] == outcomes[1]
    assert domain.evaluations() == 1


def test_a_rejection_is_cached_and_noise_is_not(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    run = Run(cache=cache)
    refusing = toy(tmp_path, rejected=("AC",))
    for site in ("a", "b"):
        assert isinstance(evaluate(run, refusing, "AC", site), Rejected)
    assert refusing.evaluations() == 1
    noisy = Noisy(counter=str(tmp_path / "noisy"))
    for site in ("c", "d"):
        evaluate(run, noisy, "AC", site)
    assert noisy.evaluations() == 2
    run.close()


def test_a_spoilt_cache_entry_is_measured_again(tmp_path: Path) -> None:
    class Spoilt(EvaluationCache):
        def get(self, key: str) -> dict[str, JSON] | None:
            assert key
            return {"kind": "evaluated", "scores": {"distance": None}, "data": {}}

    domain = toy(tmp_path)
    run = Run(cache=Spoilt(tmp_path / "c.sqlite3"))
    outcome = evaluate(run, domain, "ACGT")
    assert isinstance(outcome, Evaluated)
    assert domain.evaluations() == 1
    run.close()


def test_a_failed_measurement_is_tried_again_and_never_cached(tmp_path: Path) -> None:
    domain = toy(tmp_path, broken={"ACGT": "unmeasured"}, heals_after=3)
    run = Run(cache=EvaluationCache(tmp_path / "c.sqlite3"), retries=1)
    assert isinstance(evaluate(run, domain, "ACGT", "first"), Unmeasured)
    assert domain.evaluations() == 2
    assert isinstance(evaluate(run, domain, "ACGT", "second"), Evaluated)  # the 4th use
    assert domain.evaluations() == 4
    evaluate(run, domain, "ACGT", "third")
    assert domain.evaluations() == 4
    run.close()


@pytest.mark.parametrize(
    ("retries", "failure", "uses"), [(0, "unmeasured", 1), (3, "unmeasured", 4), (3, "final", 1)]
)
def test_retries_are_as_many_as_asked_for(
    tmp_path: Path, retries: int, failure: str, uses: int
) -> None:
    domain = toy(tmp_path, broken={"ACGT": failure})
    outcome = evaluate(Run(retries=retries), domain, "ACGT")
    assert isinstance(outcome, Unmeasured)
    assert outcome.retryable == (failure == "unmeasured")
    assert domain.evaluations() == uses


@pytest.mark.parametrize("keep", [True, False])
def test_a_failure_that_ends_the_program_is_not_recorded(tmp_path: Path, keep: bool) -> None:
    domain = toy(tmp_path, broken={"ACGT": "unmeasured"}, heals_after=1)
    for expected in (Unmeasured, Unmeasured if keep else Evaluated):
        with Run(tmp_path / "run", retries=0) as run:
            assert isinstance(evaluate(run, domain, "ACGT", keep_failure=keep), expected)
            assert run.meter.used["evaluations"] == 1


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("raise", Unmeasured(cause="RuntimeError: the toy instrument fell over")),
        ("exit", Unmeasured(cause="SystemExit: 3")),
        ("invalid", Rejected(reason="found invalid late", hint="think earlier")),
    ],
)
def test_what_a_domain_raises_is_an_outcome(
    tmp_path: Path, failure: str, expected: Outcome
) -> None:
    assert evaluate(Run(), toy(tmp_path, broken={"ACGT": failure}), "ACGT") == expected


@pytest.mark.parametrize(
    "given",
    [
        None,
        1.0,
        Evaluated(scores={"other": 1.0}),
        Evaluated(scores={"distance": 1.0}, data={"depth": float("nan")}),
        Evaluated(scores={"distance": 1.0}, data={"set": {1, 2}}),  # type: ignore[dict-item]
        Evaluated(scores={"distance": 1.0}, seconds=float("inf")),
    ],
    ids=str,
)
def test_what_is_no_outcome_is_the_instruments_fault(
    tmp_path: Path, given: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "outcome", given)
    domain = Answering(counter=str(tmp_path / "uses"))
    with Run(tmp_path / "run", cache=EvaluationCache(tmp_path / "c.sqlite3")) as run:
        assert isinstance(evaluate(run, domain, "ACGT"), Unmeasured)
        assert isinstance(evaluate(run, ToyDomain(), "ACGT", "next"), Evaluated)


def test_evaluations_work_in_spawned_processes(tmp_path: Path) -> None:
    domain = toy(tmp_path, broken={"TTT": "raise"}, rejected=("CCC",))
    words = ["ACGT", "TTT", "CCC", "ACGA"]
    here = Run()
    with spawned() as pool:
        there = Run(executor=pool)

        async def all_at_once() -> list[Outcome]:
            work = [there.evaluate(domain, w, SCREEN, w) for w in words]
            return list(await asyncio.gather(*work))

        outcomes = asyncio.run(all_at_once())
    assert outcomes == [evaluate(here, domain, w) for w in words]


def test_a_worker_that_dies_leaves_an_unmeasured_candidate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    domain = toy(tmp_path, broken={"AAA": "die"})
    with spawned(1) as pool, caplog.at_level(logging.ERROR, logger="textgrad_core"):
        outcome = evaluate(Run(executor=pool, retries=0), domain, "AAA")
    assert isinstance(outcome, Unmeasured)
    assert outcome.retryable
    assert "BrokenProcessPool" in outcome.cause
    assert domain.evaluations() == 1


class Refusing(Executor):
    """An executor of somebody else's that loses its scheduler."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise ConnectionError("the scheduler is away")


def test_a_foreign_executor_that_fails_is_the_instruments_fault(tmp_path: Path) -> None:
    outcome = evaluate(Run(executor=Refusing()), toy(tmp_path), "ACGT")
    assert isinstance(outcome, Unmeasured)
    assert "the scheduler is away" in outcome.cause


def test_a_replay_needs_no_instrument(tmp_path: Path) -> None:
    domain = toy(tmp_path)
    with Run(tmp_path / "run") as run:
        live = evaluate(run, domain, "ACGA")
    gone = Unfindable(counter=str(tmp_path / "uses"))
    with Run(tmp_path / "run", mode="replay") as replay:
        assert evaluate(replay, gone, "ACGA") == live
        with pytest.raises(Divergence, match="ACGG"):
            evaluate(replay, gone, "ACGG", "at ACGA")
        assert replay.meter.used["evaluations"] == 1
    with Run(tmp_path / "run", mode="partial") as partial, pytest.raises(EndOfRecord):
        evaluate(partial, gone, "CCGG")
    assert domain.evaluations() == 1


def test_a_replay_of_a_run_without_instrument_says_so(tmp_path: Path) -> None:
    Run(tmp_path / "run", settings={"a": 1}).close()
    with Run(tmp_path / "run", mode="replay") as replay, pytest.raises(Divergence, match="toy"):
        evaluate(replay, Unfindable(), "ACGA")


def test_a_declared_instrument_must_stay_the_same(tmp_path: Path) -> None:
    with Run(tmp_path / "run") as run:
        asyncio.run(run.instrument(toy(tmp_path)))
        evaluate(run, toy(tmp_path), "ACGT")
    with Run(tmp_path / "run") as run:
        with pytest.raises(SettingsDiffer, match="version: was 1, now 2"):
            asyncio.run(run.instrument(toy(tmp_path, version="2")))
        asyncio.run(run.instrument(toy(tmp_path)))
        evaluate(run, toy(tmp_path), "ACGT")
        assert run.evaluations_run == 0


def test_another_instrument_measures_anew(tmp_path: Path) -> None:
    """An undeclared one (a program may use several) is told apart by the key alone."""
    for version, paid in (("1", 1), ("1", 0), ("2", 1), ("2", 0)):
        with Run(tmp_path / "run") as run:
            evaluate(run, toy(tmp_path, version=version), "ACGT")
            assert run.evaluations_run == paid


def test_two_domains_of_one_name_keep_their_own_instruments(tmp_path: Path) -> None:
    cache = EvaluationCache(tmp_path / "c.sqlite3")
    for paid in (2, 0):
        with Run(tmp_path / "run", cache=cache) as run:
            for hidden in ("AAAA", "CCCC", "AAAA"):  # the third is equal to the first
                outcome = evaluate(run, toy(tmp_path, hidden=hidden), "AACC", f"for {hidden}")
                assert isinstance(outcome, Evaluated)
                wrong = [place for place in (1, 2, 3, 4) if "AACC"[place - 1] != hidden[0]]
                assert outcome.data["wrong"] == wrong
            assert run.evaluations_run == paid
    with Run(tmp_path / "run", mode="replay") as replay:
        for hidden in ("AAAA", "CCCC", "AAAA"):
            evaluate(replay, toy(tmp_path, hidden=hidden), "AACC", f"for {hidden}")
    with Run(tmp_path / "run") as run:
        evaluate(run, toy(tmp_path, hidden="AAAA"), "AACC", "for AAAA")
        evaluate(run, toy(tmp_path, hidden="GGGG"), "AACC", "for CCCC")
        assert run.evaluations_run == 1


class Counting(ToyDomain):
    def fingerprint(self) -> Mapping[str, JSON]:
        assert self.counter is not None
        with Path(self.counter + ".asked").open("a", encoding="ascii") as file:
            file.write(".")
        box: JSON = (1, 2)  # type: ignore[assignment]
        return {"box": box}


def test_an_instrument_is_asked_once_and_may_describe_itself_with_tuples(tmp_path: Path) -> None:
    domain = Counting(counter=str(tmp_path / "uses"))
    heard: list[str] = []
    for times in (1, 2):
        listeners = [lambda entry: heard.append(entry.kind)]
        with Run(tmp_path / "run", listeners=listeners) as run:

            async def together(run: Run = run) -> None:
                words = ("A", "C", "G", "T")
                await asyncio.gather(*(run.evaluate(domain, w, SCREEN, w) for w in words))

            asyncio.run(together())
        assert len((tmp_path / "uses.asked").read_text("ascii")) == times
        assert heard.count("evaluation") == 4 * times


def test_an_instrument_that_cannot_describe_itself_is_named(tmp_path: Path) -> None:
    run = Run()
    with pytest.raises(InstrumentError, match=r"'toy'.*receptor\.pdbqt"):
        evaluate(run, Unfindable(counter=str(tmp_path / "uses")), "ACGT")
    assert run.meter.used["evaluations"] == 0


def test_evaluations_are_reserved_before_they_start(tmp_path: Path) -> None:
    domain = toy(tmp_path)
    run = Run(budget=Budget(evaluations=2))

    async def five() -> list[Outcome | BaseException]:
        work = [run.evaluate(domain, "ACGT"[: n + 1], SCREEN, str(n)) for n in range(4)]
        return list(await asyncio.gather(*work, return_exceptions=True))

    kinds = [type(outcome) for outcome in asyncio.run(five())]
    assert kinds == [Evaluated, Evaluated, BudgetExhausted, BudgetExhausted]
    assert domain.evaluations() == 2
    assert run.meter.used["evaluations"] == 2


def test_recalled_evaluations_count_as_well(tmp_path: Path) -> None:
    domain = toy(tmp_path)
    for _ in range(2):
        with Run(tmp_path / "run", budget=Budget(evaluations=1)) as run:
            evaluate(run, domain, "ACGT")
            with pytest.raises(BudgetExhausted):
                evaluate(run, domain, "ACGA")
    assert domain.evaluations() == 1


class Crowded(ToyDomain):
    """Notes how many of its measurements are under way, by files in a folder."""

    parallel = 2

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:
        assert self.counter is not None
        folder = Path(self.counter)
        mine = folder / f"under way {value}"
        mine.touch()
        (folder / f"seen {value} {len(list(folder.glob('under way *')))}").touch()
        outcome = super().evaluate(value, context)
        mine.unlink()
        return outcome

    def _count(self) -> int:
        return 0


def test_threads_are_as_many_as_the_domain_allows(tmp_path: Path) -> None:
    domain = Crowded(counter=str(tmp_path))
    run = Run()
    evaluate(run, ToyDomain(), "A")  # a domain without a limit comes first

    class Wide(ToyDomain):
        name = "wide"
        parallel = 9

    evaluate(run, Wide(), "A")

    async def many() -> None:
        words = [a + b for a in "ACGT" for b in "ACGT"]
        crowded = Crowded(counter=str(tmp_path))
        crowded.name = "crowded"
        await asyncio.gather(*(run.evaluate(crowded, w, SCREEN, w) for w in words))

    asyncio.run(many())
    seen = [int(p.name.split()[2]) for p in tmp_path.glob("seen *")]
    assert len(seen) == 16
    assert max(seen) <= 2
    assert domain.parallel == 2


def test_a_reply_is_asked_for_and_recorded_once(tmp_path: Path) -> None:
    engine = Recorder(lambda r: f"re: {r.messages[0].content}")
    for _ in range(2):
        with Run(tmp_path / "run") as run:
            reply = asyncio.run(run.ask(engine, request("hello"), "greeting"))
            assert reply == Reply(text="re: hello", model="recorder")
            assert run.meter.used["calls"] == 1
    assert len(engine.requests) == 1


def test_a_failure_of_the_engine_is_no_answer_but_what_was_sent_counts(tmp_path: Path) -> None:
    never = EngineError("no key", kind="auth", attempts=0)
    answers: list[str | Exception] = [never, down(), "there again"]

    def answer(_: Request) -> str:
        now = answers.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    engine = Recorder(answer)
    with Run(tmp_path / "run", budget=Budget(calls=2)) as run:
        for used in (0, 1):
            with pytest.raises(EngineError):
                asyncio.run(run.ask(engine, request("hello"), "greeting"))
            assert (run.model_calls_made, run.meter.used["calls"]) == (used, used)
        recorded = [(e.kind, e.site) for e in run.journal.entries()]
        assert recorded == [("run", "run"), ("failure", "greeting failure 1")]
        assert asyncio.run(run.ask(engine, request("hello"), "greeting")).text == "there again"
        assert run.model_calls_made == 2
        with pytest.raises(BudgetExhausted):
            asyncio.run(run.ask(engine, request("again"), "greeting 2"))


def test_an_answer_that_is_none_can_be_part_of_the_course(tmp_path: Path) -> None:
    refusal = EngineError("I would rather not", kind="refused")

    def refuse(_: Request) -> str:
        raise refusal

    for made in (1, 0):
        with Run(tmp_path / "run") as run:
            with pytest.raises(EngineError, match="rather not") as caught:
                asyncio.run(run.ask(Recorder(refuse), request("x"), "a site", keep_failure=True))
            assert caught.value.kind == "refused"
            assert run.model_calls_made == made


def test_engines_that_answer_differently_have_different_keys(tmp_path: Path) -> None:
    class Warm(Recorder):
        shaping: Mapping[str, JSON] = {"temperature": 1}

    for engine, made in ((Recorder(), 1), (Warm(), 1), (Warm(), 0)):
        with Run(tmp_path / "run") as run:
            asyncio.run(run.ask(engine, request("hello"), "greeting"))
            assert run.model_calls_made == made


def test_calls_are_reserved_before_they_are_sent() -> None:
    engine = Recorder(yields=lambda _: 5)
    run = Run(budget=Budget(calls=3))

    async def many() -> list[Reply | BaseException]:
        work = [run.ask(engine, request(str(n)), str(n)) for n in range(8)]
        return list(await asyncio.gather(*work, return_exceptions=True))

    kinds = [type(answer) for answer in asyncio.run(many())]
    assert kinds == [Reply] * 3 + [BudgetExhausted] * 5
    assert len(engine.requests) == 3


@pytest.mark.parametrize("width", [1, 3, 8])
def test_no_engine_is_asked_more_often_at_once_than_it_allows(width: int) -> None:
    engine = Recorder(max_concurrency=width, yields=lambda r: len(r.messages[0].content))
    other = Recorder(name="other", max_concurrency=100, yields=lambda _: 30)
    run = Run()

    async def many() -> None:
        work = [run.ask(engine, request("x" * (n % 5)), f"a{n}") for n in range(40)]
        work += [run.ask(other, request("y"), f"b{n}") for n in range(40)]
        await asyncio.gather(*work)

    asyncio.run(many())
    assert engine.peak == width
    assert other.peak == 40  # one engine does not wait for another


def test_everything_that_shapes_a_reply_is_part_of_its_key(tmp_path: Path) -> None:
    engine, other = Recorder(), Recorder(name="other model")
    asked = [
        (engine, request("a")),
        (other, request("a")),
        (engine, request("a", sample=1)),
        (engine, request("b")),
        (engine, Request(messages=(Message(role="system", content="a"),))),
        (engine, Request(messages=request("a").messages, params={"temperature": 0})),
        (engine, Request(messages=request("a").messages, purpose="feedback")),
    ]
    for model, what in asked:
        with Run(tmp_path / "run") as run:
            asyncio.run(run.ask(model, what, "one site"))
    assert len(engine.requests) + len(other.requests) == len(asked)


def test_tokens_are_summed_until_a_server_does_not_say() -> None:
    class Counted(Recorder):
        async def ask(self, request: Request) -> Reply:
            sent = None if "silent" in request.messages[0].content else 10
            return Reply(text="ok", prompt_tokens=sent, completion_tokens=2)

    run = Run()
    for n in range(3):
        asyncio.run(run.ask(Counted(), request("x"), f"{n}"))
    total = run.ledger.total
    assert (total.prompt_tokens, total.completion_tokens) == (30, 6)
    asyncio.run(run.ask(Counted(), request("silent"), "last"))
    total = run.ledger.total
    assert (total.prompt_tokens, total.completion_tokens) == (None, 8)
    assert (total.counted_prompt_tokens, total.unsaid_prompt) == (30, 1)


def test_sites_come_from_the_place_in_the_program() -> None:
    run = Run()
    assert run.site("call") == "call 1"
    with scope("step 1"):
        assert run.site("call") == "step 1/call 1"
        with scope("inner"):
            assert run.site("call") == "step 1/inner/call 1"
        assert run.site("call") == "step 1/call 2"
    assert run.site("call") == "call 2"
    assert Run().site("call") == "call 1"


def test_a_run_is_current_inside_its_block_only(tmp_path: Path) -> None:
    bare = current_run()
    assert bare is current_run()
    assert bare.journal.entries() == ()
    with Run(tmp_path / "outer") as outer:
        assert current_run() is outer
        with Run(tmp_path / "inner") as inner:
            assert current_run() is inner
        assert current_run() is outer
    assert current_run() is bare


def test_sites_are_unique_across_threads() -> None:
    run = Run()
    with ThreadPoolExecutor(8) as pool:
        sites = list(pool.map(lambda _: run.site("call"), range(2000)))
    assert len(set(sites)) == 2000


def test_a_run_that_never_ends_keeps_nothing_for_each_call() -> None:
    engine, run = Recorder(), current_run()

    def calls(count: int) -> None:
        async def all_of_them() -> None:
            for number in range(count):
                with scope(f"step {number}"):
                    await run.ask(engine, request("x"), run.site("one of many"))
                    engine.requests.clear()

        asyncio.run(all_of_them())

    calls(500)
    before, places = run.ledger.by_site["one of many"].calls, len(run.ledger.by_site)
    tracemalloc.start()
    try:
        calls(500)
        first, _ = tracemalloc.get_traced_memory()
        calls(2_000)
        last, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert run.ledger.by_site["one of many"].calls == before + 2_500
    assert len(run.ledger.by_site) == places
    assert (last - first) / 2_000 < 20  # bytes for each call


def test_a_run_of_ones_own_keeps_every_place() -> None:
    run = Run()
    for _ in range(3):
        asyncio.run(run.ask(Recorder(), request("x"), run.site("call")))
    assert list(run.ledger.by_site) == ["call 1", "call 2", "call 3"]
