"""The keys of a party: made at the beginning with the first entries of its log, granted and rotated later.

The root key grants and revokes; what it signs goes into the log of the party. Nothing is written over.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from keepclear.adapters import clock
from keepclear.adapters.keys import (
    PASSPHRASE_BYTES_MAX,
    KeyFolder,
    check_passphrase,
    make_tls,
    write_locked_key,
    write_node_key,
    write_tls,
)
from keepclear.adapters.notary import Notary, origin_of, sign_key_act
from keepclear.adapters.signing import SigningKey
from keepclear.adapters.store.backup import require_unused
from keepclear.adapters.store.form import JsonForm
from keepclear.adapters.store.sqlite import SqliteStore
from keepclear.adapters.token_file import is_open_to_others
from keepclear.codec.cards import PartyCard, decode_card, encode_card
from keepclear.core.errors import InvalidValueError, KeepclearError
from keepclear.core.intents import PartyId
from keepclear.core.parties import KeyAct, KeyDeed, KeyRole
from keepclear.core.times import floor_ms
from keepclear.node.declare import Declaring
from keepclear.node.policy import Policy
from keepclear.node.ports import Actor, KnownParty
from keepclear.node.workbench import Voice, Workbench

KEYS_NAME: Final = "keys"
"""The folder of the keys, beside the configuration."""
_NEW: Final = "node.key.new"
_ROOT: Final = "root key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What keys are made with.

    Attributes:
        officer: The first officer.
        root_passphrase: What locks the root key.
        officer_passphrase: What locks the officer's key.
        address: Where the nodes of others reach this one, `host:port`; empty for nowhere.
        is_for_show: Whether nothing rests on the keys, as in a demonstration.
    """

    officer: str
    root_passphrase: str = field(repr=False)
    officer_passphrase: str = field(repr=False)
    address: str = ""
    is_for_show: bool = False

    def check(self, party: str) -> None:
        """Refuse what no keys can be made with, before anything is made.

        Raises:
            InvalidValueError: A passphrase is too short or too long, or a name cannot be used.
        """
        origin_of(party)
        check_passphrase(self.root_passphrase)
        check_passphrase(self.officer_passphrase)
        KeyFolder(Path()).officer(self.officer)


def root_key_of(known: KnownParty) -> bytes:
    """Return the root key of a party from what was pinned.

    Raises:
        InvalidValueError: What was pinned is no card.
    """
    return decode_card(known.card).root


def granting(party: str, key: SigningKey, root: SigningKey, person: str | None = None) -> str:
    """Have the root key grant a key: to an officer, or to the node if there is none; return the JWS."""
    role = KeyRole.NODE if person is None else KeyRole.OFFICER
    act = KeyAct(
        party=PartyId(party), act=KeyDeed.GRANT, kid=key.kid, role=role, person=person, key=key.public
    )
    return sign_key_act(act, root)


def revoking(party: str, kid: str, root: SigningKey) -> str:
    """Have the root key revoke a key; return the JWS.

    Raises:
        InvalidValueError: The name is that of no key.
    """
    return sign_key_act(KeyAct(party=PartyId(party), act=KeyDeed.REVOKE, kid=kid), root)


def make_keys(
    folder: KeyFolder, store: SqliteStore, party: str, name: str, wanted: Wanted, now: datetime
) -> PartyCard:
    """Make the keys of a party, pin its own card, and write the first entries of its log.

    Args:
        folder: Where the keys go.
        store: The database of the node; nothing was stated in it yet.
        party: The id of the party.
        name: How people call it.
        wanted: What keys are made with.
        now: What time it is.

    Raises:
        InvalidValueError: A name or passphrase cannot be used, or a file cannot be written.
        StoreError: The database cannot be written.
    """
    wanted.check(party)
    root, node, officer = (SigningKey.generate() for _ in range(3))
    names = [wanted.address.rpartition(":")[0]] if wanted.address else []
    identity = make_tls(PartyId(party), names, now)
    grant = granting(party, node, root)
    card = PartyCard(
        party=PartyId(party),
        name=name,
        root=root.public,
        node_key=node.public,
        node_grant=grant,
        certificate=identity.certificate_pem,
        address=wanted.address,
    )
    is_for_show = wanted.is_for_show
    write_locked_key(folder.root, root, wanted.root_passphrase, is_for_show=is_for_show)
    write_node_key(folder.node, node)
    write_tls(folder, identity)
    file = folder.officer(wanted.officer)
    write_locked_key(file, officer, wanted.officer_passphrase, is_for_show=is_for_show)
    _pin(store, card, now)
    bench = _bench(store, card.party, node)
    _say_keys(bench, card.party, [grant, granting(party, officer, root, wanted.officer)])
    return card


def rotate_node_key(folder: KeyFolder, database: Path, root: SigningKey) -> tuple[str, Sequence[str]]:
    """Give a node that is stopped a new key: the root grants it and revokes those before it.

    The log says so before the file changes its name, so that a crash leaves the new key beside the old.

    Args:
        folder: Where the keys are.
        database: The database of the node.
        root: The root key.

    Returns:
        The name of the new key, and the names of those that are revoked.

    Raises:
        InvalidValueError: It is not the root key of this party, or a file cannot be written.
        StoreError: The node is running, or the database cannot be used.
    """
    require_unused(database)
    store = SqliteStore(database)
    try:
        own = _own(store)
        card = decode_card(own.card)
        if card.root != root.public:
            raise InvalidValueError("root key", f"it is not the one that {own.id!r} began with")
        key, fresh = SigningKey.generate(), folder.path / _NEW
        fresh.unlink(missing_ok=True)  # of a rotation that broke off; nothing was granted to it for long
        write_node_key(fresh, key)
        grant = granting(own.id, key, root)
        try:
            bench = _bench(store, own.id, key)
            assert bench.logs is not None, "it has a voice"
            log = bench.logs[own.id]
            revoked = list(log.keys.node_keys_at(log.tree.size))
            _say_keys(bench, own.id, [grant, *(revoking(own.id, kid, root) for kid in revoked)])
        except BaseException:
            fresh.unlink()
            raise
        _pin(store, _with_node_key(card, key, grant), clock.now())
        if folder.node.exists():
            folder.node.rename(folder.path / f"node.key.before-{key.kid}")
        fresh.rename(folder.node)
    finally:
        store.close()
    return key.kid, revoked


def _with_node_key(card: PartyCard, key: SigningKey, grant: str) -> PartyCard:
    return PartyCard(
        party=card.party,
        name=card.name,
        root=card.root,
        node_key=key.public,
        node_grant=grant,
        certificate=card.certificate,
        address=card.address,
    )


def _own(store: SqliteStore) -> KnownParty:
    for known in store.parties():
        if known.is_own:
            return known
    raise InvalidValueError("keys", "this node has none, so there is nothing to rotate")


def _pin(store: SqliteStore, card: PartyCard, now: datetime) -> None:
    known = KnownParty(
        id=card.party, name=card.name, card=encode_card(card), is_own=True, pinned_ms=floor_ms(now)
    )
    with store.transaction() as transaction:
        transaction.pin(known)


def _bench(store: SqliteStore, party: PartyId, node: SigningKey) -> Workbench:
    voice = Voice(party=party, notary=Notary(party, node), root_key_of=root_key_of)
    return Workbench(store, JsonForm(), Policy(), clock.now, voice=voice)


def _say_keys(bench: Workbench, party: PartyId, acts: Sequence[str]) -> None:
    """Put what the root key says of other keys into the log of this party, all of it or nothing.

    Raises:
        KeepclearError: One is refused.
    """

    def all_of_them(declaring: Declaring) -> None:
        assert declaring.proving is not None, "it has a voice"
        for act in acts:
            declaring.proving.say_key(act)

    (answer,) = bench.make([(Actor(party=party, person=_ROOT), all_of_them)])
    if isinstance(answer, KeepclearError):
        raise answer


def read_passphrase(file: Path) -> str:
    """Read a passphrase from the first line of a file.

    Raises:
        InvalidValueError: It cannot be read, others than its owner can read it, or there is none in it.
    """
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(PASSPHRASE_BYTES_MAX + 3)  # and the end of the line
    except (OSError, ValueError) as error:
        reason = f"it cannot be read: {getattr(error, 'strerror', None) or error}"
        raise InvalidValueError(str(file), reason) from None
    if is_open_to_others(mode):
        raise InvalidValueError(str(file), f"others can read it; chmod 600 {file}")
    text = data.decode(errors="surrogateescape").split("\n", maxsplit=1)[0].removesuffix("\r")
    if not text:
        raise InvalidValueError(str(file), "its first line holds no passphrase")
    return text
