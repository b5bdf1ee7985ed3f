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


def scripts(package: str = __name__) -> list[str]:
    """Return the SQL of all migrations in a package, in their order."""
    folder = files(package)
    named = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".sql"))
    numbers = [int(name[:4]) for name, _ in named]
    assert numbers == list(range(1, len(named) + 1)), "migrations are numbered without gaps"
    return [entry.read_text(encoding="utf-8") for _, entry in named]


def version_of(connection: apsw.Connection) -> int:
    """Return how many migrations a database has."""
    return int(connection.pragma("user_version"))


def migrate(
    connection: apsw.Connection, path: Path, *, package: str = __name__, application_id: int = APPLICATION_ID
) -> None:
    """Bring a database to the newest schema.

    Args:
        connection: The database: one of Keepclear of that kind, or empty.
        path: Its file, for messages.
        package: Where the migrations of that kind of database are.
        application_id: What such a database says that it is.

    Raises:
        StoreError: A newer version wrote it.
    """
    known = scripts(package)
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
        connection.execute(f"pragma application_id = {application_id}")
        connection.execute(f"pragma user_version = {len(known)}")
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise
