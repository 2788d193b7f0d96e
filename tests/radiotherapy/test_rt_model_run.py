"""The radiotherapy job with a model on a server of this machine: killed, resumed, never worse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from commands import under_way
from fault_server import FaultServer
from textgrad_core.journal_lines import read_entries

LONGEST_S = 300.0
CASE = ("--case", "tg119-prostate", "--grid-mm", "10", "--bixel-mm", "10")
LOOP = ("--steps", "4", "--proposals", "1", "--finalists", "1", "--no-cache", "--out", "run")
START = (
    "PTV under", "PTV over", "Rectum over 56", "Rectum over 60", "Rectum mean", "Bladder over 56",
    "Bladder over 60", "Bladder mean", "Body over 37.8",
)  # fmt: skip


def weights(**changes: float) -> str:
    """All weights 1 but for some."""
    given = {name.replace("_", " "): weight for name, weight in changes.items()}
    return json.dumps(dict.fromkeys(START, 1.0) | given)


class Model:
    """Answers by a list; the request at which it is killed is held until that has happened."""

    def __init__(self, *said: str, hold_at: int) -> None:
        """Nothing asked yet."""
        self.prompts: list[str] = []
        self.held, self.go_on = threading.Event(), threading.Event()
        self._said, self._hold_at = list(said), hold_at

    def __call__(self, body: dict[str, Any]) -> str:
        """The next answer between the marks the prompt asks for."""
        prompt = "".join(message["content"] for message in body["messages"])
        self.prompts.append(prompt)
        if len(self.prompts) == self._hold_at:
            self.held.set()
            self.go_on.wait(LONGEST_S)
            return "too late: who asked is gone"
        nonce = prompt.rsplit("<VALUE-", 1)[1].split(">", 1)[0]
        return f"I weigh this anew.\n<VALUE-{nonce}>{self._said.pop(0)}</VALUE-{nonce}>"


def run(folder: Path, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """The command line in a process of its own, with caches of its own."""
    command = [sys.executable, "-m", "textgrad_core", *arguments]
    own = {"TEXTGRAD_CACHE": str(folder / "cache"), "OPENAI_API_KEY": "sk-of-this-test-0123456789"}
    return under_way(command, folder, {**os.environ, **own})


def finished(folder: Path, *arguments: str) -> Any:
    with run(folder, *arguments, "--json") as process:
        out, err = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def solved(folder: Path) -> list[str]:
    """Places in the journal at which a plan was optimised."""
    return [e.site for e in read_entries(folder / "journal.jsonl")[0] if e.kind == "evaluation"]


def test_a_killed_run_goes_on_and_keeps_the_best_plan(tmp_path: Path) -> None:
    start, bad = weights(Rectum_mean=5000.0), weights(Rectum_mean=500.0)
    better, best = weights(PTV_over=2.0), weights(PTV_over=20.0)
    malformed = better.replace("2.0", "NaN")
    # better, malformed, malformed again when asked to mend it, bad; killed; then the last one
    model = Model(better, malformed, malformed, bad, best, hold_at=5)
    matrices = ("--cache", str(tmp_path / "matrices"))
    with FaultServer(answer=model) as server:
        engine = ("--engine", "openai:some-model", "--base-url", server.url("ok"))
        job = ("run", "radiotherapy", *CASE, *matrices, "--start", start, *LOOP, *engine)
        with run(tmp_path, *job) as process:
            assert model.held.wait(LONGEST_S), "the fifth question was never asked"
            process.kill()
            process.wait(LONGEST_S)
        model.go_on.set()
        before = (tmp_path / "run" / "journal.jsonl").read_bytes()
        kept = solved(tmp_path / "run")
        assert kept == ["step 0/start", "step 1/evaluation 1", "step 3/evaluation 1"]
        found = finished(tmp_path, "resume", "run")
        asked = len(model.prompts)
        assert (tmp_path / "run" / "journal.jsonl").read_bytes().startswith(before)
        again = finished(tmp_path, *job)
        assert len(model.prompts) == asked == 6  # five before, the fifth once more
    sites = solved(tmp_path / "run")
    assert sites[: len(kept)] == kept
    assert len(sites) == len(set(sites))  # nothing was solved twice
    assert found["evaluations_run"] == len(sites) - len(kept)
    assert again["best"] == found["best"]
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    trials = {trial["step"]: trial for trial in result["trials"]}
    assert trials[1]["scalar"] < trials[3]["scalar"]
    assert trials[4]["scalar"] < trials[1]["scalar"] < trials[0]["scalar"]
    assert trials[2]["status"] == "rejected"
    assert "nan" in json.dumps(trials[2])
    assert found["best"]["score"] < found["start"]["score"]
    written = json.loads((tmp_path / "run" / "weights.json").read_text())
    assert written == json.loads(found["best"]["value"])
    assert written == json.loads(best)
    assert (tmp_path / "run" / "report.html").exists()
    first, _, mend, third = model.prompts[:4]
    assert "FAIL P2 PTV D5% <= 83 Gy" in first
    assert "per doubling: w[" in first
    assert "NaN" in mend or "nan" in mend
    assert '"PTV over": 2.0' in third  # the weights before are kept
    after_bad = model.prompts[-1]
    assert "worse, the weights before are kept" in after_bad
    assert "predicted" in after_bad
    assert "measured" in after_bad
