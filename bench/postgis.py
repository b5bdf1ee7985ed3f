"""A peer: PostGIS, with GiST over geography and two ranges, in a private cluster on a Unix socket.

The cluster lives in a temporary folder and takes no settings, data or port of any other; it needs
Debian's `postgresql-15` and `postgresql-15-postgis-3` (or others found under /usr/lib/postgresql)
and `psycopg`. Durability is switched off, which is to the peer's favour. The server stays a process
away, as a database does: CPU time is given of client and server together.

PostGIS judges footprints with a tolerance of its own (it calls some squares 18 mm apart touching, and
others 1 mm apart not), so pairs that touch within about two centimetres may differ; they are counted.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from bench import measure
from bench.indexing import SLOW_QUERIES, Store, agreement, ordered
from bench.measure import Row, Times
from keepclear.core.geodesy import ring_positions
from keepclear.core.packed import Ints, PackedVolumes

if TYPE_CHECKING:
    import psycopg

SIZE_MAX: Final = 200_000
"""With more volumes this peer is left out unless asked for: all pairs take minutes."""

_TOUCHING: Final = "differ"  # not an error: see above
_BINARIES: Final = Path("/usr/lib/postgresql")
_SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "1GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "jit": "off",
    "random_page_cost": "1.1",
    "autovacuum": "off",
}

_TABLE: Final = """
    create table volume (id int primary key, item int not null, party int not null, zone bool not null,
                         shape geography not null, during int8range not null, height numrange not null)
"""
_COPY: Final = "copy volume (id, item, party, zone, shape, during, height) from stdin"
_INDEX: Final = "create index on volume using gist (shape, during, height)"
_SEARCH: Final = """
    select q.number, v.id
    from unnest(%s::int[], %s::text[], %s::int8range[], %s::numrange[]) as q (number, shape, during, height)
    join volume v on v.during && q.during and v.height && q.height
        and ST_Intersects(v.shape, q.shape::geography)
"""
_PAIRS: Final = """
    select a.id, b.id from volume a
    join volume b on a.id < b.id and a.item <> b.item and a.party <> b.party and not (a.zone and b.zone)
        and a.during && b.during and a.height && b.height and ST_Intersects(a.shape, b.shape)
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A running private server.

    Attributes:
        connection: An open connection.
        pid: The process that started all others of the server.
    """

    connection: psycopg.Connection[Any]
    pid: int

    def cpu_s(self) -> float:
        """Return the CPU time that all processes of the server have taken, from /proc."""
        total = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = path.read_text(encoding="utf-8")
            except OSError:  # it has ended meanwhile
                continue
            fields = re.sub(r"^.*\)", "", text).split()
            if int(path.parent.name) == self.pid:
                total += sum(int(field) for field in fields[11:15])  # with what its ended children took
            elif int(fields[1]) == self.pid:
                total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")


def unavailable() -> str | None:
    """Say what is missing, or return None where the peer can run."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed"
    folder = _binaries()
    if folder is None:
        return "no PostgreSQL with PostGIS under /usr/lib/postgresql"
    return None


def _binaries() -> Path | None:
    """Return the newest folder of server programs that has PostGIS."""
    if not _BINARIES.exists():
        return None
    versions = sorted(
        (path for path in _BINARIES.iterdir() if path.name.isdigit()), key=lambda path: int(path.name)
    )
    for version in reversed(versions):
        extension = Path("/usr/share/postgresql") / version.name / "extension" / "postgis.control"
        if (version / "bin" / "initdb").exists() and extension.exists():
            return version / "bin"
    return None


@contextlib.contextmanager
def private_server() -> Iterator[Server]:
    """Start a cluster of its own in a temporary folder, and remove it at the end."""
    import psycopg

    programs = _binaries()
    assert programs is not None
    user = _server_user()
    folder = Path(tempfile.mkdtemp(prefix="bench-postgis-"))
    data = folder / "data"
    try:
        if user is not None:
            shutil.chown(folder, user)
        initdb = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "bench",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        subprocess.run(initdb, check=True, capture_output=True, user=user, cwd=folder)
        options = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        server = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            cwd=folder,
        )
        try:
            with _connected(psycopg, folder) as connection:
                connection.execute("create extension postgis")
                yield Server(connection, server.pid)
        finally:
            server.terminate()
            server.wait(timeout=60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server_user() -> str | None:
    """Return as whom the server runs: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _connected(psycopg: Any, folder: Path) -> Any:
    deadline_s = time.monotonic() + 60.0
    while True:
        try:
            return psycopg.connect(host=str(folder), user="bench", dbname="postgres", autocommit=True)
        except psycopg.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def _shapes(packed: PackedVolumes) -> list[str]:
    """Return the rings as hexadecimal WKB."""
    degrees = ring_positions(packed.vertices)[:, ::-1]
    ring_of = np.repeat(np.arange(packed.volume_count), np.diff(packed.first))
    polygons = shapely.polygons(shapely.linearrings(degrees, indices=ring_of))
    return [str(text) for text in shapely.to_wkb(polygons, hex=True)]


def _during(packed: PackedVolumes) -> list[str]:
    return [
        f"[{start},{end}]"
        for start, end in zip(packed.start_ms.tolist(), packed.end_ms.tolist(), strict=True)
    ]


def _height(packed: PackedVolumes) -> list[str]:
    return [
        f"[{lower!r},{upper!r}]"
        for lower, upper in zip(packed.lower_m.tolist(), packed.upper_m.tolist(), strict=True)
    ]


def _load(connection: psycopg.Connection[Any], packed: PackedVolumes) -> None:
    connection.execute(_TABLE)
    columns = (packed.owner.tolist(), packed.party.tolist(), packed.zone.tolist())
    rows = zip(
        range(packed.volume_count), *columns, _shapes(packed), _during(packed), _height(packed), strict=True
    )
    with connection.cursor().copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)
    connection.execute(_INDEX)
    connection.execute("vacuum analyze volume")


def bench_postgis(server: Server, store: Store, rows: list[Row]) -> None:
    """Measure the peer on the same store and queries and append the rows."""
    packed, connection = store.packed, server.connection
    connection.execute("drop table if exists volume")
    loaded = measure.whole(lambda: _load(connection, packed), 1)
    versions = connection.execute("select split_part(version(), ' (', 1), postgis_lib_version()").fetchone()
    rows.append(
        Row(
            what="PostGIS: copy and index",
            volumes=packed.volume_count,
            p50_s=loaded.p50_s,
            note="{}, PostGIS {}".format(*versions or ("", "")),
        )
    )
    rows.append(_search_row(server, store))
    rows.append(_pairs_row(server, store))


def _search_row(server: Server, store: Store) -> Row:
    def search(arguments: tuple[list[int], list[str], list[str], list[str]]) -> Ints:
        found = server.connection.execute(_SEARCH, arguments, prepare=True).fetchall()
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    # Writing an intent as text is not counted.
    arguments = [
        (list(range(query.volume_count)), _shapes(query), _during(query), _height(query))
        for query in store.queries[:SLOW_QUERIES]
    ]
    answer = agreement(store.answers, [ordered(search(argument)) for argument in arguments], _TOUCHING)
    before_s = server.cpu_s()
    client = measure.calls(search, arguments, measure.WALL_RUNS)
    server_s = (server.cpu_s() - before_s) / (measure.WALL_RUNS * len(arguments))
    times = Times(p50_s=client.p50_s, p95_s=client.p95_s, cpu_s=client.cpu_s + server_s)
    note = measure.ratio(store.search, times)
    return measure.row_of("PostGIS: search", store.packed.volume_count, times, answer, note)


def _pairs_row(server: Server, store: Store) -> Row:
    before_s = server.cpu_s()
    start = time.perf_counter()
    found = server.connection.execute(_PAIRS).fetchall()
    wall_s = time.perf_counter() - start
    times = Times(p50_s=wall_s, p95_s=None, cpu_s=server.cpu_s() - before_s)
    answer = agreement([store.pairs], [ordered(np.array(found, dtype=np.int64).reshape(-1, 2))], _TOUCHING)
    note = measure.ratio(store.joined, times)
    return measure.row_of("PostGIS: all pairs", store.packed.volume_count, times, answer, note)
