"""Agreements: what two parties hold each other to, and which version of it is in force.

An agreement is proposed by one party and accepted by the other; only the highest version that both
stand by applies. Its text is compared by digest, so both mean the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple, assert_never

from keepclear.core.altitudes import UNBOUNDED, AltitudeBand
from keepclear.core.conflicts import Buffer
from keepclear.core.deeds import AgreementAnswer, AgreementProposal, Refusal, refuse
from keepclear.core.errors import InvalidValueError
from keepclear.core.escalation import Deadlines, HotlineTimers
from keepclear.core.intents import ID_CHARACTERS_MAX, SPEED_MAX_MPS, PartyId
from keepclear.core.refs import VERSION_MAX
from keepclear.core.shapes import Circle, Polygon
from keepclear.core.split import Halves, Split

AREAS_MAX: Final = 100
"""The most areas of interest of a party, and the most areas to which its sharing is limited."""
MINIMA_LATERAL_MAX_M: Final = 100_000.0
"""The greatest lateral separation minimum."""
MINIMA_VERTICAL_MAX_M: Final = 100_000.0
"""The greatest vertical separation minimum."""
MINIMA_DURATION_MAX_S: Final = 86_400.0
"""The longest that a loss of separation may be tolerated."""
EMBARGO_MAX_S: Final = 31 * 86_400.0
"""The longest before its start that an operation may be held back until."""
TIMER_MAX_S: Final = 7 * 86_400.0
"""The longest that a person may be given to see or to answer something."""
LEAD_MAX_S: Final = 31 * 86_400.0
"""The longest lead time of a humanitarian notice."""
FALLBACK_FACTOR_MAX: Final = 10.0
"""The most that minima and buffers are multiplied by while the line is held or the link is cut."""
FALLBACK_EXTRA_MAX_S: Final = 86_400.0
"""The most that the time buffer grows by then."""
REACTION_MAX_S: Final = 86_400.0
"""The longest that it may take until what was said on the hotline reaches an aircraft."""
CATALOGUE_CHARACTERS_MAX: Final = 128
"""The most characters of the hash of a catalogue of messages."""


def _check_number(field: str, value: float, least: float, most: float, unit: str) -> None:
    if not least <= value <= most:  # also catches NaN
        raise InvalidValueError(field, f"{value!r} is not within {least:g}..{most:,.0f} {unit}".rstrip())


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaOfInterest:
    """An area, with a band of heights.

    Attributes:
        outline: The footprint.
        altitude: The band of heights above the WGS84 ellipsoid.
    """

    outline: Polygon | Circle
    altitude: AltitudeBand = UNBOUNDED


class SharedKind(Enum):
    """What a party shares."""

    OPERATIONAL_INTENT = "operational_intent"
    CONSTRAINT = "constraint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What a party shows the other. Zones and humanitarian notices are always shown, whatever it says.

    Attributes:
        kinds: What it shows; zones among them.
        areas: Only operations that meet one of these are shown; empty for everywhere.
        altitude: Only operations that meet this band are shown; None for every height.
        embargo_s: Operations are held back until so long before their start; None to show them at once.

    Raises:
        InvalidValueError: Zones are held back, there are too many areas, or the embargo is out of range.
    """

    kinds: frozenset[SharedKind] = frozenset(SharedKind)
    areas: tuple[AreaOfInterest, ...] = ()
    altitude: AltitudeBand | None = None
    embargo_s: float | None = None

    def __post_init__(self) -> None:
        if SharedKind.CONSTRAINT not in self.kinds:
            raise InvalidValueError("kinds", "zones are always shared; add 'constraint'")
        _check_areas(self.areas)
        if self.embargo_s is not None:
            _check_number("embargo_s", self.embargo_s, 0.0, EMBARGO_MAX_S, "s")


def _check_areas(areas: tuple[AreaOfInterest, ...]) -> None:
    if len(areas) > AREAS_MAX:
        raise InvalidValueError("areas", f"{len(areas)} areas are over the limit of {AREAS_MAX}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clearing:
    """How fast a party can get its aircraft out of the way.

    Attributes:
        speed_mps: The speed of the slowest of them, for operations that state none, m/s.
        reaction_s: How long it takes until what was said on the hotline is flown, seconds.

    Raises:
        InvalidValueError: One is out of range.
    """

    speed_mps: float = 50.0
    reaction_s: float = 120.0

    def __post_init__(self) -> None:
        _check_number("speed_mps", self.speed_mps, math.nextafter(0.0, 1.0), SPEED_MAX_MPS, "m/s")
        _check_number("reaction_s", self.reaction_s, 0.0, REACTION_MAX_S, "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an agreement says of one of its parties.

    Attributes:
        party: The party.
        areas: Where it is concerned by operations of the other; empty for everywhere.
        sharing: What it shows the other.
        clearing: How fast it can get its aircraft out of the way.

    Raises:
        InvalidValueError: The party's name cannot be one, or there are too many areas.
    """

    party: PartyId
    areas: tuple[AreaOfInterest, ...] = ()
    sharing: Sharing = field(default_factory=Sharing)
    clearing: Clearing = field(default_factory=Clearing)

    def __post_init__(self) -> None:
        if not (0 < len(self.party) <= ID_CHARACTERS_MAX and self.party.isprintable()):
            raise InvalidValueError("party", f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")
        _check_areas(self.areas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minima:
    """Separation minima: a loss is closer than both, a violation a loss that lasts longer.

    Attributes:
        lateral_m: The lateral minimum, over 0, metres.
        vertical_m: The vertical minimum, over 0, metres.
        duration_s: How long a loss may last, seconds.

    Raises:
        InvalidValueError: One is out of range.
    """

    lateral_m: float
    vertical_m: float
    duration_s: float = 0.0

    def __post_init__(self) -> None:
        # A minimum of nothing could never be lost, and nobody would be alerted.
        least_m = math.nextafter(0.0, 1.0)
        _check_number("lateral_m", self.lateral_m, least_m, MINIMA_LATERAL_MAX_M, "m")
        _check_number("vertical_m", self.vertical_m, least_m, MINIMA_VERTICAL_MAX_M, "m")
        _check_number("duration_s", self.duration_s, 0.0, MINIMA_DURATION_MAX_S, "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """By when people should have reacted to what was said.

    Attributes:
        seen_s: Until somebody has seen it, seconds.
        answered_s: Until somebody has answered it, seconds; not before it is seen.

    Raises:
        InvalidValueError: One is out of range, or an answer is due before anybody has to look.
    """

    seen_s: float
    answered_s: float

    def __post_init__(self) -> None:
        _check_number("seen_s", self.seen_s, 1.0, TIMER_MAX_S, "s")
        _check_number("answered_s", self.answered_s, 1.0, TIMER_MAX_S, "s")
        if self.answered_s < self.seen_s:
            raise InvalidValueError("answered_s", "an answer cannot be due before somebody has to have seen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """What applies while the line is held or the link is cut.

    Attributes:
        minima_factor: Minima and buffers are multiplied by this, at least 1.
        time_extra_s: The time buffer grows by this, seconds.
        split: Who stays below an altitude, and the other above it; None for no such split.

    Raises:
        InvalidValueError: One is out of range.
    """

    minima_factor: float = 2.0
    time_extra_s: float = 180.0
    split: Split | None = None

    def __post_init__(self) -> None:
        _check_number("minima_factor", self.minima_factor, 1.0, FALLBACK_FACTOR_MAX, "")
        _check_number("time_extra_s", self.time_extra_s, 0.0, FALLBACK_EXTRA_MAX_S, "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What two parties hold each other to.

    Attributes:
        version: 1 for the first, more for each that follows.
        terms: What it says of each party, sorted by party.
        minima: The separation minima of encounters.
        buffer: The gap between declared volumes.
        timers: By when people should have reacted to what was declared or proposed.
        hotline: By when messages of each urgency should have been received, read and answered.
        fallback: What applies while the line is held or the link is cut.
        catalogue: The hash of the catalogue of messages; may be empty.
        lead_s: How long before its start a humanitarian movement is notified, seconds.
        lead_emergency_s: The same in an emergency, no longer.

    Raises:
        InvalidValueError: A value is out of range, the parties are not two and sorted, the split is of
            somebody else, or what the fallback makes of minima and buffers is over their limits.

    Source:
        The lead times are those of the humanitarian notification in Yemen.
    """

    version: int
    terms: tuple[Terms, Terms]
    minima: Minima
    buffer: Buffer
    timers: Timers
    fallback: Fallback = field(default_factory=Fallback)
    catalogue: str = ""
    lead_s: float = 48 * 3_600.0
    lead_emergency_s: float = 24 * 3_600.0
    hotline: HotlineTimers = field(default_factory=HotlineTimers)

    def __post_init__(self) -> None:
        if not 1 <= self.version <= VERSION_MAX:
            raise InvalidValueError("version", f"{self.version} is no version; they count from 1")
        first, second = self.parties
        if not first < second:
            raise InvalidValueError("terms", "they must be of two parties, sorted")
        if len(self.catalogue) > CATALOGUE_CHARACTERS_MAX or not self.catalogue.isprintable():
            reason = f"it must be at most {CATALOGUE_CHARACTERS_MAX} printable characters"
            raise InvalidValueError("catalogue", reason)
        _check_number("lead_s", self.lead_s, 0.0, LEAD_MAX_S, "s")
        _check_number("lead_emergency_s", self.lead_emergency_s, 0.0, self.lead_s, "s")
        split = self.fallback.split
        if split is not None and split.below not in self.parties:
            reason = f"{split.below!r} is no party of the agreement; name {first!r} or {second!r}"
            raise InvalidValueError("fallback.split.below", reason)
        for name, widened in (("buffer", buffer_between), ("minima", minima_between)):
            try:
                widened(self, is_fallback=True)
            except InvalidValueError as error:
                reason = f"it takes {name}.{error.field} out of range: {error.reason}"
                raise InvalidValueError("fallback", reason) from None

    @property
    def parties(self) -> tuple[PartyId, PartyId]:
        """The two parties, sorted."""
        return self.terms[0].party, self.terms[1].party

    def terms_of(self, party: PartyId) -> Terms:
        """Return what it says of one of its parties.

        Raises:
            InvalidValueError: It is not one of its parties.
        """
        for terms in self.terms:
            if terms.party == party:
                return terms
        raise InvalidValueError("party", f"{party!r} is no party of the agreement")


def buffer_between(agreement: Agreement, *, is_fallback: bool) -> Buffer:
    """Return the gap that volumes of the two parties must leave.

    Args:
        agreement: The agreement in force.
        is_fallback: Whether the line is held or the link is cut.
    """
    buffer, fallback = agreement.buffer, agreement.fallback
    if not is_fallback:
        return buffer
    return Buffer(
        lateral_m=buffer.lateral_m * fallback.minima_factor,
        vertical_m=buffer.vertical_m * fallback.minima_factor,
        time_s=buffer.time_s + fallback.time_extra_s,
    )


def minima_between(agreement: Agreement, *, is_fallback: bool) -> Minima:
    """Return the separation minima of encounters between the two parties.

    Args:
        agreement: The agreement in force.
        is_fallback: Whether the line is held or the link is cut.
    """
    if not is_fallback:
        return agreement.minima
    factor = agreement.fallback.minima_factor
    return dataclasses.replace(
        agreement.minima,
        lateral_m=agreement.minima.lateral_m * factor,
        vertical_m=agreement.minima.vertical_m * factor,
    )


def halves_between(agreement: Agreement, *, is_fallback: bool) -> Halves | None:
    """Return who stays below which altitude and who above; None where no split applies.

    Args:
        agreement: The agreement in force.
        is_fallback: Whether the line is held or the link is cut.
    """
    split = agreement.fallback.split
    if split is None or not is_fallback:
        return None
    first, second = agreement.parties
    above = second if split.below == first else first
    return Halves(below=split.below, above=above, altitude_m=split.altitude_m)


class Difference(NamedTuple):
    """Where two agreements differ.

    Attributes:
        field: The path of the value; terms by their party (`north.sharing.embargo_s`).
        a: The value in the first; None where it has none.
        b: The value in the second.
    """

    field: str
    a: object
    b: object


def differences(a: Agreement, b: Agreement) -> list[Difference]:
    """Return where two agreements differ, in the order of their fields; nothing for equal ones."""
    of_a, of_b = _values(a), _values(b)
    names = list(dict.fromkeys([*of_a, *of_b]))
    found = (Difference(name, of_a.get(name), of_b.get(name)) for name in names)
    return [each for each in found if each.a != each.b]


_PARTS: Final = (
    Minima, Buffer, Timers, Fallback, Terms, Sharing, Clearing, Split, HotlineTimers, Deadlines,
)  # fmt: skip


def _values(of: object, path: str = "") -> dict[str, object]:
    """Return the values of an agreement by their paths."""
    result: dict[str, object] = {}
    for name in (each.name for each in dataclasses.fields(of)):  # type: ignore[arg-type]  # a dataclass
        value = getattr(of, name)
        if name == "terms":
            for terms in value:
                result |= _values(terms, f"{terms.party}.")
        elif isinstance(value, _PARTS):
            result |= _values(value, f"{path}{name}.")
        else:
            result[path + name] = value
    return result


def digest(text: bytes) -> str:
    """Return what names the text of an agreement: its SHA-256, in hexadecimal."""
    return hashlib.sha256(text).hexdigest()


class Standing(NamedTuple):
    """An agreement that was proposed, and who stands by it.

    Attributes:
        digest: What names its text.
        agreement: The agreement.
        accepted_by: Who proposed or accepted it, sorted.
        declined_by: Who declined it and has not accepted it since, sorted.
    """

    digest: str
    agreement: Agreement
    accepted_by: tuple[PartyId, ...]
    declined_by: tuple[PartyId, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether both parties stand by it."""
        return self.accepted_by == self.agreement.parties


class Agreements:
    """What was said of agreements: equal sets of deeds give equal agreements in force.

    They may come in any order. An answer that comes before the text counts when that comes. Who accepted
    a version stands by it until a higher one is in force, whatever else was said of it: nobody leaves an
    agreement alone, or falls back to an older one.

    Args:
        read: Makes an agreement of its text (`codec.agreements.decode`); raises InvalidValueError.
    """

    def __init__(self, read: Callable[[bytes], Agreement]) -> None:
        self._read = read
        self._agreements: dict[str, Agreement] = {}
        self._stands_by: dict[tuple[str, PartyId], bool] = {}  # of a digest; False: declined

    def take(self, by: PartyId, deed: AgreementProposal | AgreementAnswer) -> None:
        """Take a deed from a party's log.

        Args:
            by: Whose log.
            deed: What was said.

        Raises:
            OutOfPlaceError: The deed is out of place; nothing was changed.
            InvalidValueError: What is proposed is no agreement; nothing was changed.
        """
        match deed:
            case AgreementProposal():
                name = digest(deed.text)
                self._agreements[name] = self._check_proposal(by, deed)
                self._stands_by[name, by] = True
            case AgreementAnswer():
                self._check_answer(by, deed)
                self._stands_by[deed.digest, by] = deed.is_accepted
            case _:
                assert_never(deed)

    def check(self, by: PartyId, deed: AgreementProposal | AgreementAnswer) -> None:
        """Refuse what an officer of a party should not say now, by all that is known here.

        Raises:
            OutOfPlaceError: It would be refused, or it would have no effect: the text is not known, or
                no version after the one in force is proposed.
            InvalidValueError: What is proposed is no agreement.
        """
        match deed:
            case AgreementProposal():
                agreement = self._check_proposal(by, deed)
                current = self.current(*agreement.parties)
                if current is not None and agreement.version <= current.version:
                    refuse(Refusal.CLOSED, f"version {current.version} is in force; propose a higher one")
            case AgreementAnswer():
                if deed.digest not in self._agreements:
                    refuse(Refusal.UNKNOWN, "no agreement with this digest has arrived")
                self._check_answer(by, deed)
            case _:
                assert_never(deed)

    def _check_proposal(self, by: PartyId, proposal: AgreementProposal) -> Agreement:
        agreement, name = self._read(proposal.text), digest(proposal.text)
        if by not in agreement.parties:
            refuse(Refusal.NOT_YOURS, f"{by!r} is no party of the agreement that it proposes")
        if name in self._agreements and self._stands_by.get((name, by)):
            refuse(Refusal.REPEATED, f"{by!r} stands by it already")
        return agreement

    def _check_answer(self, by: PartyId, answer: AgreementAnswer) -> None:
        agreement = self._agreements.get(answer.digest)
        if agreement is not None and by not in agreement.parties:
            refuse(Refusal.NOT_ADDRESSED, f"{by!r} is no party of the agreement")
        stands_by = self._stands_by.get((answer.digest, by))
        if stands_by is answer.is_accepted:
            refuse(Refusal.REPEATED, f"{by!r} has answered so before")
        if stands_by:
            refuse(Refusal.ANSWERED, f"{by!r} stands by it already; propose a higher version instead")

    def proposed(self, a: PartyId, b: PartyId) -> tuple[Standing, ...]:
        """Return all agreements proposed between two parties, sorted by version and digest."""
        found = [
            Standing(name, agreement, self._who(name, agreement, True), self._who(name, agreement, False))
            for name, agreement in self._agreements.items()
            if set(agreement.parties) == {a, b}
        ]
        return tuple(sorted(found, key=lambda each: (each.agreement.version, each.digest)))

    def _who(self, name: str, agreement: Agreement, stands_by: bool) -> tuple[PartyId, ...]:
        return tuple(party for party in agreement.parties if self._stands_by.get((name, party)) is stands_by)

    def in_force(self, a: PartyId, b: PartyId) -> Standing | None:
        """Return the agreement in force between two parties, with its digest; None if there is none.

        It is the highest version that both stand by; of two texts of it the one whose digest comes first.
        """
        best = self._best(a, b)
        return best[0] if best else None

    def current(self, a: PartyId, b: PartyId) -> Agreement | None:
        """Return the agreement in force between two parties; None if there is none."""
        standing = self.in_force(a, b)
        return standing.agreement if standing else None

    def all_in_force(self) -> dict[tuple[PartyId, PartyId], Agreement]:
        """Return the agreements in force, by their two parties, sorted."""
        pairs = sorted({agreement.parties for agreement in self._agreements.values()})
        found = ((pair, self.current(*pair)) for pair in pairs)
        return {pair: agreement for pair, agreement in found if agreement is not None}

    def is_ambiguous(self, a: PartyId, b: PartyId) -> bool:
        """Tell whether both stand by two texts of the version in force; propose a higher one then."""
        return len(self._best(a, b)) > 1

    def _best(self, a: PartyId, b: PartyId) -> list[Standing]:
        accepted = [each for each in self.proposed(a, b) if each.is_accepted]
        return [each for each in accepted if each.agreement.version == accepted[-1].agreement.version]
