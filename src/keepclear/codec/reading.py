"""What every reader of a file gives back: items, every problem at once, and what was assumed.

A reader never raises for what a file says. It reports each problem with the file, the item, the
field and the reason, goes on, and leaves out the items that have one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from keepclear.core.altitudes import Atmosphere
from keepclear.core.constraints import Constraint
from keepclear.core.errors import InvalidValueError, UnknownItemError
from keepclear.core.intents import OperationalIntent

Item = OperationalIntent | Constraint


class ItemKind(Enum):
    """What an item of a file declares."""

    OPERATIONAL_INTENT = "operational_intent"
    CONSTRAINT = "constraint"


PROBLEMS_MAX: Final = 1_000
"""Of one file no more problems are kept; that there are more is the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something in a file that cannot be used.

    Attributes:
        source: The file, as the user named it.
        item: Which item of it, in the file's own words (`item 3 (id 'A1')`, `line 12`); "" for the
            file as a whole.
        field: The path of the field in the item; "" for the item as a whole.
        reason: What is wrong with it, and where there is one, the way out.
    """

    source: str
    item: str = ""
    field: str = ""
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.item, self.field, self.reason) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something that a file leaves open, and what was taken for it.

    Attributes:
        source: The file, as the user named it.
        item: Which item of it.
        text: What is missing and what was taken for it.
    """

    source: str
    item: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An item, and where it was read.

    Attributes:
        item: The item.
        source: The file, as the user named it.
        place: Which item of it, in the file's own words.
    """

    item: Item
    source: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """What the user states about all files.

    Attributes:
        atmosphere: The bounds of pressure and temperature; None refuses flight levels.
    """

    atmosphere: Atmosphere | None = None


@dataclass(slots=True)
class Reading:
    """What one file holds, filled while it is read.

    Attributes:
        source: The file, as the user named it.
        placed: The items without a problem, in the order of the file.
        problems: What is wrong with the rest, in the order of the file.
        assumptions: What was taken for what is missing.
    """

    source: str
    placed: list[Placed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)

    def refuse(self, reason: str, *, item: str = "", field: str = "") -> None:
        """Note a problem."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(source=self.source, item=item, field=field, reason=reason))
        elif len(self.problems) == PROBLEMS_MAX:
            reason = f"more than {PROBLEMS_MAX} problems; the rest of them is not listed"
            self.problems.append(Problem(source=self.source, reason=reason))

    def refuse_value(self, error: InvalidValueError, *, item: str = "") -> None:
        """Note a problem that a value reported when it was made."""
        self.refuse(error.reason, item=item, field=error.field)

    def assume(self, text: str, *, item: str) -> None:
        """Note what was taken for something that is missing."""
        self.assumptions.append(Assumption(source=self.source, item=item, text=text))

    def accept(self, item: Item, *, place: str) -> None:
        """Add an item without a problem."""
        self.placed.append(Placed(item=item, source=self.source, place=place))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What several files hold together.

    Attributes:
        items: The items without a problem, in the order of the files.
        problems: What is wrong with the rest; ids that stand twice are among them.
        assumptions: What was taken for what is missing.
        sources: The files, as the user named them.
    """

    items: tuple[Item, ...]
    problems: tuple[Problem, ...]
    assumptions: tuple[Assumption, ...]
    sources: tuple[str, ...]

    def item(self, item_id: str) -> Item:
        """Return the item with this id.

        Raises:
            UnknownItemError: There is none.
        """
        for item in self.items:
            if item.id == item_id:
                return item
        raise UnknownItemError(item_id)


def gather(readings: Iterable[Reading]) -> Gathered:
    """Put what several files hold together; items whose id stands twice are all left out."""
    readings = list(readings)
    problems = [problem for reading in readings for problem in reading.problems]
    by_id: dict[str, list[Placed]] = {}
    for reading in readings:
        for placed in reading.placed:
            by_id.setdefault(placed.item.id, []).append(placed)
    for same in by_id.values():
        for repeated in same[1:]:
            first = same[0]
            where = first.place if first.source == repeated.source else f"{first.source}, {first.place}"
            reason = f"the id {repeated.item.id!r} stands twice; first in {where}"
            problems.append(Problem(source=repeated.source, item=repeated.place, field="id", reason=reason))
    return Gathered(
        items=tuple(same[0].item for same in by_id.values() if len(same) == 1),
        problems=tuple(problems),
        assumptions=tuple(assumption for reading in readings for assumption in reading.assumptions),
        sources=tuple(reading.source for reading in readings),
    )
