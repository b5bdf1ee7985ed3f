"""Rule sets in TOML: what is read, what is refused and how, and that the page tells what is shipped."""

from __future__ import annotations

import itertools
import math
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.codec import rule_sets
from keepclear.codec.rule_sets import RULE_SET_BYTES_MAX, RULES_MAX, decode
from keepclear.core.errors import InvalidValueError
from keepclear.core.named_rules import EN_ROUTE, RULE_SETS, RULES
from keepclear.core.rules import Contact, FormationScope, Rule, RuleSet, Selector, WellClearRule
from keepclear.core.units import FOOT_M, parse_length_m

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "rule-sets.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples" / "rule-sets").glob("*.toml"))
SMALL = 'name = "small"\ndefault = "en-route"\n'
RULE = """
[[rules]]
name = "close"
vertical_tolerance = "200 ft"
levels = [
    { name = "alert", lateral = "5 NM", vertical = "1000 ft", lookahead = "2 min" },
    { name = "ring", lateral = "60 m", vertical = "unlimited", lookahead = "30 s", lasting = "10 s", waived_by = ["cleared"] },
]
[[pairings]]
between = ["party:north & kind:drone", "any"]
rule = "close"
"""  # noqa: E501  # as people write it
AGREED = '[[cooperations]]\nbetween = ["any", "any"]\n'


def but(old: str, new: str) -> str:
    """Return the file with something else in the place where something stands first."""
    return SMALL + RULE.replace(old, new, 1)


def read(text: str) -> RuleSet:
    return decode(text.encode())


def test_the_smallest_file_has_a_name_and_a_default() -> None:
    assert read(SMALL) == RuleSet(name="small", default=EN_ROUTE)


def test_numbers_are_read_with_their_units() -> None:
    (pairing,) = read(SMALL + RULE).pairings
    assert pairing.between == (Selector(party="north", kind="drone"), Selector())
    rule = pairing.rule
    assert isinstance(rule, Rule)
    alert, ring = rule.levels
    assert (alert.lateral_m, alert.vertical_m, alert.lookahead_s) == (9_260.0, 1_000.0 * FOOT_M, 120.0)
    assert rule.minima()[0].vertical_m == pytest.approx(800.0 * FOOT_M)
    assert (ring.vertical_m, ring.lasting_s, ring.waived_by) == (math.inf, 10.0, (Contact.CLEARED,))


def test_none_is_no_rule() -> None:
    rule_set = read('name = "some"\ndefault = "none"\n' + RULE + AGREED + 'reason = "all"')
    assert rule_set.default is None
    assert rule_set.cooperations[0].rule is None
    assert rule_set.formations is FormationScope.OWN


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("", "", "the file is empty"),
        ("name = ", "", "this is not TOML"),
        ("a = " + "[" * 5_000, "", "the TOML nests too deeply"),
        ("a = " + "9" * 5_000, "", "this is not TOML"),
        ('name = "x"', "default", "it is missing"),
        (SMALL + 'nane = "x"', "nane", "did you mean 'name'?"),
        (SMALL + "formations = 5", "formations", "expected text, got a whole number"),
        (SMALL + 'formations = "al"', "formations", "did you mean 'all'?"),
        (SMALL + "pairings = 5", "pairings", "expected an array"),
        ('name = "x"\ndefault = "en-rout"', "default", "did you mean 'en-route'?"),
        ('name = "x"\ndefault = "none"', "", "no pair would be judged"),
        ('name = ""\ndefault = "en-route"', "name", "1 to 64 printable characters"),
        (but("lookahead", "look_ahead"), "rules[0].levels[0].look_ahead", "did you mean"),
        (but('"5 NM"', "9260"), "rules[0].levels[0].lateral", "expected text"),
        (but("5 NM", "9260"), "rules[0].levels[0].lateral", "has no unit"),
        (but("5 NM", "-5 NM"), "rules[0].levels[0].lateral", "is not a length"),
        (but("5 NM", "0 NM"), "rules[0].levels[0].lateral", "must be over 0"),
        (but("5 NM", "5000 NM"), "rules[0].levels[0].lateral", "at most 200000"),
        (but("5 NM", "unlimited"), "rules[0].levels[0].lateral", "is not a length"),
        (but("2 min", "2 h"), "rules[0].levels[0].lookahead", "not within 0..1200"),
        (but("2 min", "120"), "rules[0].levels[0].lookahead", "has no unit"),
        (but("2 min", "2 NM"), "rules[0].levels[0].lookahead", "is not a duration"),
        (but("10 s", "16 min"), "rules[0].levels[1].lasting", "not within 0..900"),
        (but("cleared", "clear"), "rules[0].levels[1].waived_by[0]", "did you mean 'cleared'?"),
        (but("200 ft", "1000 ft"), "rules[0].vertical_tolerance", "less than every minimum"),
        (but('"ring"', '"alert"'), "rules[0].levels[1].name", "'alert' stands twice"),
        (but('"close"', '"en-route"'), "rules[0].name", "is a rule that is shipped"),
        (but('"close"', '"none"'), "rules[0].name", "is a rule that is shipped"),
        (but('rule = "close"', 'rule = "none"'), "rules[0].name", "no pairing names"),
        (but('rule = "close"', 'rule = "closer"'), "pairings[0].rule", "did you mean 'close'?"),
        (but(', "any"]', "]"), "pairings[0].between", "two sides, not 1"),
        (but('"any"]', '"all"]'), "pairings[0].between[1]", "'all' selects nothing"),
        (but('"any"]', '""]'), "pairings[0].between[1]", "selects nothing"),
        (but('"any"]', '"kind:"]'), "pairings[0].between[1]", "selects nothing"),
        (but('"any"]', '"kind: drone"]'), "pairings[0].between[1].kind", "without blanks"),
        (but(" & ", " &"), "pairings[0].between[0]", "selects nothing"),
        (but("north & ", "north"), "pairings[0].between[0]", "selects nothing"),
        (but("party:north & kind:drone", "kind:x & party:y"), "pairings[0].between[0]", "& kind:NAME"),
        (but("party:north & kind:drone", " & "), "pairings[0].between[0]", "selects nothing"),
        (but(" & kind:drone", " & "), "pairings[0].between[0]", "selects nothing"),
        (but(" & kind:drone", " "), "pairings[0].between[0].party", "without blanks"),
        (SMALL + RULE + RULE.replace('"close"', '"other"'), "pairings[1].between", "stand twice"),
        (SMALL + RULE + RULE.split("[[pairings]]", maxsplit=1)[0], "rules[1].name", "stands twice"),
        (SMALL + AGREED, "cooperations[0].reason", "it is missing"),
        (SMALL + AGREED + 'reason = ""', "cooperations[0].reason", "1 to 500 printable"),
        (SMALL + "#" * RULE_SET_BYTES_MAX, "", "over the limit of 262,144"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place_and_a_way_out(text: str, field: str, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=re.escape(reason)) as refused:
        read(text)
    assert refused.value.field == field


def test_a_file_that_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not UTF-8"):
        decode(b"name = \xff")
    assert decode(b"\xef\xbb\xbf" + SMALL.encode()).name == "small"


def test_a_file_has_only_so_many_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RULES_MAX == 64
    monkeypatch.setattr(rule_sets, "RULES_MAX", 0)
    with pytest.raises(InvalidValueError, match="there are 1; at most 0 are taken"):
        read(SMALL + RULE)


@given(text=st.text() | st.lists(st.sampled_from([*SMALL, *RULE])).map("".join), at=st.integers(0, 400))
def test_whatever_is_written_is_read_or_refused(text: str, at: int) -> None:
    whole = SMALL + RULE
    for each in (text, whole[:at] + text + whole[at:], whole[:at] + whole[at + len(text) :]):
        with suppress(InvalidValueError):
            assert decode(each.encode(errors="replace")).rules


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_that_is_shipped_is_read(path: Path) -> None:
    rule_set = decode(path.read_bytes())
    assert rule_set.name == path.stem
    assert len(rule_set.rules) > 3
    assert {bool(each.party) for each in rule_set.selectors} == {True, False}
    assert {bool(each.kind) for each in rule_set.selectors} == {True, False}


# -- the page ---------------------------------------------------------------------------------------


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading; an empty first cell is that of the row above."""
    text = PAGE.split(f"## {heading}\n", maxsplit=1)[1]
    lines = re.search(r"^\|.*?(?=\n\n)", text, re.DOTALL | re.MULTILINE)
    assert lines is not None
    cells = [
        [re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in line.strip("|").split("|")]
        for line in lines[0].splitlines()
    ]
    for above, row in itertools.pairwise(cells[2:]):
        row[0] = row[0] or above[0]
    return cells[2:]


def metres(told: str) -> float:
    minimum, _, tolerance = told.partition(" less ")
    if minimum == "unlimited":
        return math.inf
    return parse_length_m(minimum) - (parse_length_m(tolerance) if tolerance else 0.0)


def test_the_page_tells_the_numbers_of_every_rule() -> None:
    told = {
        (rule, level): (metres(lateral), metres(vertical), float(lookahead.removesuffix(" s")), only_if)
        for rule, level, lateral, vertical, lookahead, only_if in rows("Rules that are shipped")
    }
    levels = [
        (rule, level, minima)
        for rule in RULES.values()
        if isinstance(rule, Rule)
        for level, minima in zip(rule.levels, rule.minima(), strict=True)
    ]
    assert set(told) == {(rule.name, level.name) for rule, level, _ in levels}
    for rule, level, minima in levels:
        lateral_m, vertical_m, lookahead_s, only_if = told[rule.name, level.name]
        assert (lateral_m, lookahead_s) == (minima.lateral_m, level.lookahead_s)
        assert vertical_m == pytest.approx(minima.vertical_m)
        assert (f"{level.lasting_s:g} s" in only_if) == (level.lasting_s > 0.0)
        assert all(f"`{each.value}`" in only_if for each in level.waived_by)
    assert all(f"`{rule.name}`" in PAGE for rule in RULES.values() if isinstance(rule, WellClearRule))


def test_the_page_tells_which_rules_are_in_every_rule_set() -> None:
    told: dict[str, set[str]] = {}
    for name, _, rule in rows("Rule sets that are shipped"):
        told.setdefault(name, set()).add(rule)
    assert told == {name: {rule.name for rule in each.rules} for name, each in RULE_SETS.items()}


def test_the_file_on_the_page_is_read() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    rule_set = read(text)
    assert [rule.name for rule in rule_set.rules] == [
        "en-route",
        "drone-to-drone",
        "drone-to-others",
        "escort",
    ]


def test_the_page_tells_every_field() -> None:
    for form in (rule_sets._RuleSet, rule_sets._Rule, rule_sets._Level, rule_sets._Cooperation):
        for field in form.__struct_fields__:
            assert f"`{field}`" in PAGE, field
