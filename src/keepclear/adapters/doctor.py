"""What `keepclear doctor` looks at: whether this machine can run a node, and what to do where not.

What could not be looked at is never called good. Each check stands alone: the fault of one does not
hide another. Nothing is changed; a file that was written to measure the disk is gone afterwards.
"""

from __future__ import annotations

import ctypes
import errno
import http.client
import importlib.metadata
import json
import os
import shutil
import socket
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Final

from keepclear.adapters import clock
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.index import LOOPS_FROM_VOLUMES, numba_installed

PLAUSIBLE_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""An earlier time is that of a machine that has lost its clock."""
PLAUSIBLE_UNTIL: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""So is a later one."""
CLOCK_STEP_WARN_S: Final = 0.5
"""Where the wall clock and the monotonic one come apart by more during the checks, it was stepped."""
FREE_BYTES_WARN: Final = 1_000_000_000
"""With less space free there is a warning."""
FREE_BYTES_FAIL: Final = 100_000_000
"""With less space free the check fails: a node could soon not write what it accepts."""
FSYNC_WARN_S: Final = 0.05
"""Where writing through to the disk takes longer, each declaration waits as long."""
PROBE_TIMEOUT_S: Final = 2.0
"""How long what listens on the port already may take to say what it is."""
_FSYNC_COUNT: Final = 5
_FSYNC_BYTES: Final = 4_096
_HEALTH_BYTES: Final = 10_000
_PYTHON_LEAST: Final = (3, 11)
_OTHERS: Final = 0o077
_ADJTIMEX_BYTES: Final = 1_024  # more than `struct timex` has anywhere
_TIME_ERROR: Final = 5
_NOT_CONFIGURED: Final = "the configuration does not tell where"


class Outcome(Enum):
    """What a check came to."""

    OK = "ok"
    WARNING = "warning"
    """A node runs, but not as it should."""
    FAILED = "failed"
    """A node does not run, or cannot be relied on."""
    UNCHECKED = "unchecked"
    """It could not be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked at, and what it came to.

    Attributes:
        name: What was looked at.
        outcome: What it came to.
        detail: What was found, as a clause without a full stop.
        way_out: What to do, if anything.
    """

    name: str
    outcome: Outcome
    detail: str
    way_out: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a node keeps and offers what it has, as its configuration tells.

    Attributes:
        database: The file of the database; it may not be there yet.
        host: The name or address to listen on, without brackets.
        port: The port to listen on; 0 for any.
        is_tls: Whether it does TLS.
        secrets: Files that only their owner may read, such as the token and the key of the certificate.
    """

    database: Path
    host: str
    port: int
    is_tls: bool = False
    secrets: Sequence[Path] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What the store says of a database.

    Attributes:
        problems: What its own check of integrity found; empty for nothing.
        schema_version: The version of its schema.
        schema_version_known: The newest version that this release knows.
    """

    problems: Sequence[str]
    schema_version: int
    schema_version_known: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """Both clocks at one moment.

    Attributes:
        wall: The wall clock.
        monotonic_s: The monotonic clock, seconds.
    """

    wall: datetime
    monotonic_s: float


def diagnose(
    load: Callable[[], Places], examine: Callable[[Path], DatabaseState] | None = None
) -> tuple[Check, ...]:
    """Look at everything.

    Args:
        load: Reads the configuration; raises InvalidValueError where it cannot be used.
        examine: Examines a database that is there; None if nothing can. Raises KeepclearError where
            it cannot be opened.

    Returns:
        All checks, in the order in which they are shown.
    """
    began = read_clocks()
    try:
        places = load()
    except InvalidValueError as error:
        way_out = "mend it; `keepclear config show` tells what is in force"
        bad = Check(name="configuration", outcome=Outcome.FAILED, detail=str(error), way_out=way_out)
        rest = [
            Check(name=name, outcome=Outcome.UNCHECKED, detail=_NOT_CONFIGURED)
            for name in ("permissions", "database", "disk space", "disk writing", "port")
        ]
        found = (bad, *rest)
    else:
        good = Check(name="configuration", outcome=Outcome.OK, detail="it can be used")
        folder = places.database.absolute().parent
        found = (
            good,
            check_permissions([places.database, *places.secrets]),
            check_database(places.database, examine),
            check_space(folder),
            check_writing(folder),
            check_port(places.host, places.port, is_tls=places.is_tls),
        )
    clocks = (check_clock(began, read_clocks()), check_synchronisation(kernel_synchronised()))
    return (check_python(), check_numba(), *clocks, *found)


def worst(checks: Sequence[Check]) -> Outcome:
    """Return the worst outcome: what failed, else what was warned of, else what could not be looked at."""
    found = {check.outcome for check in checks}
    order = (Outcome.FAILED, Outcome.WARNING, Outcome.UNCHECKED)
    return next((outcome for outcome in order if outcome in found), Outcome.OK)


# -- clock ------------------------------------------------------------------------------------------


def read_clocks() -> ClockReading:
    """Read both clocks."""
    return ClockReading(wall=clock.now(), monotonic_s=time.monotonic())


def check_clock(began: ClockReading, ended: ClockReading) -> Check:
    """Check that the wall clock tells a time that may be, and was not set between two readings.

    Args:
        began: The earlier reading.
        ended: The later one.
    """
    set_clock = "set the clock, and let a time service keep it"
    shown = f"{ended.wall:%Y-%m-%dT%H:%M:%SZ}"
    if not PLAUSIBLE_FROM <= ended.wall < PLAUSIBLE_UNTIL:
        return Check(
            name="clock",
            outcome=Outcome.FAILED,
            detail=f"it tells {shown}, which cannot be",
            way_out=set_clock,
        )
    step_s = (ended.wall - began.wall).total_seconds() - (ended.monotonic_s - began.monotonic_s)
    if abs(step_s) > CLOCK_STEP_WARN_S:
        detail = f"it was stepped by {step_s:+.1f} s while this ran"
        return Check(name="clock", outcome=Outcome.WARNING, detail=detail, way_out="look again; " + set_clock)
    return Check(name="clock", outcome=Outcome.OK, detail=f"it tells {shown}")


def kernel_synchronised() -> bool | None:
    """Tell whether something keeps the clock in step, as the kernel knows; None if that cannot be told.

    Source:
        adjtimex(2): TIME_ERROR is returned while the clock is not synchronised.
    """
    if not sys.platform.startswith("linux"):
        return None
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state = adjtimex(ctypes.create_string_buffer(_ADJTIMEX_BYTES))  # all zero: read only
    return None if state < 0 else state != _TIME_ERROR


def check_synchronisation(is_synchronised: bool | None) -> Check:
    """Check that something keeps the clock in step.

    Args:
        is_synchronised: Whether it does; None if that could not be told.
    """
    name = "clock synchronisation"
    if is_synchronised is None:
        way_out = "compare the clock with that of the other parties"
        return Check(name=name, outcome=Outcome.UNCHECKED, detail="it could not be checked", way_out=way_out)
    if not is_synchronised:
        detail = "the kernel knows of no time service that keeps the clock"
        way_out = "run one, such as chrony (with rtcsync) or systemd-timesyncd"
        return Check(name=name, outcome=Outcome.WARNING, detail=detail, way_out=way_out)
    return Check(name=name, outcome=Outcome.OK, detail="a time service keeps the clock")


# -- disk -------------------------------------------------------------------------------------------


def check_space(folder: Path, *, free_bytes: Callable[[Path], int] | None = None) -> Check:
    """Check that there is space where the database lies.

    Args:
        folder: The folder of the database.
        free_bytes: Returns the bytes that are free; None to ask the system.
    """
    name = "disk space"
    try:
        free = (free_bytes or _free_bytes)(folder)
    except OSError as error:
        return _no_disk(name, folder, error)
    detail = f"{free / 1e9:,.1f} GB are free in {folder}"
    way_out = "free some, or put the database elsewhere (node.database)"
    if free < FREE_BYTES_FAIL:
        return Check(name=name, outcome=Outcome.FAILED, detail=detail, way_out=way_out)
    if free < FREE_BYTES_WARN:
        return Check(name=name, outcome=Outcome.WARNING, detail=detail, way_out=way_out)
    return Check(name=name, outcome=Outcome.OK, detail=detail)


def check_writing(folder: Path, *, timer_s: Callable[[], float] = time.perf_counter) -> Check:
    """Check that files can be written where the database lies, and how long writing through takes.

    Args:
        folder: The folder of the database.
        timer_s: Tells the time, seconds.
    """
    name = "disk writing"
    try:
        median_s = _fsync_median_s(folder, timer_s)
    except OSError as error:
        return _no_disk(name, folder, error)
    detail = f"writing through takes {median_s * 1000.0:.1f} ms"
    if median_s > FSYNC_WARN_S:
        way_out = "each declaration waits as long; use a faster or a local disk"
        return Check(name=name, outcome=Outcome.WARNING, detail=detail, way_out=way_out)
    return Check(name=name, outcome=Outcome.OK, detail=detail)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _fsync_median_s(folder: Path, timer_s: Callable[[], float]) -> float:
    took_s = []
    with tempfile.TemporaryFile(dir=folder, prefix=".keepclear-doctor.") as file:
        for _ in range(_FSYNC_COUNT):
            began_s = timer_s()
            file.write(bytes(_FSYNC_BYTES))
            file.flush()
            os.fsync(file.fileno())
            took_s.append(timer_s() - began_s)
    return statistics.median(took_s)


def _no_disk(name: str, folder: Path, error: OSError) -> Check:
    detail = f"{folder}: {error.strerror or error}"
    way_out = "let the user of the node write there, or put the database elsewhere (node.database)"
    return Check(name=name, outcome=Outcome.FAILED, detail=detail, way_out=way_out)


# -- database and files -----------------------------------------------------------------------------


def check_database(database: Path, examine: Callable[[Path], DatabaseState] | None) -> Check:
    """Check that the database is there, whole, and of a schema that this release knows.

    Args:
        database: Its file.
        examine: Examines it; None if nothing can. Raises KeepclearError where it cannot be opened.
    """
    name = "database"
    try:
        is_there = database.exists()
    except OSError as error:
        return _no_disk(name, database, error)
    if not is_there:
        way_out = "`keepclear init` makes one; if there was one, restore it"
        return Check(
            name=name, outcome=Outcome.WARNING, detail=f"{database} is not there yet", way_out=way_out
        )
    if examine is None:
        return Check(name=name, outcome=Outcome.UNCHECKED, detail="it could not be checked")
    try:
        state = examine(database)
    except KeepclearError as error:
        return Check(name=name, outcome=Outcome.FAILED, detail=str(error), way_out="restore it from a copy")
    if state.problems:
        more = f" (and {len(state.problems) - 1} more)" if len(state.problems) > 1 else ""
        detail = f"it is damaged: {state.problems[0]}{more}"
        way_out = "stop the node, keep the file, and restore the last copy"
        return Check(name=name, outcome=Outcome.FAILED, detail=detail, way_out=way_out)
    said = f"its schema has version {state.schema_version}"
    if state.schema_version > state.schema_version_known:
        detail = f"{said}, and this release knows {state.schema_version_known}"
        return Check(name=name, outcome=Outcome.FAILED, detail=detail, way_out="install a newer release")
    if state.schema_version < state.schema_version_known:
        detail = f"{said}, and {state.schema_version_known} is current"
        return Check(
            name=name,
            outcome=Outcome.WARNING,
            detail=detail,
            way_out="`keepclear serve` brings it up to date",
        )
    return Check(name=name, outcome=Outcome.OK, detail=f"it is whole, and {said}")


def check_permissions(files: Sequence[Path]) -> Check:
    """Check that only their owner can get at files.

    Args:
        files: The files; those that are not there are left out.
    """
    name = "permissions"
    if os.name != "posix":
        return Check(name=name, outcome=Outcome.UNCHECKED, detail="it could not be checked on this system")
    try:
        modes = {str(file): file.stat().st_mode for file in files if file.exists()}
    except OSError as error:
        return Check(name=name, outcome=Outcome.UNCHECKED, detail=f"{error.filename}: {error.strerror}")
    if not modes:
        return Check(name=name, outcome=Outcome.UNCHECKED, detail="no file is there yet")
    shared = [file for file, mode in modes.items() if mode & _OTHERS]
    if shared:
        detail = f"others can get at {', '.join(shared)}"
        way_out = f"chmod 600 {' '.join(shared)}"
        return Check(name=name, outcome=Outcome.WARNING, detail=detail, way_out=way_out)
    return Check(name=name, outcome=Outcome.OK, detail="only their owner can get at database and secrets")


# -- port -------------------------------------------------------------------------------------------


def check_port(
    host: str, port: int, *, is_tls: bool = False, answers: Callable[[str, int, bool], bool] | None = None
) -> Check:
    """Check that a node can listen, or does so already.

    Args:
        host: The name or address to listen on.
        port: The port; 0 for any.
        is_tls: Whether a node there does TLS.
        answers: Tells whether a node answers on host and port, with TLS or not; None to ask it.
    """
    name = "port"
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            if os.name == "posix":  # as the server does; elsewhere it would take the port from another
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            way_out = "set server.listen to an address of this machine and a port that its user may take"
            detail = f"{shown}: {error.strerror or error}"
            return Check(name=name, outcome=Outcome.FAILED, detail=detail, way_out=way_out)
        if (answers or node_answers)(_reachable(host), port, is_tls):
            return Check(name=name, outcome=Outcome.OK, detail=f"a node answers on {shown}")
        detail = f"something that is no node listens on {shown}"
        return Check(
            name=name, outcome=Outcome.FAILED, detail=detail, way_out="stop it, or set server.listen"
        )
    return Check(name=name, outcome=Outcome.OK, detail=f"{shown} is free")


def _reachable(host: str) -> str:
    """Return an address to call what listens on every address by."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def node_answers(host: str, port: int, is_tls: bool) -> bool:
    """Ask what listens on a port whether it is a node.

    Nothing secret is sent, so its certificate is not looked at.
    """
    if is_tls:
        trust = ssl.create_default_context()
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=PROBE_TIMEOUT_S, context=trust
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        told = json.loads(connection.getresponse().read(_HEALTH_BYTES))
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return False
    finally:
        connection.close()
    return isinstance(told, dict) and told.get("service") == "keepclear"


# -- Python -----------------------------------------------------------------------------------------


def check_python(version: tuple[int, int] | None = None) -> Check:
    """Check the version of Python.

    Args:
        version: The version; None for that of this process.
    """
    major, minor = sys.version_info[:2] if version is None else version
    detail = f"{major}.{minor}"
    if (major, minor) < _PYTHON_LEAST:
        way_out = f"install {'.'.join(map(str, _PYTHON_LEAST))} or later"
        return Check(name="python", outcome=Outcome.FAILED, detail=detail, way_out=way_out)
    return Check(name="python", outcome=Outcome.OK, detail=detail)


def check_numba(version: Callable[[], str | None] | None = None) -> Check:
    """Check whether the compiled loops are there; without them answers are the same.

    Args:
        version: Returns the version of numba, None for none; None to look.
    """
    found = (version or _numba_version)()
    if found is None:
        detail = f"it is not installed: searching is slower from {LOOPS_FROM_VOLUMES:,} volumes on"
        way_out = "pip install 'keepclear[fast]'"
        return Check(name="numba", outcome=Outcome.OK, detail=detail, way_out=way_out)
    return Check(name="numba", outcome=Outcome.OK, detail=found)


def _numba_version() -> str | None:
    return importlib.metadata.version("numba") if numba_installed() else None
