"""What a recorder, or a rebuild, knows and keeps while it works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from monitor.blindness import merged
from monitor.judge import Blind
from monitor.store.dated import Dated
from monitor.store.ledger import Ledger
from monitor.store.outcomes import Names

FOREVER = 1 << 62  # an instant, or a second, after all others


@dataclass(slots=True)
class Sight:
    """What one location sees."""

    controls: set[int] = field(default_factory=set)  # numbers of the lines of its controls
    at: int = -1  # ms: the start of the last try of a control, by which silence is known
    runs: list[Blind] = field(default_factory=list)  # as in the table; they may touch
    blind: Sequence[Blind] = ()  # the same seconds, apart

    @property
    def clear(self) -> int:
        """The instant (ms) from which on it is not blind, as far as is known."""
        if not self.blind:
            return 0
        end = self.blind[-1].end
        return FOREVER if end is None else end * 1000

    def set(self, runs: Iterable[Blind]) -> None:
        self.runs = list(runs)
        self.blind = merged(self.runs)


class Books(NamedTuple):
    """Names of lines and steps, settings, what is made from outcomes, and by location what it sees."""

    names: Names
    dated: Dated
    ledger: Ledger
    sights: dict[str, Sight]
