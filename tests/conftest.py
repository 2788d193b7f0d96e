"""Rules every test lives under: nothing skipped silently, no network, nobody's home touched.

With ``TEXTGRAD_CI=1`` a skip is a failure, because a skipped test proves nothing, unless its
reason starts with ``platform:`` and so says that this machine can never run it.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ALLOWED_SKIP = "platform:"
IN_CI = os.environ.get("TEXTGRAD_CI") == "1"
FOREIGN_SETTINGS = ("OPENAI_", "AZURE_OPENAI_", "TEXTGRAD_", "XDG_")
KEPT_SETTINGS = ("TEXTGRAD_TEST_DATA",)  # a folder with published data sets, for tests alone
PROXIES = ("http_proxy", "https_proxy", "all_proxy")
HOME = pytest.StashKey[str]()

# Timing on a loaded machine says nothing about the code, so no example has a deadline.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.load_profile("ci" if IN_CI else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Give the session a home of its own and take away the user's keys and proxies."""
    for name in list(os.environ):
        foreign = name.startswith(FOREIGN_SETTINGS) and name not in KEPT_SETTINGS
        if foreign or name.lower() in PROXIES:
            del os.environ[name]
    if IN_CI:
        os.environ["TEXTGRAD_CI"] = "1"
    home = tempfile.mkdtemp(prefix="textgrad-tests-")
    config.stash[HOME] = home
    os.environ["HOME"] = os.environ["USERPROFILE"] = home
    for name, folder in {
        "XDG_CACHE_HOME": ".cache",
        "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
        "TEXTGRAD_CACHE": ".cache/textgrad",
    }.items():
        os.environ[name] = str(Path(home, folder))
    sys.addaudithook(refuse_network)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that home."""
    shutil.rmtree(config.stash[HOME], ignore_errors=True)


class NetworkBlocked(RuntimeError):
    """A test tried to leave this machine. No OSError, so that no retry takes it for an outage."""


def refuse_network(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: sees every connection, whichever library opens it."""
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # else a unix socket
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if not is_local(host):
        raise NetworkBlocked(f"{event} to {host!r}: tests may talk to this machine only")


def is_local(host: object) -> bool:
    """Whether a host, as passed to the socket module, is this machine."""
    if host is None:
        return True
    name = host.decode() if isinstance(host, bytes) else str(host)
    if name in ("", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def forbidden_skip(longrepr: object) -> str | None:
    """The reason of a skip that CI does not accept."""
    reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    reason = str(reason).removeprefix("Skipped: ")
    return None if reason.startswith(ALLOWED_SKIP) else reason


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, if this run must not skip."""
    if not IN_CI or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = forbidden_skip(report.longrepr)
    if reason is not None:
        report.outcome = "failed"
        report.longrepr = (
            f"skipped in CI: {reason}\n"
            f"Install what is missing, or start the reason with {ALLOWED_SKIP!r} and say why "
            "this machine can never run it."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Apply the rule to tests."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Apply the rule to modules, which ``pytest.importorskip`` skips whole."""
    report = yield
    refuse_skip(report)
    return report
