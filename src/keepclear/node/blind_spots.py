"""Blind spots: what is not seen or cannot be judged in a cycle, and why, as sentences without a full stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from keepclear.core.conformance_findings import ConformanceCycle
from keepclear.core.foresight import Foreseen, NotPredicted
from keepclear.core.track_intake import Taken
from keepclear.core.track_picture import TrackPicture

BLIND_LISTED_MAX: Final = 50
"""So many reasons why something cannot be judged are listed of one cycle; the others are counted."""
REFUSED_TOLD_MS: Final = 15_000
"""So long it is told that reports of a source were not taken."""

_NOT_PREDICTED: Final = {
    NotPredicted.LOST: "are heard no more: they are shown where they were last, and not judged",
    NotPredicted.NO_MOTION: "tell no speed or direction: encounters of them are not predicted",
    NotPredicted.SUSPECT: "may be somewhere else than they say: they are judged as they say",
}


class Refusals:
    """Which reports were not taken lately, so that their aircraft may not be seen."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], tuple[int, int]] = {}

    def note(self, source: str, taken: Taken, too_old: int) -> None:
        """Note what became of reports."""
        for count, why in (
            (taken.no_room, "there is no room for more tracks"),
            (taken.from_future, "they say that they are from the future: a clock is wrong"),
            (too_old, "they are too old: a clock is wrong, or they come late"),
        ):
            if count:
                self._new[source, why] = self._new.get((source, why), 0) + count

    def words(self, now_ms: int) -> list[str]:
        """Tell of them, how many of each since they began to come."""
        for key, count in self._new.items():
            self._told[key] = self._told.get(key, (0, now_ms))[0] + count, now_ms
        self._new.clear()
        self._told = {
            key: (count, at_ms)
            for key, (count, at_ms) in self._told.items()
            if abs(now_ms - at_ms) <= REFUSED_TOLD_MS
        }
        return [
            f"{count:,} report{'' if count == 1 else 's'} of {source} not taken: {why}"
            for (source, why), (count, _) in sorted(self._told.items())
        ]


def blind_spots(picture: TrackPicture, foreseen: Foreseen, conformance: ConformanceCycle) -> Iterator[str]:
    """Tell what cannot be predicted of tracks, and what cannot be told of declarations."""
    for why, words in _NOT_PREDICTED.items():
        rows = [row for row, reason in foreseen.not_predicted.items() if reason is why]
        if rows:
            named = ", ".join(picture.ids[row] for row in rows[:3])
            yield f"{len(rows)} tracks {words} ({named}{', ...' if len(rows) > 3 else ''})"
    yield from (str(each) for each in conformance.undecided)
    more = conformance.undecided_count - len(conformance.undecided)
    if more > 0:
        yield f"{more:,} more things about what is declared cannot be told"


def shortened(reasons: list[str]) -> tuple[str, ...]:
    """Return at most `BLIND_LISTED_MAX` of the reasons, the last of which counts the others."""
    if len(reasons) <= BLIND_LISTED_MAX:
        return tuple(reasons)
    return (*reasons[: BLIND_LISTED_MAX - 1], f"and {len(reasons) - BLIND_LISTED_MAX + 1} more")
