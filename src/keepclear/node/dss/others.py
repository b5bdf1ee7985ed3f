"""What else the service does: availabilities, reports, and letting go of what is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from keepclear.core.ovn import new_id, new_version
from keepclear.core.references import Availability, Entity, EntityKind, IntentReference, UssAvailability
from keepclear.node.dss.intents import let_go
from keepclear.node.dss.refusals import VersionError
from keepclear.node.dss.work import Work

SWEPT_MAX: Final = 200
"""So many entities are let go of in one transaction, so that nobody waits long for it."""
SUBSCRIPTION_KINDS: Final = (EntityKind.SUBSCRIPTION, EntityKind.IDENTIFICATION_SUBSCRIPTION)
"""These go when they end; the others stay a while, for those who look back."""


def set_availability(
    work: Work, uss_id: str, availability: Availability, old_version: str
) -> UssAvailability:
    """Keep what is said of a party's service.

    Raises:
        VersionError: It has been said otherwise since that version.
    """
    old = work.transaction.availability(uss_id)
    if old_version != ("" if old is None else old.version):
        now = "nothing was said of it yet" if old is None else f"its version is {old.version!r}"
        raise VersionError(f"the availability of {uss_id} is not at version {old_version!r}: {now}")
    said = UssAvailability(uss_id=uss_id, availability=availability, version=new_version(work.entropy))
    work.transaction.put_availability(said, work.cause)
    return said


def get_availability(work: Work, uss_id: str) -> UssAvailability:
    """Return what was said of a party's service; unknown, with an empty version, where nothing was."""
    said = work.transaction.availability(uss_id)
    return said or UssAvailability(uss_id=uss_id, availability=Availability.UNKNOWN, version="")


def add_report(work: Work, text: bytes) -> str:
    """Keep a report of an error; return its id."""
    report_id = new_id(work.entropy)
    work.transaction.add_report(report_id, text, work.cause)
    return report_id


def sweep(work: Work, kept: timedelta, history_kept: timedelta) -> Mapping[str, int]:
    """Let go of what is over, a bounded number at a time.

    Args:
        work: The piece of work.
        kept: How long after its end an intent, a constraint or an area is kept.
        history_kept: How long the history and reports are kept.

    Returns:
        How many went, by kind; `SWEPT_MAX` of a kind means that more may wait.
    """
    gone: dict[str, int] = {}
    for kind in EntityKind:
        before = work.now if kind in SUBSCRIPTION_KINDS else work.now - kept
        ended = work.transaction.ending_before(kind, before, SWEPT_MAX)
        if ended:
            _remove(work, ended)
            gone[kind.value] = len(ended)
    before = work.now - history_kept
    forgotten = {
        "history": work.transaction.forget_history(before, SWEPT_MAX),
        "report": work.transaction.forget_reports(before, SWEPT_MAX),
    }
    return gone | {kind: count for kind, count in forgotten.items() if count}


def _remove(work: Work, ended: Sequence[Entity]) -> None:
    work.transaction.remove_all([work.removal(entity, "") for entity in ended], work.cause)
    for entity in ended:
        if isinstance(entity, IntentReference):
            let_go(work, entity.subscription_id)
