"""Events that Keepclear writes pass through a TAK server of others, and are read behind it.

The server is taky, in a process of its own, on the loopback interface only.
"""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from keepclear.codec.cot import CotDecoder
from keepclear.codec.cot_writing import CotTrack, Relation, encode_track
from keepclear.core.kinds import TrackKind
from keepclear.core.reports import Report
from keepclear.core.times import floor_ms
from tests.codec.streams import shown
from tests.ports import free_port
from tests.strategies import NOON

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("taky") is None, reason="taky is not installed"),
]

WAIT_S: Final = 20.0
NOW_MS: Final = floor_ms(NOON)
VALID_MS: Final = 10 * 365 * 86_400_000
"""So long events are valid: the server looks at the clock, and forgets those that are stale."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run the server; return its port."""
    folder = tmp_path_factory.mktemp("taky")
    port = free_port()
    config = folder / "taky.conf"
    config.write_text(
        f"[taky]\nhostname = localhost\nbind_ip = 127.0.0.1\nroot_dir = {folder}\nredis = false\n"
        f"[cot_server]\nport = {port}\n[ssl]\nenabled = false\n[dp_server]\nupload_path = {folder}\n"
    )
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "taky.cot", "-c", config], cwd=folder, stdout=file, stderr=file
        )
        try:
            connect(port, process, log).close()
            yield port
        finally:
            process.terminate()
            process.wait(WAIT_S)


def connect(
    port: int, process: subprocess.Popen[bytes] | None = None, log: Path | None = None
) -> socket.socket:
    """Return a connection as soon as the server takes one."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        if process is not None and log is not None:
            assert process.poll() is None, log.read_text()[-2000:]
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=WAIT_S)
        except ConnectionRefusedError:
            time.sleep(0.02)  # how often it is tried; nothing relies on how long it takes
    raise AssertionError("the server does not listen")


def read_until(client: socket.socket, ids: set[str]) -> tuple[list[Report], bytes]:
    """Read until there is a report of each id; each wait has a deadline, that of the connection.

    Returns:
        The reports under these ids, and all that came.
    """
    decoder = CotDecoder()
    reports: list[Report] = []
    came = b""
    while not ids <= {report.id for report in reports}:
        data = client.recv(4096)
        assert data, "the server closed the connection"
        decoded = decoder.decode(data, NOW_MS)
        assert decoded.malformed == []
        came += data
        reports += [report for report in decoded.reports if report.id in ids]
    return reports, came


def track(number: int, callsign: str) -> CotTrack:
    """Return an aircraft whose numbers have no more decimals than the server keeps."""
    return CotTrack(
        id=f"icao:{number:06x}",
        relation=Relation.OTHER,
        at_ms=NOW_MS + number,
        stale_ms=NOW_MS + VALID_MS,
        latitude_deg=47.0 + number * 1e-6,
        longitude_deg=-8.0,
        altitude_m=1200.5,
        pressure_altitude_ft=3900.0,
        horizontal_error_m=24.5,
        vertical_error_m=19.6,
        ground_speed_mps=51.25,
        track_deg=90.5,
        kind=TrackKind.HELICOPTER,
        callsign=callsign,
        party="beta",
    )


def read_alone(events: list[bytes]) -> list[Report]:
    return CotDecoder().decode(b"".join(events), NOW_MS).reports


def test_what_one_client_writes_another_reads_unchanged(server: int) -> None:
    tracks = [track(n, callsign) for n, callsign in enumerate(["REGA 1", "<&\"'>", "Zürich é"] * 50)]
    events = [encode_track(each) for each in tracks]
    with connect(server) as reader, connect(server) as writer:
        for event in events:
            writer.sendall(event)
        reports, _ = read_until(reader, {each.id for each in tracks})
    assert shown(reports) == shown(read_alone(events))


def test_pings_are_answered_and_drawings_pass_and_both_are_left_aside(server: int) -> None:
    written = track(500, "REGA 5")
    ping = encode_track(written).replace(b'type="a-n-A"', b'type="t-x-c-t"')
    drawing = encode_track(track(501, "Hospital")).replace(b'type="a-n-A"', b'type="u-d-f"')
    with connect(server) as reader, connect(server) as writer:
        reader.sendall(ping)
        writer.sendall(drawing + encode_track(written))
        reports, came = read_until(reader, {written.id})
    assert shown(reports) == shown(read_alone([encode_track(written)]))
    assert b'type="u-d-f"' in came
    assert b'type="t-x-c-t-r"' in came


def test_who_connects_later_is_told_what_was_said_before_with_its_old_times(server: int) -> None:
    written = track(700, "REGA 7")
    with connect(server) as witness, connect(server) as writer:
        writer.sendall(encode_track(written))
        read_until(witness, {written.id})
    with connect(server) as late:
        (report,), _ = read_until(late, {written.id})
    assert report.at_ms == NOW_MS + 700
