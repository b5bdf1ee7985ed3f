"""Keepclear: parties that share a space but no command keep clear of each other.

    import keepclear

    result = keepclear.check(["north.geojson", "relief.geojson"])
    for conflict in result.conflicts:
        print(conflict.a.id, conflict.b.id, conflict.witness)

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from keepclear.version import VERSION

if TYPE_CHECKING:
    from keepclear.codec.reading import Gathered as Gathered
    from keepclear.codec.reading import Problem as Problem
    from keepclear.codec.reading import ReadSettings as ReadSettings
    from keepclear.codec.results import Answer as Answer
    from keepclear.codec.results import CheckResult as CheckResult
    from keepclear.core.altitudes import Altitude as Altitude
    from keepclear.core.altitudes import AltitudeBand as AltitudeBand
    from keepclear.core.altitudes import Atmosphere as Atmosphere
    from keepclear.core.altitudes import Datum as Datum
    from keepclear.core.altitudes import LengthUnit as LengthUnit
    from keepclear.core.altitudes import band_of as band_of
    from keepclear.core.conflicts import Buffer as Buffer
    from keepclear.core.conflicts import ConflictRule as ConflictRule
    from keepclear.core.conflicts import Finding as Finding
    from keepclear.core.conflicts import Verdict as Verdict
    from keepclear.core.conflicts import Witness as Witness
    from keepclear.core.constraints import Constraint as Constraint
    from keepclear.core.constraints import ConstraintRule as ConstraintRule
    from keepclear.core.constraints import ring_zones as ring_zones
    from keepclear.core.encounters import Encounters as Encounters
    from keepclear.core.encounters import Minima as Minima
    from keepclear.core.encounters import find_encounters as find_encounters
    from keepclear.core.encounters import judge_pairs as judge_pairs
    from keepclear.core.encounters import judge_rows as judge_rows
    from keepclear.core.errors import InvalidValueError as InvalidValueError
    from keepclear.core.errors import KeepclearError as KeepclearError
    from keepclear.core.errors import UnknownItemError as UnknownItemError
    from keepclear.core.geodesy import LatLng as LatLng
    from keepclear.core.index import Engine as Engine
    from keepclear.core.intents import IntentState as IntentState
    from keepclear.core.intents import ItemId as ItemId
    from keepclear.core.intents import OperationalIntent as OperationalIntent
    from keepclear.core.intents import PartyId as PartyId
    from keepclear.core.motions import TrackArrays as TrackArrays
    from keepclear.core.picture import Picture as Picture
    from keepclear.core.resolution import Change as Change
    from keepclear.core.resolution import Resolution as Resolution
    from keepclear.core.shapes import Circle as Circle
    from keepclear.core.shapes import CorridorLeg as CorridorLeg
    from keepclear.core.shapes import Polygon as Polygon
    from keepclear.core.shapes import corridor_legs as corridor_legs
    from keepclear.core.shifts import Limits as Limits
    from keepclear.core.times import TimeWindow as TimeWindow
    from keepclear.core.volumes import Volume3D as Volume3D
    from keepclear.core.volumes import Volume4D as Volume4D
    from keepclear.core.well_clear import alert_levels as alert_levels
    from keepclear.core.well_clear import find_alerts as find_alerts
    from keepclear.main import check as check
    from keepclear.main import load as load
    from keepclear.main import resolve as resolve

__version__: Final = VERSION

_HOMES: Final = {
    "codec.reading": ("Gathered", "Problem", "ReadSettings"),
    "codec.results": ("Answer", "CheckResult"),
    "core.altitudes": ("Altitude", "AltitudeBand", "Atmosphere", "Datum", "LengthUnit", "band_of"),
    "core.conflicts": ("Buffer", "ConflictRule", "Finding", "Verdict", "Witness"),
    "core.constraints": ("Constraint", "ConstraintRule", "ring_zones"),
    "core.encounters": ("Encounters", "Minima", "find_encounters", "judge_pairs", "judge_rows"),
    "core.errors": ("InvalidValueError", "KeepclearError", "UnknownItemError"),
    "core.geodesy": ("LatLng",),
    "core.index": ("Engine",),
    "core.intents": ("IntentState", "ItemId", "OperationalIntent", "PartyId"),
    "core.motions": ("TrackArrays",),
    "core.picture": ("Picture",),
    "core.resolution": ("Change", "Resolution"),
    "core.shifts": ("Limits",),
    "core.shapes": ("Circle", "CorridorLeg", "Polygon", "corridor_legs"),
    "core.times": ("TimeWindow",),
    "core.volumes": ("Volume3D", "Volume4D"),
    "core.well_clear": ("alert_levels", "find_alerts"),
    "main": ("check", "load", "resolve"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604  # all are strings


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'keepclear' has no attribute {name!r}")
    return getattr(importlib.import_module(f"keepclear.{home}"), name)


def __dir__() -> list[str]:
    return __all__
