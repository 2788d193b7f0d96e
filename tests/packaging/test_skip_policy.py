"""The rules of tests/conftest.py, tried on small suites of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SKIPPED_TEST = "import pytest\n\ndef test_it():\n    pytest.skip({reason!r})\n"
MARKED_TEST = "import pytest\n\n@pytest.mark.skip(reason={reason!r})\ndef test_it():\n    pass\n"
SKIPPED_MODULE = (
    "import pytest\npytest.importorskip('no_such_module_here', reason={reason!r})\n\n"
    "def test_it():\n    pass\n"
)
XFAILED_TEST = "import pytest\n\n@pytest.mark.xfail\ndef test_it():\n    assert not {reason!r}\n"


def run_suite(
    folder: Path, sources: Sequence[str], *options: str, ci: bool
) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "tests" / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
    for number, source in enumerate(sources):
        (folder / f"test_small_{number}.py").write_text(source, "utf-8")
    environment = {**os.environ, "TEXTGRAD_CI": "1" if ci else ""}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two workers"])
def test_ci_refuses_a_skip(tmp_path: Path, options: tuple[str, ...]) -> None:
    sources = [
        SKIPPED_TEST.format(reason="in a test"),
        MARKED_TEST.format(reason="by a mark"),
        SKIPPED_MODULE.format(reason="of a module"),
    ]
    done = run_suite(tmp_path, sources, "--continue-on-collection-errors", *options, ci=True)
    assert done.returncode != 0
    for reason in ("in a test", "by a mark", "of a module"):
        assert f"skipped in CI: {reason}" in done.stdout
    assert "1 failed, 2 errors" in done.stdout


def test_ci_accepts_a_platform_skip(tmp_path: Path) -> None:
    sources = [t.format(reason="platform: no fork here") for t in (SKIPPED_TEST, MARKED_TEST)]
    done = run_suite(tmp_path, sources, ci=True)
    assert done.returncode == 0, done.stdout
    assert "2 skipped" in done.stdout


def test_ci_leaves_expected_failures_alone(tmp_path: Path) -> None:
    done = run_suite(tmp_path, [XFAILED_TEST.format(reason="known")], ci=True)
    assert done.returncode == 0, done.stdout
    assert "1 xfailed" in done.stdout


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    done = run_suite(tmp_path, [SKIPPED_TEST.format(reason="needs rdkit")], ci=False)
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout


def test_network_is_refused_before_a_name_is_looked_up() -> None:
    with pytest.raises(RuntimeError, match="this machine only"):
        socket.create_connection(("example.org", 80), timeout=1)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        pytest.raises(RuntimeError, match="this machine only"),
    ):
        stream.connect(("192.0.2.1", 80))


def test_loopback_works() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()[:2], timeout=5) as client,
    ):
        client.sendall(b"hello")
        accepted, _ = server.accept()
        with accepted:
            assert accepted.recv(5) == b"hello"


def test_home_and_cache_are_the_sessions_own() -> None:
    home = Path.home()
    assert home.name.startswith("textgrad-tests-")
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TEXTGRAD_CACHE"):
        assert home in Path(os.environ[name]).parents
