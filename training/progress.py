"""Progress through long loops, shown by whoever runs them."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Track(Protocol):
    """Shows progress while a loop goes through its steps, as `rich.progress.track` does."""

    def __call__(self, steps: Sequence[Any], description: str, /) -> Iterable[Any]:
        """Give the steps one after the other."""


def quiet(steps: Sequence[Any], _description: str, /) -> Iterable[Any]:
    """Show nothing."""
    return steps
