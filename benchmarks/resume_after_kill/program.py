"""The program that is killed: eight steps of a batch of six, 200 model calls in all.

``python program.py RUN_FOLDER CALLS SECONDS`` adds one line to the file CALLS at the start of
every live call, before anything is waited for, and waits SECONDS for each answer.
"""

from __future__ import annotations

import asyncio
import os
import sys
from hashlib import sha256
from pathlib import Path

import textgrad_core as tg
from textgrad_core.engine import Reply, Request
from textgrad_core.jsondata import digest

STEPS, BATCH = 8, 6
CALLS = STEPS * (4 * BATCH + 1)  # answer, judge and two feedbacks each, and one new prompt
WIDTH = 6  # calls under way at once, at most


class CountingEngine:
    """Answers after a while with words that depend on the whole question.

    Args:
        calls: The file that gets the digest of every request.
        wait_s: Seconds to an answer.
    """

    name = "counting"
    max_concurrency = WIDTH

    def __init__(self, calls: Path, wait_s: float) -> None:
        self._calls, self._wait_s = calls, wait_s

    async def ask(self, request: Request) -> Reply:
        """Count, wait, answer."""
        key = digest(request.to_json())
        line = f"{key}\n".encode()
        file = os.open(self._calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(file, line)
        os.close(file)
        await asyncio.sleep(self._wait_s)
        words = f"words {sha256(key.encode()).hexdigest()[:16]}"
        if request.purpose == "proposal":
            words = f"<IMPROVED_VARIABLE>{words}</IMPROVED_VARIABLE>"
        return Reply(text=words, model=self.name)


def main(folder: Path, calls: Path, wait_s: float) -> None:
    """Optimise a system prompt, as any program of the low door does."""
    engine = CountingEngine(calls, wait_s)
    with tg.Run(folder):
        system = tg.Variable("Be brief.", role_description="the system prompt")
        call = tg.LLMCall(engine, system)
        judge = tg.TextLoss("Is it right?", engine)
        optimizer = tg.TGD([system], engine=engine)
        for step in range(STEPS):
            optimizer.zero_grad()
            losses = []
            for n in range(BATCH):
                question = tg.Variable(
                    f"question {n} of step {step}",
                    role_description="a question",
                    requires_grad=False,
                )
                losses.append(judge(call(question)))
            tg.sum(losses).backward(engine)
            optimizer.step()
        print(system.value, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
