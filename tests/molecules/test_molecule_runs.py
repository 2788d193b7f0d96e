"""The molecules job as a user types it: real docking, killed, resumed, replayed, with a model."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from commands import under_way
from docking_processes import SERVER, alive, children, needs_bindings, needs_linux
from fault_server import FaultServer
from textgrad_core.journal_lines import read_entries
from textgrad_core.testing import check_domain
from textgrad_molecules import make

Chem = pytest.importorskip("rdkit.Chem", reason="needs the molecules extra")

pytestmark = [needs_bindings, needs_linux]
QUICK = ("--screen-exhaustiveness", "1", "--exhaustiveness", "1", "--finalists", "1")
SMALL = (*QUICK, "--steps", "2", "--proposals", "2", "--no-cache")


def start(folder: Path, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "textgrad_core", "run", "molecules", *arguments]
    return under_way(command, folder, {**os.environ, "TEXTGRAD_CACHE": str(folder / "cache")})


def run(folder: Path, *arguments: str) -> Any:
    with start(folder, *arguments, "--json") as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def dockings(folder: Path) -> list[str]:
    path = folder / "journal.jsonl"
    entries = read_entries(path)[0] if path.exists() else []
    return [e.site for e in entries if e.kind == "evaluation"]


def test_the_domain_keeps_the_contract() -> None:
    check_domain(
        make(target="CA2", screen_exhaustiveness=1),
        legal=("c1ccccc1", "OC(=O)c1ccccc1", "[O-]C(=O)C"),
        illegal=("", "CCO ethanol", "C$C", "CCN.Cl", "c1ccccc", "C[Zn]C", "[2H]C", "C" * 61),
    )


def test_a_killed_run_repeats_no_docking_and_leaves_no_process(tmp_path: Path) -> None:
    undisturbed = run(tmp_path, *SMALL, "--out", "whole")
    with start(tmp_path, *SMALL, "--out", "cut") as process:
        end = time.monotonic() + 120
        while len(dockings(tmp_path / "cut")) < 3:
            assert time.monotonic() < end
            assert process.poll() is None
            time.sleep(0.05)
        servers = children(process.pid, SERVER)
        process.kill()
    assert servers
    kept = dockings(tmp_path / "cut")
    resumed = run(tmp_path, *SMALL, "--out", "cut")
    sites = dockings(tmp_path / "cut")
    assert len(sites) == len(set(sites)) == len(dockings(tmp_path / "whole"))
    assert sites[: len(kept)] == kept
    assert resumed["evaluations_run"] == len(sites) - len(kept)
    assert resumed["best"] == undisturbed["best"]
    for name in ("result.csv", "poses.sdf"):
        cut, whole = (tmp_path / folder / name for folder in ("cut", "whole"))
        assert cut.read_text() == whole.read_text()
    end = time.monotonic() + 60
    while any(alive(server) for server in servers):
        assert time.monotonic() < end, "a docking server outlived its run"
        time.sleep(0.1)


def test_files_a_chemist_opens(tmp_path: Path) -> None:
    found = run(tmp_path, *SMALL, "--out", "run")
    folder = tmp_path / "run"
    best = found["best"]
    poses = {m.GetProp("_Name"): m for m in Chem.SDMolSupplier(str(folder / "poses.sdf"))}
    assert {"start", "fenofibric acid", "gemfibrozil"} <= set(poses)
    for pose in poses.values():
        assert Chem.MolToSmiles(pose) == Chem.CanonSmiles(pose.GetProp("protonated_SMILES"))
        assert pose.GetConformer().Is3D()
    assert float(poses["start"].GetProp("vina_kcal_mol")) == pytest.approx(-4.18, abs=0.1)
    with (folder / "result.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"value", "vina_kcal_mol", "qed", "s"} <= set(rows[0])
    scored = [r for r in rows if r["vina_kcal_mol"]]
    for row in scored:
        s = float(row["vina_kcal_mol"]) + 1 - float(row["qed"])
        assert float(row["s"]) == pytest.approx(s, abs=1e-9)
    page = (folder / "report.html").read_text()
    assert "data:image/svg+xml" in page
    assert "no language model was used" in page
    assert best["value"].replace("&", "&amp;") in page
    assert best["score"] <= found["start"]["score"]


def test_ctrl_c_while_docking_ends_at_once(tmp_path: Path) -> None:
    hard = ("--start", "CCCCCCCCCCCC", "--screen-exhaustiveness", "200", "--no-cache")
    with start(tmp_path, *hard, "--out", "run") as process:
        end = time.monotonic() + 60
        while not (tmp_path / "run" / "journal.jsonl").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "textgrad resume run" in err
    assert "Traceback" not in err


def test_rdkit_in_many_threads_leaves_ctrl_c_alone() -> None:
    code = """
import os, signal, threading, time
import textgrad_core as tg
from textgrad_molecules import make
domain = make()
start = "CC(C)(Oc1ccc(C(=O)c2ccc(Cl)cc2)cc1)C(=O)O"
parent = tg.Trial(
    step=0, index=0, origin="start", canonical=domain.parse(start), scalar=0.0,
    outcome=tg.Evaluated(scores={"vina": -1.0, "qed": 0.5}),
)
def work():
    domain.proposer.propose(tg.ProposalRequest(
        parents=(parent,), history=(parent,), count=1, seed=1, avoid=frozenset()))
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
    print("deaf")
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "heard\n"


def test_a_model_writes_feedback_and_proposals(tmp_path: Path) -> None:
    answers = iter(["Oc1ccccc1", "not a molecule", "Nc1ccccc1"])

    def answer(body: dict[str, Any]) -> str:
        asked = "".join(m["content"] for m in body["messages"])
        if "<VALUE-" not in asked:
            return "Add a polar head group."
        nonce = asked.rsplit("<VALUE-", 1)[1].split(">", 1)[0]
        return f"A head group.\n<VALUE-{nonce}>{next(answers)}</VALUE-{nonce}>"

    with FaultServer(answer=answer) as server:
        model = ("--engine", "openai:some-model", "--base-url", server.url("ok"))
        options = (*model, "--feedback", "both", *QUICK, "--steps", "1", "--proposals", "2")
        found = run(tmp_path, *options, "--out", "run")
        calls = len(server.received)
        again = run(tmp_path, *options, "--out", "run")
        assert len(server.received) == calls
    assert calls == 4  # a critique, two proposals, one repair
    assert again["best"] == found["best"]
    assert found["best"]["value"] in ("Oc1ccccc1", "Nc1ccccc1", "c1ccccc1")
    talk = json.dumps([r.body for r in server.received])
    assert "Add a polar head group." in talk
    assert "QED" in talk
    assert "some-model" in found["proposer"]
