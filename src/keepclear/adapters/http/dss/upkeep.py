"""What the service does by itself: it lets go of what is over, counts what it keeps, and tells of both."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from keepclear.adapters.http.dss.endpoints import DssDesk, TookTooLongError
from keepclear.core.errors import KeepclearError
from keepclear.core.references import EntityKind
from keepclear.node.dss.callers import Caller
from keepclear.node.dss.others import SWEPT_MAX, sweep
from keepclear.node.dss.work import Work

SWEEP_EVERY_S: Final = 1.0
"""So often what is over is let go of; at once again while there is more of it."""
COUNT_EVERY_S: Final = 15.0
"""So often what is kept is counted, for the metrics."""
_ITSELF: Final = Caller(subject="keepclear", issuer="", scopes=frozenset())
_log = logging.getLogger(__name__)


class Upkeep:
    """See the module.

    Args:
        desk: What has it done.
        kept: How long after its end an intent, a constraint or an area is kept.
        history_kept: How long the history and reports are kept.

    Attributes:
        is_stalled: Whether the store did not answer in time when it was last asked: it may hang.
        swept: How much was let go of, by kind.
        counts: How much is kept, by kind; empty where it could not be counted.
    """

    def __init__(self, desk: DssDesk, kept: timedelta, history_kept: timedelta) -> None:
        self._desk, self._kept, self._history_kept = desk, kept, history_kept
        self._fault: str | None = None
        self.is_stalled = False
        self.swept: Counter[str] = Counter()
        self.counts: dict[str, int] = {}

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, each a sentence."""
        return [] if self._fault is None else [f"what is over cannot be let go of: {self._fault}"]

    async def run(self) -> None:
        """Go on until it is cancelled."""
        await asyncio.gather(self._sweep_on(), self._count_on())

    async def sweep(self) -> bool:
        """Let go of what is over, as much as one transaction does; tell whether there may be more.

        Raises:
            KeepclearError: It could not be done.
        """

        def swept(work: Work, _: object) -> dict[str, int]:
            return dict(sweep(work, self._kept, self._history_kept))

        gone = await self._desk.done(_ITSELF, swept)
        if gone:
            self.swept.update(gone)
            _log.info("let go of what is over", extra=gone)
        return any(count >= SWEPT_MAX for count in gone.values())

    async def count(self) -> None:
        """Count what is kept."""

        def counted(work: Work, _: object) -> dict[str, int]:
            return {kind.value: work.transaction.count(kind) for kind in EntityKind}

        try:
            self.counts = await self._desk.done(_ITSELF, counted)
        except Exception as error:  # as below
            self.counts = {}  # what is not known any more is not told
            _log.warning("what is kept could not be counted", extra={"reason": str(error)})

    def show(self, key_faults: Callable[[], Sequence[str]]) -> None:
        """Show in the metrics what an operator watches.

        Args:
            key_faults: What is wrong with the keys of issuers.
        """
        metrics, store = self._desk.metrics, self._desk.store
        metrics.table("dss_entities", "References and subscriptions kept.", "kind", lambda: self.counts)
        metrics.totals("dss_swept", "What was let go of because it was over.", "kind", lambda: self.swept)
        for name, about, value in (
            ("dss_waiting", "Requests that wait for the database.", lambda: store.waiting_count),
            ("dss_store_fault", "1 while the database cannot be used.", lambda: store.fault is not None),
            ("dss_stalled", "1 while the database does not answer in time.", lambda: self.is_stalled),
            ("dss_sweep_fault", "1 while what is over cannot be let go of.", lambda: bool(self.faults)),
            ("dss_key_faults", "Sources of keys that cannot be fetched.", lambda: len(key_faults())),
        ):
            metrics.gauge(name, about, value)

    async def _sweep_on(self) -> None:
        while True:
            try:
                is_more = await self.sweep()
            except Exception as error:  # whatever it is, the next time may be better, and nothing else tells
                is_more = False
                self._failed(error)
            else:
                self._fault, self.is_stalled = None, False
            await asyncio.sleep(0.0 if is_more else SWEEP_EVERY_S)

    async def _count_on(self) -> None:
        while True:
            await self.count()
            await asyncio.sleep(COUNT_EVERY_S)

    def _failed(self, error: Exception) -> None:
        is_ours = isinstance(error, KeepclearError)
        self._fault = str(error) if is_ours else "a fault of the service; its log tells more"
        self.is_stalled = isinstance(error, TookTooLongError)
        _log.warning(
            "what is over could not be let go of",
            extra={"reason": str(error)},
            exc_info=None if is_ours else error,
        )
