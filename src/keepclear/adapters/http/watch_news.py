"""What the stream tells of the watch: tracks and alerts while there are any, the rest now and then."""

from __future__ import annotations

import time
from typing import Final

from keepclear.adapters.http.bodies import encode
from keepclear.adapters.http.watch_bodies import alerts_body, state_body, tracks_body
from keepclear.adapters.watching.rounds import Round

TRACKS_EVERY_S: Final = 1.0
"""So often the stream tells the tracks, at most."""
STATE_EVERY_S: Final = 2.0
"""So often the stream tells what the watch sees and what it does not, at most."""

Event = tuple[str, bytes]
"""The kind of an event of the stream, and its data."""


def told_of(done: Round, rule_set: str) -> list[Event]:
    """Return all events of a round."""
    return [_tracks(done), _alerts(done), _state(done, rule_set)]


class WatchNews:
    """Which events of each round are told; used in the thread of the watch only."""

    def __init__(self) -> None:
        self._tracks_s = self._state_s = 0.0
        self._had_tracks = self._had_alerts = False

    def of(self, done: Round, rule_set: str) -> list[Event]:
        """Return the events that are told of a round: with its ages and times each differs from the last."""
        news, now_s = [], time.monotonic()
        has_tracks, has_alerts = len(done.cycle.picture) > 0, bool(done.cycle.alerts)
        if (has_tracks or self._had_tracks) and now_s >= self._tracks_s:
            self._tracks_s, self._had_tracks = now_s + TRACKS_EVERY_S, has_tracks
            news.append(_tracks(done))
        if has_alerts or self._had_alerts:
            self._had_alerts = has_alerts
            news.append(_alerts(done))
        if now_s >= self._state_s:
            self._state_s = now_s + STATE_EVERY_S
            news.append(_state(done, rule_set))
        return news


def _tracks(done: Round) -> Event:
    return "tracks", encode(tracks_body(done.cycle))


def _alerts(done: Round) -> Event:
    return "alerts", encode(alerts_body(done.cycle))


def _state(done: Round, rule_set: str) -> Event:
    return "watch", encode(state_body(done, rule_set))
