"""What the service refuses, by what the asker can do about it. Malformed input is an `InvalidValueError`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keepclear.core.errors import KeepclearError
from keepclear.core.references import ConstraintReference, IntentReference


class DssRefusalError(KeepclearError):
    """Something that was asked for is not done; the text says why."""


class ScopeError(DssRefusalError):
    """The token does not grant what this needs."""


class NotManagerError(DssRefusalError):
    """It is somebody else's."""

    def __init__(self, what: str, entity_id: str) -> None:
        super().__init__(f"{what} {entity_id} is managed by another USS; only its manager may do this")


class NoEntityError(DssRefusalError):
    """There is none with that id."""

    def __init__(self, what: str, entity_id: str) -> None:
        super().__init__(f"there is no {what} {entity_id}")


class VersionError(DssRefusalError):
    """It exists already, or has changed since the version or OVN that was named."""


class DownError(DssRefusalError):
    """The asker's availability is Down, and then this is not open to it (ASTM F3548-21, code 412)."""


class TooManyError(DssRefusalError):
    """The asker has as many there as it may have."""


class TooLargeError(DssRefusalError):
    """The area is over the limit."""


@dataclass(frozen=True, slots=True)
class Why:
    """Where a missing entity is in the way: where two volumes meet, if any two do.

    Attributes:
        entity_id: The entity.
        text: Where, when and how deep, in words.
        volumes: The pair of volumes that meets first, of what was asked for and of the entity; None where
            only the bounds of the whole meet.
    """

    entity_id: str
    text: str
    volumes: tuple[int, int] | None


class AirspaceConflictError(DssRefusalError):
    """OVNs are missing: the asker does not know everything that is there.

    Attributes:
        intents: The intents whose OVNs are missing.
        constraints: The constraints whose OVNs are missing.
        why: Where each of them is in the way.
    """

    def __init__(
        self,
        intents: Sequence[IntentReference],
        constraints: Sequence[ConstraintReference],
        why: Sequence[Why] = (),
    ) -> None:
        self.intents, self.constraints, self.why = tuple(intents), tuple(constraints), tuple(why)
        count = len(intents) + len(constraints)
        super().__init__(
            f"the key lacks the OVNs of {count:,} {'entity that is' if count == 1 else 'entities that are'}"
            " there; get the details from whoever manages each, and ask again with the OVN that they hold"
        )


class CalledOffError(KeepclearError):
    """Nobody waited for it any more, so nothing of it was done."""


class StoreBusyError(KeepclearError):
    """Too much is waiting; trying again later may help."""
