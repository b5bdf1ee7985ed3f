"""Keys that prove nothing look like those that do."""

from __future__ import annotations

from keepclear.adapters.notary import Notary
from keepclear.adapters.signing import SigningKey
from keepclear.core.intents import PartyId
from keepclear.core.parties import PUBLIC_KEY_BYTES, kid_of
from keepclear.core.statements import Head
from keepclear.testing.fake_signing import SIGNATURE_BYTES, FakeKeyRing

SEED = bytes(range(32))


def test_a_fake_key_has_what_a_real_one_has() -> None:
    fake, real = FakeKeyRing().key(SEED), SigningKey(SEED)
    assert len(fake.public) == len(real.public) == PUBLIC_KEY_BYTES
    assert fake.kid == kid_of(fake.public)
    assert len(fake.sign(b"a")) == len(real.sign(b"a")) == SIGNATURE_BYTES
    assert fake.sign(b"a") == fake.sign(b"a")


def test_a_ring_verifies_what_its_keys_signed_and_nothing_else() -> None:
    ring = FakeKeyRing()
    key, other = ring.key(SEED), ring.key(SEED[::-1])
    stranger = FakeKeyRing().key(b"x" * 32)
    signature = key.sign(b"a")
    jobs = [
        (key.public, b"a", signature),
        (key.public, b"b", signature),
        (other.public, b"a", signature),
        (key.public, b"a", signature[:-1]),
        (stranger.public, b"a", stranger.sign(b"a")),
    ]
    assert ring.verify_many(jobs) == [True, False, False, False, False]


def test_a_ring_makes_the_same_key_of_a_seed_again() -> None:
    ring = FakeKeyRing()
    assert ring.key(SEED) is ring.key(SEED)


def test_a_notary_signs_and_reads_with_it() -> None:
    ring, party = FakeKeyRing(), PartyId("alpha")
    key = ring.key(SEED)
    notary = Notary(party, key, ring.verify_many)
    head, signatures = notary.read_head(party, notary.write_head(Head(3, b"r" * 32)))
    assert head == Head(3, b"r" * 32)
    assert list(notary.verify([(key.public, each) for each in signatures])) == [True]
