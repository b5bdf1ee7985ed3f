"""The clock of the machine: the only place that asks it for the time of day."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the present instant, in UTC. It may step back when the machine's clock is set."""
    return datetime.now(UTC)
