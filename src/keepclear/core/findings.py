"""What a rule set says of a picture: findings, what cannot be excluded, and what is exempt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

FINDINGS_MAX: Final = 1_000_000
"""With more findings in one picture, and what cannot be excluded, there is no answer."""
EXEMPTED_LISTED_MAX: Final = 10_000
"""So many exempt encounters are listed; all are counted."""


class MetLevel(NamedTuple):
    """A level that a pair meets, or of which that cannot be excluded.

    Attributes:
        level: Its name.
        t_in_s: When it is entered, seconds from the picture's instant; NaN if only that cannot be excluded.
        t_out_s: When it is left: infinite if it is not within what was looked at. NaN if it is not met, or
            the rule does not tell.
        t_in_inflated_s: When it is entered at the earliest, with what the two may be off.
        t_out_inflated_s: When it is left at the latest.
    """

    level: str
    t_in_s: float
    t_out_s: float
    t_in_inflated_s: float
    t_out_inflated_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule says of a pair.

    Attributes:
        a: The id of one; the lesser of both.
        b: The id of the other.
        rule: The name of the rule.
        level: The highest level that they meet; None if none is met, but cannot be excluded.
        levels: All levels that they meet or of which that cannot be excluded, the least urgent first.
        t_cpa_s: When they are laterally closest within the look-ahead of the highest level.
        d_cpa_m: Their lateral distance then, metres.
        dz_cpa_m: Their vertical distance then, metres; NaN where an altitude is not known.
    """

    a: str
    b: str
    rule: str
    level: str | None
    levels: tuple[MetLevel, ...]
    t_cpa_s: float
    d_cpa_m: float
    dz_cpa_m: float

    @property
    def highest(self) -> MetLevel:
        """The highest level that they meet, or else of which that cannot be excluded."""
        return next((each for each in self.levels if each.level == self.level), self.levels[-1])

    @property
    def level_inflated(self) -> str:
        """The highest level that cannot be excluded."""
        return self.levels[-1].level

    @property
    def t_in_s(self) -> float:
        """When the highest level is entered; NaN if none is met."""
        return self.highest.t_in_s

    @property
    def t_out_s(self) -> float:
        """When the highest level is left; see `MetLevel`."""
        return self.highest.t_out_s

    @property
    def t_in_inflated_s(self) -> float:
        """When the highest level is entered at the earliest."""
        return self.highest.t_in_inflated_s

    @property
    def t_out_inflated_s(self) -> float:
        """When the highest level is left at the latest."""
        return self.highest.t_out_inflated_s


class ExemptedBy(Enum):
    """Why an encounter does not count."""

    FORMATION = "formation"
    """Both are of one formation."""
    COOPERATION = "cooperation"
    """Both have agreed not to be judged, or by a rule that finds less."""
    CONTACT = "contact"
    """The track is in contact with, or cleared by, who controls the incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempted:
    """An encounter that would have counted.

    Attributes:
        finding: What it would have been.
        by: Why it does not count.
        reason: The same in words: the formation, the reason of the cooperation, the contact.
    """

    finding: Finding
    by: ExemptedBy
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a rule set says of a picture. All that is listed is sorted by ids.

    Attributes:
        rule_set: The name of the rule set.
        findings: Pairs that meet a level.
        cannot_exclude: Pairs that meet none, of which that cannot be excluded.
        exempted: What would have been among these, at most `EXEMPTED_LISTED_MAX`.
        exempted_count: How many there are.
        pairs_judged: How many pairs have a rule.
        pairs_without_rule: How many have none: nothing was looked for between them.
        unmatched: The selectors of the rule set that no track fits, in its order; perhaps a slip of the pen.
    """

    rule_set: str
    findings: tuple[Finding, ...]
    cannot_exclude: tuple[Finding, ...]
    exempted: tuple[Exempted, ...]
    exempted_count: int
    pairs_judged: int
    pairs_without_rule: int
    unmatched: tuple[str, ...]
