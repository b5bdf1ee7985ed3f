"""What the entities of a SQLite file are found by: a database in memory, attached to the file.

So it is in the same transactions: what is undone there is undone here. In space and time it is R*-trees,
which give candidates, never too few; `core.extents` judges them. Each has boxes of one kind that are about as
large: one that holds the others would spoil a tree, for all that comes later would be put beside it.

Source:
    https://www.sqlite.org/rtree.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import apsw

from keepclear.core.extents import BOX_BITS, Box
from keepclear.core.references import EntityKind
from keepclear.node.outcomes import StoreError

BOX_COLUMNS: Final = ", ".join(f"{axis}_{side}" for side in ("low", "high") for axis in "xyzht")
"""The columns of a box, as of `Box`."""
NUMBER: Final = "(select n from found.place where kind = ? and id = ?)"  # faster than a join
"""The number of an entity by its kind and id."""

_SIZE_STEP: Final = 12
"""The contents of boxes of a tree differ by less than so many bits, as `Box.size` tells them."""
_KINDS: Final = frozenset(kind.value for kind in EntityKind)
_SIDE_MOST: Final = 2**31  # no side is farther from 0
_SIZES: Final = range(BOX_BITS // _SIZE_STEP + 1)
_MAKE: Final = """
    attach ':memory:' as found;
    create table found.place (
        n integer primary key,
        kind text not null,
        id text not null,
        size integer not null,
        subscription_id text,
        end_us integer not null,
        unique (kind, id)
    ) strict;
    create index found.place_end on place (kind, end_us);
    create index found.place_subscription on place (subscription_id) where subscription_id is not null;
    """
_SIDES: Final = ", ".join(f"{axis}_low, {axis}_high" for axis in "xyzht")
_OVERLAPS: Final = " and ".join(
    [f"{axis}_low <= ?{place}" for place, axis in enumerate("xyzht", start=1)]
    + [f"{axis}_high >= ?{place}" for place, axis in enumerate("xyzht", start=6)]
)


class DssIndex:
    """See the module.

    Args:
        connection: The file; nothing is in a transaction.

    Raises:
        StoreError: The file is damaged.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._overlapping: dict[EntityKind, str] = {}
        self._sizes: dict[EntityKind, set[int]] = {kind: set() for kind in EntityKind}  # that were there
        connection.execute(_MAKE)
        connection.execute("begin")
        for kind in EntityKind:
            for size in _SIZES:
                connection.execute(f"create virtual table {_tree(kind, size)} using rtree_i32 (n, {_SIDES})")
        sql = f"select n, kind, id, subscription_id, end_us, {BOX_COLUMNS} from entity"
        for n, kind, entity_id, subscription_id, end_us, *sides in connection.execute(sql):
            box = Box(tuple(sides[:5]), tuple(sides[5:]))
            if kind not in _KINDS or min(sides) < -_SIDE_MOST or max(sides) > _SIDE_MOST:
                reason = f"the entity {n} is damaged: its kind is {kind!r}, its box {box}; restore a backup"
                raise StoreError(reason, may_pass=False)
            self.add(n, EntityKind(kind), entity_id, subscription_id, end_us, box)
        connection.execute("commit")

    def add(
        self, n: int, kind: EntityKind, entity_id: str, subscription_id: str | None, end_us: int, box: Box
    ) -> None:
        """Add an entity that is not there, by its number in the file."""
        size = box.size // _SIZE_STEP
        if size not in self._sizes[kind]:
            self._look_also(kind, size)
        place = (n, kind.value, entity_id, size, subscription_id, end_us)
        self._connection.execute("insert into found.place values (?, ?, ?, ?, ?, ?)", place)
        sql = f"insert into {_tree(kind, size)} (n, {BOX_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._connection.execute(sql, (n, *box.low, *box.high))

    def drop(self, kind: EntityKind, entity_id: str) -> int | None:
        """Drop an entity that may be there; return its number."""
        sql = "select n, size from found.place where kind = ? and id = ?"
        for n, size in list(self._connection.execute(sql, (kind.value, entity_id))):
            self._connection.execute("delete from found.place where n = ?", (n,))
            self._connection.execute(f"delete from {_tree(kind, size)} where n = ?", (n,))
            return int(n)
        return None

    def overlapping(self, kind: EntityKind, box: Box) -> Sequence[int]:
        """Return the numbers of the entities of a kind whose boxes overlap this one, in any order."""
        sql = self._overlapping.get(kind)
        if sql is None:
            return []
        return [n for (n,) in self._connection.execute(sql, (*box.high, *box.low))]

    def _look_also(self, kind: EntityKind, size: int) -> None:
        self._sizes[kind].add(size)  # for ever: in an empty tree nothing is found soon
        parts = [f"select n from {_tree(kind, each)} where {_OVERLAPS}" for each in sorted(self._sizes[kind])]
        self._overlapping[kind] = " union all ".join(parts)


def _tree(kind: EntityKind, size: int) -> str:
    return f"found.box_{kind.value}_{size}"
