"""The exceptions that Keepclear raises, and what they tell the caller.

A finding (a conflict, a near miss) is a value, never an exception. What is raised here is always
about something that was given: each error names the field, says what is wrong with it and, where
there is one, the way out.
"""

from __future__ import annotations


class KeepclearError(Exception):
    """The base of all errors of this package."""


class InvalidValueError(KeepclearError):
    """A value that was given cannot be used.

    Attributes:
        field: Where it is, as a path in the caller's terms, for example `vertices[3].lat`.
        reason: What is wrong with it, as a clause without a full stop.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}" if field else reason)

    def within(self, parent: str) -> InvalidValueError:
        """Return the same error, seen from the value that holds the one it was found in."""
        joined = f"{parent}.{self.field}" if self.field else parent
        return InvalidValueError(joined.replace(".[", "["), self.reason)


class UnknownItemError(KeepclearError):
    """An operation or zone was named that is not there.

    Attributes:
        item_id: The id that was asked for.
    """

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        super().__init__(f"there is no operation or zone with the id {item_id!r}")
