"""What each measure against false alerts is worth: alerts of all pairs in all pictures, and their count.

It is a formulation of its own: laterally by the judge of encounters, vertically by a few lines. What is an
episode, a true loss and a warning is told in docs/explanation/alerts.md.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bench import real_tracks
from bench.real_tracks import STEP_S, Flights
from keepclear.core import encounter_signals
from keepclear.core.encounters import Minima, find_encounters
from keepclear.core.geodesy import Floats
from keepclear.core.index import Engine
from keepclear.core.motions import TrackArrays
from keepclear.core.packed import Ints
from keepclear.core.units import KNOT_MPS, NAUTICAL_MILE_M

LOOKAHEAD_S: Final = 120.0
LATERAL_M: Final = 5.0 * NAUTICAL_MILE_M
VERTICAL_FT: Final = 800.0
PAUSE_S: Final = 60.0
"""An alert of the same pair after a longer pause is another episode."""
VISIBLE_S: Final = 150.0
"""A true loss counts if both were seen for so long before."""

_PAUSE: Final = round(PAUSE_S / STEP_S)
_HOUR_S: Final = 3_600.0

Mask = npt.NDArray[np.bool_]


class Pairs(NamedTuple):
    """Pairs of flights that come laterally close, in all pictures; m rows, sorted by pair, then picture.

    Attributes:
        number: The picture, shape (m,).
        pair: The number of the pair, shape (m,).
        t_in_s: When they come laterally close within the look-ahead, shape (m,).
        t_out_s: When they are so no more, shape (m,).
        altitude_ft: The altitudes of both, shape (m, 2).
        rate_fpm: Their vertical rates as told, shape (m, 2).
        slope_fpm: The slopes of their altitudes over the last 30 s, shape (m, 2).
    """

    number: Ints
    pair: Ints
    t_in_s: Floats
    t_out_s: Floats
    altitude_ft: Floats
    rate_fpm: Floats
    slope_fpm: Floats

    def entry_s(self, rate_fpm: Floats) -> Floats:
        """Return when they lose separation with these rates, shape (m, 2); infinite if not."""
        apart = self.altitude_ft[:, 1] - self.altitude_ft[:, 0]
        rate = (rate_fpm[:, 1] - rate_fpm[:, 0]) / 60.0
        rate = np.where(np.abs(rate) < 1e-9, 1e-9, rate)
        one, other = (-VERTICAL_FT - apart) / rate, (VERTICAL_FT - apart) / rate
        begin_s = np.maximum(np.maximum(np.minimum(one, other), self.t_in_s), 0.0)
        end_s = np.minimum(np.maximum(one, other), self.t_out_s)
        return np.where((begin_s < end_s) & (begin_s <= LOOKAHEAD_S), begin_s, np.inf)

    @property
    def is_lost(self) -> Mask:
        """Whether they have lost separation in the picture, shape (m,)."""
        apart_ft = np.abs(self.altitude_ft[:, 1] - self.altitude_ft[:, 0])
        return np.asarray((self.t_in_s == 0.0) & (apart_ft < VERTICAL_FT))


def pairs_of(flights: Flights) -> Pairs:
    """Find all pairs that come laterally close."""
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    count = len(flights.first)
    for moment in real_tracks.moments(flights):
        if len(moment.row) < 2:
            continue
        tracks = TrackArrays(
            latitude_deg=moment.latitude_deg,
            longitude_deg=moment.longitude_deg,
            altitude_m=np.zeros(len(moment.row)),
            ground_speed_mps=flights.ground_speed_kt[moment.row] * KNOT_MPS,
            track_deg=flights.track_deg[moment.row],
            vertical_rate_mps=np.zeros(len(moment.row)),
        )
        minima = Minima(
            lateral_m=LATERAL_M, vertical_m=np.inf, lookahead_s=LOOKAHEAD_S, duration_s=LOOKAHEAD_S
        )
        found = find_encounters(tracks, minima, engine=Engine.PLAIN)
        if not len(found.a):
            continue
        both = np.column_stack((found.a, found.b))
        before_ft, back_s = real_tracks.altitude_before_ft(flights, moment, 30.0)
        rate = flights.rate_fpm[moment.row]
        slope = (moment.altitude_ft - before_ft) / np.where(back_s >= 10.0, back_s, np.inf) * 60.0
        slope = np.where(back_s >= 10.0, slope, rate)
        flown = np.sort(moment.flight[both], axis=1)
        parts.append(
            (
                np.full(len(both), moment.number),
                flown[:, 0] * count + flown[:, 1],
                found.t_in_s,
                found.t_out_s,
                moment.altitude_ft[both],
                rate[both],
                slope[both],
            )
        )
    none, two = np.empty(0), np.empty((0, 2))
    parts.append((none.astype(np.int64), none.astype(np.int64), none, none, two, two, two))
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)]
    order = np.lexsort((columns[0], columns[1]))
    return Pairs._make(column[order] for column in columns)


# -- measures, each on top of others -----------------------------------------------------------------


def level_fpm(rate_fpm: Floats) -> Floats:
    """Take slow rates as level."""
    return np.where(np.abs(rate_fpm) < 300.0, 0.0, rate_fpm)


def lesser_fpm(rate_fpm: Floats, slope_fpm: Floats) -> Floats:
    """Return the lesser of rate and slope where both have one sign, else 0.0."""
    least = np.sign(rate_fpm) * np.minimum(np.abs(rate_fpm), np.abs(slope_fpm))
    return np.where(rate_fpm * slope_fpm > 0.0, least, 0.0)


def grown_fpm(rate_fpm: Floats, slope_fpm: Floats) -> Floats:
    """Make rates half as large again where the slope shows that a climb or descent has just begun."""
    shown = np.where(rate_fpm * slope_fpm > 0.0, np.abs(slope_fpm), 0.0)
    return np.where(shown < 0.5 * np.abs(rate_fpm), 1.5 * rate_fpm, rate_fpm)


def confirmed(pairs: Pairs, entry_s: Floats, sure_s: float) -> Mask:
    """Tell what was found in two of the last four pictures, or begins so soon that it need not be."""
    is_found = np.isfinite(entry_s)
    hits = is_found.astype(np.int64)
    for back in range(1, 4):
        same = (pairs.pair[back:] == pairs.pair[:-back]) & (pairs.number[back:] - pairs.number[:-back] < 4)
        hits[back:] += same & is_found[:-back]
    return is_found & ((hits >= 2) | (entry_s <= sure_s))


def doubted(pairs: Pairs, entry_s: Floats, after_s: float = encounter_signals.LEVEL_DOUBT_S) -> Floats:
    """Take out what is later than this, and not lost if all level off now."""
    level_s = pairs.entry_s(np.zeros_like(pairs.rate_fpm))
    return np.where((entry_s > after_s) & np.isinf(level_s), np.inf, entry_s)


def _naive(pairs: Pairs) -> Mask:
    return np.isfinite(pairs.entry_s(pairs.rate_fpm))


def _two_of_four(pairs: Pairs) -> Mask:
    return confirmed(pairs, pairs.entry_s(pairs.rate_fpm), -1.0)


def _dead_band(pairs: Pairs) -> Mask:
    return np.isfinite(pairs.entry_s(level_fpm(pairs.rate_fpm)))


def _dead_band_confirmed(pairs: Pairs) -> Mask:
    return confirmed(pairs, pairs.entry_s(level_fpm(pairs.rate_fpm)), -1.0)


def _bypassed(pairs: Pairs) -> Mask:
    return confirmed(pairs, pairs.entry_s(level_fpm(pairs.rate_fpm)), 30.0)


def _slope(pairs: Pairs) -> Mask:
    rate = lesser_fpm(level_fpm(pairs.rate_fpm), pairs.slope_fpm)
    return confirmed(pairs, pairs.entry_s(rate), 30.0)


def _slope_and_doubt(pairs: Pairs) -> Mask:
    rate = lesser_fpm(level_fpm(pairs.rate_fpm), pairs.slope_fpm)
    return confirmed(pairs, doubted(pairs, pairs.entry_s(rate)), 30.0)


def _doubt(pairs: Pairs) -> Mask:
    return confirmed(pairs, doubted(pairs, pairs.entry_s(level_fpm(pairs.rate_fpm))), 30.0)


def _doubt_sooner(pairs: Pairs) -> Mask:
    return confirmed(pairs, doubted(pairs, pairs.entry_s(level_fpm(pairs.rate_fpm))), 45.0)


def grown_and_doubted(pairs: Pairs) -> Mask:
    """Take all that ours does."""
    rate = level_fpm(pairs.rate_fpm)
    entry_s, grown_s = pairs.entry_s(rate), pairs.entry_s(grown_fpm(rate, pairs.slope_fpm))
    return confirmed(pairs, doubted(pairs, np.where(np.isinf(entry_s), grown_s, entry_s)), 45.0)


MEASURES: Final[tuple[tuple[str, Callable[[Pairs], Mask]], ...]] = (
    ("straight lines, no measure", _naive),
    ("2 of 4", _two_of_four),
    ("dead-band 300 ft/min", _dead_band),
    ("dead-band, 2 of 4", _dead_band_confirmed),
    ("dead-band, 2 of 4 unless <= 30 s", _bypassed),
    ("the same, lesser of rate and 30 s slope", _slope),
    ("the same, and lost as well if level, when > 75 s", _slope_and_doubt),
    ("dead-band, 2 of 4 unless <= 30 s, lost as well if level, when > 75 s", _doubt),
    ("the same, 2 of 4 unless <= 45 s", _doubt_sooner),
    ("the same, lost as well if what has just begun becomes half as fast again", grown_and_doubted),
)
"""What is tried; the last is what ours does."""


# -- counting ----------------------------------------------------------------------------------------


def episode_hours(pairs: Pairs, is_alert: Mask) -> Ints:
    """Return in which hour each episode of alerts begins."""
    number, pair = pairs.number[is_alert], pairs.pair[is_alert]
    if not len(number):
        return np.empty(0, dtype=np.int64)
    begins = np.r_[True, (np.diff(pair) != 0) | (np.diff(number) > _PAUSE)]
    return (number[begins] * STEP_S // _HOUR_S).astype(np.int64)


class Leads(NamedTuple):
    """How early true losses were warned of.

    Attributes:
        lead_s: For each that counts, how long before the loss its episode of alerts began; -1.0 where there
            was none before.
        hour: In which hour each was.
        late_count: Pictures with a loss in progress, counted or not, without an alert.
    """

    lead_s: Floats
    hour: Ints
    late_count: int


def leads_of(flights: Flights, pairs: Pairs, is_alert: Mask) -> Leads:
    """Say how early the true losses of delayed flights were warned of."""
    count, is_lost = len(flights.first), pairs.is_lost
    leads, hours = [], []
    begins = np.flatnonzero(np.diff(pairs.pair, prepend=-1))
    for first, end in pairwise([*begins.tolist(), len(is_lost)]):
        lost = np.flatnonzero(is_lost[first:end])
        both = divmod(int(pairs.pair[first]), count)
        number = int(pairs.number[first + lost[0]]) if len(lost) else 0
        if not len(lost) or number * STEP_S - flights.begin_s[list(both)].max() < VISIBLE_S:
            continue
        warned = pairs.number[first:end][is_alert[first:end]]
        warned = np.r_[warned[warned < number], number]
        pauses = np.flatnonzero(np.diff(warned) > _PAUSE)
        began = warned[pauses[-1] + 1 if len(pauses) else 0]
        leads.append((number - began) * STEP_S if began < number else -1.0)
        hours.append(int(number * STEP_S // _HOUR_S))
    return Leads(np.array(leads), np.array(hours, dtype=np.int64), int((is_lost & ~is_alert).sum()))
