"""What each version of Landlock is asked to take away."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from textgrad_code.jail import landlock

# version: number of file rights, network rights, scopes, bytes of the description, flags;
# from the kernel's Documentation/userspace-api/landlock.rst
VERSIONS = {
    1: (13, 0, 0, 8, 0),
    2: (14, 0, 0, 8, 0),
    3: (15, 0, 0, 8, 0),
    4: (15, 2, 0, 16, 0),
    5: (16, 2, 0, 16, 0),
    6: (16, 2, 2, 24, 0),
    7: (16, 2, 2, 24, 1),
    8: (16, 2, 2, 24, 1),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_takes_away_all_it_knows(version: int) -> None:
    files, network, scopes, size, flags = VERSIONS[version]
    rights = landlock.rights_of(version)
    assert rights.files == 2**files - 1
    assert (rights.network, rights.scopes) == (2**network - 1, 2**scopes - 1)
    assert (rights.size, rights.restrict_flags) == (size, flags)


def test_links_that_lead_nowhere_do_no_harm(tmp_path: Path) -> None:
    if sys.platform != "linux" or landlock.version() == 0:
        pytest.skip("platform: no Landlock here")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "module.py").write_text("")
    (tmp_path / "package").mkdir()
    os.close(landlock.readable(tmp_path, hidden=("package",)))
