"""The published data sets, where this machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def published_data() -> Path:
    """The folder ``TEXTGRAD_TEST_DATA`` names; skips the test if it names none."""
    named = os.environ.get("TEXTGRAD_TEST_DATA")
    if not named:
        pytest.skip(
            "platform: the published data sets are not on this machine; "
            "TEXTGRAD_TEST_DATA=DIR names a folder that holds them"
        )
    return Path(named)
