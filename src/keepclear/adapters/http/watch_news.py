"""What the stream tells of the watch: tracks and alerts when they have changed, the rest now and then."""

from __future__ import annotations

import time
from typing import Protocol

from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.watch_bodies import alerts_body, state_body, tracks_body
from keepclear.adapters.watching import Round


class HasRules(Protocol):
    """What news are made of besides rounds."""

    @property
    def rule_set(self) -> str:
        """The name of the rule set."""


def told_of(done: Round, rule_set: str) -> list[tuple[str, bytes]]:
    """Return all events of a round."""
    return [
        ("tracks", encode(tracks_body(done.cycle))),
        ("alerts", encode(alerts_body(done.cycle))),
        ("watch", encode(state_body(done, rule_set))),
    ]


class WatchNews:
    """What is new in each round; used in the thread of the watch only.

    Args:
        every_s: So often the state of the watch is told, at most, and alerts that have not changed.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next_s = 0.0
        self._tracks = self._alerts = b"[]"

    def of(self, done: Round, node: HasRules) -> list[tuple[str, bytes]]:
        """Return the events of a round that tell something new."""
        news = []
        now_s = time.monotonic()
        is_due = now_s >= self._next_s
        tracks, alerts = tracks_body(done.cycle), alerts_body(done.cycle)
        text = encode(tracks.tracks)
        if text != self._tracks:
            self._tracks = text
            news.append(("tracks", encode(tracks)))
        text = encode(alerts.alerts)
        if text != self._alerts or (is_due and alerts.alerts):
            self._alerts = text
            news.append(("alerts", encode(alerts)))
        if is_due:
            self._next_s = now_s + self._every_s
            news.append(("watch", encode(state_body(done, node.rule_set))))
        return news
