"""Separation: what a rule set finds in one picture, and what it leaves out and why.

Which rule applies is decided for *classes* of tracks that the rule set treats alike, not for pairs. Each
distinct minima is then searched for once, among the tracks that it concerns (`separation_search`).

Nothing is dropped silently: pairs without a rule are counted, and what is exempt (a formation, a
cooperation, a clearance) is looked for all the same, counted, and listed with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from keepclear.core.air_picture import AirPicture, contacts_of
from keepclear.core.encounters import TooManyEncountersError
from keepclear.core.findings import (
    EXEMPTED_LISTED_MAX,
    FINDINGS_MAX,
    Exempted,
    ExemptedBy,
    Finding,
    Judged,
    MetLevel,
)
from keepclear.core.index import Engine, Progress
from keepclear.core.packed import Ints
from keepclear.core.rules import AnyRule, Contact, FormationScope, Rule, RuleSet
from keepclear.core.separation_search import Found, Mask, Tables, find_all, tables_of


def judge(
    picture: AirPicture,
    rule_set: RuleSet,
    *,
    engine: Engine = Engine.AUTO,
    progress: Progress | None = None,
) -> Judged:
    """Say what a rule set finds in a picture.

    Args:
        picture: The picture.
        rule_set: Which rule applies between whom.
        engine: Which code searches; the answers are the same.
        progress: Called with how much is done and how much there is.

    Returns:
        All findings, what cannot be excluded, and what is exempt.

    Raises:
        InvalidValueError: The rule set treats more than `CLASSES_MAX` classes of these tracks differently.
        TooManyEncountersError: One rule has more encounters than `ENCOUNTERS_MAX`, or more than
            `FINDINGS_MAX` count.
    """
    # Sorted by id, so that the order of the tracks makes no difference.
    picture = picture.take(sorted(range(len(picture.ids)), key=picture.ids.__getitem__))
    tables = tables_of(rule_set, picture.parties, picture.kinds)
    found = find_all(picture.tracks, rule_set.rules, tables, engine, progress)
    scene = _Scene(picture, rule_set, tables)
    parts = [
        scene.part(number, rule, each)
        for number, (rule, each) in enumerate(zip(rule_set.rules, found, strict=True))
    ]
    if sum(int((part.found.possible & part.counts).any(axis=1).sum()) for part in parts) > FINDINGS_MAX:
        raise TooManyEncountersError(FINDINGS_MAX)
    findings: list[_Told] = []
    cannot_exclude: list[_Told] = []
    for part in parts:
        is_met = (part.found.met & part.counts).any(axis=1)
        is_possible = (part.found.possible & part.counts).any(axis=1)
        findings += scene.told(part, np.flatnonzero(is_met), part.counts)
        cannot_exclude += scene.told(part, np.flatnonzero(is_possible & ~is_met), part.counts)
    exempted, exempted_count = scene.exempted(parts)
    n = len(picture.ids)
    without_rule = tables.pairs_without_rule()
    return Judged(
        rule_set=rule_set.name,
        findings=_sorted(findings),
        cannot_exclude=_sorted(cannot_exclude),
        exempted=exempted,
        exempted_count=exempted_count,
        pairs_judged=n * (n - 1) // 2 - without_rule,
        pairs_without_rule=without_rule,
        unmatched=tuple(str(selector) for selector in tables.unmatched),
    )


_Told = tuple[int, Finding]
"""A finding, and the number of its pair, by which it is sorted."""


def _sorted(told: list[_Told]) -> tuple[Finding, ...]:
    return tuple(finding for _, finding in sorted(told, key=itemgetter(0)))


class _Part(NamedTuple):
    """What one rule finds, and what of it counts; m pairs.

    Attributes:
        rule: The rule.
        found: What it finds.
        keys: The number of each pair, shape (m,).
        in_force: Whether the rule is the one in force for the pair; else a cooperation has taken its place.
        together: Whether both are of one formation.
        counts: Whether each level counts, shape (m, number of levels).
    """

    rule: AnyRule
    found: Found
    keys: Ints
    in_force: Mask
    together: Mask
    counts: Mask


class _Scene:
    """A picture sorted by id, and what exempts pairs of it."""

    def __init__(self, picture: AirPicture, rule_set: RuleSet, tables: Tables) -> None:
        self._picture = picture
        self._rule_set = rule_set
        self._tables = tables
        self._contacts = [None if told is None else contacts_of(told) for told in picture.contacts]
        self._formation = _formations(picture, rule_set.formations)

    def part(self, number: int, rule: AnyRule, found: Found) -> _Part:
        """Say what counts of what one rule finds."""
        a, b, of_track = found.a, found.b, self._tables.of_track
        in_force = self._tables.in_force[of_track[a], of_track[b]] == number
        together = (self._formation[a] == self._formation[b]) & (self._formation[a] >= 0)
        counts = (in_force & ~together)[:, np.newaxis] & ~self._waived(rule, found)
        return _Part(rule, found, a * len(of_track) + b, in_force, together, counts)

    def _waived(self, rule: AnyRule, found: Found) -> Mask:
        """Tell which levels do not apply because of a contact."""
        waived = np.zeros_like(found.met)
        levels = rule.levels if isinstance(rule, Rule) else ()
        if any(level.waived_by for level in levels):
            for row, (a, b) in enumerate(zip(found.a.tolist(), found.b.tolist(), strict=True)):
                contact = self._contact(a, b)
                waived[row] = [contact in level.waived_by for level in levels]
        return waived

    def _contact(self, a: int, b: int) -> Contact | None:
        for track, incident in ((a, b), (b, a)):
            contacts = self._contacts[track] or {}
            contact = contacts.get(self._picture.ids[incident], contacts.get(None))
            if contact is not None:
                return contact
        return None

    def told(self, part: _Part, rows: Ints, of_levels: Mask) -> list[_Told]:
        """Make findings of some rows, of some of the levels of each."""
        met = part.found.met[rows] & of_levels[rows]
        possible = part.found.possible[rows] & of_levels[rows]
        taken = {
            id(loss): _Columns(*(each.tolist() for each in loss.take(rows))) for loss in part.found.losses
        }
        losses = list(
            zip(part.rule.level_names, (taken[id(loss)] for loss in part.found.losses), strict=True)
        )
        result = []
        for k, (key, is_met, is_possible) in enumerate(
            zip(part.keys[rows].tolist(), met.tolist(), possible.tolist(), strict=True)
        ):
            levels = tuple(
                MetLevel(
                    level=name,
                    t_in_s=loss.t_in_s[k] if is_met[level] else math.nan,
                    t_out_s=loss.t_out_s[k] if is_met[level] else math.nan,
                    t_in_inflated_s=loss.t_in_inflated_s[k],
                    t_out_inflated_s=loss.t_out_inflated_s[k],
                )
                for level, (name, loss) in enumerate(losses)
                if is_possible[level]
            )
            top = _last(is_met if any(is_met) else is_possible)
            name, loss = losses[top]
            finding = Finding(
                a=self._picture.ids[loss.a[k]],
                b=self._picture.ids[loss.b[k]],
                rule=part.rule.name,
                level=name if is_met[top] else None,
                levels=levels,
                t_cpa_s=loss.t_cpa_s[k],
                d_cpa_m=loss.d_cpa_m[k],
                dz_cpa_m=loss.dz_cpa_m[k],
            )
            result.append((key, finding))
        return result

    def exempted(self, parts: Sequence[_Part]) -> tuple[tuple[Exempted, ...], int]:
        """List what is exempt, as much as is listed, and count all of it."""
        in_force = _joined(part.keys[part.in_force] for part in parts)
        met = _joined(part.keys[part.in_force & part.found.met.any(axis=1)] for part in parts)
        places = []
        for number, part in enumerate(parts):
            # What the rule of a cooperation finds as well is told there.
            is_met = part.found.met.any(axis=1)
            is_told = ~part.in_force & np.where(is_met, np.isin(part.keys, met), np.isin(part.keys, in_force))
            rows = np.flatnonzero((part.found.possible & ~part.counts).any(axis=1) & ~is_told)
            places.append(np.column_stack((part.keys[rows], np.full_like(rows, number), rows)))
        every = np.concatenate(places)
        listed = every[np.lexsort((every[:, 1], every[:, 0]))][:EXEMPTED_LISTED_MAX]
        result: list[tuple[int, Exempted]] = []
        for number, part in enumerate(parts):
            rows = listed[listed[:, 1] == number, 2]
            told = self.told(part, rows, ~part.counts)
            for row, (key, finding) in zip(rows.tolist(), told, strict=True):
                by, reason = self._why(part, row)
                result.append((key, Exempted(finding=finding, by=by, reason=reason)))
        return tuple(each for _, each in sorted(result, key=itemgetter(0))), len(every)

    def _why(self, part: _Part, row: int) -> tuple[ExemptedBy, str]:
        a, b, of_track = int(part.found.a[row]), int(part.found.b[row]), self._tables.of_track
        if part.together[row]:
            return ExemptedBy.FORMATION, str(self._picture.formations[a])
        if not part.in_force[row]:
            cooperation = self._tables.agreed[of_track[a], of_track[b]]
            return ExemptedBy.COOPERATION, self._rule_set.cooperations[cooperation].reason
        contact = self._contact(a, b)
        assert contact is not None
        return ExemptedBy.CONTACT, contact.value


class _Columns(NamedTuple):
    """Encounters as plain lists."""

    a: list[int]
    b: list[int]
    t_in_s: list[float]
    t_out_s: list[float]
    t_cpa_s: list[float]
    d_cpa_m: list[float]
    dz_cpa_m: list[float]
    t_in_inflated_s: list[float]
    t_out_inflated_s: list[float]


def _last(told: Sequence[bool]) -> int:
    return max(k for k, is_so in enumerate(told) if is_so)


def _joined(parts: Iterable[Ints]) -> Ints:
    return np.concatenate(list(parts))


def _formations(picture: AirPicture, scope: FormationScope) -> Ints:
    """Number the formation of each track; -1 for none."""
    numbers: dict[tuple[str | None, str], int] = {}
    result = np.full(len(picture.ids), -1, dtype=np.int64)
    if scope is not FormationScope.NONE:
        for row, (party, formation) in enumerate(zip(picture.parties, picture.formations, strict=True)):
            if formation is not None:
                own = party if scope is FormationScope.OWN else None
                result[row] = numbers.setdefault((own, formation), len(numbers))
    return result
