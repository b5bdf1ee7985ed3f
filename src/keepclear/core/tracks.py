"""Tracks: what holds of every report of where something is, whoever tells it."""

from __future__ import annotations

from typing import Final

FUTURE_MAX_S: Final = 5.0
"""A position that claims to be farther in the future is not taken."""
AGE_MAX_S: Final = 300.0
"""A position that is older is not taken from the API, and not predicted from."""
SPEED_MAX_MPS: Final = 3_000.0
"""No speed is greater, over the ground or up or down."""
