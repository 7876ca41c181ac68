"""News in the outbox: the deliverer looks at once. One that is lost costs a second, for it looks by itself too."""

from __future__ import annotations

from tasks.parts import Parts


def deliver(parts: Parts) -> None:
    """Wakes and returns; what is sent, and that it is sent once, is the outbox's business."""
    parts.deliver()
