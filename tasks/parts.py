"""What the tasks of one process work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from monitor.model import Batch, Outcome


def _nobody(*_: object) -> None:
    raise RuntimeError("this process has no part for such a message; look at the queues that it was started with")


@dataclass(frozen=True, slots=True)
class Parts:
    """The engine's, the recorder's and the deliverer's way in; the composition root fills what its process has."""

    submit: Callable[[Batch], None] = _nobody
    record: Callable[[Sequence[Outcome], Mapping[str, int]], None] = _nobody
    deliver: Callable[[], None] = _nobody
