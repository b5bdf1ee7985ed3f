"""What is declared at a node, brought to its watch before every cycle."""

from __future__ import annotations

import contextlib
from concurrent.futures import Future
from typing import Final

from keepclear.adapters.desk import Desk, DeskBusyError
from keepclear.node.declarations import RECORDS_PAGE, Asked, Declarations, ask
from keepclear.node.ports import ItemForm, Store
from keepclear.node.watch import Sight, Watch

DESK_LATE_MS: Final = 15_000
"""When the desk has not answered for so long, that is told."""


class NodeDeclares:
    """What is declared at a node: its log, and now and then what only its desk knows.

    Args:
        store: Where the log is.
        form: How items are written.
        desk: The desk.
    """

    def __init__(self, store: Store, form: ItemForm, desk: Desk) -> None:
        self._store, self._desk = store, desk
        self._declarations = Declarations(form)
        self._asked = Asked()
        self._asking: Future[Asked] | None = None
        self._answered_ms: int | None = None

    def bring(self, watch: Watch, now_ms: int) -> Sight:
        """Bring the items of a watch up to date, and say what is known besides.

        Raises:
            KeepclearError: The store cannot be read at present.
        """
        declarations = self._declarations
        while records := self._store.records_after(declarations.seq, RECORDS_PAGE):
            declarations.follow(records, watch)
        declarations.expire(now_ms, watch)
        # The desk may be busy: what it said last counts until it answers.
        if self._asking is not None and self._asking.done():
            asking, self._asking = self._asking, None
            self._asked, self._answered_ms = asking.result(), now_ms
            declarations.show_coarse(self._asked.coarse, watch)
        if self._asking is None:
            with contextlib.suppress(DeskBusyError):
                self._asking = self._desk.ask(ask)
        blind = declarations.blind
        if self._answered_ms is None:
            self._answered_ms = now_ms
        elif now_ms - self._answered_ms > DESK_LATE_MS:
            blind = ("the desk of this node does not answer: what is withheld may have changed", *blind)
        return Sight(
            blind=blind,
            noticed=declarations.noticed(self._asked.seen_by),
            ignorance=self._asked.ignorance,
        )
