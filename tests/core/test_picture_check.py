"""The picture checked by voice: equal pictures have equal codes, and what differs gets its name."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import PartyId
from keepclear.core.picture_check import PATH_CHARACTERS_MAX, PictureCheck, Standing, StandingKind
from keepclear.core.statements import Head
from keepclear.core.symbols import SYMBOLS

NORTH, SOUTH = PartyId("north"), PartyId("south")
HEADS = (Head(118, bytes(32)), Head(240, b"\1" * 32))
START = date(2026, 11, 30)


def standing(name: str, *, says: str = "", party: PartyId = NORTH, starts: date | None = START) -> Standing:
    """Return an item that stands."""
    return Standing(
        kind=StandingKind.ITEM,
        party=party,
        id=name,
        version=1,
        starts=starts,
        digest=sha256(says.encode()).digest(),
    )


def check(
    *items: Standing, heads: tuple[Head, Head] = HEADS, challenges: tuple[str, str] = ("K7QF", "2M9X")
) -> PictureCheck:
    """Return the check of a picture of these items."""
    return PictureCheck(parties=(NORTH, SOUTH), heads=heads, challenges=challenges, standing=items)


def read_out(north: PictureCheck, south: PictureCheck) -> tuple[list[Standing], int]:
    """Do what two people do: read parts to each other until at most one thing a side is left.

    Returns:
        What is left on either side, and how many codes were read out.
    """
    path, codes = "", 0
    while True:
        ours, theirs = ({part.path: part for part in each.parts(path)} for each in (north, south))
        for name in sorted(ours.keys() | theirs.keys()):
            codes += 1
            if name not in ours or name not in theirs or ours[name].code != theirs[name].code:
                path = name
                break
        else:
            return [], codes
        left = [each.at(path) for each in (north, south)]
        if all(len(each) <= 1 for each in left):
            return [one for each in left for one in each], codes


def differing(north: Sequence[Standing], south: Sequence[Standing]) -> set[Standing]:
    """Return what is not the same on both sides, by comparing all with all."""
    return {one for one in [*north, *south] if not (one in north and one in south)}


def test_equal_pictures_have_equal_codes_of_which_each_side_reads_one_half() -> None:
    items = [standing("airdrop-1"), standing("convoy", party=SOUTH)]
    ours, theirs = check(*items), check(*reversed(items))
    assert ours.code == theirs.code
    assert ours.half("north") + ours.half("south") == ours.code
    assert len(ours.code) == 8
    assert ours.parts() == theirs.parts()


def test_the_code_is_that_of_its_definition() -> None:
    def joined(*parts: bytes) -> bytes:
        return b"".join(struct.pack(">Q", len(part)) + part for part in parts)

    says = sha256(b"").digest()
    stands = sha256(joined(b"north", b"item", b"airdrop-1", b"1", says)).digest()
    message = joined(b"picture", b"118", b"240", b"north", b"south", HEADS[0].root, HEADS[1].root, stands)
    bits = "".join(f"{byte:08b}" for byte in hmac.digest(b"K7QF2M9X", message, "sha256"))
    code = "".join(SYMBOLS[int(bits[start : start + 5], 2)] for start in range(0, 40, 5))
    assert check(standing("airdrop-1")).code == code == "GXP3A860"


def test_the_code_depends_on_everything() -> None:
    one, drawn = standing("airdrop-1"), ("K7QF", "2M9X")
    varied = [
        check(one),
        check(),
        check(replace(one, version=2)),
        check(replace(one, digest=sha256(b"other").digest())),
        check(replace(one, id="airdrop-2")),
        check(replace(one, kind=StandingKind.MESSAGE)),
        check(one, challenges=drawn[::-1]),
        check(one, heads=(HEADS[0], Head(240, b"\2" * 32))),
        check(one, heads=(Head(117, bytes(32)), HEADS[1])),
        replace(check(one), parties=(NORTH, PartyId("tower"))),
    ]
    assert len({each.code for each in varied}) == len(varied)


def test_a_log_that_differs_is_named_though_all_that_stands_is_the_same() -> None:
    ours, theirs = (
        check(standing("airdrop-1")),
        check(standing("airdrop-1"), heads=(HEADS[0], Head(240, bytes(32)))),
    )
    differ = [a.label for a, b in zip(ours.parts(), theirs.parts(), strict=True) if a != b]
    assert differ == ["the log of south, 240 entries"]
    assert ours.parts("b.log") == []


def test_the_parts_of_an_example() -> None:
    of = check(
        standing("airdrop-1"), standing("later", starts=date(2027, 3, 1)), standing("site", starts=None)
    )
    assert [(part.label, part.size) for part in of.parts()] == [
        ("the log of north, 118 entries", 118),
        ("the log of south, 240 entries", 240),
        ("what north stated", 3),
        ("what south stated", 0),
        ("the agreement in force", 0),
    ]
    paths = [(part.label, part.path) for part in of.parts("a")]
    assert paths == [
        ("64 days from 2026-10-15", "a/2026-10-15+64"),
        ("64 days from 2027-02-20", "a/2027-02-20+64"),
        ("without a day", "a/undated"),
    ]
    (short,) = of.parts("a/2026-10-15+64")
    (day,) = of.parts(short.path)
    assert (day.label, day.path) == ("2026-11-30", "a/2026-10-15+64/2026-11-24+8/2026-11-30")
    assert [each.name for each in of.at(day.path)] == ["north:airdrop-1 v1"]


ITEMS = st.dictionaries(
    st.tuples(st.sampled_from([NORTH, SOUTH]), st.integers(0, 400)),
    st.one_of(st.none(), st.integers(0, 120)),
    max_size=60,
)


def drawn(data: st.DataObject) -> tuple[list[Standing], list[Standing]]:
    """Draw two pictures that differ in a few items: missing on a side, another version, other content."""
    items = [
        standing(f"R{number}", party=party, starts=None if days is None else START + timedelta(days=days))
        for (party, number), days in data.draw(ITEMS).items()
    ]
    north, south = list(items), list(items)
    for index in data.draw(st.sets(st.integers(0, len(items) - 1), max_size=4)) if items else ():
        side = data.draw(st.sampled_from([north, south]))
        match data.draw(st.integers(0, 2)):
            case 0:
                side.remove(items[index])
            case 1:
                side[side.index(items[index])] = replace(items[index], version=2)
            case _:
                side[side.index(items[index])] = replace(items[index], digest=sha256(b"other").digest())
    return north, south


@given(st.data())
def test_reading_out_parts_names_what_differs_and_never_anything_else(data: st.DataObject) -> None:
    north, south = drawn(data)
    truth = differing(north, south)
    named, codes = read_out(check(*north), check(*south))
    assert (check(*north).code == check(*south).code) == (not truth)
    assert bool(named) == bool(truth)
    assert set(named) <= truth
    # 5 parts of the whole; 3 levels of days of 8 or fewer parts each; then halves.
    assert codes <= 5 + 3 * 9 + 2 * 24


@given(st.data())
def test_parts_divide_what_stands_and_every_path_that_is_shown_is_taken(data: st.DataObject) -> None:
    north, _ = drawn(data)
    of, paths = check(*north), [""]
    for _ in range(12):
        path = paths.pop(0) if paths else ""
        parts = [part for part in of.parts(path) if not part.path.endswith(".log")]
        assert sum(part.size for part in parts) == len(of.at(path))
        assert sorted(one.key for part in parts for one in of.at(part.path)) == [x.key for x in of.at(path)]
        paths += [part.path for part in parts]


@pytest.mark.slow
def test_one_of_a_thousand_on_one_day_is_named_after_few_codes() -> None:
    north = [standing(f"R{number}") for number in range(1_000)]
    south = [*north[:500], *north[501:]]
    named, codes = read_out(check(*north), check(*south))
    assert [each.name for each in named] == ["north:R500 v1"]
    assert codes <= 40


@pytest.mark.parametrize(
    "path",
    [
        "c", "a/", "/a", "a/0", "a.log/0", "both/2026-11-30", "a/2026-11-30", "a/2026-10-16+64",
        "a/2026-10-15+64/2026-11-30", "a/2026-10-15+64/2027-03-01+8", "a/undated/2", "a/2026-13-45+64",
        "a/undated" + "/0" * 256, "a/undated" + "/0" * PATH_CHARACTERS_MAX, "a/٢٠٢٦-11-28+64", "\x00",
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_is_refused_and_not_taken_for_an_empty_one(path: str) -> None:
    for ask in (check().parts, check().at):
        with pytest.raises(InvalidValueError, match="there is no such part"):
            ask(path)


def test_a_part_in_which_nothing_stands_is_empty() -> None:
    assert check().at("a/undated/0/1") == []
    assert check().parts("a/2026-10-15+64") == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"parties": (SOUTH, NORTH)}, "two, sorted"),
        ({"parties": (NORTH, NORTH)}, "two, sorted"),
        ({"challenges": ("K7QF", "")}, "each must be 4 symbols"),
        ({"challenges": ("K7QF", "abcd")}, "each must be 4 symbols"),
        ({"standing": (standing("x"), standing("x", says="y"))}, "stands twice"),
        ({"standing": (standing("x", party=PartyId("tower")),)}, "of another party"),
    ],
)
def test_what_is_no_check_is_refused(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason):
        replace(check(), **changed)  # type: ignore[arg-type]  # each is right for its field


def test_who_is_none_of_the_two_has_no_half() -> None:
    with pytest.raises(InvalidValueError, match="none of the two"):
        check().half("tower")
