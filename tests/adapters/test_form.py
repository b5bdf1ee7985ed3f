"""How items and parts of logs are written in the store, and what reading damaged ones tells."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.adapters.store.form import JsonForm
from keepclear.core.bundles import LogPart, Withheld
from keepclear.core.intents import ItemId, PartyId
from keepclear.node.outcomes import StoreError
from keepclear.node.ports import Foreign
from tests.strategies import intent, square, volume, zone

FORM = JsonForm()
PART = LogPart(party=PartyId("north"), first=3, entries=(b"\xff", Withheld(b"\x00" * 32)), note="head\n")


def test_a_foreign_item_is_read_with_the_id_and_party_that_are_told() -> None:
    text = FORM.write(intent("A", volume(square(35.0, 36.0, 500.0)), party="south"))
    expected = intent("north:A", volume(square(35.0, 36.0, 500.0)), party="north")
    assert FORM.read_foreign(text, ItemId("north:A"), PartyId("north")) == Foreign(expected)


def test_a_foreign_item_that_cannot_be_judged_is_told_and_not_raised() -> None:
    foreign = FORM.read_foreign(b"{}", ItemId("north:A"), PartyId("north"))
    assert isinstance(foreign, Foreign)
    assert foreign.item is None
    assert foreign.remark is not None


def test_a_damaged_item_is_an_error_that_trying_again_does_not_help() -> None:
    with pytest.raises(StoreError, match="restore a backup") as caught:
        FORM.read(FORM.write(zone("Z", volume(square(35.0, 36.0, 500.0))))[:-1])
    assert not caught.value.may_pass


@given(
    st.builds(
        LogPart,
        party=st.text().map(PartyId),
        first=st.integers(0, 2**63),
        entries=st.lists(st.binary() | st.binary().map(Withheld)).map(tuple),
        note=st.text(),
    )
)
def test_a_part_of_a_log_is_read_as_it_was_written(part: LogPart) -> None:
    assert FORM.read_part(FORM.write_part(part)) == part


@pytest.mark.parametrize("text", [b"", b"\x80", b"\x91" * 100_000, FORM.write_part(PART)[:-1]])
def test_a_damaged_part_of_a_log_is_an_error_that_trying_again_does_not_help(text: bytes) -> None:
    with pytest.raises(StoreError, match="restore a backup") as caught:
        FORM.read_part(text)
    assert not caught.value.may_pass


@given(st.binary(max_size=100))
def test_no_bytes_make_reading_a_part_raise_anything_else(text: bytes) -> None:
    with contextlib.suppress(StoreError):
        FORM.read_part(text)
