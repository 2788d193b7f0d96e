"""Data sets and batches of them; no data set is shipped or downloaded."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from random import Random
from typing import Any, Protocol

from textgrad_core.absent import told
from textgrad_core.errors import UsageError

__all__ = ["DataLoader", "Dataset"]


class Dataset:
    """Base class of data sets: define ``__getitem__`` and ``__len__``."""

    def __getitem__(self, index: int) -> Any:
        """One example, usually a tuple of input and answer."""
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__()")

    def __len__(self) -> int:
        """How many there are."""
        raise NotImplementedError(f"{type(self).__name__} defines no __len__()")


class Indexed(Sized, Protocol):
    """What batches are taken from: a `Dataset`, a list, anything like them."""

    def __getitem__(self, index: int, /) -> Any:
        """One example."""
        ...


class DataLoader:
    """Batches of a data set; of examples that are tuples, one tuple per element.

    Args:
        data: The data set.
        batch_size: Examples per batch; the last may be smaller.
        shuffle: Whether every pass has an order of its own.
        seed: Decides the orders: the same seed, the same orders.
    """

    def __init__(
        self, data: Indexed, batch_size: int = 32, shuffle: bool = True, *, seed: int = 0
    ) -> None:
        """Check the size."""
        if batch_size < 1:
            raise UsageError(f"batch_size is {batch_size}: it must be 1 or more")
        self.data, self.batch_size, self.shuffle = data, batch_size, shuffle
        self._rng = Random(seed)

    def __len__(self) -> int:
        """Batches in one pass."""
        return -(-len(self.data) // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """One pass over the data; passes may overlap."""
        order = list(range(len(self.data)))
        if self.shuffle:
            self._rng.shuffle(order)
        return self._batches(order)

    def _batches(self, order: list[int]) -> Iterator[Any]:
        for start in range(0, len(order), self.batch_size):
            batch = [self.data[index] for index in order[start : start + self.batch_size]]
            rows = all(isinstance(example, tuple) for example in batch)
            yield tuple(zip(*batch, strict=True)) if rows else batch


def __getattr__(name: str) -> object:
    raise AttributeError(told(__name__, name))
