"""The search for encounters as loops that numba compiles.

Imported only where speed is worth numba's start (`encounter_search.LOOPS_FROM_TRACKS`), and only with numba
installed. The grid, its margins and the judge are those of `encounter_search` and `approach`; a test compares
the answers of both engines.

Tracks lie in the order of their cells, in whole 1/256 m and float32. For each cell its neighbourhood is
copied together once, relative to the cell; then each of its tracks is held against all of it without a
branch, so that the processor compares several at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba.extending import overload, register_jitable

from keepclear.core import approach, motions
from keepclear.core.compiling import compiled, compiled_freely
from keepclear.core.encounter_search import (
    BEND_PER_M,
    LATERAL_MARGIN_M,
    ROUNDING_RATIO,
    VERTICAL_MARGIN_M,
    Candidates,
    Wanted,
)
from keepclear.core.geodesy import Floats
from keepclear.core.index import Progress
from keepclear.core.motions import MOTION_COLUMNS, Motions, TrackArrays
from keepclear.core.packed import Ints

_Int32s = npt.NDArray[np.int32]
_Float32s = npt.NDArray[np.float32]

_FIXED_PER_M: Final = 256.0
"""Positions are whole numbers of this part of a metre: 3.9 mm, far below the margin."""
_EARTH_MAX_M: Final = 6_400_000.0
"""No part of a position on the ellipsoid is greater."""
_DIGIT_BITS: Final = 11
_DIGITS: Final = 1 << _DIGIT_BITS
_PAIRS: Final = 65_536
"""So many pairs are handed over at a time, or as many as there are tracks."""
_COLUMNS: Final = 10
"""Position x, y, z, velocity x, y, z, height, vertical rate, reach, depth."""
_LANE_BITS: Final = 4
_LANES: Final = 1 << _LANE_BITS
"""So many tracks lie together in a block, column by column: one loop of a known length without a branch."""
_NOWHERE_M: Final = 1e18
"""Where what fills up the last block is."""


@overload(approach.pick)
def _pick(condition, yes, no):  # type: ignore[no-untyped-def]  # noqa: ARG001  # numba compares names
    return lambda condition, yes, no: yes if condition else no


register_jitable(approach._within)
register_jitable(approach.squared_distance)
register_jitable(approach._crossing)
_terms = register_jitable(approach.distance_terms)
_joined = register_jitable(approach.joined)
_closest = register_jitable(approach.closest)
_told_closest = register_jitable(approach.told_closest)
_loss = register_jitable(approach.loss)
_motion_at = register_jitable(motions.motion_at)


def motions_of(tracks: TrackArrays, after_s: float) -> Motions:
    """Return how tracks move some time after the picture's instant; see `motions.motions_of`."""
    made = Motions(np.empty((len(tracks), MOTION_COLUMNS)))
    _fill_motions(
        tracks.latitude_deg, tracks.longitude_deg, tracks.altitude_m, tracks.ground_speed_mps,
        tracks.track_deg, tracks.vertical_rate_mps,
        np.zeros(0) if tracks.age_s is None else tracks.age_s, after_s, made.rows,
    )  # fmt: skip
    return made


@compiled
def _fill_motions(
    lat_deg: Floats, lng_deg: Floats, altitude_m: Floats, speed: Floats, track_deg: Floats, rate: Floats,
    age_s: Floats, after_s: float, rows: Floats,
) -> None:  # fmt: skip
    degree = math.pi / 180.0
    aged = len(age_s) > 0
    for i in range(len(lat_deg)):
        later, row = after_s + age_s[i] if aged else after_s, rows[i]
        lat, lng, track = lat_deg[i] * degree, lng_deg[i] * degree, track_deg[i] * degree
        (
            row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9],
        ) = _motion_at(lat, lng, track, speed[i], later)  # fmt: skip
        row[10] = (0.0 if math.isnan(altitude_m[i]) else altitude_m[i]) + later * rate[i]
        row[11] = rate[i]


def near(
    made: Motions, wanted: Wanted, cell_m: float, rows: Ints | None, progress: Progress | None
) -> Iterator[Candidates]:
    """Find near pairs with a grid.

    Args:
        made: How all tracks move about the middle of the look-ahead.
        wanted: What is looked for.
        cell_m: How large a cell is.
        rows: Which tracks are in the grid; None for all.
        progress: Called with how many tracks are done and how many there are.

    Yields:
        Pairs of places in `rows`, each pair once.
    """
    chosen = np.arange(len(made.rows), dtype=np.int32) if rows is None else rows.astype(np.int32)
    n = len(chosen)
    if n < 2:
        return
    half_s = wanted.lookahead_s / 2.0
    keys, order = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int32)
    row_y, row_z, largest = _number_cells(made.rows, chosen, cell_m, keys)
    _sort(keys, order, largest)
    columns = np.empty((n, _COLUMNS), dtype=np.float32)
    fixed = columns.view(np.int32)  # the same memory: positions are whole numbers in it
    _sort_columns(
        made.rows, wanted.reach_m, wanted.deep_m, chosen, order, BEND_PER_M * half_s * half_s,
        (wanted.lateral_m + LATERAL_MARGIN_M + ROUNDING_RATIO * cell_m) / 2.0,
        (wanted.vertical_m + VERTICAL_MARGIN_M) / 2.0,
        fixed, columns,
    )  # fmt: skip
    edges = _edges(keys)
    widest = int(_widest(keys, edges, row_y, row_z))
    blocks = np.empty((widest // _LANES + 1, _COLUMNS, _LANES), dtype=np.float32)
    at, is_hit = np.empty(widest, dtype=np.int32), np.empty(len(blocks) * _LANES, dtype=np.int32)
    pairs = np.empty((2, max(_PAIRS, 2 * widest)), dtype=np.int32)
    cell, place = 0, 0
    cursor = np.zeros(4, dtype=np.int64)
    while cell < len(edges) - 1:
        cell, place, found = _scan(
            keys, edges, order, fixed, columns, row_y, row_z, half_s, cell, place, cursor,
            blocks, at, is_hit, pairs,
        )  # fmt: skip
        yield Candidates(pairs[0, :found].astype(np.int64), pairs[1, :found].astype(np.int64))
        if progress is not None:
            progress(int(edges[cell]), n)


@compiled
def _number_cells(rows: Floats, chosen: _Int32s, cell_m: float, keys: Ints) -> tuple[int, int, int]:
    """Number the cells of tracks as `encounter_search` does, in a cube round the earth."""
    per_m = 1.0 / cell_m
    row_y = int(2.0 * _EARTH_MAX_M * per_m) + 3
    row_z = row_y * row_y
    largest = 0
    for k in range(len(chosen)):
        q = rows[chosen[k]]
        x, y, z = q[0] + _EARTH_MAX_M, q[1] + _EARTH_MAX_M, q[2] + _EARTH_MAX_M
        keys[k] = int(x * per_m) + row_y * int(y * per_m) + row_z * int(z * per_m)
        largest = max(largest, keys[k])
    return row_y, row_z, largest


@compiled
def _sort(keys: Ints, order: _Int32s, largest: int) -> None:
    """Sort keys that are not negative, and tell where each was: digit by digit, the lowest first."""
    n = len(keys)
    other_keys, other_order = np.empty_like(keys), np.empty_like(order)
    for k in range(n):
        order[k] = k
    shift = 0
    while (largest >> shift) > 0:
        ends = np.zeros(_DIGITS + 1, dtype=np.int64)
        for k in range(n):
            ends[((keys[k] >> shift) & (_DIGITS - 1)) + 1] += 1
        for digit in range(_DIGITS):
            ends[digit + 1] += ends[digit]
        for k in range(n):
            digit = (keys[k] >> shift) & (_DIGITS - 1)
            to = ends[digit]
            ends[digit] += 1
            other_keys[to], other_order[to] = keys[k], order[k]
        keys[:], order[:] = other_keys, other_order
        shift += _DIGIT_BITS


@compiled
def _sort_columns(
    rows: Floats, reach: Floats, deep: Floats, chosen: _Int32s, order: _Int32s, bend: float,
    lateral_m: float, vertical_m: float, fixed: _Int32s, columns: _Float32s,
) -> None:  # fmt: skip
    for k in range(len(order)):
        i = chosen[order[k]]
        row = rows[i]
        for axis in range(3):
            fixed[k, axis] = np.int32(row[axis] * _FIXED_PER_M)
            columns[k, 3 + axis] = row[3 + axis]
        columns[k, 6], columns[k, 7] = row[10], row[11]
        speed_sq = row[3] * row[3] + row[4] * row[4] + row[5] * row[5]
        columns[k, 8] = lateral_m + reach[i] + bend * speed_sq
        columns[k, 9] = vertical_m + deep[i]


@compiled
def _edges(keys: Ints) -> Ints:
    """Return where each occupied cell starts, and at last the number of tracks."""
    edges = np.empty(len(keys) + 1, dtype=np.int64)
    count = 0
    for k in range(len(keys)):
        if k == 0 or keys[k] != keys[k - 1]:
            edges[count] = k
            count += 1
    edges[count] = len(keys)
    return edges[: count + 1].copy()


@compiled
def _runs(
    keys: Ints, edges: Ints, cell: int, row_y: int, row_z: int, cursor: Ints, firsts: Ints, lasts: Ints
) -> int:
    """Find what is in a cell and after it in its neighbourhood, as five runs.

    Args:
        keys: The sorted numbers of the cells, one for each track.
        edges: Where each occupied cell starts.
        cell: Which occupied cell.
        row_y: By how much the number grows with y.
        row_z: The same with z.
        cursor: How far each of the four rows was followed; it only goes forwards.
        firsts: Where each run starts is put here.
        lasts: Where it ends.

    Returns:
        How many tracks there are in all.
    """
    n = len(keys)
    key = keys[edges[cell]]
    firsts[0], lasts[0] = edges[cell], edges[cell + 1]
    if edges[cell + 1] < n and keys[edges[cell + 1]] == key + 1:
        lasts[0] = edges[cell + 2]
    total = lasts[0] - firsts[0]
    for row in range(4):
        middle = key + (row_y if row == 0 else row_z + (row - 2) * row_y)
        k = cursor[row]
        while k < len(edges) - 1 and keys[edges[k]] < middle - 1:
            k += 1
        cursor[row] = k
        firsts[row + 1] = edges[k]
        while k < len(edges) - 1 and keys[edges[k]] <= middle + 1:
            k += 1
        lasts[row + 1] = edges[k]
        total += lasts[row + 1] - firsts[row + 1]
    return int(total)


@compiled
def _widest(keys: Ints, edges: Ints, row_y: int, row_z: int) -> int:
    """Return how many tracks the fullest neighbourhood has."""
    cursor = np.zeros(4, dtype=np.int64)
    firsts, lasts = np.empty(5, dtype=np.int64), np.empty(5, dtype=np.int64)
    widest = 0
    for cell in range(len(edges) - 1):
        widest = max(widest, _runs(keys, edges, cell, row_y, row_z, cursor, firsts, lasts))
    return widest


@compiled
def _scan(
    keys: Ints, edges: Ints, order: _Int32s, fixed: _Int32s, columns: _Float32s, row_y: int, row_z: int,
    half_s: float, cell: int, place: int, cursor: Ints,
    blocks: _Float32s, at: _Int32s, is_hit: _Int32s, pairs: _Int32s,
) -> tuple[int, int, int]:  # fmt: skip
    """Hold tracks against their neighbourhoods until no more pairs fit in.

    Returns:
        At which cell, and at which track of it, to go on; and how many pairs were found.
    """
    firsts, lasts = np.empty(5, dtype=np.int64), np.empty(5, dtype=np.int64)
    per_m = np.float32(1.0 / _FIXED_PER_M)
    found, room = 0, pairs.shape[1]
    while cell < len(edges) - 1:
        start = edges[cell]
        many = edges[cell + 1] - start
        total = _runs(keys, edges, cell, row_y, row_z, cursor, firsts, lasts)
        if total > 1:
            x0, y0, z0 = fixed[start, 0], fixed[start, 1], fixed[start, 2]
            to = 0
            for run in range(5):
                for k in range(firsts[run], lasts[run]):
                    block, lane, row = blocks[to >> _LANE_BITS], to & (_LANES - 1), columns[k]
                    block[0, lane] = np.float32(fixed[k, 0] - x0) * per_m
                    block[1, lane] = np.float32(fixed[k, 1] - y0) * per_m
                    block[2, lane] = np.float32(fixed[k, 2] - z0) * per_m
                    block[3, lane], block[4, lane], block[5, lane] = row[3], row[4], row[5]
                    block[6, lane], block[7, lane] = row[6], row[7]
                    block[8, lane], block[9, lane] = row[8], row[9]
                    at[to] = order[k]
                    to += 1
            filled = (total + _LANES - 1) // _LANES
            for k in range(total, filled * _LANES):
                block, lane = blocks[k // _LANES], k % _LANES
                block[:, lane] = np.float32(0.0)
                block[0, lane] = np.float32(_NOWHERE_M)
            while place < many:
                if found + total > room:
                    return cell, place, found
                if _hold(blocks, place, filled, np.float32(half_s), is_hit):
                    for k in range(place + 1, total):
                        if is_hit[k]:
                            pairs[0, found], pairs[1, found] = at[place], at[k]
                            found += 1
                place += 1
        cell, place = cell + 1, 0
    return cell, place, found


@compiled_freely
def _hold(blocks: _Float32s, place: int, filled: int, half_s: np.float32, is_hit: _Int32s) -> bool:
    """Mark which of those after a track come near it on straight lines; tell whether any does."""
    own, lane = place // _LANES, place % _LANES
    x, y, z = blocks[own, 0, lane], blocks[own, 1, lane], blocks[own, 2, lane]
    u, v, w = blocks[own, 3, lane], blocks[own, 4, lane], blocks[own, 5, lane]
    height, rate = blocks[own, 6, lane], blocks[own, 7, lane]
    reach, deep = blocks[own, 8, lane], blocks[own, 9, lane]
    tiny = np.float32(1e-6)
    any_hit = np.int32(0)
    for number in range((place + 1) // _LANES, filled):
        block, marks = blocks[number], is_hit[number * _LANES : (number + 1) * _LANES]
        before = np.int32(place - number * _LANES)
        for k in range(_LANES):
            apart, rise = block[6, k] - height, block[7, k] - rate
            room = block[9, k] + deep
            per_rise = np.float32(1.0) / max(abs(rise), tiny)
            falls = apart if rise < 0.0 else -apart  # how far there is to go until they are level
            first, last = max((falls - room) * per_rise, -half_s), min((falls + room) * per_rise, half_s)
            dx, dy, dz = block[0, k] - x, block[1, k] - y, block[2, k] - z
            du, dv, dw = block[3, k] - u, block[4, k] - v, block[5, k] - w
            t = -(dx * du + dy * dv + dz * dw) / (du * du + dv * dv + dw * dw + tiny)
            t = min(max(t, first), last)
            dx, dy, dz = dx + t * du, dy + t * dv, dz + t * dw
            near = block[8, k] + reach
            hit = np.int32(
                (dx * dx + dy * dy + dz * dz <= near * near) & (first <= last) & (np.int32(k) > before)
            )
            marks[k] = hit
            any_hit |= hit
    return bool(any_hit != 0)


def losses(
    made: Motions, i: Ints, j: Ints, half_s: float, horizon_s: float, lateral_m: float, vertical_m: float
) -> tuple[npt.NDArray[Any], ...]:
    """Judge pairs of tracks whose positions are exact.

    Args:
        made: How all tracks move about the middle of the look-ahead.
        i: Rows of one of each, shape (m,).
        j: Rows of the other.
        half_s: Half of the look-ahead.
        horizon_s: How far after the middle the end of a loss is looked for.
        lateral_m: The lateral minimum.
        vertical_m: The vertical minimum.

    Returns:
        Of those that lose separation: i, j, when it begins, when it ends, when they are closest, how close,
        and how far apart vertically then; seconds from the picture's instant.
    """
    rows, numbers = np.empty((2, len(i)), dtype=np.int64), np.empty((5, len(i)))
    found = _judge(made.rows, i, j, half_s, horizon_s, lateral_m, vertical_m, rows, numbers)
    return (*(row[:found] for row in rows), *(column[:found] for column in numbers))


@compiled
def _judge(
    motion: Floats, i: Ints, j: Ints, half_s: float, horizon_s: float, lateral_m: float, vertical_m: float,
    rows: Ints, numbers: Floats,
) -> int:  # fmt: skip
    found, deep = 0, vertical_m - approach.TOUCH_TOLERANCE_M
    for k in range(len(i)):
        p, q = motion[i[k]], motion[j[k]]
        dz, rate = q[10] - p[10], q[11] - p[11]
        if abs(dz) - abs(rate) * half_s > deep:  # at no instant: many fly at levels that are apart
            continue
        c = _joined(
            _terms(q[0] - p[0], p[3], p[6], p[9], q[3], q[6], q[9]),
            _terms(q[1] - p[1], p[4], p[7], p[9], q[4], q[7], q[9]),
            _terms(q[2] - p[2], p[5], p[8], p[9], q[5], q[8], q[9]),
        )
        cpa_s, squared = _closest(-half_s, half_s, c)
        begins, ends = _loss(cpa_s, -half_s, half_s, horizon_s, dz, rate, lateral_m, vertical_m, c)
        if begins < np.inf:
            rows[0, found], rows[1, found] = i[k], j[k]
            numbers[0, found], numbers[1, found] = begins + half_s, ends + half_s
            cpa_s, squared = _told_closest(cpa_s, squared, -half_s, c)
            numbers[2, found], numbers[3, found] = cpa_s + half_s, math.sqrt(squared)
            numbers[4, found] = abs(dz + rate * cpa_s)
            found += 1
    return found
