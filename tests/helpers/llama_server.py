"""llama.cpp's own HTTP server, out of the xllamacpp wheel, in a process that can be killed.

    with LlamaServer(model) as server:
        engine = OpenAIEngine("tiny", base_url=server.url)
        server.kill()       # as by kill -9
        server.start()      # on the same port

Run as a script, this file is that process: it serves on the loopback interface only, says where
on its first line, and ends when its standard input does, so it never outlives the tests.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

READY = "READY "
ALIAS = "tiny"


class LlamaServer:
    """A server that is there while the context is open, unless it is killed.

    Args:
        model: The GGUF file.
        context: Tokens one request may take, answer included.
    """

    def __init__(self, model: Path, context: int = 16_384) -> None:
        self._model, self._context = model, context
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The base address for a client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Serve: the first time on a free port, afterwards on the same one."""
        command = [sys.executable, __file__, str(self._model), str(self.port), str(self._context)]
        with tempfile.TemporaryFile() as log:  # a pipe that nobody reads would stop the server
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith(READY):
                process.communicate()
                log.seek(0)
                told = log.read().decode("utf-8", "replace")
                raise RuntimeError(f"the server did not start: {line}{told[-2000:]}")
        self._process = process
        self.port = int(line.rpartition(":")[2])

    def freeze(self) -> None:
        """Stop answering without closing a connection, where the system can do that."""
        if self._process is not None and hasattr(signal, "SIGSTOP"):
            self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def counted(self, name: str) -> int:
        """A counter of the server's own, such as ``prompt_tokens_total``."""
        address = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(address, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        (value,) = (line.split()[1] for line in lines if line.startswith(f"llamacpp:{name} "))
        return int(float(value))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def serve(model: str, port: int, context: int) -> None:
    """Serve until standard input ends."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.model_alias = {ALIAS}
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.ui = False
    params.endpoint_metrics = True
    server = xllamacpp.Server(params)
    print(f"{READY}{server.listening_address}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("port", type=int)
    parser.add_argument("context", type=int)
    given = parser.parse_args()
    serve(given.model, given.port, given.context)
