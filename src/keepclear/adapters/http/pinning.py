"""Pinning: a card is taken for a party's once people have compared its words by voice."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

from keepclear.adapters.http.problems import HttpProblemError, InputProblemsError
from keepclear.adapters.notary import origin_of
from keepclear.codec.cards import PartyCard, decode_card, encode_card, fingerprint
from keepclear.codec.reading import Problem
from keepclear.core.check_words import bytes_of, words_of
from keepclear.core.errors import InvalidValueError
from keepclear.core.parties import KeyDeed, KeyRole
from keepclear.core.statements import PARTIES_MAX
from keepclear.core.times import floor_ms
from keepclear.node.declare import Declaring
from keepclear.node.ports import KnownParty, Notary


def card_as_read(text: str, words: Sequence[str]) -> PartyCard:
    """Return the card, if its words are those that were read out.

    Raises:
        InvalidValueError: It is no card.
        InputProblemsError: A word differs, is none, or there are too few or too many.
    """
    try:
        card = decode_card(text)
        origin_of(card.party)
    except InvalidValueError as error:
        raise error.within("card") from None
    expected = words_of(fingerprint(card))
    if len(words) != len(expected):
        reason = f"a card has {len(expected)} words, and {len(words)} are given; read all of them"
        raise InvalidValueError("words", reason)
    wrong = [
        Problem(source="request", field=f"words[{place}]", reason=_unlike(place, said, words))
        for place, (said, meant) in enumerate(zip(words, expected, strict=True))
        if said.lower() != meant.lower()
    ]
    if wrong:  # what the card has is not told: who guesses learns nothing
        raise InputProblemsError(tuple(wrong))
    return card


def _unlike(place: int, said: str, words: Sequence[str]) -> str:
    try:
        bytes_of(words[: place + 1])
    except InvalidValueError as error:
        if error.field == f"words[{place}]":
            return error.reason
    return f"{said!r} is not the word of the card that came here; if it was read right, the card was changed"


class Pinned(NamedTuple):
    """A party that was pinned.

    Attributes:
        party: It.
        is_new: Whether nothing of it was pinned before.
    """

    party: KnownParty
    is_new: bool


def pin(declaring: Declaring, card: PartyCard, *, may_replace: bool) -> Pinned:
    """Keep a party by its card.

    Args:
        declaring: The use cases, inside a transaction.
        card: Its card, whose words were compared.
        may_replace: Whether another root key or certificate may stand in place of what was pinned.

    Raises:
        InvalidValueError: The root key did not grant the node's key.
        HttpProblemError: 409: other keys were pinned, or there are too many parties.
    """
    proving, transaction = declaring.proving, declaring.transaction
    assert proving is not None, "a node without keys pins nobody"
    _check_grant(card, proving.notary)
    known = {each.id: each for each in transaction.parties()}
    old = known.get(card.party)
    if old is None and len(known) >= PARTIES_MAX:
        raise _refused(f"{PARTIES_MAX} parties are pinned, which is the limit")
    log = proving.logs.get(card.party)
    if log is not None and log.root_key != card.root:
        if card.party == proving.logs.own:
            raise _refused("it is this node's own party, and the card has another root key")
        if log.tree.size:
            raise _refused(
                f"the {log.tree.size} entries of {card.party!r} that are held rest on the root key that was "
                "pinned; with another one it is another party, and needs another name"
            )
    if old is not None and not may_replace and _has_other_keys(old, card):
        raise _refused(
            f"{card.party!r} was pinned with another key or certificate; say replace if its people changed it"
        )
    party = KnownParty(
        id=card.party,
        name=card.name,
        card=encode_card(card),
        is_own=card.party == proving.logs.own,
        pinned_ms=floor_ms(declaring.now),
    )
    transaction.pin(party)
    proving.logs.pin(party, card.root)
    return Pinned(party, old is None)


def _has_other_keys(old: KnownParty, card: PartyCard) -> bool:
    try:
        return fingerprint(decode_card(old.card)) != fingerprint(card)
    except InvalidValueError:
        return True


def _check_grant(card: PartyCard, notary: Notary) -> None:
    try:
        act, signed = notary.read_key(card.node_grant)
    except InvalidValueError as error:
        raise error.within("card.node_grant") from None
    is_its = (act.party, act.act, act.role, act.key) == (
        card.party,
        KeyDeed.GRANT,
        KeyRole.NODE,
        card.node_key,
    )
    if not is_its or not all(notary.verify([(card.root, signed)])):
        raise InvalidValueError("card.node_grant", "the root key of the card did not grant its node key so")


def _refused(detail: str) -> HttpProblemError:
    return HttpProblemError(HTTPStatus.CONFLICT, detail)
