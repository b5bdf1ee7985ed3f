"""Numbered changes of the schema, each applied once, all in one transaction.

The database says in `user_version` how many it has. One that has more than this version of Keepclear
knows is refused: what a newer version wrote, an older one must not touch.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import apsw

from keepclear.node.outcomes import StoreError

APPLICATION_ID: Final = 0x4B436C72
"""`KClr`: tells a database of Keepclear from any other SQLite file."""


def scripts() -> list[str]:
    """Return the SQL of all migrations, in their order."""
    folder = files("keepclear.adapters.store.migrations")
    named = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    numbers = [int(name[:4]) for name, _ in named]
    assert numbers == list(range(1, len(named) + 1)), "migrations are numbered without gaps"
    return [entry.read_text(encoding="utf-8") for _, entry in named]


def version_of(connection: apsw.Connection) -> int:
    """Return how many migrations a database has."""
    return int(connection.pragma("user_version"))


def migrate(connection: apsw.Connection, path: Path) -> None:
    """Bring a database to the newest schema.

    Assumes:
        It is a database of Keepclear, or empty.

    Raises:
        StoreError: A newer version wrote it.
    """
    known = scripts()
    if version_of(connection) == len(known):
        return
    connection.execute("begin immediate")
    try:
        have = version_of(connection)
        if have > len(known):
            reason = f"{path}: it was written by a newer version (schema {have}, known up to {len(known)})"
            raise StoreError(f"{reason}; update keepclear", may_pass=False)
        for script in known[have:]:
            connection.execute(script)
        connection.execute(f"pragma application_id = {APPLICATION_ID}")
        connection.execute(f"pragma user_version = {len(known)}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
