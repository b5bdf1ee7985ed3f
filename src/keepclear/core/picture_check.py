"""Whether two parties hold the same picture, checked by voice while the link between them is cut.

Each side tells how far it holds the two logs, and both take what both hold: that freezes the picture, as a
log only grows. Only *then* both draw a challenge and read it out. The code depends on the challenges, so
nobody can have looked beforehand for two pictures with the same code; of its eight symbols each side reads
out one half, so nobody can just say "it is right". Who does not hold the picture, and cannot choose it after
the challenges are known, passes one half with a chance of 2^-20, and both with 2^-40. It does not show that
the other side means what it says, or acts by it.

Where the codes differ, both read out shorter codes of smaller and smaller parts, until what differs has a
name: by log, by the day on which something starts, and by halves in an order that nobody chooses. Nothing
here reads a log or a clock: what stands is told by `node.voice`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from hashlib import sha256
from typing import Final, NamedTuple

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ItemId, PartyId
from keepclear.core.refs import ItemRef, check_text
from keepclear.core.statements import Head
from keepclear.core.symbols import SYMBOLS, symbols_of
from keepclear.core.times import instant_of

CHALLENGE_SYMBOLS: Final = 4
"""So many symbols each side draws, once the picture is frozen."""
CODE_SYMBOLS: Final = 8
"""So many symbols the code of the whole picture has; each side reads out half of them."""
PART_SYMBOLS: Final = 4
"""So many symbols the code of a part has: enough where both sides know already that they differ."""
PATH_CHARACTERS_MAX: Final = 600
"""The most characters of the path of a part."""
LONG_SPAN_DAYS: Final = 64
"""A part by days covers so many at first."""
SHORT_SPAN_DAYS: Final = 8
"""Then so many, then one."""
_NO_DAY: Final = "undated"
_LOGS: Final = ("a.log", "b.log")
_SIDES: Final = ("a", "b")
_BOTH: Final = "both"
_DAY_STEPS: Final = 3
_HALVES: Final = ("0", "1")
_BITS: Final = 256  # nobody gets so far


class StandingKind(Enum):
    """What stands."""

    ITEM = "item"
    """An operation or zone, in the version that stands."""
    AREA = "area"
    """Where and when something is that is withheld from some."""
    MESSAGE = "message"
    """A message that was not answered."""
    HOLD = "hold"
    """A party suspends the dialogue."""
    AGREEMENT = "agreement"
    """The agreement in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Something that stands between two parties, by their two logs.

    Attributes:
        kind: What it is.
        party: Whose; of an agreement the first of the two.
        id: How its party calls it.
        version: The version of an item or agreement, else 0.
        starts: When it starts or was said, in UTC; None where that is not known.
        digest: The SHA-256 of all that it says.

    Raises:
        InvalidValueError: A name is empty, too long or not printable, or the digest is none.
    """

    kind: StandingKind
    party: PartyId
    id: str
    version: int
    starts: date | None
    digest: bytes

    def __post_init__(self) -> None:
        check_text("party", self.party)
        check_text("id", self.id)
        if len(self.digest) != sha256().digest_size:
            raise InvalidValueError("digest", "it must have 32 bytes")

    @property
    def name(self) -> str:
        """What people call it."""
        match self.kind:
            case StandingKind.ITEM:
                return f"{self.party}:{self.id} v{self.version}"
            case StandingKind.AGREEMENT:
                return f"agreement version {self.version}"
            case StandingKind.AREA:
                return f"{self.party}:{self.id} (area)"
            case _:
                return f"{self.party} {self.id}"

    @property
    def item(self) -> ItemRef | None:
        """The version of an item that it is; None for anything else."""
        if self.kind is not StandingKind.ITEM:
            return None
        return ItemRef(party=self.party, id=ItemId(self.id), version=self.version)

    @property
    def key(self) -> tuple[str, str, str]:
        """What names it, whatever it says."""
        return self.party, self.kind.value, self.id


class Part(NamedTuple):
    """A part of a picture.

    Attributes:
        label: What is in it, in words.
        path: What names it.
        code: Its symbols, to be read out.
        size: How many things stand in it; of a log, how many entries it has.
    """

    label: str
    path: str
    code: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCheck:
    """The picture of two parties as one of them holds it, and the codes of it.

    Attributes:
        parties: The two, sorted.
        heads: How far their logs are compared, in the same order, with the roots as they are held here.
        challenges: What each of them drew, in the same order.
        standing: What stands by these logs, in any order.

    Raises:
        InvalidValueError: The parties are not two, or not sorted, a challenge is none, or something stands
            twice.
    """

    parties: tuple[PartyId, PartyId]
    heads: tuple[Head, Head]
    challenges: tuple[str, str]
    standing: Sequence[Standing]

    def __post_init__(self) -> None:
        for party in self.parties:
            check_text("parties", party)
        if self.parties[0] >= self.parties[1]:
            raise InvalidValueError("parties", "they must be two, sorted")
        for challenge in self.challenges:
            if len(challenge) != CHALLENGE_SYMBOLS or not set(challenge) <= set(SYMBOLS):
                raise InvalidValueError("challenges", f"each must be {CHALLENGE_SYMBOLS} symbols")
        if len({each.key for each in self.standing}) < len(self.standing):
            raise InvalidValueError("standing", "something stands twice")
        if not {each.party for each in self.standing} <= set(self.parties):
            raise InvalidValueError("standing", "something is of another party")

    @property
    def code(self) -> str:
        """The symbols of the whole."""
        roots = (head.root for head in self.heads)
        return symbols_of(self._hmac(b"picture", *roots, _hash(self.standing)), CODE_SYMBOLS)

    def half(self, party: str) -> str:
        """Return what a party reads out: the first of the two the first half, the other the second.

        Raises:
            InvalidValueError: It is none of the two.
        """
        middle = CODE_SYMBOLS // 2
        return (self.code[:middle], self.code[middle:])[self._side(party)]

    def _side(self, party: str) -> int:
        if party not in self.parties:
            raise InvalidValueError("party", f"{party!r} is none of the two")
        return self.parties.index(PartyId(party))

    def parts(self, path: str = "") -> list[Part]:
        """Return the parts of a part, in the order in which they are read out.

        A part by day in which nothing stands is left out: who has it says so. A log, and the agreement, has
        no parts.

        Args:
            path: Of which part; empty for the whole.

        Raises:
            InvalidValueError: There cannot be such a part.
        """
        place = _place(path)
        if place in (*((each,) for each in _LOGS), (_BOTH,)):
            return []
        always = (*_SIDES, _BOTH) if not place else _HALVES if _is_by_halves(place) else ()
        found: dict[str, list[Standing]] = {name: [] for name in always}
        for each in self.at(path):
            found.setdefault(self._steps(each, len(place) + 1)[-1], []).append(each)
        logs = [] if place else [self._log_part(index) for index in range(len(_LOGS))]
        return [*logs, *(self._part((*place, name), found[name]) for name in sorted(found))]

    def at(self, path: str = "") -> list[Standing]:
        """Return what stands in a part, sorted by party, kind and name.

        Args:
            path: Which part; empty for the whole.

        Raises:
            InvalidValueError: There cannot be such a part.
        """
        place = _place(path)
        found = [each for each in self.standing if self._steps(each, len(place)) == place]
        return sorted(found, key=lambda each: each.key)

    def _steps(self, each: Standing, count: int) -> tuple[str, ...]:
        """Return in which parts of parts something stands, so many steps down: by log, day and hash."""
        if each.kind is StandingKind.AGREEMENT:
            return (_BOTH,)[:count]
        steps = (_SIDES[self._side(each.party)], *_days(each.starts))
        if count <= len(steps):
            return steps[:count]
        hashed = sha256(_joined(*(text.encode() for text in each.key))).digest()
        return *steps, *f"{int.from_bytes(hashed):0{_BITS}b}"[: count - len(steps)]

    def _log_part(self, index: int) -> Part:
        size, root = self.heads[index]
        label = f"the log of {self.parties[index]}, {size} entries"
        return Part(label, _LOGS[index], self._part_code(_LOGS[index], root), size)

    def _part(self, place: tuple[str, ...], found: Sequence[Standing]) -> Part:
        path = "/".join(place)
        return Part(self._label(place), path, self._part_code(path, _hash(found)), len(found))

    def _part_code(self, path: str, content: bytes) -> str:
        return symbols_of(self._hmac(b"part", path.encode(), content), PART_SYMBOLS)

    def _hmac(self, what: bytes, *parts: bytes) -> bytes:
        key = "".join(self.challenges).encode()
        about = [str(head.size).encode() for head in self.heads] + [each.encode() for each in self.parties]
        return hmac.digest(key, _joined(what, *about, *parts), "sha256")

    def _label(self, place: tuple[str, ...]) -> str:
        last = place[-1]
        match place:
            case ("a",) | ("b",):
                return f"what {self.parties[_SIDES.index(last)]} stated"
            case ("both",):
                return "the agreement in force"
            case (_, "undated"):
                return "without a day"
            case _ if last in _HALVES:
                return "first half" if last == _HALVES[0] else "second half"
            case _:
                day, _, days = last.partition("+")
                return f"{days} days from {day}" if days else day


def _joined(*parts: bytes) -> bytes:
    """Join parts so that no two lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(8) + part for part in parts)


def _hash(standing: Iterable[Standing]) -> bytes:
    whole = sha256()
    for each in sorted(standing, key=lambda one: one.key):
        about = (each.party, each.kind.value, each.id, str(each.version))
        whole.update(_joined(*(text.encode() for text in about), each.digest))
    return whole.digest()


def _days(day: date | None) -> tuple[str, ...]:
    """Return the names of the parts by day: a long span, a short one in it, and the day."""
    if day is None:
        return (_NO_DAY,)
    spans = (LONG_SPAN_DAYS, SHORT_SPAN_DAYS, 1)
    firsts = (date.fromordinal(max(1, day.toordinal() // span * span)).isoformat() for span in spans)
    return tuple(first if span == 1 else f"{first}+{span}" for first, span in zip(firsts, spans, strict=True))


def _is_by_halves(place: tuple[str, ...]) -> bool:
    """Tell whether a part is one day, or a half of it, so that its parts are halves."""
    return _NO_DAY in place or len(place) > _DAY_STEPS


def _place(path: str) -> tuple[str, ...]:
    """Read the path of a part.

    Raises:
        InvalidValueError: There cannot be such a part.
    """
    if not path:
        return ()
    place = tuple(path.split("/")) if len(path) <= PATH_CHARACTERS_MAX else ()
    if not place or not _is_place(place):
        raise InvalidValueError("path", "there is no such part; name it as it was shown")
    return place


_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d)(\+\d+)?")


def _is_place(place: tuple[str, ...]) -> bool:
    side, *rest = place
    if side not in _SIDES:
        return not rest and side in (*_LOGS, _BOTH)
    dated = list(_dated(rest))
    known = _days(None) if rest[:1] == [_NO_DAY] else _days(dated[-1]) if dated else ()
    if rest and not known:
        return False
    bits = rest[len(known) :]
    return tuple(rest[: len(known)]) == known[: len(rest)] and set(bits) <= set(_HALVES) and len(bits) < _BITS


def _dated(rest: Sequence[str]) -> Iterator[date]:
    for name in rest[:_DAY_STEPS]:
        found = _DAY.fullmatch(name)
        if found is None:
            return
        try:
            yield date.fromisoformat(found[1])
        except ValueError:
            return


def day_of(at_ms: int) -> date:
    """Return the day of an instant, in UTC.

    Args:
        at_ms: Milliseconds since 1970.
    """
    return instant_of(at_ms).date()
