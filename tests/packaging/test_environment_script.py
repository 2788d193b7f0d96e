"""tools/environment.sh, with an installer that only writes down what it was asked.

The real installation is what every other test runs in; here it is the bookkeeping around it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project import ROOT

pytestmark = pytest.mark.skipif(os.name == "nt", reason="platform: make and sh are not on Windows")

INSTALLER = """#!/bin/sh
case $1 in
venv)
    echo "$@" >>"{log}.venv"
    for last; do :; done
    exec "{python}" -m venv --without-pip "$last"
    ;;
pip) echo "$@" >>"{log}"; [ ! -e "{broken}" ] ;;
esac
"""
OLD_PYTHON = """#!/bin/sh
case $2 in *print*) echo 3.9 ;; *) exit 1 ;; esac
"""
SOME_PYTHON = """#!/bin/sh
case $2 in *13*) exit {docks} ;; *) exec "{python}" "$@" ;; esac
"""
NO_VENV = """#!/bin/sh
case $2 in *ensurepip*) exit 1 ;; *) exec "{python}" "$@" ;; esac
"""


class Clone:
    """A folder with what the script looks at."""

    def __init__(self, folder: Path) -> None:
        self.root, self.bin = folder / "a clone", folder / "bin"
        self.log, self.broken = folder / "calls", folder / "broken"
        self.venv = self.root / ".venv"
        (self.root / "tools").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(ROOT / "tools" / "environment.sh", self.root / "tools")
        for name in ("requirements.lock", "pyproject.toml"):
            (self.root / name).write_text("# first\n", "utf-8")
        self.program("uv", INSTALLER)

    def program(self, name: str, text: str) -> Path:
        file = self.bin / name
        filled = text.format(python=sys.executable, log=self.log, broken=self.broken)
        file.write_text(filled, "utf-8")
        file.chmod(0o755)
        return file

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "tools/environment.sh"],
            cwd=self.root,
            env={"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(self.root), **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def ready(self, **variables: str) -> str:
        """Run it, which must succeed; what it said."""
        done = self.run(**variables)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def installs(self) -> int:
        return len(self.log.read_text("utf-8").splitlines()) // 2 if self.log.exists() else 0


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_second_call_has_nothing_to_do(clone: Clone) -> None:
    assert "Creating" in clone.ready()
    for name in ("requirements.lock", "pyproject.toml"):
        (clone.root / name).touch()
    assert clone.ready() == ""
    assert clone.installs() == 1


def test_installs_by_hash_and_then_itself(clone: Clone) -> None:
    clone.ready()
    first, second = clone.log.read_text("utf-8").splitlines()
    assert "--require-hashes -r requirements.lock" in first
    assert "--no-deps --no-build-isolation -e ." in second


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_changed_content_is_installed(clone: Clone, name: str) -> None:
    clone.ready()
    (clone.root / name).write_text("# second\n", "utf-8")
    assert "Updating" in clone.ready()
    assert clone.ready() == ""
    assert clone.installs() == 2


def test_unfinished_environment_is_thrown_away(clone: Clone) -> None:
    clone.broken.touch()
    assert clone.run().returncode != 0
    (clone.venv / "left over").touch()
    clone.broken.unlink()
    assert "Creating" in clone.ready()
    assert not (clone.venv / "left over").exists()
    assert clone.ready() == ""


def test_unfinished_update_is_thrown_away(clone: Clone) -> None:
    clone.ready()
    (clone.root / "requirements.lock").write_text("# second\n", "utf-8")
    clone.broken.touch()
    assert clone.run().returncode != 0
    clone.broken.unlink()
    assert "Creating" in clone.ready()


def test_moved_environment_is_made_again(clone: Clone) -> None:
    clone.ready()
    clone.root = clone.root.rename(clone.root.with_name("moved"))
    assert "Creating" in clone.ready()


def test_environment_without_interpreter_is_made_again(clone: Clone) -> None:
    clone.ready()
    for link in (clone.venv / "bin").glob("python*"):
        link.unlink()
    assert "Creating" in clone.ready()


def test_environment_made_by_hand_is_kept(clone: Clone) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone.venv], check=True)
    (clone.venv / "mine").touch()
    clone.broken.touch()
    assert clone.run().returncode != 0
    clone.broken.unlink()
    assert "Installing" in clone.ready()
    (clone.root / "requirements.lock").write_text("# second\n", "utf-8")
    assert "Updating" in clone.ready()
    assert (clone.venv / "mine").exists()


def test_other_folder_is_refused_and_left_alone(clone: Clone) -> None:
    (clone.root / "papers").mkdir()
    (clone.root / "papers" / "thesis").touch()
    done = clone.run(VENV="papers")
    assert done.returncode != 0
    assert "papers exists and is no environment" in done.stderr
    assert [p.name for p in (clone.root / "papers").iterdir()] == ["thesis"]


def test_old_python_is_named(clone: Clone) -> None:
    done = clone.run(PYTHON=str(clone.program("old", OLD_PYTHON)))
    assert done.returncode != 0
    assert "is 3.9; Python 3.11 or newer is needed" in done.stderr


def test_python_with_wheels_for_docking_is_preferred(clone: Clone) -> None:
    clone.program("python3", SOME_PYTHON.replace("{docks}", "1"))
    clone.program("python3.12", SOME_PYTHON.replace("{docks}", "0"))
    clone.ready()
    asked = clone.log.with_name("calls.venv").read_text("utf-8")
    assert "--python python3.12 " in asked


def test_missing_python_is_named(clone: Clone) -> None:
    done = clone.run(PYTHON="no-such-python")
    assert done.returncode != 0
    assert "PYTHON=no-such-python was not found" in done.stderr


def test_missing_venv_module_is_explained(clone: Clone) -> None:
    (clone.bin / "uv").unlink()
    done = clone.run(PYTHON=str(clone.program("bare", NO_VENV)))
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr


def test_same_python_named_explicitly_changes_nothing(clone: Clone) -> None:
    clone.ready()
    assert clone.ready(PYTHON=sys.executable) == ""
