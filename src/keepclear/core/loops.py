"""The search and the judge as loops that numba compiles.

Imported only where speed is worth numba's start (`index.LOOPS_FROM_VOLUMES`), and only with numba
installed. Every answer equals that of the plain code in `judge`; a test compares them.

The hot path is one new item of about eight volumes against a million: descend the tree of boxes,
compare times and heights exactly, then judge the footprints in the gnomonic plane of the query.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt
from numba.extending import register_jitable

from keepclear.core import free_shifts, gaps
from keepclear.core.compiling import compiled
from keepclear.core.geodesy import RADIUS_MAX_M, RADIUS_MIN_M, Floats
from keepclear.core.packed import (
    ALTITUDE_TOLERANCE_M,
    BOX_LIMIT,
    BOX_MARGIN_M,
    BOX_PER_UNIT,
    BUFFER_SLACK_RATIO,
    FAN_OUT,
    LATERAL_TOLERANCE_M,
    Ints,
    Margins,
    PackedVolumes,
    Tree,
)

_Int32s = npt.NDArray[np.int32]

_STACK: Final = 2048


closest_on_segments = register_jitable(gaps.closest_on_segments)
edge_gap_m = register_jitable(gaps.edge_gap_m)
register_jitable(free_shifts.smallest_shift)
smallest_shift = compiled(free_shifts.smallest_shift)
smallest_pair_of_shifts = compiled(free_shifts.smallest_pair_of_shifts)


@compiled
def _box_of(q: PackedVolumes, i: int, epoch_ms: int, margins: Margins, box: _Int32s) -> None:
    """Fill in the box of one volume, as `packed.boxes` does."""
    spread = 1.0 / math.cos(q.radius_rad[i]) - 1.0
    spread += (margins.lateral_m * (1.0 + BUFFER_SLACK_RATIO) + BOX_MARGIN_M) / 6_335_000.0
    for axis in range(3):
        low, high = 1.0, -1.0
        for k in range(q.first[i], q.first[i + 1]):
            low = min(low, q.vertices[k, axis])
            high = max(high, q.vertices[k, axis])
        box[axis] = np.int32(np.floor(max(-1.0, low - spread) * BOX_PER_UNIT))
        box[axis + 5] = np.int32(np.ceil(min(1.0, high + spread) * BOX_PER_UNIT))
    room_cm = (margins.vertical_m + BOX_MARGIN_M) * 100.0
    limit = float(BOX_LIMIT)
    box[3] = np.int32(min(limit, max(-limit, np.floor(q.lower_m[i] * 100.0 - room_cm))))
    box[8] = np.int32(min(limit, max(-limit, np.ceil(q.upper_m[i] * 100.0 + room_cm))))
    since_s = (q.start_ms[i] - epoch_ms - margins.time_ms) / 1000.0
    until_s = (q.end_ms[i] - epoch_ms + margins.time_ms) / 1000.0
    box[4] = np.int32(min(limit, max(-limit, np.floor(since_s))))
    box[9] = np.int32(min(limit, max(-limit, np.ceil(until_s))))


@compiled
def _project(vertices: Floats, start: int, stop: int, frame: Floats, xs: Floats, ys: Floats) -> None:
    """Project a ring into a gnomonic plane; rows of `frame` are centre, east and north."""
    for k in range(start, stop):
        x, y, z = vertices[k, 0], vertices[k, 1], vertices[k, 2]
        depth = 1.0 / (frame[0, 0] * x + frame[0, 1] * y + frame[0, 2] * z)
        xs[k - start] = (frame[1, 0] * x + frame[1, 1] * y) * depth
        ys[k - start] = (frame[2, 0] * x + frame[2, 1] * y + frame[2, 2] * z) * depth


@compiled
def _frame_at(centre: Floats, frame: Floats) -> None:
    x, y, z = centre[0], centre[1], centre[2]
    horizontal = math.sqrt(x * x + y * y)
    ex, ey = 0.0, 1.0
    if horizontal > 1e-12:
        ex, ey = -y / horizontal, x / horizontal
    frame[0, 0], frame[0, 1], frame[0, 2] = x, y, z
    frame[1, 0], frame[1, 1], frame[1, 2] = ex, ey, 0.0
    frame[2, 0], frame[2, 1], frame[2, 2] = -z * ey, z * ex, x * ey - y * ex


@compiled
def _inside(px: float, py: float, xs: Floats, ys: Floats, count: int) -> bool:
    inside = False
    j = count - 1
    for i in range(count):
        straddles = (ys[i] > py) != (ys[j] > py)
        if straddles and px < (xs[j] - xs[i]) * (py - ys[i]) / (ys[j] - ys[i]) + xs[i]:
            inside = not inside
        j = i
    return inside


@compiled
def _footprints_meet(
    a: Floats, ax: Floats, ay: Floats, n: int, b: Floats, bx: Floats, by: Floats, m: int,
    frame: Floats, radius_rad: float, within_m: float,
) -> bool:  # fmt: skip
    """Tell whether two rings overlap or come within a distance.

    Args:
        a: Unit vectors of a ring.
        ax: Its projection, x.
        ay: Its projection, y.
        n: How many vertices it has.
        b: Unit vectors of the other ring; likewise `bx`, `by`, `m`.
        bx: See `b`.
        by: See `b`.
        m: See `b`.
        frame: Centre, east and north of the plane.
        radius_rad: How far the first ring reaches from the centre.
        within_m: The distance, metres.
    """
    # Where the shapes come close, the plane stretches by no more than at the first one's rim.
    stretch = math.cos(min(1.5, radius_rad + within_m / RADIUS_MIN_M)) ** 2
    sure = within_m / RADIUS_MAX_M  # a gap in the plane up to this is surely within the distance
    near = within_m / (RADIUS_MIN_M * stretch)  # one over this is surely not
    a_left, a_right, a_low, a_high = ax[0], ax[0], ay[0], ay[0]
    for i in range(1, n):
        a_left, a_right = min(a_left, ax[i]), max(a_right, ax[i])
        a_low, a_high = min(a_low, ay[i]), max(a_high, ay[i])
    b_left, b_right, b_low, b_high = bx[0], bx[0], by[0], by[0]
    for j in range(1, m):
        b_left, b_right = min(b_left, bx[j]), max(b_right, bx[j])
        b_low, b_high = min(b_low, by[j]), max(b_high, by[j])
    if a_left > b_right + near or b_left > a_right + near or a_low > b_high + near or b_low > a_high + near:
        return False
    if _inside(bx[0], by[0], ax, ay, n) or _inside(ax[0], ay[0], bx, by, m):
        return True
    j = m - 1
    for j_next in range(m):
        left, right = min(bx[j], bx[j_next]) - near, max(bx[j], bx[j_next]) + near
        low, high = min(by[j], by[j_next]) - near, max(by[j], by[j_next]) + near
        if left > a_right or right < a_left or low > a_high or high < a_low:
            j = j_next
            continue
        i = n - 1
        for i_next in range(n):
            if not (
                min(ax[i], ax[i_next]) > right
                or max(ax[i], ax[i_next]) < left
                or min(ay[i], ay[i_next]) > high
                or max(ay[i], ay[i_next]) < low
            ):
                squared, px, py, qx, qy = closest_on_segments(
                    ax[i], ay[i], ax[i_next], ay[i_next], bx[j], by[j], bx[j_next], by[j_next]
                )
                if squared <= sure * sure:
                    return True
                if squared <= near * near:
                    u, v = (px + qx) / 2.0, (py + qy) / 2.0
                    gap_m, _, _, _ = edge_gap_m(
                        a, i, i_next, b, j, j_next,
                        frame[0, 0] + u * frame[1, 0] + v * frame[2, 0],
                        frame[0, 1] + u * frame[1, 1] + v * frame[2, 1],
                        frame[0, 2] + v * frame[2, 2],
                    )  # fmt: skip
                    if gap_m <= within_m:
                        return True
            i = i_next
        j = j_next
    return False


@compiled
def extents_meet(a: PackedVolumes, b: PackedVolumes) -> bool:
    """Tell whether any footprint of one extent meets any of another, and so do their heights and times.

    Args:
        a: Volumes, all with the heights and times of the whole.
        b: The same of the other.
    """
    if (
        b.start_ms[0] > a.end_ms[0]
        or a.start_ms[0] > b.end_ms[0]
        or b.lower_m[0] - a.upper_m[0] > ALTITUDE_TOLERANCE_M
        or a.lower_m[0] - b.upper_m[0] > ALTITUDE_TOLERANCE_M
    ):
        return False
    frame = np.empty((3, 3))
    ax, ay = np.empty(len(a.vertices)), np.empty(len(a.vertices))
    bx, by = np.empty(len(b.vertices)), np.empty(len(b.vertices))
    for i in range(len(a.owner)):
        a0, a1 = a.first[i], a.first[i + 1]
        projected = False
        for j in range(len(b.owner)):
            within_m = LATERAL_TOLERANCE_M + a.slack_m[i] + b.slack_m[j]
            reach = a.radius_rad[i] + b.radius_rad[j] + within_m / RADIUS_MIN_M
            cos_between = (
                a.centre[i, 0] * b.centre[j, 0]
                + a.centre[i, 1] * b.centre[j, 1]
                + a.centre[i, 2] * b.centre[j, 2]
            )
            if cos_between < math.cos(reach) - 1e-15:
                continue
            if not projected:
                _frame_at(a.centre[i], frame)
                _project(a.vertices, a0, a1, frame, ax, ay)
                projected = True
            b0, b1 = b.first[j], b.first[j + 1]
            _project(b.vertices, b0, b1, frame, bx, by)
            if _footprints_meet(
                a.vertices[a0:a1], ax, ay, a1 - a0, b.vertices[b0:b1], bx, by, b1 - b0,
                frame, a.radius_rad[i], within_m,
            ):  # fmt: skip
                return True
    return False


@compiled
def search(
    tree: Tree, q: PackedVolumes, offset: int, margins: Margins,
    all_pairs: bool, out: Ints,
) -> int:  # fmt: skip
    """Find the stored volumes that each query volume meets.

    Args:
        tree: The stored volumes.
        q: The query volumes.
        offset: Where the query volumes start in the tree, if they are some of its volumes: each pair
            is then found once. Else -1.
        margins: The gaps that still count.
        all_pairs: True to judge volumes of the same party too.
        out: Where pairs go, shape (k, 2): the query volume (as it was given to the tree, with an
            offset) and the stored volume (as it was given to the tree).

    Returns:
        How many pairs there are. When it is more than k, the rest were not written.
    """
    levels = len(tree.level_first) - 1
    among_themselves = offset >= 0
    stack = np.empty((_STACK, 2), dtype=np.int64)
    box = np.empty(10, dtype=np.int32)
    hit = np.empty(FAN_OUT, dtype=np.bool_)
    q_ring_max = 1
    for i in range(len(q.owner)):
        q_ring_max = max(q_ring_max, q.first[i + 1] - q.first[i])
    frame, qx, qy = np.empty((3, 3)), np.empty(q_ring_max), np.empty(q_ring_max)
    sx, sy = np.empty(tree.ring_max), np.empty(tree.ring_max)
    lateral_m = LATERAL_TOLERANCE_M + margins.lateral_m * (1.0 + BUFFER_SLACK_RATIO)
    vertical_m = margins.vertical_m + ALTITUDE_TOLERANCE_M
    found = 0
    for i in range(len(q.owner)):
        _box_of(q, i, tree.epoch_ms, margins, box)
        x_low, y_low, z_low, height_low, time_low = box[0], box[1], box[2], box[3], box[4]
        x_high, y_high, z_high, height_high, time_high = box[5], box[6], box[7], box[8], box[9]
        a0, a1 = q.first[i], q.first[i + 1]
        projected = False
        stack[0, 0], stack[0, 1] = levels - 1, 0
        depth = 1
        while depth > 0:
            depth -= 1
            level, place = stack[depth, 0], stack[depth, 1]
            b = tree.blocks[tree.level_first[level] + place]
            # Without a branch, so that the processor compares several boxes at once.
            for lane in range(FAN_OUT):
                hit[lane] = (
                    (b[0, lane] <= x_high) & (b[5, lane] >= x_low)
                    & (b[1, lane] <= y_high) & (b[6, lane] >= y_low)
                    & (b[2, lane] <= z_high) & (b[7, lane] >= z_low)
                    & (b[3, lane] <= height_high) & (b[8, lane] >= height_low)
                    & (b[4, lane] <= time_high) & (b[9, lane] >= time_low)
                )  # fmt: skip
            for lane in range(FAN_OUT):
                if not hit[lane]:
                    continue
                j = place * FAN_OUT + lane
                if level > 0:
                    if not among_themselves or (j + 1) * FAN_OUT**level > i + offset:
                        stack[depth, 0], stack[depth, 1] = level - 1, j
                        depth += 1
                    continue
                if among_themselves and j <= i + offset:
                    continue
                s = tree.rows[j]
                if s.owner == q.owner[i] or (s.zone and q.zone[i]):
                    continue
                if s.party == q.party[i] and not all_pairs:
                    continue
                if (
                    s.start_ms - q.end_ms[i] > margins.time_ms
                    or q.start_ms[i] - s.end_ms > margins.time_ms
                    or s.lower_m - q.upper_m[i] > vertical_m
                    or q.lower_m[i] - s.upper_m > vertical_m
                ):
                    continue
                within_m = lateral_m + q.slack_m[i] + s.slack_m
                reach = q.radius_rad[i] + s.radius_rad + within_m / RADIUS_MIN_M
                cos_between = (
                    q.centre[i, 0] * s.centre[0] + q.centre[i, 1] * s.centre[1] + q.centre[i, 2] * s.centre[2]
                )
                if cos_between < math.cos(reach) - 1e-15:
                    continue
                if not projected:
                    _frame_at(q.centre[i], frame)
                    _project(q.vertices, a0, a1, frame, qx, qy)
                    projected = True
                b0, b1 = s.first, s.first + s.vertex_count
                _project(tree.vertices, b0, b1, frame, sx, sy)
                if _footprints_meet(
                    q.vertices[a0:a1], qx, qy, a1 - a0, tree.vertices[b0:b1], sx, sy, b1 - b0,
                    frame, q.radius_rad[i], within_m,
                ):  # fmt: skip
                    if found < len(out):
                        out[found, 0] = tree.order[i + offset] if among_themselves else i
                        out[found, 1] = tree.order[j]
                    found += 1
    return found
