"""Rule sets: which separation is kept between whom, in levels of urgency, and who is exempt by agreement.

A *rule* has levels, the least urgent first; each has minima, how far it looks ahead and, if wanted, how long
a loss must last to count. A *rule set* says by pairs of selectors (a party, a kind, both, or any) which rule
applies between two tracks: the first that fits, either way round, or else the default.

What a rule set finds in a picture is decided in `separation`; the rule sets that are shipped are in
`named_rules`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from keepclear.core.encounters import DURATION_MAX_S, Minima
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX
from keepclear.core.well_clear import AlertLevel, AlertRule

LEVELS_MAX: Final = 8
"""So many levels one rule may have."""
PAIRINGS_MAX: Final = 256
"""So many pairings a rule set may have, and so many cooperations."""
RULE_NAME_CHARACTERS_MAX: Final = 64
"""A name of a rule, a level or a rule set is no longer."""
REASON_CHARACTERS_MAX: Final = 500
"""The reason of a cooperation is no longer."""


class Contact(Enum):
    """How a track stands with whoever controls an incident."""

    CONTACT = "contact"
    """They talk."""
    CLEARED = "cleared"
    """They talk, and it may enter."""


class FormationScope(Enum):
    """Whose tracks with the same formation are not judged against each other."""

    OWN = "own"
    """Those of one party. The same word of two parties is two formations."""
    ALL = "all"
    """Those of all parties."""
    NONE = "none"
    """Nobody's: formations are judged like everybody."""


def _check_text(field: str, text: str, characters_max: int) -> None:
    if not (0 < len(text) <= characters_max and text.isprintable() and text.strip() == text):
        reason = f"it must be 1 to {characters_max} printable characters, without blanks at its ends"
        raise InvalidValueError(field, reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What is kept at one level of urgency.

    Attributes:
        name: Its name, for example `warning`.
        lateral_m: The lateral minimum, metres.
        vertical_m: The vertical minimum, metres; infinite to judge laterally alone.
        lookahead_s: A loss counts that begins within this, seconds.
        lasting_s: A loss counts only if it lasts longer than this, seconds.
        waived_by: It does not apply between an incident and a track that stands so with it.

    Raises:
        InvalidValueError: The name is empty or too long, or a number is out of range.
    """

    name: str
    lateral_m: float
    vertical_m: float
    lookahead_s: float = 300.0
    lasting_s: float = 0.0
    waived_by: tuple[Contact, ...] = ()

    def __post_init__(self) -> None:
        _check_text("name", self.name, RULE_NAME_CHARACTERS_MAX)
        Minima(lateral_m=self.lateral_m, vertical_m=self.vertical_m, lookahead_s=self.lookahead_s)
        if not 0.0 <= self.lasting_s <= DURATION_MAX_S:
            raise InvalidValueError("lasting_s", f"{self.lasting_s!r} is not within 0..{DURATION_MAX_S:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Separation by minima.

    Attributes:
        name: Its name.
        levels: Its levels, the least urgent first.
        lateral_tolerance_m: So much less than each lateral minimum is still kept, metres.
        vertical_tolerance_m: The same of the vertical minima. Altitudes come in steps: two at levels a
            thousand feet apart are told as 975 ft apart as often as not, and have lost nothing.

    Raises:
        InvalidValueError: The name is not valid, there is no level, there are too many, two have one name,
            or a tolerance is not less than every minimum.
    """

    name: str
    levels: tuple[Level, ...]
    lateral_tolerance_m: float = 0.0
    vertical_tolerance_m: float = 0.0

    def __post_init__(self) -> None:
        _check_text("name", self.name, RULE_NAME_CHARACTERS_MAX)
        if not 1 <= len(self.levels) <= LEVELS_MAX:
            raise InvalidValueError("levels", f"a rule has 1 to {LEVELS_MAX} levels, not {len(self.levels)}")
        for k, name in enumerate(self.level_names):
            if name in self.level_names[:k]:
                raise InvalidValueError(f"levels[{k}].name", f"{name!r} stands twice")
        for field, tolerance_m, least_m in (
            ("lateral_tolerance_m", self.lateral_tolerance_m, min(each.lateral_m for each in self.levels)),
            ("vertical_tolerance_m", self.vertical_tolerance_m, min(each.vertical_m for each in self.levels)),
        ):
            if not 0.0 <= tolerance_m < least_m or math.isinf(tolerance_m):
                reason = f"{tolerance_m!r} must be 0 or more, and less than every minimum ({least_m:g} m)"
                raise InvalidValueError(field, reason)

    @property
    def level_names(self) -> tuple[str, ...]:
        """The names of its levels, the least urgent first."""
        return tuple(level.name for level in self.levels)

    def minima(self) -> tuple[Minima, ...]:
        """Return what is looked for at each level, its tolerances taken off.

        Levels with the same minima are looked for as far as the farthest of them, so that all tell one time
        of closest approach.
        """
        kept = [
            (each.lateral_m - self.lateral_tolerance_m, each.vertical_m - self.vertical_tolerance_m)
            for each in self.levels
        ]
        farthest_s: dict[tuple[float, float], tuple[float, float]] = {}
        for level, own in zip(self.levels, kept, strict=True):
            lookahead_s, lasting_s = farthest_s.get(own, (0.0, 0.0))
            farthest_s[own] = max(lookahead_s, level.lookahead_s), max(lasting_s, level.lasting_s)
        return tuple(
            Minima(
                lateral_m=lateral_m,
                vertical_m=vertical_m,
                lookahead_s=farthest_s[lateral_m, vertical_m][0],
                duration_s=farthest_s[lateral_m, vertical_m][1],
            )
            for lateral_m, vertical_m in kept
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WellClearRule:
    """Separation by time as well as by distance: see `well_clear`.

    Attributes:
        name: Its name.
        alerts: When there is a preventive, a corrective and a warning alert.

    Raises:
        InvalidValueError: The name is not valid, or there are not three alerts.
    """

    name: str
    alerts: tuple[AlertRule, ...]

    def __post_init__(self) -> None:
        _check_text("name", self.name, RULE_NAME_CHARACTERS_MAX)
        if len(self.alerts) != len(self.level_names):
            reason = f"there must be {len(self.level_names)}, not {len(self.alerts)}"
            raise InvalidValueError("alerts", reason)

    @property
    def level_names(self) -> tuple[str, ...]:
        """The names of its levels, the least urgent first."""
        return tuple(level.name.lower() for level in AlertLevel if level is not AlertLevel.NONE)


AnyRule: TypeAlias = Rule | WellClearRule
"""A rule of either kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which tracks are meant: those of a party, of a kind, of both; or any.

    Attributes:
        party: Of this party only; None for any, and for tracks of no known party.
        kind: Of this kind only; None for any, and for tracks of no known kind.

    Raises:
        InvalidValueError: A word is empty or too long.
    """

    party: str | None = None
    kind: str | None = None

    def __post_init__(self) -> None:
        for field, text in (("party", self.party), ("kind", self.kind)):
            if text is not None:
                _check_text(field, text, ID_CHARACTERS_MAX)

    def __str__(self) -> str:
        told = [f"{name}:{text}" for name, text in (("party", self.party), ("kind", self.kind)) if text]
        return " & ".join(told) or "any"

    def fits(self, party: str | None, kind: str | None) -> bool:
        """Tell whether a track is meant.

        Args:
            party: Its party; None if not known.
            kind: Its kind; None if not known.
        """
        return self.party in {None, party} and self.kind in {None, kind}


Between: TypeAlias = tuple[Selector, Selector]
"""Between which two tracks, either way round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Which rule applies between whom.

    Attributes:
        between: The two.
        rule: The rule; None to judge no such pair.
    """

    between: Between
    rule: AnyRule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooperation:
    """Who has agreed not to be judged against each other, or by a rule of their own.

    Attributes:
        between: The two.
        reason: Why, in words; it stands beside every encounter that is exempt by it.
        rule: The rule that they agreed on; None if they are not judged.

    Raises:
        InvalidValueError: The reason is empty or too long.
    """

    between: Between
    reason: str
    rule: AnyRule | None = None

    def __post_init__(self) -> None:
        _check_text("reason", self.reason, REASON_CHARACTERS_MAX)


def _check_betweens(field: str, betweens: list[Between]) -> None:
    if len(betweens) > PAIRINGS_MAX:
        raise InvalidValueError(field, f"there are {len(betweens)}; at most {PAIRINGS_MAX} are taken")
    seen: set[frozenset[Selector]] = set()
    for k, between in enumerate(betweens):
        if frozenset(between) in seen:
            reason = f"{between[0]} and {between[1]} stand twice; only the first would apply"
            raise InvalidValueError(f"{field}[{k}].between", reason)
        seen.add(frozenset(between))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Which rule applies between any two tracks.

    Attributes:
        name: Its name.
        default: What applies where no pairing fits; None to judge no such pair.
        pairings: The first that fits applies.
        cooperations: The first that fits takes the place of the pairing.
        formations: Whose formations are not judged within.

    Raises:
        InvalidValueError: The name is not valid, there are too many pairings or cooperations, one of them can
            never apply, two different rules have one name, or no pair at all would be judged.
    """

    name: str
    default: AnyRule | None
    pairings: tuple[Pairing, ...] = ()
    cooperations: tuple[Cooperation, ...] = ()
    formations: FormationScope = FormationScope.OWN

    def __post_init__(self) -> None:
        _check_text("name", self.name, RULE_NAME_CHARACTERS_MAX)
        _check_betweens("pairings", [each.between for each in self.pairings])
        _check_betweens("cooperations", [each.between for each in self.cooperations])
        by_name: dict[str, AnyRule] = {}
        for rule in self._all_rules():
            if by_name.setdefault(rule.name, rule) != rule:
                raise InvalidValueError("", f"two different rules have the name {rule.name!r}")
        if self.default is None and all(pairing.rule is None for pairing in self.pairings):
            raise InvalidValueError("", "no pair would be judged; give a default or a pairing with a rule")

    def _all_rules(self) -> Iterator[AnyRule]:
        paired, agreed = (each.rule for each in self.pairings), (each.rule for each in self.cooperations)
        for rule in (self.default, *paired, *agreed):
            if rule is not None:
                yield rule

    @property
    def rules(self) -> tuple[AnyRule, ...]:
        """Its rules, each once."""
        return tuple(dict.fromkeys(self._all_rules()))

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The selectors of its pairings and cooperations, each once."""
        named = [each.between for each in self.pairings] + [each.between for each in self.cooperations]
        return tuple(dict.fromkeys(selector for between in named for selector in between))

    @property
    def lookahead_s(self) -> float:
        """How far its rules look ahead at most, seconds."""
        return max(
            each.within_s if isinstance(each, AlertRule) else each.lookahead_s
            for rule in self.rules
            for each in (rule.alerts if isinstance(rule, WellClearRule) else rule.levels)
        )
