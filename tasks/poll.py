"""A batch of slots, handed over to this process's engine."""

from __future__ import annotations

from monitor.wire import load_batch
from tasks.parts import Parts


def poll(parts: Parts, text: str) -> None:
    """Hands over and returns at once: a task that waited for its checks would hold up all others."""
    parts.submit(load_batch(text))
