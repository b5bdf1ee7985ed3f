"""Kinds of what moves."""

from __future__ import annotations

from enum import Enum


class TrackKind(Enum):
    """What is moving."""

    AEROPLANE = "aeroplane"
    HELICOPTER = "helicopter"
    DRONE = "drone"
    VEHICLE = "vehicle"
    UNKNOWN = "unknown"
