"""Published data sets: what they are, where a copy lies, how one is fetched.

Nothing is ever used whose SHA-256 is not the recorded one.
"""

from __future__ import annotations

from textgrad_core.data.dataset import DataFile, Dataset
from textgrad_core.data.fetching import fetch
from textgrad_core.data.store import data_folder, find, is_here, read_data

__all__ = ["DataFile", "Dataset", "data_folder", "fetch", "find", "is_here", "read_data"]
