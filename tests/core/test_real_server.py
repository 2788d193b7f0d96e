"""The whole loop against llama.cpp's own HTTP server, with a model made of random numbers.

A critic whose answers a JSON schema holds in form, a proposer whose answers a grammar holds in
form, and an instrument that measures for real, 100 times over. These tests prove protocol,
retries, resume and bookkeeping. They prove nothing about quality: the model writes noise.
"""

from __future__ import annotations

import json
import platform
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

import textgrad_core as tg
from textgrad_core import runtime
from textgrad_core.domain import Domain, EvaluationContext, Objective
from textgrad_core.engine import Engine, Reply, Request
from textgrad_core.engine.openai import OpenAIEngine
from textgrad_core.errors import BackwardError, Invalid
from textgrad_core.journal_lines import Entry, read_entries
from textgrad_core.jsondata import JSON, seed_from
from textgrad_core.outcome import Evaluated, Outcome
from toy_domain import ToyDomain

if platform.machine() not in ("x86_64", "AMD64", "aarch64", "arm64"):
    pytest.skip("platform: xllamacpp has no wheel for this one", allow_module_level=True)
pytest.importorskip("xllamacpp", reason="needs the test extra")
pytest.importorskip("gguf", reason="needs the test extra")

from llama_server import ALIAS, LlamaServer
from tiny_gguf import write_model

STEPS = 100
OUTAGE_S = 0.3
COMMON: Mapping[str, JSON] = {"temperature": 1.0, "max_tokens": 300, "cache_prompt": False}
CRITICISM: Mapping[str, JSON] = {
    "type": "object",
    "properties": {
        "problem": {"type": "string", "minLength": 1, "maxLength": 40},
        "severity": {"type": "integer", "minimum": 1, "maximum": 5},
        "change": {"enum": ["grow", "shrink", "swap"]},
    },
    "required": ["problem", "severity", "change"],
    "additionalProperties": False,
}
SCHEMA: JSON = {
    "type": "json_schema",
    "json_schema": {"name": "criticism", "strict": True, "schema": dict(CRITICISM)},
}
WORDS = r'root ::= "<VALUE>\n" [ACGT]{4,12} "\n</VALUE>"'
SMILES = r"""
root ::= "<VALUE>\n" piece{1,5} end "\n</VALUE>"
piece ::= "C" | "CO" | "C(=O)N" | "c1ccc(cc1)" | "C1CCN(CC1)" | "S(=O)(=O)N" | "C(F)"
end ::= "C" | "O" | "N" | "F"
"""


class Druglikeness(Domain[str]):
    """Molecules measured by RDKit's QED."""

    name = "qed"
    role = "a drug-like molecule as a SMILES string"
    objectives = (Objective(name="QED", direction="max", decimals=3),)
    critique = "You criticise molecules."

    def parse(self, answer: str) -> str:
        from rdkit import Chem

        molecule = Chem.MolFromSmiles(answer)
        if molecule is None or not molecule.GetNumAtoms():
            raise Invalid("no molecule", "write SMILES")
        return str(Chem.MolToSmiles(molecule))

    def evaluate(self, value: str, context: EvaluationContext) -> Outcome:  # noqa: ARG002 - the seam
        from rdkit import Chem
        from rdkit.Chem import QED

        measure: Callable[[Chem.Mol], float] = QED.qed
        return Evaluated(scores={"QED": float(measure(Chem.MolFromSmiles(value)))})


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is optimised, from where, and the form of the answers."""

    domain: Domain[str]
    start: str
    grammar: str


class ByPurpose:
    """One engine out of two: every request goes to the one for its purpose.

    The seed follows from the whole request, because this model hardly looks at what it reads.
    """

    name = "critic and proposer"
    max_concurrency = 4

    def __init__(self, url: str, grammar: str, retries: int = 5) -> None:
        def engine(**form: JSON) -> OpenAIEngine:
            return OpenAIEngine(ALIAS, url, max_retries=retries, params={**COMMON, **form})

        proposer = engine(grammar=grammar)
        self._engines = {
            "critique": engine(response_format=SCHEMA),
            "proposal": proposer,
            "repair": proposer,
        }

    async def ask(self, request: Request) -> Reply:
        """Pass it on with a seed."""
        seeded = replace(request, params={"seed": seed_from(request.to_json()) % 2**31})
        return await self._engines[request.purpose].ask(seeded)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for engine in self._engines.values():
            runtime.run(engine.aclose())


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a run of the low door came to."""

    values: list[str]
    losses: list[float | None]
    failures: list[str]
    run: tg.Run


def low_door(
    case: Case, engine: Engine, folder: Path, before: Callable[[int], None] = lambda _: None
) -> Course:
    """TextGrad's loop: measure, criticise, rewrite, 100 times."""
    with tg.Run(folder, settings={"start": case.start}) as run:
        course = Course(values=[], losses=[], failures=[], run=run)
        variable = tg.Variable(case.start, role_description=case.domain.role, domain=case.domain)
        loss_of = tg.EvaluatorLoss(case.domain, feedback="both", engine=engine)
        for step in range(STEPS):
            before(step)
            optimizer = tg.TGD([variable], engine=engine, params={"seed": step})
            optimizer.zero_grad()
            loss = loss_of(variable)
            loss.backward()
            report = optimizer.step()
            course.values.append(variable.value)
            course.losses.append(loss.item())
            course.failures.extend(report.failures)
        return course


def outage(server: LlamaServer) -> threading.Thread:
    """Stop answering now; a moment later die with what is under way, and come back."""

    def die_and_return() -> None:
        server.kill()
        server.start()

    server.freeze()
    thread = threading.Timer(OUTAGE_S, die_and_return)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture
def server(model: Path) -> Iterator[LlamaServer]:
    with LlamaServer(model) as running:
        yield running


@pytest.fixture(scope="module")
def words() -> Case:
    return Case(domain=ToyDomain(target=None), start="TTGT", grammar=WORDS)


@pytest.fixture(scope="module")
def case(words: Case) -> Case:
    """Molecules measured by QED; words measured by their distance where RDKit is absent."""
    if find_spec("rdkit") is None:
        return words
    return Case(domain=Druglikeness(), start="CCCCCCCC", grammar=SMILES)


@pytest.fixture(scope="module")
def undisturbed(
    case: Case, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Course, Path]:
    """The course and the journal of a run during which nothing happened."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with LlamaServer(model) as server, ByPurpose(server.url, case.grammar) as engine:
        course = low_door(case, engine, folder)
        assert course.run.ledger.total.prompt_tokens == server.counted("prompt_tokens_total")
        assert course.run.ledger.total.completion_tokens == server.counted(
            "tokens_predicted_total"
        )
    return course, folder / "journal.jsonl"


def replies(journal: Path, purpose: str) -> list[str]:
    """What the model answered to requests of one purpose."""
    found: list[str] = []
    for entry in read_entries(journal)[0]:
        body: Any = entry.body
        if entry.kind == "model" and body["request"]["purpose"] == purpose:
            found.append(body["result"]["text"])
    return found


def recorded(journal: Path) -> tuple[set[str], int]:
    """Everything a journal holds but how many requests the replies took, and their number.

    Several calls may be under way at once, so the order of the lines is not part of it.
    """
    held: set[str] = set()
    requests = 0
    for entry in read_entries(journal)[0]:
        body: Any = entry.body
        if entry.kind == "model":
            requests += body["result"].pop("attempts")
        held.add(f"{entry.kind} {entry.site} {entry.key} {json.dumps(body)}")
    return held, requests


def test_the_model_is_the_same_file_every_time(model: Path, tmp_path: Path) -> None:
    again = write_model(tmp_path / "again.gguf")
    assert again.read_bytes() == model.read_bytes()
    assert write_model(tmp_path / "other.gguf", seed=1).read_bytes() != model.read_bytes()


def test_every_answer_has_the_form_that_was_asked_for(
    case: Case, undisturbed: tuple[Course, Path]
) -> None:
    course, journal = undisturbed
    criticism = [json.loads(text) for text in replies(journal, "critique")]
    assert len(criticism) == len(course.values) == STEPS
    for said in criticism:
        assert said.keys() == {"problem", "severity", "change"}
        assert said["severity"] in range(1, 6)
        assert said["change"] in ("grow", "shrink", "swap")
    proposals = replies(journal, "proposal")
    assert len(proposals) == STEPS
    proposed = set()
    for text in [*proposals, *replies(journal, "repair")]:
        assert text.startswith("<VALUE>\n")
        assert text.endswith("\n</VALUE>")
        proposed.add(case.domain.canonical(case.domain.parse(text.split("\n")[1])))
    assert {*course.values} <= {case.start, *proposed}
    assert len({*course.values}) > STEPS // 4


def test_a_server_that_dies_and_returns_changes_nothing(
    case: Case,
    undisturbed: tuple[Course, Path],
    server: LlamaServer,
    tmp_path: Path,
) -> None:
    threads: list[threading.Thread] = []

    def before(step: int) -> None:
        if step == STEPS // 2:
            threads.append(outage(server))

    with ByPurpose(server.url, case.grammar) as engine:
        course = low_door(case, engine, tmp_path, before)
    threads[0].join()
    quiet, journal = undisturbed
    assert replace(course, run=quiet.run) == quiet
    held, attempts = recorded(tmp_path / "journal.jsonl")
    assert held == recorded(journal)[0]
    assert attempts > course.run.model_calls_made == quiet.run.model_calls_made


def test_a_run_that_died_with_its_server_goes_on_where_it_stopped(
    case: Case, undisturbed: tuple[Course, Path], server: LlamaServer, tmp_path: Path
) -> None:
    def before(step: int) -> None:
        if step == STEPS // 2:
            server.kill()

    with (
        ByPurpose(server.url, case.grammar, retries=0) as engine,
        pytest.raises(BackwardError, match="no connection"),
    ):
        low_door(case, engine, tmp_path, before)
    quiet, journal = undisturbed
    half, _ = recorded(tmp_path / "journal.jsonl")
    lost = {line for line in half if line.startswith("failure ")}  # calls without an answer
    assert lost
    assert half - lost < recorded(journal)[0]
    server.start()
    with ByPurpose(server.url, case.grammar) as engine:
        course = low_door(case, engine, tmp_path)
    assert replace(course, run=quiet.run) == quiet
    assert recorded(tmp_path / "journal.jsonl")[0] - lost == recorded(journal)[0]
    assert course.run.ledger.total.failed_attempts == len(lost)
    done = sum(line.startswith("model ") for line in half)
    assert course.run.model_calls_made == quiet.run.model_calls_made - done
    assert server.counted("prompt_tokens_total") < (quiet.run.ledger.total.prompt_tokens or 0)


def test_a_search_whose_server_dies_finds_the_same(
    words: Case, model: Path, tmp_path: Path
) -> None:
    def search(
        name: str, disturb: Callable[[LlamaServer], None]
    ) -> tuple[tg.Result, tuple[set[str], int]]:
        seen = 0

        def listen(entry: Entry) -> None:
            nonlocal seen
            seen += entry.kind == "model"
            if entry.kind == "model" and seen == 20:
                disturb(server)

        with LlamaServer(model) as server, ByPurpose(server.url, words.grammar) as engine:
            result = tg.optimize(
                words.start,
                words.domain,
                engine=engine,
                feedback="both",
                steps=10,
                proposals=3,
                cache="off",
                references=(),
                listeners=[listen],
                folder=tmp_path / name,
            )
            for thread in threads:
                thread.join()
        return result, recorded(tmp_path / name / "journal.jsonl")

    threads: list[threading.Thread] = []
    quiet, (held, calls) = search("quiet", lambda _: None)
    disturbed, (again, requests) = search("disturbed", lambda s: threads.append(outage(s)))
    assert again == held
    assert requests > calls
    assert disturbed.trials == quiet.trials
    assert disturbed.best == quiet.best
