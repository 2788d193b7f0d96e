"""Published problems and programs, read from files that are checked by digest."""

from __future__ import annotations

from textgrad_code.datasets.address import dataset_problem as dataset_problem
from textgrad_code.datasets.address import is_dataset_address as is_dataset_address
from textgrad_code.datasets.registry import DATASETS as DATASETS
