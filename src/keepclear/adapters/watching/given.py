"""What people and programs give by the API, as a feed beside the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from keepclear.core.feed_health import FeedHealth, FeedState
from keepclear.core.reports import Reports

GIVEN_SOURCES_MAX: Final = 256
"""So many people and programs may give positions by the API, each a source of its own."""
GIVEN_FORMAT: Final = "positions"
"""The format of what is given by the API, beside those of feeds."""


class Given:
    """What people and programs give by the API: each of them a source, as alive as it gives.

    Args:
        silent_s: A source that gave nothing for so long is silent.
    """

    def __init__(self, silent_s: float) -> None:
        self._silent_ms = round(silent_s * 1000.0)
        self._health: dict[str, FeedHealth] = {}

    def note(self, reports: Reports, now_ms: int) -> None:
        """Note that a source gave reports."""
        known = self._health.get(reports.source)
        if known is None and len(self._health) >= GIVEN_SOURCES_MAX:
            oldest = min(self._health.values(), key=lambda each: each.last_report_ms or 0)
            del self._health[oldest.name]
        self._health[reports.source] = FeedHealth(
            name=reports.source,
            address="given by the API",
            format=GIVEN_FORMAT,
            state=FeedState.LIVE,
            since_ms=now_ms if known is None or self._is_silent(known, now_ms) else known.since_ms,
            last_received_ms=now_ms,
            last_report_ms=now_ms,
            report_count=len(reports) + (0 if known is None else known.report_count),
        )

    def health(self, now_ms: int) -> list[FeedHealth]:
        """Return how each of them is."""
        return [self._shown(each, now_ms) for _, each in sorted(self._health.items())]

    def _shown(self, each: FeedHealth, now_ms: int) -> FeedHealth:
        if not self._is_silent(each, now_ms):
            return each
        since_ms = min(now_ms, (each.last_report_ms or 0) + self._silent_ms)
        return replace(each, state=FeedState.SILENT, since_ms=since_ms)

    def _is_silent(self, each: FeedHealth, now_ms: int) -> bool:
        # A clock that steps back makes nobody alive.
        return abs(now_ms - (each.last_report_ms or 0)) > self._silent_ms
