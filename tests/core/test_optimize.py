"""The search: what it pays for, what it accepts, where it stops, and how it resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import textgrad_core as tg
from textgrad_core.engine.scripted import ScriptedEngine
from textgrad_core.errors import (
    Divergence,
    EngineError,
    InstrumentError,
    SettingsDiffer,
)
from textgrad_core.journal_lines import Entry, read_entries
from textgrad_core.search.archive import Beam
from words_plugin import HIDDEN, Words

START = "AAAAAAAAAAAAAA"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which every real measurement leaves a line."""
    path = tmp_path / "measurements.txt"
    path.touch()
    monkeypatch.setenv("WORDS_LOG", str(path))
    return path


def search(domain: tg.Domain[Any] | None = None, **options: Any) -> tg.Result:
    given: dict[str, Any] = {"steps": 8, "proposals": 4, "finalists": 2, "cache": "off"}
    return tg.optimize(START, domain or Words(), **(given | options))


def measured(log: Path, tier: str = "") -> list[str]:
    return [line for line in log.read_text().splitlines() if line.startswith(tier)]


def course(result: tg.Result) -> list[dict[str, Any]]:
    return [t.to_json() for t in (*result.trials, *result.finals, *result.references)]


class Fixed:
    """Proposes the same answers in every round."""

    name = "fixed"

    def __init__(self, *answers: str) -> None:
        self.answers = answers

    def propose(self, request: tg.ProposalRequest) -> Sequence[tg.Proposal]:
        return [tg.Proposal(answer=a) for a in self.answers[: request.count]]


def test_it_improves_and_says_how() -> None:
    result = search(steps=30)
    assert result.best.scalar is not None
    assert result.start.scalar is not None
    assert result.best.scalar < result.start.scalar
    assert result.proposer == "mutations (built in); no language model was used"
    assert [t.origin for t in result.references] == ["hidden word"]
    assert result.references[0].scalar == 0


def test_same_seed_same_course_other_seed_other_course() -> None:
    assert course(search(seed=3)) == course(search(seed=3))
    assert course(search(seed=3)) != course(search(seed=4))


def test_nothing_is_paid_for_invalid_forbidden_or_repeated_candidates(log: Path) -> None:
    answers = ("HELLO", "ATTA", "CCCCCCCCCCCCCC", "CCCCCCCCCCCCCC", START)
    result = search(Words(picky=True), proposer=Fixed(*answers), steps=1, proposals=5)
    assert [t.status for t in result.trials[1:]].count("rejected") == 4
    reasons = [t.to_json()["reason"] for t in result.trials[1:]]
    assert reasons[0] == "letters ['E', 'H', 'L', 'O'] are no bases (use A, C, G and T)"
    assert reasons[1] == "a constraint is broken: no two T in a row"
    assert reasons[3] == reasons[4] == "a duplicate of an earlier candidate"
    assert measured(log, "screen") == [f"screen {START}", "screen CCCCCCCCCCCCCC"]


def test_a_search_that_finds_nothing_new_gives_up() -> None:
    result = search(proposer=Fixed(START), steps=50)
    assert result.stop_reason == "no new candidate in 2 rounds"
    assert result.best.canonical == START


class Climber(Words):
    """Builds upon the best word alone."""

    parents = 1


@pytest.mark.parametrize(("given", "width"), [({}, 1), ({"parents": 3}, 3)])
def test_the_domain_says_how_many_may_be_built_upon_unless_the_user_does(
    given: dict[str, Any], width: int
) -> None:
    result = search(Climber(), **given)
    assert result.settings["parents"] == width
    best = [result.trials[0].scalar or 0.0]
    for trial in result.trials[1:]:
        fits = trial.scalar is not None and (len(best) < width or trial.scalar <= best[-1])
        assert trial.accepted is fits
        best = sorted([*best, *([trial.scalar] if trial.scalar is not None else [])])[:width]
    assert not all(trial.accepted for trial in result.trials)


def test_it_stops_at_the_target() -> None:
    result = search(proposer=Fixed(HIDDEN), steps=50)
    assert result.stop_reason == "every target was reached before step 2"
    assert result.best.canonical == HIDDEN


def test_what_the_targets_leave_out_is_said() -> None:
    domain = Words()
    domain.targets_note = "2 of 17 goals judged"
    result = tg.optimize(START, domain, proposer=Fixed(HIDDEN), steps=1, proposals=1, cache="off")
    assert result.stop_reason == "every target is reached (2 of 17 goals judged)"


def critic(remarks: int) -> Callable[[str], str]:
    """A model that criticises as often as it is told to and always proposes the same."""
    left = iter([True] * remarks)

    def answer(prompt: str) -> str:
        if "Write short, concrete criticism" not in prompt:
            return START
        return "one letter less" if next(left, False) else "Nothing to change."

    return answer


@pytest.mark.parametrize(
    ("remarks", "reason"),
    [(0, "every target was reached before step 1"), (1, "no new candidate in 2 rounds")],
)
def test_at_the_target_a_critic_is_heard_before_it_stops(remarks: int, reason: str) -> None:
    result = tg.optimize(
        HIDDEN, Words(), engine=critic(remarks), feedback="both", steps=5, proposals=1, cache="off"
    )
    assert result.stop_reason == reason
    assert result.best.canonical == HIDDEN


def test_never_worse_than_the_start() -> None:
    worse = search(proposer=Fixed("C", "CC", "CCC"), steps=1)
    assert worse.best.canonical == START


def test_the_report_tier_chooses_among_finalists_if_it_may() -> None:
    class Fickle(Words):
        def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
            outcome = super().evaluate(value, context)
            if context.tier == "report" and value == HIDDEN and isinstance(outcome, tg.Evaluated):
                return replace(outcome, scores={"wrong": 9.0, "gc": 0.0})
            return outcome

    near = HIDDEN[:-1] + "C"
    may = search(Fickle(), proposer=Fixed(HIDDEN, near), steps=1)
    assert may.best.canonical == near
    fixed = Fickle()
    fixed.report_may_choose = False
    assert search(fixed, proposer=Fixed(HIDDEN, near), steps=1).best.canonical == HIDDEN


def test_evaluations_stay_within_the_budget_and_leave_room_for_the_report(log: Path) -> None:
    result = search(budget=tg.Budget(evaluations=11), steps=50)
    assert len(measured(log)) <= 11
    assert len(measured(log, "report")) == 4
    assert result.stop_reason == "the budget of 11 evaluations is used up"
    with pytest.raises(tg.UsageError, match="budget of 5 evaluations is too small"):
        search(budget=tg.Budget(evaluations=5))


def test_running_again_measures_nothing_and_ends_the_same(log: Path, tmp_path: Path) -> None:
    first = search(folder=tmp_path / "run")
    paid = len(measured(log))
    journal = (tmp_path / "run" / "journal.jsonl").read_bytes()
    second = search(folder=tmp_path / "run")
    assert len(measured(log)) == paid
    assert course(first) == course(second)
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == journal
    assert second.usage.evaluations_run == 0


@given(kept=st.integers(1, 60))
def test_a_run_cut_off_anywhere_ends_like_an_undisturbed_one(kept: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        whole, cut = Path(folder, "whole"), Path(folder, "cut")
        undisturbed = search(folder=whole)
        lines = (whole / "journal.jsonl").read_bytes().splitlines(keepends=True)
        cut.mkdir()
        (cut / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + b'{"torn')
        resumed = search(folder=cut)
        assert course(resumed) == course(undisturbed)
        sites = [(e.kind, e.site) for e in read_entries(cut / "journal.jsonl")[0]]
        assert len(sites) == len(set(sites))


def test_replay_needs_no_instrument_and_names_a_difference(tmp_path: Path) -> None:
    class Silent(Words):
        def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
            raise AssertionError(f"a replay must not measure {value} at {context.tier}")

        def fingerprint(self) -> dict[str, Any]:
            raise AssertionError("a replay must not look at the instrument")

    first = search(folder=tmp_path / "run")
    again = search(Silent(), folder=tmp_path / "run", mode="replay")
    assert course(first) == course(again)

    class Changed(Silent):
        def scalar(self, scores: Any) -> float:
            return float(scores["wrong"]) + 1

    with pytest.raises(Divergence, match="differs"):
        search(Changed(), folder=tmp_path / "run", mode="replay")


def test_a_part_of_a_run_can_be_shown(tmp_path: Path) -> None:
    whole = search(folder=tmp_path / "run")
    path = tmp_path / "run" / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    part = search(folder=tmp_path / "run", mode="partial")
    assert part.stop_reason == "the journal ends here: the run was interrupted"
    shown = [t.to_json() for t in part.trials]
    assert shown == [t.to_json() for t in whole.trials][: len(shown)]
    assert 1 < len(shown) < len(whole.trials)
    assert path.read_bytes() == b"".join(lines[: len(lines) // 2])


def test_a_folder_of_another_run_or_instrument_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search(folder=tmp_path / "run")
    with pytest.raises(SettingsDiffer, match="seed: was 0, now 1"):
        search(folder=tmp_path / "run", seed=1)
    monkeypatch.setenv("WORDS_VERSION", "2")
    with pytest.raises(SettingsDiffer, match="another instrument"):
        search(folder=tmp_path / "run")


def test_a_start_that_cannot_be_used_is_an_error_before_anything_is_proposed(log: Path) -> None:
    with pytest.raises(tg.Invalid, match="no bases"):
        tg.optimize("HELLO", Words(), cache="off")
    with pytest.raises(tg.Invalid, match="never good enough"):
        search(Words(faulty="reject"))
    with pytest.raises(InstrumentError, match="caught fire"):
        search(Words(faulty="instrument"))
    assert len(measured(log)) == 3  # one rejected; one failed and tried again


def test_outcomes_are_shared_through_the_cache(log: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite3"
    first = search(cache=cache)
    paid = len(measured(log))
    second = search(cache=cache)
    assert len(measured(log)) == paid
    assert course(first) == course(second)
    assert (second.usage.evaluations, second.usage.evaluations_run) == (
        first.usage.evaluations,
        0,
    )


def test_bad_options_are_named() -> None:
    with pytest.raises(tg.UsageError, match="unknown argument step; known: engine"):
        search(step=3)
    with pytest.raises(tg.UsageError, match="steps=-1: give at least 0"):
        search(steps=-1)
    with pytest.raises(tg.UsageError, match="feedback='llm' needs an engine"):
        search(feedback="llm")
    domain = Words()
    domain.proposer = None  # type: ignore[assignment]
    with pytest.raises(tg.UsageError, match="has no search of its own"):
        search(domain)


def value_in(request: Any, word: str) -> str:
    """An answer in the form the request asks for."""
    asked = "".join(m.content for m in request.messages)
    nonce = asked.rsplit("<VALUE-", 1)[1].split(">", 1)[0]
    return f"Because it is better.\n<VALUE-{nonce}>\n{word}\n</VALUE-{nonce}>"


def test_a_model_proposes_reads_feedback_and_its_reasons_are_kept(tmp_path: Path) -> None:
    words = iter(["GAAAAAAAAAAAAA", "nonsense!", "GATAAAAAAAAAAA", HIDDEN, START, START])
    engine = ScriptedEngine(lambda request: value_in(request, next(words)))
    result = search(engine=engine, steps=2, proposals=2, folder=tmp_path / "run")
    assert [t.canonical for t in result.trials] == [
        START,
        "GAAAAAAAAAAAAA",
        "GATAAAAAAAAAAA",
        HIDDEN,
        START,
    ]
    assert result.trials[1].rationale == "Because it is better."
    assert result.trials[4].status == "rejected"
    assert len(engine.requests) == 5  # one repair
    repair = next(r for r in engine.requests if r.purpose == "repair")
    assert "no bases" in repair.messages[-1].content
    second = engine.requests[-1].messages[-1].content
    assert "best so far: " in second
    assert result.proposer == f"the language model {engine.name}"
    silent = ScriptedEngine([])
    assert silent.name == engine.name
    again = search(engine=silent, steps=2, proposals=2, folder=tmp_path / "run")
    assert course(again) == course(result)
    assert not silent.requests


def test_a_models_critique_reaches_the_proposal() -> None:
    def answer(request: Any) -> str:
        if request.purpose == "critique":
            return "Too many A."
        return value_in(request, "GAAAAAAAAAAAAA")

    for mode, exact in (("llm", False), ("both", True)):
        engine = ScriptedEngine(answer)
        search(engine=engine, feedback=mode, steps=1, proposals=1)
        asked = next(r for r in engine.requests if r.purpose == "proposal")
        assert "Too many A." in asked.messages[-1].content
        feedback = asked.messages[-1].content.split("Feedback on it:")[1].split("tried before")[0]
        assert ("lower is better" in feedback) is exact


def test_an_unusable_answer_costs_one_proposal_a_dead_engine_stops_the_run() -> None:
    refused = EngineError("no", kind="refused")
    result = search(engine=ScriptedEngine([refused, "nothing", "nothing"]), steps=1, proposals=2)
    assert [t.status for t in result.trials] == ["kept", "rejected", "rejected"]
    with pytest.raises(EngineError, match="auth"):
        search(engine=ScriptedEngine([EngineError("no key", kind="auth")] * 4), steps=1)


def test_model_calls_stay_within_the_budget() -> None:
    engine = ScriptedEngine(lambda request: value_in(request, "GAAAAAAAAAAAAA"))
    result = search(engine=engine, budget=tg.Budget(calls=4), steps=9, proposals=2)
    assert len(engine.requests) == 4
    assert "model calls is used up" in result.stop_reason


def test_refusals_are_part_of_the_course(tmp_path: Path) -> None:
    def moody() -> Any:
        answers = iter(["GAAAAAAAAAAAAA", None, "GATAAAAAAAAAAA", None])

        def answer(request: Any) -> str:
            if request.purpose == "critique":
                raise EngineError("no critique", kind="empty")
            word = next(answers, "C" * 14)
            if word is None:
                raise EngineError("I would rather not", kind="refused")
            return value_in(request, word)

        return ScriptedEngine(answer)

    how: dict[str, Any] = {"steps": 2, "proposals": 2, "feedback": "both"}
    first = search(engine=moody(), folder=tmp_path / "run", **how)
    assert [t.status for t in first.trials].count("rejected") == 2
    assert "rather not" in str(first.trials[2].to_json()["reason"])
    silent = ScriptedEngine([])
    for mode in ("live", "replay"):
        again = search(engine=silent, folder=tmp_path / "run", mode=mode, **how)
        assert course(again) == course(first)
    assert not silent.requests


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 8])
def test_a_budget_of_calls_ends_a_run_with_what_it_has(calls: int, tmp_path: Path) -> None:
    def answer(request: Any) -> str:
        return value_in(request, f"never legal {len(engine.requests)}")

    engine = ScriptedEngine(answer)
    how: dict[str, Any] = {"budget": tg.Budget(calls=calls), "steps": 9, "proposals": 4}
    result = search(engine=engine, folder=tmp_path / "run", **how)
    assert len(engine.requests) <= calls
    assert result.finals
    sent = len(engine.requests)
    assert course(search(engine=engine, folder=tmp_path / "run", **how)) == course(result)
    assert len(engine.requests) == sent


def test_a_budget_of_time_stops_a_run_at_the_same_place_when_it_is_run_again(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORDS_SLEEP_S", "0.05")
    how: dict[str, Any] = {"budget": tg.Budget(seconds=0.3), "steps": 500}
    first = search(folder=tmp_path / "run", **how)
    assert first.stop_reason == "the budget of 0.3 seconds is used up"
    paid = len(measured(log))
    for mode in ("live", "replay", "partial"):
        assert course(search(folder=tmp_path / "run", mode=mode, **how)) == course(first)
    assert len(measured(log)) == paid


@pytest.mark.parametrize("limit", [{"tokens": 3000}, {"tokens": 9000}, {"seconds": 0.4}])
def test_a_run_that_met_a_limit_takes_the_same_course_again(
    limit: dict[str, Any], tmp_path: Path
) -> None:
    words = [a + b + "A" * 12 for a in "ACGT" for b in "ACGT"]

    def answer(request: Any) -> str:
        time.sleep(0.02)
        return value_in(request, words[len(engine.requests) % len(words)])

    engine = ScriptedEngine(answer)
    how: dict[str, Any] = {"budget": tg.Budget(**limit), "steps": 40, "proposals": 3}
    first = search(engine=engine, folder=tmp_path / "run", **how)
    sent = len(engine.requests)
    for mode in ("live", "replay"):
        again = search(engine=engine, folder=tmp_path / "run", mode=mode, **how)
        assert course(again) == course(first)
        assert again.stop_reason == first.stop_reason
    assert len(engine.requests) == sent


def test_start_and_best_are_of_one_tier_and_a_judgement_chooses_nothing() -> None:
    class Judge(Words):
        report_may_choose = False

        def evaluate(self, value: str, context: tg.EvaluationContext) -> tg.Outcome:
            if context.tier == "report" and value == START:
                return tg.Unmeasured(cause="no power", retryable=False)
            return super().evaluate(value, context)

    judged = search(Judge(), proposer=Fixed(HIDDEN, "GGGGGGGGGGGGGG"), steps=1)
    assert len(judged.finals) == 2
    assert judged.start.tier == judged.best.tier == "screen"
    assert judged.best.canonical == HIDDEN


def test_a_proposer_that_makes_too_many_gets_no_more_than_it_was_asked_for() -> None:
    class Eager(Fixed):
        def propose(self, request: tg.ProposalRequest) -> Sequence[tg.Proposal]:
            return [tg.Proposal(answer=a) for a in self.answers[: 9 * request.count]]

    answers = ("C" * 14, "G" * 14, "T" * 14)
    result = search(
        proposer=Eager(*answers), steps=1, proposals=1, budget=tg.Budget(evaluations=6)
    )
    assert [t.canonical for t in result.trials] == [START, answers[0]]


def test_a_domain_that_trips_over_a_text_or_its_own_words_ends_no_run() -> None:
    class Clumsy(Words):
        def parse(self, answer: str) -> str:
            if answer == "CRASH":
                raise RecursionError("too deep")
            return super().parse(answer)

        def explain(self, value: str, outcome: tg.Outcome, previous: Any = None) -> str:
            if value == HIDDEN:
                raise KeyError("words")
            return super().explain(value, outcome, previous)

    result = search(Clumsy(), proposer=Fixed("CRASH", HIDDEN), steps=1)
    assert "too deep" in str(result.trials[1].to_json()["reason"])
    assert result.best.canonical == HIDDEN
    assert "wrong = 0" in result.trials[2].feedback


def test_proposals_of_one_round_are_asked_for_differently() -> None:
    engine = ScriptedEngine(lambda request: value_in(request, "GAAAAAAAAAAAAA"))
    search(engine=engine, steps=1, proposals=3)
    asked = [r.messages[-1].content for r in engine.requests]
    assert len(set(asked)) == 3


def test_a_value_without_marks_is_taken_if_the_domain_knows_it() -> None:
    engine = ScriptedEngine(["GAAAAAAAAAAAAA", "```\nGATAAAAAAAAAAA\n```"])
    result = search(engine=engine, steps=1, proposals=2)
    assert [t.canonical for t in result.trials[1:]] == ["GAAAAAAAAAAAAA", "GATAAAAAAAAAAA"]
    assert len(engine.requests) == 2


def test_what_was_refused_is_named_to_the_model_and_long_values_are_not_repeated() -> None:
    words = iter(["X" * 5000, "Y" * 5000, "GAAAAAAAAAAAAA"])
    engine = ScriptedEngine(lambda request: value_in(request, next(words)))
    result = search(engine=engine, steps=2, proposals=1)
    assert result.trials[1].canonical.startswith("YYYY")
    last = engine.requests[-1].messages[-1].content
    assert "rejected: YYYY" in last
    assert len(last) < 3000


def test_a_start_that_could_not_be_measured_is_measured_anew(log: Path, tmp_path: Path) -> None:
    with pytest.raises(InstrumentError):
        search(Words(faulty="instrument"), folder=tmp_path / "run")
    failed = len(measured(log))
    result = search(Words(), folder=tmp_path / "run")
    assert result.best.scalar is not None
    assert len(measured(log)) > failed


def test_paid_siblings_are_kept_when_one_fails(tmp_path: Path) -> None:
    class Broken(Words):
        def scalar(self, scores: Any) -> float:
            if scores["wrong"] == 0:
                raise ZeroDivisionError
            return super().scalar(scores)

    with pytest.raises(ZeroDivisionError):
        search(Broken(), proposer=Fixed(HIDDEN, "C" * 14), steps=1, folder=tmp_path / "run")
    kinds = [e.site for e in read_entries(tmp_path / "run" / "journal.jsonl")[0]]
    assert "step 1/evaluation 2" in kinds
    assert "step 1/trial 2" in kinds


def test_listeners_see_what_the_journal_holds(tmp_path: Path) -> None:
    seen: list[Entry] = []
    search(folder=tmp_path / "run", listeners=[seen.append])
    written, _ = read_entries(tmp_path / "run" / "journal.jsonl")
    assert [(e.kind, e.site, e.key) for e in seen] == [(e.kind, e.site, e.key) for e in written]
    json.dumps([dict(e.body) for e in seen])


def trial(scalar: float | None, index: int) -> tg.Trial:
    return tg.Trial(
        step=1,
        index=index,
        origin="x",
        canonical=str(index),
        outcome=tg.Rejected(reason="-"),
        scalar=scalar,
    )


@given(st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=30), st.integers(1, 6))
def test_the_beam_keeps_the_best(scores: list[int | None], width: int) -> None:
    beam = Beam(width)
    for index, score in enumerate(scores):
        before = [t.scalar for t in beam.parents if t.scalar is not None]
        accepted = beam.offer(trial(None if score is None else float(score), index))
        fits = score is not None and (len(before) < width or score <= max(before))
        assert accepted is fits
    kept = [t.scalar for t in beam.parents]
    assert kept == sorted(float(s) for s in scores if s is not None)[:width]
