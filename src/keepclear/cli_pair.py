"""The commands for who is who: pairing with other parties, officers, and keys.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_client import node_options, opened_node, told_faults
from keepclear.cli_io import format_option, put, say
from keepclear.cli_officer import (
    OF_OFFICER,
    OF_ROOT,
    is_terminal,
    key_folder,
    known_passphrase,
    new_passphrase,
    root_options,
)

if TYPE_CHECKING:
    from keepclear.adapters.http.talking import LogEntry, TalkClient
    from keepclear.adapters.keys import KeyFolder
    from keepclear.adapters.signing import SigningKey
    from keepclear.codec.cards import PartyCard

_WORDS: Final = 16


@click.group()
def pair() -> None:
    """Pair with other parties: exchange cards by any way, then read their words to each other.

    \b
    Examples:
      keepclear pair card > alpha.card
      keepclear pair words bravo.card
      keepclear pair add bravo.card
    """


@pair.command("card")
@click.option("--address", metavar="HOST:PORT", help="Write this address into it.  [default: that of init]")
@node_options()
@click.pass_context
def pair_card(ctx: click.Context, address: str | None) -> None:
    """Print the card of your party: its public keys, its certificate, and where its node is.

    Nothing in it is secret. Bring it to the other party by mail, on a stick, by any way: the words that
    you read to each other tell whether it was changed there. They do not cover the address, which may
    change.

    \b
    Examples:
      keepclear pair card > alpha.card
      keepclear pair card --address alpha.example:8431 > alpha.card
    """
    import dataclasses

    from keepclear.codec.cards import decode_card, encode_card

    with opened_node(ctx) as client:
        card = client.card()
        if address is not None:
            card = encode_card(dataclasses.replace(decode_card(card), address=address)).encode()
        put(card)


@pair.command("words")
@click.argument("card_file", metavar="CARD")
def pair_words(card_file: str) -> None:
    """Print the 16 words of a card, in two halves.

    Both parties print the words of both cards. By telephone one reads the first half, the other the
    second: so nobody can just say that it is right. Who speaks must be known to you by voice or sight.

    \b
    Examples:
      keepclear pair words bravo.card
    """
    from keepclear.core.check_words import halves

    with told_faults():
        card, words = _card_of(card_file)
    first, second = halves(words)
    put(f"card of {card.party}\n1: {' '.join(first)}\n2: {' '.join(second)}\n".encode())


def _card_of(file: str) -> tuple[PartyCard, tuple[str, ...]]:
    """Read a card, and return its words with it.

    Raises:
        InvalidValueError: It cannot be read, or is no card.
    """
    from keepclear.adapters.files import read_bytes
    from keepclear.codec.cards import decode_card, fingerprint
    from keepclear.core.check_words import words_of
    from keepclear.core.errors import InvalidValueError

    try:
        card = decode_card(read_bytes(file))
    except InvalidValueError as error:
        raise error.within(file) from None
    return card, words_of(fingerprint(card))


@pair.command("add")
@click.argument("card_file", metavar="CARD")
@click.option(
    "--words", metavar="WORDS", help="All 16 words, as the other side reads them.  [default: asked for]"
)
@click.option("--replace", is_flag=True, help="Replace what was pinned of this party: its keys changed.")
@node_options()
@click.pass_context
def pair_add(ctx: click.Context, card_file: str, words: str | None, replace: bool) -> None:
    """Pin the party of CARD: from now on its signatures count, and its node may connect.

    On a terminal the first half of the words is shown, for you to read out, and the second half is asked
    for: type what the other side reads. Elsewhere give all 16 with --words.

    \b
    Examples:
      keepclear pair add bravo.card
      keepclear pair add bravo.card --words "goldfish provincial ..."
    """
    from keepclear.codec.cards import encode_card

    with opened_node(ctx) as client:
        card, known = _card_of(card_file)
        heard = _heard(card, known) if words is None else words.split()
        party = client.pin(encode_card(card), heard, replace=replace)
    put(f"paired with {party.id} ({party.name})\n".encode())
    if not card.address:
        say(f"its card tells no address: carry bundles, or let {party.id} connect to this node")


def _heard(card: PartyCard, known: Sequence[str]) -> list[str]:
    """Show one half of the words, and ask for the other.

    Raises:
        InvalidValueError: There is no terminal to ask on.
    """
    from keepclear.core.check_words import halves
    from keepclear.core.errors import InvalidValueError

    if not is_terminal():
        raise InvalidValueError("words", f"there is no terminal to ask on; give all {_WORDS} with --words")
    first, _ = halves(known)
    click.echo(f"Read to {card.party}, word by word:\n  {' '.join(first)}", err=True)
    heard = click.prompt(f"Type the second half, as {card.party} reads it", err=True, type=str)
    return [*first, *str(heard).split()]


@pair.command("list")
@node_options()
@format_option("table", "json")
@click.pass_context
def pair_list(ctx: click.Context, form: str) -> None:
    """List the parties that are pinned, how much of each log is here, and the words of each card.

    \b
    Examples:
      keepclear pair list
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table

    with opened_node(ctx) as client:
        parties = client.parties()
    if form == "json":
        put(pretty_json({"node": client.url, "parties": [msgspec.to_builtins(each) for each in parties]}))
        return
    rows = []
    for each in parties:
        size = "-" if each.log is None else f"{each.log.size:,} entries"
        if each.log is not None and each.log.frozen is not None:
            size += f", FROZEN: {each.log.frozen}"
        rows.append((each.id, each.name, "yours" if each.is_own else "", size, " ".join(each.words)))
    put(rows_table(("party", "name", "", "log", "words of its card"), rows))


# -- officers ---------------------------------------------------------------------------------------


@click.group()
def officer() -> None:
    """Give duty officers keys to sign with, and take them back. The root key is needed.

    \b
    Examples:
      keepclear officer add kim
      keepclear officer revoke kim
    """


@officer.command("add")
@click.argument("name", metavar="NAME")
@root_options()
@node_options()
@click.pass_context
def officer_add(ctx: click.Context, name: str, root_key: str | None, passphrase_file: str | None) -> None:
    """Make a key for the duty officer NAME, and have the root key grant it.

    The key goes into keys/officers, locked with a passphrase of that person (KEEPCLEAR_OFFICER_PASSPHRASE
    or asked for); it may be moved to where the officer works.

    \b
    Examples:
      keepclear officer add kim
      keepclear officer add "A. Duty" --root-key root.key
    """
    from keepclear.adapters.http.client import NodeUnreachableError
    from keepclear.adapters.keys import write_locked_key
    from keepclear.adapters.signing import SigningKey
    from keepclear.main.keys import granting

    with opened_node(ctx) as client:
        party, file = client.party, key_folder().officer(name)
        root = _root(root_key, passphrase_file)
        key = SigningKey.generate()
        write_locked_key(file, key, new_passphrase(f"the key of {name}", passphrase_file, OF_OFFICER))
        try:
            told = client.say_key(granting(party, key, root, name))
        except BaseException as error:
            if not (isinstance(error, NodeUnreachableError) and error.is_outcome_unknown):
                file.unlink()  # nothing was granted to it
            raise
    put(f"{file}: key {key.kid} of {name}, granted by entry {told.n} of the log of {party}\n".encode())


@officer.command("revoke")
@click.argument("named", metavar="NAME|KID")
@root_options()
@node_options()
@click.pass_context
def officer_revoke(ctx: click.Context, named: str, root_key: str | None, passphrase_file: str | None) -> None:
    """Revoke the keys of an officer, or one key by its name, from the next entry of the log on.

    What was signed before stays signed. The file of the key is left where it is.

    \b
    Examples:
      keepclear officer revoke kim
      keepclear officer revoke 0f3a9c21be47d5aa
    """
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.parties import KeyRole

    with opened_node(ctx) as client:
        found = [
            key
            for key in _keys_in(client.log_entries(client.party))
            if key.role is KeyRole.OFFICER and named in (key.person, key.kid) and key.last is None
        ]
        if not found:
            raise InvalidValueError(
                named, "no officer of this name has a key that counts; see keepclear keys show"
            )
        root = _root(root_key, passphrase_file)
        for key in found:
            _revoke(client, key.kid, root)


def _revoke(client: TalkClient, kid: str, root: SigningKey) -> None:
    from keepclear.main.keys import revoking

    told = client.say_key(revoking(client.party, kid, root))
    put(f"key {kid} is revoked by entry {told.n} of the log of {client.party}\n".encode())


def _root(file: str | None, passphrase_file: str | None, folder: KeyFolder | None = None) -> SigningKey:
    from keepclear.adapters.keys import load_locked_key
    from keepclear.core.errors import InvalidValueError

    path = Path(file) if file is not None else (folder or key_folder()).root
    if not path.exists():
        reason = "there is no such file; bring the root key, and name its file with --root-key"
        raise InvalidValueError(str(path), reason)
    return load_locked_key(path, known_passphrase("the root key", passphrase_file, OF_ROOT))


# -- keys -------------------------------------------------------------------------------------------


@click.group()
def keys() -> None:
    """Look at the keys of your party, give its node a new one, and revoke keys.

    \b
    Examples:
      keepclear keys show
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTold:
    """A key, as the log of its party tells of it.

    Attributes:
        kid: Its name.
        role: Whose it is.
        person: The officer; None for the node's.
        first: The entry that grants it.
        last: The entry that revokes it; None while it counts.
    """

    kid: str
    role: Any
    person: str | None
    first: int
    last: int | None


def _keys_in(entries: Iterable[LogEntry]) -> list[KeyTold]:
    """Return the keys that a log grants, in the order of their grants."""
    import dataclasses

    from keepclear.codec.jws import decode_jws
    from keepclear.codec.key_acts import KEY_ACT_TYPE, decode_key_act
    from keepclear.codec.statements import decode_statement
    from keepclear.core.parties import KeyDeed
    from keepclear.core.statements import Signed, StatementKind

    found: dict[str, KeyTold] = {}
    for entry in entries:
        if entry.jws is None:
            continue
        statement, *_ = decode_statement(entry.jws.encode())
        if statement.kind is not StatementKind.KEY or not isinstance(statement.body, Signed):
            continue
        act = decode_key_act(decode_jws(statement.body.jws, KEY_ACT_TYPE).payload)
        if act.act is KeyDeed.GRANT:
            found[act.kid] = KeyTold(kid=act.kid, role=act.role, person=act.person, first=entry.n, last=None)
        elif act.kid in found:
            found[act.kid] = dataclasses.replace(found[act.kid], last=entry.n)
    return list(found.values())


@keys.command("show")
@node_options()
@format_option("table", "json")
@click.pass_context
def keys_show(ctx: click.Context, form: str) -> None:
    """Show every key that your party granted: whose it is, and which entries of the log it counts for.

    \b
    Examples:
      keepclear keys show
    """
    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table

    with opened_node(ctx) as client:
        found = _keys_in(client.log_entries(client.party))
    if form == "json":
        told = [
            {"kid": k.kid, "role": k.role.value, "person": k.person, "first": k.first, "last": k.last}
            for k in found
        ]
        put(pretty_json({"node": client.url, "keys": told}))
        return
    rows = [
        (
            k.kid,
            k.role.value,
            k.person or "",
            str(k.first),
            "counts" if k.last is None else f"revoked by entry {k.last}",
        )
        for k in found
    ]
    put(rows_table(("key", "whose", "officer", "granted by entry", ""), rows))


@keys.command("rotate-node")
@root_options()
@click.option(
    "--config", metavar="FILE", help="The configuration.  [default: KEEPCLEAR_CONFIG, or keepclear.toml]"
)
def keys_rotate_node(root_key: str | None, passphrase_file: str | None, config: str | None) -> None:
    """Give the node a new key and revoke its old one, in one step; the node must be stopped.

    Use it when somebody else may have got at the key, or when it is lost. Others need not pair anew: the
    root key, which they trust, says in the log which key counts.

    \b
    Examples:
      keepclear keys rotate-node
      keepclear keys rotate-node --root-key /media/stick/root.key
    """
    from keepclear.adapters.config import load_settings
    from keepclear.main.keys import rotate_node_key

    with told_faults():
        database = load_settings(config, environment=os.environ).node.database
        folder = key_folder(config)
        kid, revoked = rotate_node_key(folder, database, _root(root_key, passphrase_file, folder))
    told = f"{folder.node}: key {kid}; revoked: {', '.join(revoked) or 'none'}. Start the node again."
    put(f"{told}\n".encode())


@keys.command("revoke")
@click.argument("kid", metavar="KID")
@root_options()
@node_options()
@click.pass_context
def keys_revoke(ctx: click.Context, kid: str, root_key: str | None, passphrase_file: str | None) -> None:
    """Revoke a key by its name, from the next entry of the log on.

    The last key of the node cannot be revoked so: rotate it, or the node could say nothing any more.

    \b
    Examples:
      keepclear keys revoke 0f3a9c21be47d5aa
    """
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.parties import KeyRole

    with opened_node(ctx) as client:
        found = next((k for k in _keys_in(client.log_entries(client.party)) if k.kid == kid), None)
        if found is None or found.last is not None:
            raise InvalidValueError(kid, "no key of this name counts; see keepclear keys show")
        if found.role is KeyRole.NODE:
            raise InvalidValueError(
                kid, "it is the key of the node; stop the node, then keepclear keys rotate-node"
            )
        _revoke(client, kid, _root(root_key, passphrase_file))
