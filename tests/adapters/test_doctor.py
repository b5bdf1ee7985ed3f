"""The doctor: what is good, what is not, and that what could not be looked at is never called good."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from keepclear.adapters import doctor
from keepclear.adapters.doctor import (
    FREE_BYTES_FAIL,
    FREE_BYTES_WARN,
    FSYNC_WARN_S,
    PLAUSIBLE_FROM,
    PLAUSIBLE_UNTIL,
    Check,
    ClockReading,
    DatabaseState,
    Outcome,
    Places,
)
from keepclear.core.errors import InvalidValueError, KeepclearError

needs_modes = pytest.mark.skipif(os.name != "posix", reason="file modes mean this on POSIX only")
NOW = ClockReading(wall=datetime(2026, 5, 1, 10, tzinfo=UTC), monotonic_s=100.0)
WHOLE = DatabaseState(problems=(), schema_version=3, schema_version_known=3)


def later(wall_s: float, monotonic_s: float) -> ClockReading:
    return ClockReading(wall=NOW.wall + timedelta(seconds=wall_s), monotonic_s=NOW.monotonic_s + monotonic_s)


# -- clock ------------------------------------------------------------------------------------------


def test_a_clock_that_tells_a_time_that_may_be_is_good() -> None:
    check = doctor.check_clock(NOW, later(2.0, 2.0))
    assert (check.outcome, check.detail) == (Outcome.OK, "it tells 2026-05-01T10:00:02Z")


@pytest.mark.parametrize(
    ("wall", "outcome"),
    [
        (PLAUSIBLE_FROM - timedelta(seconds=1), Outcome.FAILED),
        (PLAUSIBLE_FROM, Outcome.OK),
        (PLAUSIBLE_UNTIL - timedelta(seconds=1), Outcome.OK),
        (PLAUSIBLE_UNTIL, Outcome.FAILED),
    ],
)
def test_a_clock_that_tells_a_time_that_cannot_be_fails(wall: datetime, outcome: Outcome) -> None:
    reading = replace(NOW, wall=wall)
    assert doctor.check_clock(reading, reading).outcome is outcome


@pytest.mark.parametrize(
    ("step_s", "outcome"), [(0.5, Outcome.OK), (0.6, Outcome.WARNING), (-0.6, Outcome.WARNING)]
)
def test_a_clock_that_is_stepped_meanwhile_is_warned_of(step_s: float, outcome: Outcome) -> None:
    assert doctor.check_clock(NOW, later(1.0 + step_s, 1.0)).outcome is outcome


@pytest.mark.parametrize(
    ("told", "outcome"), [(True, Outcome.OK), (False, Outcome.WARNING), (None, Outcome.UNCHECKED)]
)
def test_synchronisation_that_could_not_be_told_is_not_called_good(
    told: bool | None, outcome: Outcome
) -> None:
    assert doctor.check_synchronisation(told).outcome is outcome


def test_the_kernel_is_asked_without_a_fault() -> None:
    assert doctor.kernel_synchronised() in {True, False, None}


def test_on_another_system_synchronisation_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    assert doctor.kernel_synchronised() is None


# -- disk -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "outcome"),
    [
        (FREE_BYTES_FAIL - 1, Outcome.FAILED),
        (FREE_BYTES_FAIL, Outcome.WARNING),
        (FREE_BYTES_WARN - 1, Outcome.WARNING),
        (FREE_BYTES_WARN, Outcome.OK),
    ],
)
def test_too_little_space_is_told(free: int, outcome: Outcome, tmp_path: Path) -> None:
    assert doctor.check_space(tmp_path, free_bytes=lambda _: free).outcome is outcome


def test_the_median_of_five_writes_counts_not_one_slow_one(tmp_path: Path) -> None:
    took_s = [9.0, 0.001, 0.002, FSYNC_WARN_S, FSYNC_WARN_S]
    ticks = iter([moment for k, one in enumerate(took_s) for moment in (k * 10.0, k * 10.0 + one)])
    check = doctor.check_writing(tmp_path, timer_s=lambda: next(ticks))
    assert check.outcome is Outcome.OK
    assert check.detail == "writing through takes 50.0 ms"
    assert list(tmp_path.iterdir()) == []


def test_a_slow_disk_is_warned_of(tmp_path: Path) -> None:
    ticks = iter(range(10))
    check = doctor.check_writing(tmp_path, timer_s=lambda: next(ticks) * 0.06)
    assert check.outcome is Outcome.WARNING


def test_a_folder_that_is_not_there_fails(tmp_path: Path) -> None:
    for check in (doctor.check_space(tmp_path / "none"), doctor.check_writing(tmp_path / "none")):
        assert check.outcome is Outcome.FAILED
        assert check.way_out is not None


# -- database and files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "outcome", "told"),
    [
        (WHOLE, Outcome.OK, "it is whole, and its schema has version 3"),
        (replace(WHOLE, schema_version=4), Outcome.FAILED, "this release knows 3"),
        (replace(WHOLE, schema_version=2), Outcome.WARNING, "3 is current"),
        (replace(WHOLE, problems=("a", "b", "c")), Outcome.FAILED, r"it is damaged: a \(and 2 more\)"),
        (replace(WHOLE, problems=("a",)), Outcome.FAILED, "it is damaged: a$"),
    ],
)
def test_the_database_is_what_the_store_says(
    state: DatabaseState, outcome: Outcome, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "d"
    file.touch()
    check = doctor.check_database(file, lambda _: state)
    assert check.outcome is outcome
    assert re.search(told, check.detail)


def test_a_database_that_nothing_can_examine_is_not_called_good(tmp_path: Path) -> None:
    (tmp_path / "d").touch()
    assert doctor.check_database(tmp_path / "d", None).outcome is Outcome.UNCHECKED


def test_a_database_that_is_not_there_yet_is_told_and_not_examined(tmp_path: Path) -> None:
    def examine(_: Path) -> DatabaseState:
        raise AssertionError

    assert doctor.check_database(tmp_path / "d", examine).outcome is Outcome.WARNING


def test_a_database_that_cannot_be_opened_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "d").touch()

    def examine(_: Path) -> DatabaseState:
        raise KeepclearError("file is not a database")

    check = doctor.check_database(tmp_path / "d", examine)
    assert (check.outcome, check.detail) == (Outcome.FAILED, "file is not a database")


@needs_modes
def test_files_that_others_can_get_at_are_named_with_the_way_out(tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    for file, mode in ((own, 0o600), (shared, 0o640)):
        file.touch()
        file.chmod(mode)
    assert doctor.check_permissions([own, tmp_path / "none"]).outcome is Outcome.OK
    check = doctor.check_permissions([own, shared])
    assert (check.outcome, check.way_out) == (Outcome.WARNING, f"chmod 600 {shared}")


def test_permissions_of_nothing_are_not_called_good(tmp_path: Path) -> None:
    assert doctor.check_permissions([tmp_path / "none"]).outcome is Outcome.UNCHECKED


# -- port -------------------------------------------------------------------------------------------


class _Healthy(BaseHTTPRequestHandler):
    body = b'{"status": "ok", "service": "keepclear"}'

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


class _Other(_Healthy):
    body = b'{"status": "ok"}'


class _Page(_Healthy):
    body = b"<html>"


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_free_port_is_good() -> None:
    assert doctor.check_port("127.0.0.1", 0).outcome is Outcome.OK


def test_a_port_on_which_a_node_answers_is_good() -> None:
    with serving(_Healthy) as port:
        check = doctor.check_port("127.0.0.1", port)
    assert (check.outcome, check.detail) == (Outcome.OK, f"a node answers on 127.0.0.1:{port}")


@pytest.mark.parametrize("other", [_Other, _Page])
def test_a_port_that_something_else_has_fails(other: type[BaseHTTPRequestHandler]) -> None:
    with serving(other) as port:
        assert doctor.check_port("127.0.0.1", port).outcome is Outcome.FAILED
        assert not doctor.node_answers("127.0.0.1", port, True)


def test_what_listens_on_every_address_is_asked_by_the_loopback() -> None:
    asked = []

    def answers(host: str, port: int, is_tls: bool) -> bool:
        asked.append((host, port, is_tls))
        return True

    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        assert doctor.check_port("0.0.0.0", port, is_tls=True, answers=answers).outcome is Outcome.OK
    assert asked == [("127.0.0.1", port, True)]


def test_an_address_of_another_machine_fails() -> None:
    check = doctor.check_port("192.0.2.1", 0)  # kept for documents: no machine has it
    assert check.outcome is Outcome.FAILED
    assert check.detail.startswith("192.0.2.1:0: ")


# -- everything -------------------------------------------------------------------------------------


def test_python_and_numba_are_told() -> None:
    assert doctor.check_python().outcome is Outcome.OK
    assert doctor.check_python((3, 10)).outcome is Outcome.FAILED
    assert doctor.check_numba(lambda: "0.61").detail == "0.61"
    without = doctor.check_numba(lambda: None)
    assert (without.outcome, without.way_out) == (Outcome.OK, "pip install 'keepclear[fast]'")


NAMES = [
    "python",
    "numba",
    "clock",
    "clock synchronisation",
    "configuration",
    "permissions",
    "database",
    "disk space",
    "disk writing",
    "port",
]


def test_everything_is_looked_at_where_the_configuration_tells(tmp_path: Path) -> None:
    database = tmp_path / "d"
    database.touch(mode=0o600)
    checks = doctor.diagnose(lambda: Places(database=database, host="127.0.0.1", port=0), lambda _: WHOLE)
    assert [check.name for check in checks] == NAMES
    by_name = {check.name: check.outcome for check in checks}
    assert by_name["configuration"] is by_name["database"] is by_name["port"] is Outcome.OK


def test_a_bad_configuration_hides_nothing_and_leaves_the_rest_unchecked() -> None:
    def load() -> Places:
        raise InvalidValueError("keepclear.toml: node.party", "it is missing")

    checks = doctor.diagnose(load)
    assert [check.name for check in checks] == NAMES
    by_name = {check.name: check for check in checks}
    assert by_name["configuration"].outcome is Outcome.FAILED
    assert by_name["configuration"].detail == "keepclear.toml: node.party: it is missing"
    for name in NAMES[5:]:
        assert by_name[name].outcome is Outcome.UNCHECKED


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ("", Outcome.OK),
        ("ok", Outcome.OK),
        ("ok unchecked", Outcome.UNCHECKED),
        ("unchecked warning ok", Outcome.WARNING),
        ("warning failed unchecked", Outcome.FAILED),
    ],
)
def test_the_worst_outcome_is_that_of_all(outcomes: str, expected: Outcome) -> None:
    checks = [Check(name="x", outcome=Outcome(word), detail="") for word in outcomes.split()]
    assert doctor.worst(checks) is expected
