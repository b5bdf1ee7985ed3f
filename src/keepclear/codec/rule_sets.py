"""Rule sets that people write: one TOML file, strict, with the unit beside every number.

    name = "theatre"
    default = "en-route"

    [[pairings]]
    between = ["kind:drone", "any"]
    rule = "drone-to-others"

A rule is one of `named_rules`, or one that the file has itself below `[[rules]]`. What is not known is
refused with the nearest known name: a rule set that is read in part would keep too little.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from keepclear.codec.json_errors import did_you_mean, misfits, text_of
from keepclear.core.errors import InvalidValueError
from keepclear.core.named_rules import RULES
from keepclear.core.rules import (
    AnyRule,
    Between,
    Contact,
    Cooperation,
    FormationScope,
    Level,
    Pairing,
    Rule,
    RuleSet,
    Selector,
)
from keepclear.core.units import parse_duration_s, parse_length_m

RULE_SET_BYTES_MAX: Final = 262_144
"""A file with a rule set is no longer."""
RULES_MAX: Final = 64
"""So many rules of its own a file may have."""

NO_RULE: Final = "none"
"""The word for no rule: no such pair is judged."""
UNLIMITED: Final = "unlimited"
"""The word for a vertical minimum that is infinite."""

_SELECTOR: Final = re.compile(r"(?:party:(?P<party>.+?))?(?P<both> & )?(?:kind:(?P<kind>.+))?")


class _Level(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    lateral: str
    vertical: str
    lookahead: str
    lasting: str = "0 s"
    waived_by: list[str] = msgspec.field(default_factory=list)


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    levels: list[_Level]
    lateral_tolerance: str = "0 m"
    vertical_tolerance: str = "0 m"


class _Pairing(msgspec.Struct, forbid_unknown_fields=True):
    between: list[str]
    rule: str


class _Cooperation(msgspec.Struct, forbid_unknown_fields=True):
    between: list[str]
    reason: str
    rule: str = NO_RULE


class _RuleSet(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    default: str
    formations: str = FormationScope.OWN.value
    rules: list[_Rule] = msgspec.field(default_factory=list)
    pairings: list[_Pairing] = msgspec.field(default_factory=list)
    cooperations: list[_Cooperation] = msgspec.field(default_factory=list)


def decode(data: bytes) -> RuleSet:
    """Read a rule set.

    Args:
        data: The text of the file, UTF-8.

    Raises:
        InvalidValueError: It is no rule set; the first field that is wrong is named.
    """
    if len(data) > RULE_SET_BYTES_MAX:
        reason = f"it has {len(data):,} bytes, which is over the limit of {RULE_SET_BYTES_MAX:,}"
        raise InvalidValueError("", f"{reason}; is it a rule set?")
    text = text_of(data).decode()
    try:
        value = tomllib.loads(text)
    except ValueError as error:  # of its own kind, or of a number with thousands of digits
        raise InvalidValueError("", f"this is not TOML: {error}") from None
    except RecursionError:
        raise InvalidValueError("", "the TOML nests too deeply") from None
    try:
        told = msgspec.convert(value, _RuleSet, strict=True)
    except msgspec.ValidationError as error:
        raise next(misfits(value, _RuleSet), InvalidValueError("", str(error))) from None
    rules = _rules(told.rules)
    pairings = tuple(
        Pairing(
            between=_between(each.between, f"pairings[{k}].between"),
            rule=_rule_named(each.rule, rules, f"pairings[{k}].rule"),
        )
        for k, each in enumerate(told.pairings)
    )
    cooperations = tuple(_cooperation(each, rules, k) for k, each in enumerate(told.cooperations))
    rule_set = RuleSet(
        name=told.name,
        default=_rule_named(told.default, rules, "default"),
        pairings=pairings,
        cooperations=cooperations,
        formations=_formations(told.formations),
    )
    for k, own in enumerate(told.rules):
        if rules[own.name] not in rule_set.rules:
            reason = f"no pairing names the rule {own.name!r}; name it, or take it out"
            raise InvalidValueError(f"rules[{k}].name", reason)
    return rule_set


@contextmanager
def _inside(path: str) -> Iterator[None]:
    """Tell errors of a value from the file that it is in; its numbers have their units beside them there."""
    try:
        yield
    except InvalidValueError as error:
        field = error.field.removesuffix("_m").removesuffix("_s")
        raise InvalidValueError(field, error.reason).within(path) from None


def _rules(told: list[_Rule]) -> Mapping[str, AnyRule]:
    """Return all rules that may be named: those that are shipped, and those of the file."""
    if len(told) > RULES_MAX:
        raise InvalidValueError("rules", f"there are {len(told)}; at most {RULES_MAX} are taken")
    rules: dict[str, AnyRule] = dict(RULES)
    for k, each in enumerate(told):
        if each.name in rules or each.name == NO_RULE:
            shipped = each.name in RULES or each.name == NO_RULE
            reason = (
                f"{each.name!r} {'is a rule that is shipped' if shipped else 'stands twice'}; take another"
            )
            raise InvalidValueError(f"rules[{k}].name", reason)
        rules[each.name] = _rule(each, f"rules[{k}]")
    return rules


def _rule(told: _Rule, path: str) -> Rule:
    levels = tuple(_level(level, f"{path}.levels[{k}]") for k, level in enumerate(told.levels))
    with _inside(path):
        return Rule(
            name=told.name,
            levels=levels,
            lateral_tolerance_m=_length_m(told.lateral_tolerance, "lateral_tolerance"),
            vertical_tolerance_m=_length_m(told.vertical_tolerance, "vertical_tolerance"),
        )


def _level(told: _Level, path: str) -> Level:
    with _inside(path):
        return Level(
            name=told.name,
            lateral_m=_length_m(told.lateral, "lateral"),
            vertical_m=float("inf") if told.vertical == UNLIMITED else _length_m(told.vertical, "vertical"),
            lookahead_s=_duration_s(told.lookahead, "lookahead"),
            lasting_s=_duration_s(told.lasting, "lasting"),
            waived_by=tuple(_contact(word, f"waived_by[{k}]") for k, word in enumerate(told.waived_by)),
        )


def _length_m(text: str, field: str) -> float:
    with _inside(field):
        _check_unit(text, "5 NM, 1000 ft or 60 m")
        return parse_length_m(text)


def _duration_s(text: str, field: str) -> float:
    with _inside(field):
        _check_unit(text, "30 s or 2 min")
        return parse_duration_s(text)


def _check_unit(text: str, such_as: str) -> None:
    """Refuse a number without its unit: nobody should have to guess whether these are feet."""
    if text.strip()[-1:].isdigit():
        raise InvalidValueError("", f"{text!r} has no unit; write it as in {such_as}")


def _contact(word: str, field: str) -> Contact:
    try:
        return Contact(word)
    except ValueError:
        known = [each.value for each in Contact]
        raise InvalidValueError(field, f"unknown value {word!r}{did_you_mean(word, known)}") from None


def _formations(word: str) -> FormationScope:
    try:
        return FormationScope(word)
    except ValueError:
        known = [each.value for each in FormationScope]
        raise InvalidValueError("formations", f"unknown value {word!r}{did_you_mean(word, known)}") from None


def _cooperation(told: _Cooperation, rules: Mapping[str, AnyRule], k: int) -> Cooperation:
    path = f"cooperations[{k}]"
    between = _between(told.between, f"{path}.between")
    rule = _rule_named(told.rule, rules, f"{path}.rule")
    with _inside(path):
        return Cooperation(between=between, reason=told.reason, rule=rule)


def _rule_named(name: str, rules: Mapping[str, AnyRule], field: str) -> AnyRule | None:
    if name == NO_RULE:
        return None
    if name not in rules:
        raise InvalidValueError(field, f"unknown rule {name!r}{did_you_mean(name, [*rules, NO_RULE])}")
    return rules[name]


def _between(told: list[str], field: str) -> Between:
    if len(told) != 2:
        raise InvalidValueError(field, f"a pair has two sides, not {len(told)}")
    one, other = (_selector(text, f"{field}[{k}]") for k, text in enumerate(told))
    return one, other


def _selector(text: str, field: str) -> Selector:
    if text == str(Selector()):
        return Selector()
    found = _SELECTOR.fullmatch(text)
    party, kind = (None, None) if found is None else (found["party"], found["kind"])
    both = found is not None and found["both"] is not None
    is_slip = "kind:" in (party or "") or "party:" in (kind or "")  # an ampersand without its blanks
    if is_slip or both != (party is not None and kind is not None) or (party is None and kind is None):
        reason = f"{text[:80]!r} selects nothing; write any, party:NAME, kind:NAME, or party:NAME & kind:NAME"
        raise InvalidValueError(field, reason)
    with _inside(field):
        return Selector(party=party, kind=kind)
