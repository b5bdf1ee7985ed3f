"""Asks what is odd about messages: at the desk what needs the logs, in another thread what does not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

from keepclear.adapters.http.keyed import Keyed
from keepclear.core.messages import Message, Position
from keepclear.core.notice import NoticeCheck
from keepclear.core.times import floor_ms
from keepclear.core.whereabouts import Whereabouts, nearest_declared
from keepclear.node.detect import Moment
from keepclear.node.logs import Logs
from keepclear.node.message_warnings import KEPT_MAX, KEPT_MS, Asked, NoticeChecks, Odd, can_be_odd, refs_of
from keepclear.node.workbench import Workbench


class Places:
    """Where positions lie among what is declared, kept until something changes; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mark = (-1, -1)
        self._known: dict[Position, Whereabouts] = {}

    def far(self, message: Message, moment: Moment) -> list[tuple[str, Whereabouts]]:
        """Return the fields of a message with positions that are far from everything declared."""
        places = [(name, value) for name, value in message.fields if isinstance(value, Position)]
        found = [(name, self._whereabouts(position, moment)) for name, position in places]
        return [(name, where) for name, where in found if where.is_far]

    def _whereabouts(self, position: Position, moment: Moment) -> Whereabouts:
        now_ms = floor_ms(moment.now)
        mark = moment.seq, now_ms // KEPT_MS
        with self._lock:
            known = self._known.get(position) if mark == self._mark else None
        if known is None:
            known = nearest_declared(position, moment.picture, now_ms)
            with self._lock:
                if mark != self._mark or len(self._known) >= KEPT_MAX:
                    self._mark, self._known = mark, {}
                self._known[position] = known
        return known


class WarningsAsked:
    """See the module.

    Args:
        keyed: The node.
    """

    def __init__(self, keyed: Keyed) -> None:
        self._keyed = keyed
        self._checks, self._places = NoticeChecks(), Places()

    async def of(self, asked: Sequence[Asked]) -> list[Odd]:
        """Return what is odd about messages, in their order."""
        looked_at = [each for each in asked if can_be_odd(each.message)]
        if not looked_at:
            return [Odd() for _ in asked]

        def check(bench: Workbench, logs: Logs) -> tuple[Moment, list[tuple[NoticeCheck | None, bool]]]:
            moment = bench.present()
            return moment, self._checks.of(looked_at, logs, moment, bench.store, bench.form)

        moment, checks = await self._keyed.ask(check)
        far = await asyncio.to_thread(lambda: [self._places.far(each.message, moment) for each in looked_at])
        found = iter(
            [
                Odd(far=places, notice=notice, is_checked=is_checked)
                for places, (notice, is_checked) in zip(far, checks, strict=True)
            ]
        )
        odd = [next(found) if can_be_odd(each.message) else Odd() for each in asked]
        items = {item for each in odd for item in each.items}
        if not items:
            return odd
        refs = await self._keyed.ask(lambda _, logs: refs_of(logs, items))
        return [replace(each, refs=refs) for each in odd]
