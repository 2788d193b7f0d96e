"""Published problems and programs, read from files that are checked by digest."""

from __future__ import annotations

from textgrad_code.datasets.address import DATASETS_WITH_PROBLEMS as DATASETS_WITH_PROBLEMS
from textgrad_code.datasets.address import dataset_problem as dataset_problem
from textgrad_code.datasets.address import dataset_problems as dataset_problems
from textgrad_code.datasets.address import is_dataset_address as is_dataset_address
from textgrad_code.datasets.registry import DATASETS as DATASETS
