"""What is due, and when: arithmetic, no state.

A check of interval I and phase p is due at every instant t (ms since the epoch) with t mod I = p. The phase is a stable
hash of system and check, so the checks of a province spread over the interval and keep their instants over restarts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import islice

from monitor.model import Batch, Settings, Slot, State

BATCH = 200  # slots in one message


def phase(system: str, check: str, interval_ms: int) -> int:
    """Milliseconds into the interval at which a check is due."""
    digest = blake2b(f"{system}/{check}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % interval_ms


def due(system: str, check: str, settings: Settings, start: int, end: int) -> range:
    """The instants in [start, end), in ms, at which a check is due."""
    interval = max(1, round(settings.interval * 1000))
    return range(start + (phase(system, check, interval) - start) % interval, end, interval)


def batches(
    location: str,
    checks: Mapping[tuple[str, str], Settings],
    second: int,
    sent_at: int,
    catalogue: str,
    state: Callable[[str, str], State],
) -> Iterator[Batch]:
    """What falls due at a location within [second, second + 1), in order of instant, in batches."""
    start = second * 1000
    slots = sorted(
        (
            Slot(system, check, at, state(system, check))
            for (system, check), settings in checks.items()
            for at in due(system, check, settings, start, start + 1000)
        ),
        key=lambda slot: slot.due_at,
    )
    for part in _parts(slots, BATCH):
        yield Batch(location, sent_at, catalogue, part)


def solicited(
    location: str,
    checks: Iterable[tuple[str, str]],
    now: int,
    catalogue: str,
    state: Callable[[str, str], State],
) -> Iterator[Batch]:
    """Checks that are asked out of turn at a location, at once (ms), in batches."""
    slots = (Slot(system, check, now, state(system, check), asked=True) for system, check in checks)
    for part in _parts(slots, BATCH):
        yield Batch(location, now, catalogue, part)


def _parts(slots: Iterable[Slot], size: int) -> Iterator[tuple[Slot, ...]]:
    rest = iter(slots)
    while part := tuple(islice(rest, size)):
        yield part
