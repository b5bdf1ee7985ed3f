"""Which tracks may come close within a look-ahead: a grid in earth-centred x, y, z, and margins.

A track is where it is in the middle of the look-ahead, and goes straight on from there, forwards and back.
By how much its arc leaves that line is known, and is added to what it reaches; so is what rounding to
float32 may take. Two that lose separation have middles within `lateral + both reaches`: in one cell, or in
neighbouring ones. Nothing is missed; the judge takes out what was only near.

The cell is as large as the farthest reach asks. A few tracks that reach much farther than all others (one
bogus speed would do) are kept out of the grid where that costs less, and held against every other track.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keepclear.core.errors import InvalidValueError
from keepclear.core.geodesy import RADIUS_MIN_M, Floats
from keepclear.core.index import Engine, Progress, numba_installed
from keepclear.core.motions import Motions, TrackArrays, motions_of
from keepclear.core.packed import Ints

LOOPS_FROM_TRACKS: Final = 100_000
"""With fewer tracks one picture is judged by the plain code before numba has started."""
CELL_MIN_M: Final = 30.0
"""No cell is smaller: the numbers of cells stay within 64 bits."""
LATERAL_MARGIN_M: Final = 0.1
"""Added to every lateral minimum in the search, with `ROUNDING_RATIO` of the cell, for rounding."""
VERTICAL_MARGIN_M: Final = 0.1
"""Added to every vertical minimum in the search, for rounding."""
ROUNDING_RATIO: Final = 2e-6
"""Positions within a neighbourhood and what is computed of them are exact to this part of a cell."""
BEND_PER_M: Final = 1.01 / (2.0 * RADIUS_MIN_M)
"""An arc leaves its tangent by at most this times the square of the way; 1 % is for the higher powers."""
GROUPS_MAX: Final = 256
"""So many groups of tracks may be told apart."""

_APART_MAX: Final = 8
"""At most one track in so many is held against all others."""
_SAMPLE: Final = 2_000
_PAIR_COST: Final = 15.0
_PLAIN_CHUNK: Final = 131_072
_NOBODY: Final = np.empty(0, dtype=np.int64)
_ROWS: Final = ((-1, 1), (0, 1), (1, 1), (1, 0))
"""The rows of cells (y, z) that follow one's own."""


class Wanted(NamedTuple):
    """What is looked for.

    Attributes:
        lateral_m: The lateral minimum.
        vertical_m: The vertical minimum; may be infinite.
        lookahead_s: How far it is looked ahead.
        reach_m: By how much each track widens the lateral minimum, shape (n,).
        deep_m: By how much each widens the vertical minimum; may be infinite, shape (n,).
    """

    lateral_m: float
    vertical_m: float
    lookahead_s: float
    reach_m: Floats
    deep_m: Floats


class Candidates(NamedTuple):
    """Pairs of tracks that may be close.

    Attributes:
        i: Rows of one of each, shape (m,).
        j: Rows of the other.
    """

    i: Ints
    j: Ints


def uses_loops(engine: Engine, n: int) -> bool:
    """Tell whether compiled loops search among n tracks."""
    if engine is Engine.AUTO:
        return n >= LOOPS_FROM_TRACKS and numba_installed()
    return engine is Engine.LOOPS


def candidates(
    tracks: TrackArrays,
    wanted: Wanted,
    engine: Engine,
    groups: npt.NDArray[np.uint8] | None = None,
    judged: npt.NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Candidates, Motions]]:
    """Find all pairs that may be closer than what is looked for.

    Args:
        tracks: The picture.
        wanted: What is looked for.
        engine: Which code searches.
        groups: The group of each track; None if all are judged against all.
        judged: Whether tracks of two groups are judged against each other.
        progress: Called with how many tracks are done and how many there are.

    Yields:
        Some pairs, each pair in one of the parts only, and the motions about the middle of the look-ahead.

    Raises:
        InvalidValueError: `groups` or `judged` has another shape.
    """
    allowed = _allowed(len(tracks), groups, judged)
    if len(tracks) < 2:
        return
    half_s = wanted.lookahead_s / 2.0
    is_loops = uses_loops(engine, len(tracks))
    if is_loops:
        from keepclear.core import encounter_loops

        motions = encounter_loops.motions_of(tracks, half_s)
    else:
        motions = motions_of(tracks, half_s)
    fastest, usual = float(tracks.ground_speed_mps.max()), float(tracks.ground_speed_mps.mean())
    farthest = _radius(fastest * half_s) + float(wanted.reach_m.max())
    is_even = wanted.lateral_m + 2.0 * farthest <= 2.0 * (wanted.lateral_m + 2.0 * _radius(usual * half_s))
    rest = None
    if is_loops and is_even:
        parts = encounter_loops.near(motions, wanted, _cell_m(wanted, farthest), None, progress)
    else:
        path_m = tracks.ground_speed_mps * half_s
        reach = wanted.reach_m + BEND_PER_M * path_m**2
        radius = reach + path_m
        apart = _NOBODY if is_even else _kept_apart(motions, radius, wanted.lateral_m, loops=is_loops)
        if len(apart):
            lines = _lines(motions, wanted, reach, radius, slice(None))
            for part in _against_all(lines, half_s, apart):
                yield _of_groups(part, allowed), motions
            rest = np.delete(np.arange(len(tracks)), apart)
            farthest = float(radius[rest].max())
        if is_loops:
            parts = encounter_loops.near(motions, wanted, _cell_m(wanted, farthest), rest, progress)
        else:
            lines = _lines(motions, wanted, reach, radius, slice(None) if rest is None else rest)
            parts = _near(lines, half_s, _cell_m(wanted, farthest), progress)
    for part in parts:
        pairs = part if rest is None else Candidates(rest[part.i], rest[part.j])
        yield _of_groups(pairs, allowed), motions


def _radius(path_m: float) -> float:
    """Return how far a track gets from its middle on a way, and what its arc adds."""
    return path_m + BEND_PER_M * path_m**2


def _cell_m(wanted: Wanted, farthest_m: float) -> float:
    """Return how large a cell must be."""
    wide_m = wanted.lateral_m + 2.0 * farthest_m + LATERAL_MARGIN_M
    return max(CELL_MIN_M, wide_m * (1.0 + 2.0 * ROUNDING_RATIO))


def _allowed(
    n: int, groups: npt.NDArray[np.uint8] | None, judged: npt.NDArray[np.bool_] | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]] | None:
    if groups is None or judged is None:
        if groups is not None or judged is not None:
            raise InvalidValueError("groups", "give groups and which of them are judged, or neither")
        return None
    if groups.shape != (n,) or groups.dtype != np.uint8:
        raise InvalidValueError("groups", f"it must be of uint8 and of the shape {(n,)}")
    k = len(judged)
    if judged.shape != (k, k) or k > GROUPS_MAX or (n and int(groups.max()) >= k):
        raise InvalidValueError(
            "judged", f"it must be square, with a row for each group, at most {GROUPS_MAX}"
        )
    if (judged != judged.T).any():
        raise InvalidValueError("judged", "it must be symmetric")
    return groups, judged


def _of_groups(
    pairs: Candidates, allowed: tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]] | None
) -> Candidates:
    if allowed is None:
        return pairs
    groups, judged = allowed
    kept = judged[groups[pairs.i], groups[pairs.j]]
    return Candidates(pairs.i[kept], pairs.j[kept])


def _kept_apart(motions: Motions, radius: Floats, lateral_m: float, *, loops: bool) -> Ints:
    """Choose the tracks that are held against all others, so that the grid may have smaller cells."""
    n = len(radius)
    most = n // _APART_MAX
    if most == 0:
        return _NOBODY
    top = np.argpartition(radius, n - most - 1)[n - most - 1 :]
    top = top[np.argsort(-radius[top], kind="stable")]
    step = max(1, n // _SAMPLE)
    sample = motions.position_m[::step]
    scale = (n / len(sample)) ** 2 * (4.5 if loops else 4.5 * _PAIR_COST)
    best, chosen, count = np.inf, 0, 0
    while count <= most:
        cells = np.floor(sample / (lateral_m + 2.0 * radius[top[count]] + CELL_MIN_M)).astype(np.int64)
        held = np.unique(cells @ np.array([1, 1 << 20, 1 << 40]), return_counts=True)[1].astype(np.float64)
        cost = scale * float((held * (held - 1.0)).sum()) + _PAIR_COST * count * n
        if cost < best:
            best, chosen = cost, count
        count = max(1, 2 * count)
    return top[:chosen]


class _Lines(NamedTuple):
    """Tracks on straight lines about the middle of the look-ahead, a column for each part, shape (n,)."""

    x: Floats
    y: Floats
    z: Floats
    vx: Floats
    vy: Floats
    vz: Floats
    height: Floats
    rate: Floats
    reach: Floats
    deep: Floats
    radius: Floats
    depth: Floats
    """The same for heights and radius: how far each may get from its middle, and what it reaches."""


def _lines(motions: Motions, wanted: Wanted, reach: Floats, radius: Floats, rows: Ints | slice) -> _Lines:
    """Return some of the tracks as lines; half of what is looked for, and of the margins, is with each."""
    deep = wanted.deep_m + (wanted.vertical_m + VERTICAL_MARGIN_M) / 2.0
    columns = (
        *motions.position_m.T, *motions.velocity_mps.T, motions.altitude_m, motions.rate_mps,
        reach + (wanted.lateral_m + LATERAL_MARGIN_M) / 2.0,
        deep,
        radius + (wanted.lateral_m + LATERAL_MARGIN_M) / 2.0,
        deep + np.abs(motions.rate_mps) * (wanted.lookahead_s / 2.0),
    )  # fmt: skip
    return _Lines(*(column[rows] for column in columns))


def _against_all(lines: _Lines, half_s: float, apart: Ints) -> Iterator[Candidates]:
    """Hold each of some tracks against all others."""
    others = np.ones(len(lines.x), dtype=np.bool_)
    for track in apart.tolist():
        others[track] = False
        j = np.flatnonzero(others)
        yield _coarse(lines, half_s, np.full(len(j), track), j)


def _coarse(lines: _Lines, half_s: float, i: Ints, j: Ints) -> Candidates:
    """Keep the pairs that come near on straight lines; what costs least is looked at first."""
    kept = np.flatnonzero(np.abs(lines.height[j] - lines.height[i]) <= lines.depth[i] + lines.depth[j])
    i, j = i[kept], j[kept]
    dx, dy, dz = lines.x[j] - lines.x[i], lines.y[j] - lines.y[i], lines.z[j] - lines.z[i]
    kept = np.flatnonzero(dx * dx + dy * dy + dz * dz <= (lines.radius[i] + lines.radius[j]) ** 2)
    i, j, dx, dy, dz = i[kept], j[kept], dx[kept], dy[kept], dz[kept]
    deep = lines.deep[i] + lines.deep[j]
    rise, apart = lines.rate[j] - lines.rate[i], lines.height[j] - lines.height[i]
    rise = np.where(np.abs(rise) < 1e-6, 1e-6, rise)
    one, other = (-deep - apart) / rise, (deep - apart) / rise
    first = np.maximum(np.minimum(one, other), -half_s)
    last = np.minimum(np.maximum(one, other), half_s)
    vx, vy, vz = lines.vx[j] - lines.vx[i], lines.vy[j] - lines.vy[i], lines.vz[j] - lines.vz[i]
    t = -(dx * vx + dy * vy + dz * vz) / (vx * vx + vy * vy + vz * vz + 1e-12)
    t = np.minimum(np.maximum(t, first), last)
    dx, dy, dz = dx + t * vx, dy + t * vy, dz + t * vz
    is_near = (dx * dx + dy * dy + dz * dz <= (lines.reach[i] + lines.reach[j]) ** 2) & (first <= last)
    return Candidates(i[is_near], j[is_near])


def _near(lines: _Lines, half_s: float, cell_m: float, progress: Progress | None) -> Iterator[Candidates]:
    """Find near pairs with a grid: the plain code.

    Args:
        lines: The tracks.
        half_s: Half of the look-ahead.
        cell_m: How large a cell is.
        progress: Called with how many tracks are done and how many there are.
    """
    n = len(lines.x)
    if n < 2:
        return
    keys, row_y, row_z = _cell_keys(lines, cell_m)
    order = np.argsort(keys, kind="stable")
    keys, sorted_lines = keys[order], _Lines(*(column[order] for column in lines))
    cells, edges = np.unique(keys, return_index=True)
    edges = np.append(edges, n)
    of_cell = np.repeat(np.arange(len(cells)), np.diff(edges))
    # Each meets what follows it in its own cell and in the next, and three cells in each of four rows.
    starts = [np.arange(1, n + 1)]
    ends = [edges[np.searchsorted(cells, cells + 1, side="right")][of_cell]]
    for y, z in _ROWS:
        row = cells + y * row_y + z * row_z
        starts.append(edges[np.searchsorted(cells, row - 1, side="left")][of_cell])
        ends.append(edges[np.searchsorted(cells, row + 1, side="right")][of_cell])
    first = np.column_stack(starts)
    many = np.column_stack(ends) - first
    of_track = many.sum(axis=1)
    total = np.cumsum(of_track)
    done = 0
    while done < n:
        before = int(total[done - 1]) if done else 0
        until = max(done + 1, int(np.searchsorted(total, before + _PLAIN_CHUNK, side="right")))
        i = np.repeat(np.arange(done, until), of_track[done:until])
        runs = many[done:until].ravel()
        j = np.repeat(first[done:until].ravel() - (np.cumsum(runs) - runs), runs) + np.arange(len(i))
        found = _coarse(sorted_lines, half_s, i, j)
        yield Candidates(order[found.i], order[found.j])
        done = until
        if progress is not None:
            progress(done, n)


def _cell_keys(lines: _Lines, cell_m: float) -> tuple[Ints, int, int]:
    """Number the cells of tracks, those of a row (x) one after the other.

    Returns:
        The number of each track's cell, and by how much it grows with y and with z. Beside every row is an
        empty cell, so that rows do not touch.
    """
    x, y, z = (np.floor((part - part.min()) / cell_m).astype(np.int64) for part in lines[:3])
    row_y = int(x.max()) + 3
    row_z = row_y * (int(y.max()) + 3)
    return x + row_y * y + row_z * z, row_y, row_z
