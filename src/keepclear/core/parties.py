"""The keys of a party: which of them counts at which place of its log.

A party has one root key, kept offline, that grants and revokes the others: the key of its node, and one
for each officer. An act on a key is an entry of the party's log, so a key counts over an interval of
places there, and no clock decides. Who checks that the root signed an act is left to others.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Final

from keepclear.core.errors import InvalidValueError
from keepclear.core.intents import ID_CHARACTERS_MAX, PartyId
from keepclear.core.refs import LOG_ENTRIES_MAX

PUBLIC_KEY_BYTES: Final = 32
"""The length of a public key (Ed25519)."""
KID_CHARACTERS: Final = 16
"""The length of the name of a key, hexadecimal digits."""
KEYS_MAX: Final = 10_000
"""So many keys a party may have granted in all, revoked ones too."""
KEY_ACT_VERSION: Final = 1
"""The version of the acts that are understood."""


class KeyRole(Enum):
    """Whose a key is."""

    NODE = "node"
    OFFICER = "officer"


class KeyDeed(Enum):
    """What an act does to a key."""

    GRANT = "grant"
    REVOKE = "revoke"


def kid_of(public: bytes) -> str:
    """Return the name of a key: the first 16 hexadecimal digits of the SHA-256 of the public key.

    A name only tells keys of one party apart. It is too short to stand for the key itself.
    """
    return sha256(public).hexdigest()[:KID_CHARACTERS]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAct:
    """A key is granted or revoked.

    Attributes:
        v: The version of this form.
        party: Whose key it is.
        act: What happens to it.
        kid: Its name.
        role: Whose it is, the node's or an officer's; of a grant only.
        person: The officer; of a grant to an officer only.
        key: The public key; of a grant only.

    Raises:
        InvalidValueError: A field is missing or too much, out of range, or the name is not the key's.
    """

    v: int = KEY_ACT_VERSION
    party: PartyId
    act: KeyDeed
    kid: str
    role: KeyRole | None = None
    person: str | None = None
    key: bytes | None = None

    def __post_init__(self) -> None:
        if self.v != KEY_ACT_VERSION:
            raise InvalidValueError("v", f"version {self.v!r} is not known; update Keepclear")
        _check_name("party", self.party)
        if len(self.kid) != KID_CHARACTERS or not set(self.kid) <= set("0123456789abcdef"):
            raise InvalidValueError("kid", f"it must be {KID_CHARACTERS} hexadecimal digits, in lower case")
        if self.act is KeyDeed.REVOKE:
            self._refuse_given("role", "person", "key", why="a revocation names the key by its kid only")
            return
        if self.role is None:
            raise InvalidValueError("role", "it is missing")
        if self.role is KeyRole.OFFICER:
            _check_name("person", self.person or "")
        else:
            self._refuse_given("person", why="the key of a node is no person's")
        _check_public("key", self.key or b"")
        if kid_of(self.key or b"") != self.kid:
            raise InvalidValueError("kid", "it is not the name of this key")

    def _refuse_given(self, *fields: str, why: str) -> None:
        for field in fields:
            if getattr(self, field) is not None:
                raise InvalidValueError(field, f"leave it out: {why}")


@dataclass(slots=True, kw_only=True)
class _Granted:
    role: KeyRole
    person: str | None
    key: bytes
    first: int
    last: int = LOG_ENTRIES_MAX


class PartyKeys:
    """The keys of one party, as the acts in its log make them.

    A key counts from the entry that grants it to the entry that revokes it, both included: the node can
    sign the very entries that bring its key in and take it out.

    Args:
        root: The public root key. It grants and revokes, and signs nothing else.

    Raises:
        InvalidValueError: The root key is not of 32 bytes.
    """

    __slots__ = ("_granted", "_party", "_taken", "root")

    def __init__(self, root: bytes) -> None:
        _check_public("root", root)
        self.root: Final = root
        self._granted: dict[str, _Granted] = {}
        self._party: PartyId | None = None
        self._taken = -1

    def take(self, n: int, act: KeyAct) -> None:
        """Take the next act of the log; one that is refused changes nothing.

        Args:
            n: Which entry of the party's log holds it, from 0.
            act: The act; who calls has checked that the root key signed it.

        Raises:
            InvalidValueError: It does not follow the acts before it, it is another party's, it grants a
                key that was granted before or the root key, there are too many keys, or it revokes a key
                that was never granted or is revoked.
        """
        if not self._taken < n < LOG_ENTRIES_MAX:
            raise InvalidValueError("n", f"entry {n} does not follow the last act on a key, {self._taken}")
        if self._party not in (None, act.party):
            raise InvalidValueError("party", f"it acts on a key of {act.party!r}, not of {self._party!r}")
        if act.act is KeyDeed.GRANT:
            self._grant(n, act)
        else:
            self._revoke(n, act.kid)
        self._taken, self._party = n, act.party

    def _grant(self, n: int, act: KeyAct) -> None:
        assert act.role is not None  # held by `KeyAct`
        assert act.key is not None
        if act.kid in self._granted:
            raise InvalidValueError("kid", f"key {act.kid} was granted before; make a new key")
        if act.key == self.root:
            raise InvalidValueError(
                "key", "it is the root key, which only grants and revokes; make a new key"
            )
        if len(self._granted) >= KEYS_MAX:
            raise InvalidValueError("key", f"{KEYS_MAX} keys were granted already, which is the limit")
        self._granted[act.kid] = _Granted(role=act.role, person=act.person, key=act.key, first=n)

    def _revoke(self, n: int, kid: str) -> None:
        granted = self._granted.get(kid)
        if granted is None:
            raise InvalidValueError("kid", f"key {kid} was never granted")
        if granted.last != LOG_ENTRIES_MAX:
            raise InvalidValueError("kid", f"key {kid} was revoked before, by entry {granted.last}")
        granted.last = n

    def node_key(self, kid: str, n: int) -> bytes | None:
        """Return the public key of the node that signs entry n; None if no such key counts there."""
        return self._key(KeyRole.NODE, kid, n)

    def officer_key(self, kid: str, n: int, person: str) -> bytes | None:
        """Return the public key of an officer as of entry n; None if none of that person counts there."""
        return self._key(KeyRole.OFFICER, kid, n) if self.officer(kid) == person else None

    def has_officer(self, person: str, n: int) -> bool:
        """Tell whether any key of an officer counts as of entry n."""
        granted = (each for each in self._granted.values() if each.person == person)
        return any(each.role is KeyRole.OFFICER and each.first <= n <= each.last for each in granted)

    def _key(self, role: KeyRole, kid: str, n: int) -> bytes | None:
        granted = self._granted.get(kid)
        if granted is None or granted.role is not role or not granted.first <= n <= granted.last:
            return None
        return granted.key

    def officer(self, kid: str) -> str | None:
        """Return the officer whose key it is or was; None if it never was an officer's."""
        granted = self._granted.get(kid)
        return None if granted is None else granted.person

    def node_keys(self) -> tuple[bytes, ...]:
        """Return every key of the node, revoked ones too, in the order of their grants."""
        return tuple([each.key for each in self._granted.values() if each.role is KeyRole.NODE])

    def node_keys_at(self, n: int) -> dict[str, bytes]:
        """Return the keys of the node that count at entry n, by name, in the order of their grants."""
        return {kid: key for kid in self._granted if (key := self.node_key(kid, n)) is not None}


def _check_name(field: str, text: str) -> None:
    if not (0 < len(text) <= ID_CHARACTERS_MAX and text.isprintable()):
        raise InvalidValueError(field, f"it must be 1 to {ID_CHARACTERS_MAX} printable characters")


def _check_public(field: str, key: bytes) -> None:
    if len(key) != PUBLIC_KEY_BYTES:
        raise InvalidValueError(field, f"a public key has {PUBLIC_KEY_BYTES} bytes, not {len(key)}")
