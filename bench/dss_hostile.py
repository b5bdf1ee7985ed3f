"""What a Discovery and Synchronization Service does with what is sent to harm it, and how others fare.

Each hostile request is sent five times while another client asks for one intent again and again; told are the
status, how long the request took, the longest that the other client waited, and by how much memory grew.
"""

from __future__ import annotations

import http.client
import math
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec

from bench import measure
from bench.dss_served import DssProcess, Issuer, sqlite_in
from bench.measure import Row

TIMES: Final = 5
SLOW_CLIENTS: Final = 200
"""So many connections say a part of a request and then nothing."""
_PATH: Final = "/dss/v1/operational_intent_references"
_LAT, _LNG = 46.0, 7.0


def bench_dss_hostile(rows: list[Row], folder: Path, *, quick: bool = False) -> None:
    """Send hostile requests to a service, and append the rows."""
    with tempfile.TemporaryDirectory(prefix="dss-hostile-", dir=folder) as name:
        there = Path(name)
        issuer = Issuer(there)
        with DssProcess(sqlite_in(there), issuer.public, there) as service:
            service.wait_ready()
            token = issuer.token("uss-1")
            other = _Other(service.port, token)
            for what, body in _bodies().items():
                rows.append(_sent(service, token, other, what, body, 1 if quick else TIMES))
            rows.append(_slow_clients(service, other, 20 if quick else SLOW_CLIENTS))


class _Other:
    """A client that asks for one intent again and again, as long as something else goes on."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token, self._path = port, token, f"{_PATH}/{uuid4()}"
        body = msgspec.json.encode(_intent([_volume(_circle(50_000.0, 100.0))]))
        assert _asked(port, token, "PUT", self._path, body) == http.client.CREATED

    def beside(self, work: Callable[[], None]) -> float:
        """Do something, and return the longest that an answer took meanwhile, seconds."""
        done, took = threading.Event(), [0.0]

        def ask() -> None:
            while not done.is_set():
                began_s = time.perf_counter()
                assert _asked(self._port, self._token, "GET", self._path) == http.client.OK
                took.append(time.perf_counter() - began_s)
                done.wait(0.005)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            work()
        finally:
            done.set()
            thread.join()
        return max(took)


def _asked(port: int, token: str, method: str, path: str, body: bytes | None = None) -> int:
    """Ask over a connection of its own; what is too large is answered before all of it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60.0)
    try:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def _sent(service: DssProcess, token: str, other: _Other, what: str, body: bytes, times: int) -> Row:
    statuses: set[int] = set()
    took: list[float] = []
    before = service.memory_bytes()

    def send() -> None:
        for _ in range(times):
            began_s = time.perf_counter()
            statuses.add(_asked(service.port, token, "PUT", f"{_PATH}/{uuid4()}", body))
            took.append(time.perf_counter() - began_s)

    waited_s = other.beside(send)
    told = ", ".join(map(str, sorted(statuses)))
    is_bad = any(status >= http.client.INTERNAL_SERVER_ERROR for status in statuses)
    grown = (service.memory_bytes() - before) / 1e6
    return Row(
        what=f"DSS, hostile: {what}",
        p50_s=sorted(took)[len(took) // 2],
        answer=f"{measure.BROKEN}: {told}" if is_bad else told,
        note=f"{len(body) / 1e6:.2f} MB; others waited {waited_s * 1e3:.0f} ms at most;"
        f" memory {grown:+.0f} MB; load {measure.load_average()}",
    )


def _slow_clients(service: DssProcess, other: _Other, count: int) -> Row:
    held: list[socket.socket] = []

    def hold() -> None:
        for _ in range(count):
            held.append(socket.create_connection(("127.0.0.1", service.port)))
            held[-1].sendall(b"PUT /dss/v1/operational_intent_references/x HTTP/1.1\r\nHost: local")

    before = service.memory_bytes()
    began_s = time.perf_counter()
    waited_s = other.beside(hold)
    for each in held:
        each.settimeout(30.0)
        assert each.recv(1) == b""  # it was cut off
        each.close()
    return Row(
        what=f"DSS, hostile: {count} connections that end no request",
        p50_s=time.perf_counter() - began_s,
        answer="all cut off",
        note=f"others waited {waited_s * 1e3:.0f} ms at most; memory"
        f" {(service.memory_bytes() - before) / 1e6:+.0f} MB",
    )


def _bodies() -> dict[str, bytes]:
    several = [
        _volume(
            _polygon(
                [(_LAT + k * 1e-4, _LNG), (_LAT + k * 1e-4, _LNG + 1e-3), (_LAT + k * 1e-4 + 5e-5, _LNG)]
            )
        )
        for k in range(500)
    ]
    written = {
        "a polygon of 10,000 vertices": _intent([_volume(_round(10_000))]),
        "a comb of 10,000 vertices": _intent([_volume(_comb(10_000))]),
        "a star of 9,999 edges that cross": _intent([_volume(_star(9_999))]),
        "500 volumes": _intent(several),
        "500 circles": _intent([_volume(_circle(20_000.0 + 300.0 * k, 100.0)) for k in range(500)]),
        "a key of 100,000 OVNs": _intent(
            [_volume(_circle(0.0, 100.0))], key=[f"{k:022d}" for k in range(100_000)]
        ),
    }
    sent = {what: msgspec.json.encode(body) for what, body in written.items()}
    return sent | {
        "4 MB of blanks": b" " * 4_194_304,
        "4 MB, each bracket within another": b"[" * 4_194_304,
        "4 MB of objects within objects": b'{"extents":' * 380_000,
        "4 MB of empty volumes": b'{"extents":[' + b'{"volume":{}},' * 290_000 + b"1]}",
        "5 MB": b" " * 5_000_000,
    }


def _intent(extents: list[dict[str, Any]], key: list[str] | None = None) -> dict[str, Any]:
    return {
        "extents": extents,
        "key": key or [],
        "state": "Accepted",
        "uss_base_url": "https://uss.example",
        "new_subscription": {"uss_base_url": "https://uss.example"},
    }


def _volume(outline: dict[str, Any]) -> dict[str, Any]:
    begin = datetime.now(UTC)
    times = [{"value": at.isoformat(), "format": "RFC3339"} for at in (begin, begin + timedelta(minutes=30))]
    heights = [{"value": value, "reference": "W84", "units": "M"} for value in (100, 200)]
    space = {**outline, "altitude_lower": heights[0], "altitude_upper": heights[1]}
    return {"volume": space, "time_start": times[0], "time_end": times[1]}


def _circle(east_m: float, radius_m: float) -> dict[str, Any]:
    center = {"lat": _LAT, "lng": _LNG + east_m / 77_400.0}
    return {"outline_circle": {"center": center, "radius": {"value": radius_m, "units": "M"}}}


def _polygon(corners: list[tuple[float, float]]) -> dict[str, Any]:
    return {"outline_polygon": {"vertices": [{"lat": lat, "lng": lng} for lat, lng in corners]}}


def _round(count: int) -> dict[str, Any]:
    return _wheel(count, 1)


def _star(count: int) -> dict[str, Any]:
    return _wheel(count, count // 2)


def _wheel(count: int, step: int) -> dict[str, Any]:
    angles = [2.0 * math.pi * k * step / count for k in range(count)]
    return _polygon([(_LAT + 0.1 * math.sin(at), _LNG + 0.1 * math.cos(at)) for at in angles])


def _comb(count: int) -> dict[str, Any]:
    teeth = [(_LAT + (0.1 if k % 2 else 0.0), _LNG + k * 1e-5) for k in range(count - 2)]
    return _polygon([*teeth, (_LAT - 0.1, _LNG + count * 1e-5), (_LAT - 0.1, _LNG - 0.1)])
