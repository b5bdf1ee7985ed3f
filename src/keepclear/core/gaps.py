"""How far apart two edges are: plane segments, and great-circle edges in metres of the ellipsoid.

Scalar functions in plain Python, written so that numba compiles them unchanged: the compiled and
the plain judge share them, so both give the same gap to the last digit.
"""

from __future__ import annotations

import math

from keepclear.core.geodesy import ECCENTRICITY_SQ, SEMI_MAJOR_M, Floats


def closest_on_segments(
    ax: float, ay: float, bx: float, by: float, cx: float, cy: float, dx: float, dy: float
) -> tuple[float, float, float, float, float]:
    """Find where two closed segments of a plane, A-B and C-D, come closest.

    Returns:
        The distance squared, the point on A-B (x, y) and the point on C-D (x, y). Where the
        segments cross, the distance is 0.0 and both points are the crossing.
    """
    ux, uy, vx, vy = bx - ax, by - ay, dx - cx, dy - cy
    cross = ux * vy - uy * vx
    if cross != 0.0:
        s = ((cx - ax) * vy - (cy - ay) * vx) / cross
        t = ((cx - ax) * uy - (cy - ay) * ux) / cross
        if 0.0 <= s <= 1.0 and 0.0 <= t <= 1.0:
            px, py = ax + s * ux, ay + s * uy
            return 0.0, px, py, px, py
    uu, vv = ux * ux + uy * uy, vx * vx + vy * vy
    best, px, py, qx, qy = math.inf, ax, ay, cx, cy
    for k in range(4):
        if k < 2:  # an end of A-B against C-D
            ex, ey = (ax, ay) if k == 0 else (bx, by)
            s = ((ex - cx) * vx + (ey - cy) * vy) / vv if vv > 0.0 else 0.0
            s = min(1.0, max(0.0, s))
            fx, fy = cx + s * vx, cy + s * vy
        else:  # an end of C-D against A-B
            fx, fy = (cx, cy) if k == 2 else (dx, dy)
            s = ((fx - ax) * ux + (fy - ay) * uy) / uu if uu > 0.0 else 0.0
            s = min(1.0, max(0.0, s))
            ex, ey = ax + s * ux, ay + s * uy
        gap = (ex - fx) * (ex - fx) + (ey - fy) * (ey - fy)
        if gap < best:
            best, px, py, qx, qy = gap, ex, ey, fx, fy
    return best, px, py, qx, qy


def edge_gap_m(
    a: Floats, i: int, i_next: int, b: Floats, j: int, j_next: int, mx: float, my: float, mz: float
) -> tuple[float, float, float, float]:
    """Measure the gap between two great-circle edges in metres of the ellipsoid.

    The edges are laid into the tangent plane at the middle of the gap, east and north each with
    the ellipsoid's own radius there, and the middle is found anew until it stays.

    Args:
        a: Unit vectors of a ring, shape (n, 3); the edge runs from `a[i]` to `a[i_next]`.
        i: See `a`.
        i_next: See `a`.
        b: Unit vectors of the other ring, shape (m, 3); the edge runs from `b[j]` to `b[j_next]`.
        j: See `b`.
        j_next: See `b`.
        mx: A first guess at the middle of the gap: a vector of any length, x.
        my: The same, y.
        mz: The same, z.

    Returns:
        The gap in metres, within 1 mm up to 10 km and 5 cm up to 100 km, and the unit vector
        (x, y, z) of its middle.
    """
    gap_m = math.inf
    for _ in range(4):
        length = math.sqrt(mx * mx + my * my + mz * mz)
        mx, my, mz = mx / length, my / length, mz / length
        horizontal = math.sqrt(mx * mx + my * my)
        ex, ey = (-my / horizontal, mx / horizontal) if horizontal > 1e-12 else (0.0, 1.0)
        nx, ny, nz = -mz * ey, mz * ex, mx * ey - my * ex
        w = 1.0 - ECCENTRICITY_SQ * mz * mz
        across_m = SEMI_MAJOR_M / math.sqrt(w)
        meridian_m = across_m * (1.0 - ECCENTRICITY_SQ) / w
        d0 = a[i, 0] * mx + a[i, 1] * my + a[i, 2] * mz
        d1 = a[i_next, 0] * mx + a[i_next, 1] * my + a[i_next, 2] * mz
        d2 = b[j, 0] * mx + b[j, 1] * my + b[j, 2] * mz
        d3 = b[j_next, 0] * mx + b[j_next, 1] * my + b[j_next, 2] * mz
        squared, px, py, qx, qy = closest_on_segments(
            (a[i, 0] * ex + a[i, 1] * ey) / d0 * across_m,
            (a[i, 0] * nx + a[i, 1] * ny + a[i, 2] * nz) / d0 * meridian_m,
            (a[i_next, 0] * ex + a[i_next, 1] * ey) / d1 * across_m,
            (a[i_next, 0] * nx + a[i_next, 1] * ny + a[i_next, 2] * nz) / d1 * meridian_m,
            (b[j, 0] * ex + b[j, 1] * ey) / d2 * across_m,
            (b[j, 0] * nx + b[j, 1] * ny + b[j, 2] * nz) / d2 * meridian_m,
            (b[j_next, 0] * ex + b[j_next, 1] * ey) / d3 * across_m,
            (b[j_next, 0] * nx + b[j_next, 1] * ny + b[j_next, 2] * nz) / d3 * meridian_m,
        )
        gap_m = math.sqrt(squared)
        half = gap_m / (2.0 * meridian_m)
        gap_m *= 1.0 - half * half / 3.0  # the plane is gnomonic: arc = atan of its half length
        u, v = (px + qx) / (2.0 * across_m), (py + qy) / (2.0 * meridian_m)
        mx, my, mz = mx + u * ex + v * nx, my + u * ey + v * ny, mz + v * nz
    length = math.sqrt(mx * mx + my * my + mz * mz)
    return gap_m, mx / length, my / length, mz / length
