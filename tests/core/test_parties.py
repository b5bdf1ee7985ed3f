"""The keys of a party count from the entry that grants them to the entry that revokes them."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepclear.core import parties
from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.parties import (
    KID_CHARACTERS,
    PUBLIC_KEY_BYTES,
    KeyAct,
    KeyDeed,
    KeyRole,
    PartyKeys,
    kid_of,
)
from keepclear.core.refs import LOG_ENTRIES_MAX

BLUE = PartyId("blue")
ROOT = bytes(PUBLIC_KEY_BYTES)


def key_of(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def grant(number: int, person: str | None = None, party: PartyId = BLUE) -> KeyAct:
    key = key_of(number)
    role = KeyRole.NODE if person is None else KeyRole.OFFICER
    return KeyAct(party=party, act=KeyDeed.GRANT, kid=kid_of(key), role=role, person=person, key=key)


def revoke(number: int, party: PartyId = BLUE) -> KeyAct:
    return KeyAct(party=party, act=KeyDeed.REVOKE, kid=kid_of(key_of(number)))


KID = kid_of(key_of(1))


def test_the_name_of_a_key_is_the_start_of_its_hash() -> None:
    assert kid_of(b"abc") == "ba7816bf8f01cfea"  # SHA-256 of FIPS 180-2, example 1


def test_a_key_of_the_node_counts_from_its_grant_to_its_revocation_both_included() -> None:
    keys = PartyKeys(ROOT)
    keys.take(0, grant(1))
    assert keys.node_key(KID, 10**9) == key_of(1)
    keys.take(7, revoke(1))
    assert [keys.node_key(KID, n) is not None for n in (-1, 0, 7, 8)] == [False, True, True, False]


def test_a_key_of_an_officer_is_no_key_of_the_node_and_has_a_person_after_its_revocation_too() -> None:
    keys = PartyKeys(ROOT)
    keys.take(3, grant(1, "Lt. Sokolova"))
    keys.take(4, revoke(1))
    counting = [keys.officer_key(KID, n, "Lt. Sokolova") is not None for n in (2, 3, 4, 5)]
    assert counting == [False, True, True, False]
    assert keys.officer_key(KID, 3, "Capt. Haddad") is None, "nobody signs as another"
    assert keys.node_key(KID, 3) is None
    assert keys.officer(KID) == "Lt. Sokolova"


def test_a_key_of_the_node_is_no_officers() -> None:
    keys = PartyKeys(ROOT)
    keys.take(0, grant(1))
    assert keys.officer_key(KID, 0, "Sokolova") is None
    assert keys.officer(KID) is None
    assert keys.officer("0" * KID_CHARACTERS) is None


def test_two_keys_of_the_node_may_count_at_a_time_so_that_one_follows_the_other() -> None:
    keys = PartyKeys(ROOT)
    for n, act in enumerate((grant(2), grant(1), grant(3, "Sokolova"), revoke(2))):
        keys.take(n, act)
    names = {n: [*keys.node_keys_at(n)] for n in range(5)}
    two, one = kid_of(key_of(2)), KID
    assert names == {0: [two], 1: [two, one], 2: [two, one], 3: [two, one], 4: [one]}
    assert keys.node_keys_at(4) == {one: key_of(1)}


@pytest.mark.parametrize(
    ("n", "act", "reason"),
    [
        (8, grant(1), "key [0-9a-f]{16} was granted before; make a new key"),
        (8, grant(2), "was granted before"),
        (8, revoke(9), "key [0-9a-f]{16} was never granted"),
        (8, revoke(2), "was revoked before, by entry 5"),
        (5, grant(9), "entry 5 does not follow the last act on a key, 5"),
        (4, revoke(1), "entry 4 does not follow"),
        (-1, grant(9), "entry -1 does not follow"),
        (LOG_ENTRIES_MAX, grant(9), "does not follow"),
        (8, grant(9, party=PartyId("red")), "a key of 'red', not of 'blue'"),
        (8, revoke(1, party=PartyId("red")), "a key of 'red', not of 'blue'"),
    ],
)
def test_an_act_that_cannot_follow_is_refused_and_changes_nothing(n: int, act: KeyAct, reason: str) -> None:
    keys = PartyKeys(ROOT)
    for place, before in ((1, grant(1)), (3, grant(2)), (5, revoke(2))):
        keys.take(place, before)
    with pytest.raises(InvalidValueError, match=reason):
        keys.take(n, act)
    assert keys.node_keys_at(8) == {KID: key_of(1)}
    keys.take(6, revoke(1))
    assert keys.node_keys_at(6) == {KID: key_of(1)}
    assert keys.node_keys_at(7) == {}


def test_the_root_key_is_never_granted_for_something_else() -> None:
    with pytest.raises(InvalidValueError, match="it is the root key"):
        PartyKeys(key_of(1)).take(0, grant(1))


def test_a_root_key_must_be_a_key() -> None:
    with pytest.raises(InvalidValueError, match="root: a public key has 32 bytes, not 31"):
        PartyKeys(ROOT[1:])


def test_as_many_keys_as_the_limit_are_granted_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parties, "KEYS_MAX", 3)
    keys = PartyKeys(ROOT)
    for number in range(3):
        keys.take(number, grant(number))
    keys.take(3, revoke(0))  # which makes no room: what was signed must be verified for ever
    with pytest.raises(InvalidValueError, match="3 keys were granted already, which is the limit"):
        keys.take(4, grant(4))
    keys.take(4, revoke(1))


def node_grant(**changes: object) -> KeyAct:
    fields = {"party": BLUE, "act": KeyDeed.GRANT, "kid": KID, "role": KeyRole.NODE, "key": key_of(1)}
    return KeyAct(**{**fields, **changes})  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("act", "field"),
    [
        (lambda: node_grant(v=2), "v"),
        (lambda: node_grant(party=""), "party"),
        (lambda: node_grant(party="x" * (ID_CHARACTERS_MAX + 1)), "party"),
        (lambda: node_grant(party="a\nb"), "party"),
        (lambda: node_grant(kid=KID.upper()), "kid"),
        (lambda: node_grant(kid=KID[1:]), "kid"),
        (lambda: node_grant(kid=kid_of(key_of(2))), "kid"),
        (lambda: node_grant(key=None), "key"),
        (lambda: node_grant(key=key_of(1) + b"x"), "key"),
        (lambda: node_grant(role=None), "role"),
        (lambda: node_grant(person="Sokolova"), "person"),
        (lambda: node_grant(role=KeyRole.OFFICER), "person"),
        (lambda: node_grant(role=KeyRole.OFFICER, person=""), "person"),
        (lambda: node_grant(role=KeyRole.OFFICER, person="x" * (ID_CHARACTERS_MAX + 1)), "person"),
        (lambda: node_grant(act=KeyDeed.REVOKE), "role"),
        (lambda: node_grant(act=KeyDeed.REVOKE, role=None), "key"),
        (lambda: node_grant(act=KeyDeed.REVOKE, role=None, key=None, person="Sokolova"), "person"),
    ],
)
def test_an_act_that_cannot_be_is_not_made(act: Callable[[], KeyAct], field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        act()
    assert caught.value.field == field


def test_names_at_the_limit_are_taken() -> None:
    longest = "x" * ID_CHARACTERS_MAX
    assert grant(1, longest, PartyId(longest)).person == longest


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 3)), max_size=12),
    st.integers(0, 40),
)
def test_validity_is_exactly_an_interval_of_places(acts: list[tuple[int, bool, int]], n: int) -> None:
    """Whatever acts come: a key counts at n just if it was granted at n or before, and not revoked before."""
    keys, place = PartyKeys(ROOT), 0
    granted: dict[int, int] = {}
    revoked: dict[int, int] = {}
    for number, is_grant, step in acts:
        act = grant(number, "Sokolova" if number % 2 else None) if is_grant else revoke(number)
        fits = number not in granted if is_grant else number in granted and number not in revoked
        if fits:
            keys.take(place, act)
            (granted if is_grant else revoked)[number] = place
        else:
            with pytest.raises(InvalidValueError):
                keys.take(place, act)
        place += step
    for number in range(6):
        kid, is_officer = kid_of(key_of(number)), number % 2 == 1
        counts = granted.get(number, 41) <= n <= revoked.get(number, 41)
        expected = key_of(number) if counts else None
        assert keys.officer_key(kid, n, "Sokolova") == (expected if is_officer else None)
        assert keys.node_key(kid, n) == (None if is_officer else expected)
        assert (kid in keys.node_keys_at(n)) == (counts and not is_officer)
    kids = [kid_of(key_of(number)) for number in range(6)]
    officers = [kid for kid in kids if keys.officer_key(kid, n, "Sokolova") is not None]
    assert keys.has_officer("Sokolova", n) == bool(officers)
    assert not keys.has_officer("Petrov", n)
