"""Absence: operations that are declared to be under way, and are not seen.

That nothing is seen tells something only while a source is live that could see it. So the time without a
track counts from when the operation began, or was seen last, or could not be seen, or the watch began.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from keepclear.core.conformance_findings import Coverage
from keepclear.core.conformance_look import Look
from keepclear.core.conformance_signals import not_seen
from keepclear.core.declared_volumes import Held
from keepclear.core.intents import IntentState, ItemId

_UNDER_WAY: Final = (IntentState.ACTIVATED, IntentState.NONCONFORMING, IntentState.CONTINGENT)


class Absence:
    """Remembers when operations were seen last."""

    def __init__(self) -> None:
        self._watched_ms = 0
        self._last_ms: int | None = None
        self._seen_ms: dict[ItemId, int] = {}
        self._blind_ms: dict[ItemId, int] = {}

    def check(self, look: Look, seen: Set[int], possible: dict[int, int], coverage: Coverage | bool) -> None:
        """Find the operations that are not seen.

        Args:
            look: The cycle; what is found is put there.
            seen: The operations with a track, by their places in the scene.
            possible: How many tracks may be of each of the others.
            coverage: Whether a source that could see an operation is live.
        """
        now_ms, after_ms = look.now_ms, round(look.settings.not_seen_after_s * 1000.0)
        if self._last_ms is None or not 0 <= now_ms - self._last_ms <= max(after_ms, 1_000):
            self._watched_ms = now_ms
        self._last_ms = now_ms
        for place, held in enumerate(look.scene.items):
            if held.operation is None or held.state not in _UNDER_WAY:
                continue
            if not held.start_ms <= now_ms <= held.end_ms:
                continue
            if place in seen:
                self._seen_ms[held.id] = now_ms
                continue
            if not (coverage if isinstance(coverage, bool) else coverage(held.declared)):
                self._blind_ms[held.id] = now_ms
                look.cannot_tell("", held.id, "no track fits it, and no source is live that could see it")
                continue
            since_ms = self._since_ms(held)
            if now_ms - since_ms <= after_ms:
                continue
            if possible.get(place):
                reason = f"{possible[place]:,} tracks may be its aircraft; none surely is"
                look.cannot_tell("", held.id, reason)
            else:
                look.found.append(not_seen(held, since_ms, now_ms))

    def _since_ms(self, held: Held) -> int:
        seen_ms, blind_ms = self._seen_ms.get(held.id, 0), self._blind_ms.get(held.id, 0)
        return max(held.start_ms, self._watched_ms, seen_ms, blind_ms)

    def forget(self, item_id: ItemId) -> None:
        """Forget an operation."""
        self._seen_ms.pop(item_id, None)
        self._blind_ms.pop(item_id, None)
