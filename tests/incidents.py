"""Incidents for tests: two aircraft over the coast of Syria, on straight tracks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from keepclear.adapters.recording.limits import RecordingLimits
from keepclear.adapters.recording.recorder import Recorder
from keepclear.core.geodesy import geodesic_direct
from keepclear.core.incidents import Incident, ObservedAircraft
from keepclear.core.intents import PartyId
from keepclear.core.named_rules import RULE_OF_THREES
from keepclear.core.recorded import Entry, joined, taken_rows
from keepclear.core.reports import Report, Reports, gather
from keepclear.core.rules import AnyRule
from keepclear.core.times import floor_ms, instant_of
from keepclear.testing.clock import ManualClock

START_MS: Final = floor_ms(datetime(2026, 5, 1, 10, 0, tzinfo=UTC))
"""When the aircraft of these tests are first seen."""
FIRST: Final = "icao:4b1814"
SECOND: Final = "icao:3c6dd8"
MIDDLE_DEG: Final = (35.4, 35.9)
"""Where they would meet."""


def straight(
    name: str,
    track_deg: float,
    *,
    speed_mps: float = 100.0,
    meets_s: float = 300.0,
    beside_m: float = 0.0,
    length_s: int = 600,
    every_s: int = 1,
    source: str = "radar-1",
    delay_ms: int = 200,
    start_ms: int = START_MS,
    **more: object,
) -> list[Reports]:
    """Return the reports of an aircraft that flies straight through the middle, or beside it.

    Args:
        name: Its id.
        track_deg: Where it flies to.
        speed_mps: How fast.
        meets_s: After how long it passes the middle.
        beside_m: How far right of the middle it passes.
        length_s: How long it is seen.
        every_s: How often it is told.
        source: By which source.
        delay_ms: How much later it is received.
        start_ms: When it is seen first.
        more: Further fields of its reports.
    """
    lat, lng = geodesic_direct(*MIDDLE_DEG, track_deg + 90.0, beside_m)
    seconds = np.arange(0, length_s + 1, every_s)
    along_m = (seconds - meets_s) * speed_mps
    back = np.where(along_m >= 0.0, 0.0, 180.0)
    lats, lngs = geodesic_direct(lat, lng, (track_deg + back) % 360.0, np.abs(along_m))
    fields: dict[str, object] = {
        "altitude_m": 3_000.0,
        "ground_speed_mps": speed_mps,
        "track_deg": track_deg % 360.0,
        "vertical_rate_mps": 0.0,
        "horizontal_error_m": 50.0,
        "vertical_error_m": 15.0,
        **more,
    }
    rows = [
        Report(name, start_ms + second * 1_000, *place, **fields)  # type: ignore[arg-type]
        for second, *place in zip(seconds.tolist(), lats.tolist(), lngs.tolist(), strict=True)
    ]
    gathered = gather(source, rows, 0)
    assert not gathered.refused, gathered.refused
    reports = replace(gathered.reports, received_ms=gathered.reports.at_ms + delay_ms)
    return [taken_rows(reports, np.array([row])) for row in range(len(reports))]


def whole(batches: Sequence[Reports]) -> Reports:
    """Return batches of one source as one."""
    return joined(batches)


def incident_of(
    *sources: Sequence[Reports],
    rule: AnyRule | None = RULE_OF_THREES,
    from_s: float = 0.0,
    to_s: float = 600.0,
) -> Incident:
    """Return an incident of aircraft that one source told of each, with nothing quoted."""
    aircraft = tuple(ObservedAircraft(id=batches[0].ids[0], sources=(whole(batches),)) for batches in sources)
    return Incident(
        claimant=PartyId("alpha"),
        from_ms=START_MS + round(from_s * 1_000.0),
        to_ms=START_MS + round(to_s * 1_000.0),
        aircraft=aircraft,
        rule_set="rule-of-threes",
        rule=rule if len(aircraft) == 2 else None,
    )


def record(
    folder: Path, *tracks: Sequence[Reports], more: Sequence[Entry] = (), party: str = "alpha"
) -> Path:
    """Record tracks as they were received, each second flushed; return the folder."""
    entries: list[tuple[int, Entry]] = [
        (int(batch.received_ms[0]), batch) for batches in tracks for batch in batches
    ]
    entries += [(each.at_ms, each) for each in more if not isinstance(each, Reports)]
    entries.sort(key=lambda entry: entry[0])
    clock = ManualClock(instant_of(entries[0][0]))
    recorder = Recorder(folder, RecordingLimits(), clock.now, party=party, node="test")
    flushed_ms = entries[0][0]
    for at_ms, entry in entries:
        while at_ms - flushed_ms >= 1_000:
            recorder.flush()
            flushed_ms += 1_000
            clock.set(instant_of(flushed_ms))
        recorder.write(entry)
    recorder.close()
    return folder
