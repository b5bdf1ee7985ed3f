"""The commands for who is who: pairing, officers, keys; against real nodes of this process."""

from __future__ import annotations

import dataclasses
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepclear.adapters import clock
from keepclear.adapters.http.client import NodeUnreachableError
from keepclear.adapters.http.talking import TalkClient
from keepclear.adapters.keys import KeyFolder, load_locked_key, load_node_key, make_tls
from keepclear.codec.cards import decode_card, encode_card
from keepclear.core.intents import PartyId
from tests.scenarios.conftest import workplace
from tests.scenarios.parties import PASSPHRASE, Side, operation, pair, parties, run, until

__all__ = ["workplace"]  # a fixture that every test uses
pytestmark = pytest.mark.slow
NOBODY: dict[str, str | None] = {}


@pytest.fixture
def alpha(tmp_path: Path) -> Iterator[Side]:
    """Serve the node of one party."""
    with parties(tmp_path, "alpha") as (side,):
        yield side


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    """Serve the nodes of two parties that are not paired."""
    with parties(tmp_path, "alpha", "bravo") as (one, other):
        yield one, other


def words(card: Path) -> list[str]:
    lines = run("pair", "words", card, env=NOBODY).stdout.splitlines()
    return " ".join(line[3:] for line in lines[1:]).split()


def card_of(side: Side) -> Path:
    file = side.folder / "own.card"
    file.write_text(side.keepclear("pair", "card"))
    return file


# -- pair -------------------------------------------------------------------------------------------


def test_a_card_is_told_in_two_halves_of_eight_words(alpha: Side) -> None:
    card = card_of(alpha)
    told = run("pair", "words", card, env=NOBODY).stdout.splitlines()
    assert told[0] == "card of alpha"
    assert [(line[:3], len(line[3:].split())) for line in told[1:]] == [("1: ", 8), ("2: ", 8)]
    (own,) = json.loads(run("pair", "list", "--format", "json", env=alpha.env).stdout)["parties"]
    assert own["words"] == words(card)


def test_the_address_is_not_covered_by_the_words_and_may_be_written_anew(alpha: Side) -> None:
    card = card_of(alpha)
    there = alpha.folder / "there.card"
    there.write_text(alpha.keepclear("pair", "card", "--address", "alpha.example:8431"))
    assert decode_card(there.read_bytes()).address == "alpha.example:8431"
    assert words(there) == words(card)
    assert "address" in alpha.keepclear("pair", "card", "--address", "nowhere", code=2)


def test_parties_that_read_the_words_of_both_cards_are_paired(two: tuple[Side, Side]) -> None:
    alpha, bravo = two
    pair(alpha, bravo)
    listed = alpha.keepclear("pair", "list")
    assert "bravo" in listed
    assert "yours" in listed
    until(lambda: {each["state"] for each in alpha.json("link", "list")["links"]} == {"up"}, "the link")


def test_a_card_that_was_changed_on_its_way_is_noticed_by_its_words(two: tuple[Side, Side]) -> None:
    alpha, bravo = two
    real, own = card_of(bravo), card_of(alpha)
    changed = alpha.folder / "changed.card"
    card = dataclasses.replace(decode_card(real.read_bytes()), root=decode_card(own.read_bytes()).root)
    changed.write_text(encode_card(card))
    told = alpha.keepclear("pair", "add", changed, "--words", " ".join(words(real)), code=2)
    assert "word" in told
    assert "bravo" not in alpha.keepclear("pair", "list")


def test_the_half_that_the_other_side_reads_is_asked_for(
    two: tuple[Side, Side], monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha, bravo = two
    card = card_of(bravo)
    assert "--words" in alpha.keepclear("pair", "add", card, code=2)  # nobody to ask
    asked: list[str] = []

    def answering(text: str, **_: object) -> str:
        asked.append(text)
        return " ".join(words(card)[8:])

    monkeypatch.setattr("keepclear.cli_pair.is_terminal", lambda: True)
    monkeypatch.setattr("click.prompt", answering)
    told = alpha.keepclear("pair", "add", card)
    assert len(asked) == 1
    assert " ".join(words(card)[:8]) in told  # to be read out
    assert " ".join(words(card)[8:]) not in told
    assert "paired with bravo" in told


@pytest.mark.parametrize("content", ["", "{}", '{"form": "keepclear-card/2"}'])
def test_what_is_no_card_is_refused_by_the_name_of_its_file(content: str) -> None:
    Path("junk.card").write_text(content)
    for words in (("pair", "words", "junk.card"), ("pair", "words", "none.card")):
        told = run(*words, env=NOBODY, code=2).stderr
        assert words[-1] in told


def test_another_root_key_is_another_party_whatever_its_name(two: tuple[Side, Side], tmp_path: Path) -> None:
    alpha, bravo = two
    pair(alpha, bravo)
    until(lambda: "2 entries" in alpha.keepclear("pair", "list"), "the log of bravo")
    other = Side(name="bravo", folder=tmp_path / "impostor")
    other.make("Eve")
    other.start()
    try:
        card = card_of(other)
        add = ("pair", "add", card, "--words", " ".join(words(card)), "--replace")
        assert "409" in alpha.keepclear(*add, code=2)
    finally:
        other.stop()


def test_another_certificate_of_a_party_is_pinned_only_where_that_is_said(two: tuple[Side, Side]) -> None:
    alpha, bravo = two
    pair(alpha, bravo)
    card = card_of(bravo)
    identity = make_tls(PartyId("bravo"), [], clock.now())
    changed = dataclasses.replace(decode_card(card.read_bytes()), certificate=identity.certificate_pem)
    card.write_text(encode_card(changed))
    add = ("pair", "add", card, "--words", " ".join(words(card)))
    assert "replace" in alpha.keepclear(*add, code=2)
    assert "paired with bravo" in alpha.keepclear(*add, "--replace")


# -- officers ---------------------------------------------------------------------------------------


def test_an_officer_gets_a_key_and_loses_it_again(two: tuple[Side, Side]) -> None:
    alpha, bravo = two
    pair(alpha, bravo)
    told = alpha.keepclear("officer", "add", "Kim")
    file = KeyFolder(alpha.folder / "keys").officer("Kim")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_locked_key(file, PASSPHRASE).kid in told
    bravo.declare(operation("B-1"))
    until(lambda: alpha.holds("bravo:B-1"), "B-1")
    assert "--officer" in alpha.keepclear("ack", "bravo:B-1", code=2)  # Ann or Kim?
    alpha.keepclear("ack", "bravo:B-1", "--officer", "Kim")
    assert alpha.receipt("bravo:B-1", "alpha")["seen"]["person"] == "Kim"
    assert "revoked" in alpha.keepclear("officer", "revoke", "Kim")
    refused = alpha.keepclear("object", "bravo:B-1", "why", "--officer", "Kim", code=2)
    assert "grant it with the root key first" in refused
    assert "no officer" in alpha.keepclear("officer", "revoke", "Kim", code=2)


def test_a_key_may_be_kept_elsewhere_and_the_variable_names_the_officer(alpha: Side) -> None:
    alpha.keepclear("officer", "add", "Kim")
    elsewhere = alpha.folder / "Kim.key"
    KeyFolder(alpha.folder / "keys").officer("Kim").rename(elsewhere)
    duty = ("duty", "on")
    assert "no such file" in alpha.keepclear(*duty, "--officer", "Kim", code=2)
    alpha.keepclear(*duty, "--key", elsewhere)
    env = {**alpha.env, "KEEPCLEAR_OFFICER": "Ann"}
    run("duty", "off", env=env)
    (alpha.folder / "keys" / "officers" / "Ann.key").unlink()
    assert "--key" in alpha.keepclear(*duty, code=2)


def test_an_officer_that_the_node_does_not_take_has_no_key_left(alpha: Side) -> None:
    token = alpha.folder / "viewer.token"
    run("token", "issue", "--person", "Vi", "--role", "viewer", "--output", token, env=alpha.env)
    told = alpha.keepclear("officer", "add", "Kim", "--token-file", token, code=2)
    assert "role" in told
    assert not KeyFolder(alpha.folder / "keys").officer("Kim").exists()


def test_where_it_is_not_known_whether_a_key_was_granted_it_is_kept(
    alpha: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(self: TalkClient, _: str) -> None:
        raise NodeUnreachableError(self.url, "cut off", is_outcome_unknown=True)

    monkeypatch.setattr(TalkClient, "say_key", cut_off)
    assert "not known" in alpha.keepclear("officer", "add", "Kim", code=3)
    assert KeyFolder(alpha.folder / "keys").officer("Kim").exists()


def test_without_the_root_key_nobody_is_granted_anything(alpha: Side) -> None:
    root = KeyFolder(alpha.folder / "keys").root
    away = alpha.folder / "carried-away.key"
    root.rename(away)
    assert "bring the root key" in alpha.keepclear("officer", "add", "Kim", code=2)
    alpha.keepclear("officer", "add", "Kim", "--root-key", away)
    wrong = {**alpha.env, "KEEPCLEAR_PASSPHRASE": "not these four words"}
    told = run("officer", "add", "Lee", "--root-key", away, env=wrong, code=2).stderr
    assert "the passphrase is wrong" in told
    assert "not these four words" not in told


# -- keys -------------------------------------------------------------------------------------------


def keys_of(side: Side) -> list[Any]:
    told = run("keys", "show", "--format", "json", env=side.env).stdout
    found: list[Any] = json.loads(told)["keys"]
    return found


def test_a_stopped_node_gets_a_new_key_that_others_take_without_pairing_anew(two: tuple[Side, Side]) -> None:
    alpha, bravo = two
    pair(alpha, bravo)
    alpha.declare(operation("A-1"))
    until(lambda: bravo.holds("alpha:A-1"), "A-1")
    old = load_node_key(KeyFolder(alpha.folder / "keys").node)
    assert "stop the node first" in alpha.keepclear("keys", "rotate-node", code=3)
    alpha.stop()
    told = alpha.keepclear("keys", "rotate-node")
    assert old.kid in told
    new = load_node_key(KeyFolder(alpha.folder / "keys").node)
    assert new.kid in told
    alpha.start()
    alpha.declare(operation("A-2", lower_m=2000.0))
    until(lambda: bravo.holds("alpha:A-2"), "A-2, signed with the new key")
    of_node = {key["kid"]: key["last"] is None for key in keys_of(alpha) if key["role"] == "node"}
    assert of_node == {old.kid: False, new.kid: True}
    assert "revoked by entry" in alpha.keepclear("keys", "show")
    assert decode_card(card_of(alpha).read_bytes()).node_key == new.public


def test_a_key_is_revoked_by_its_name_but_never_the_last_one_of_the_node(alpha: Side) -> None:
    told = {key["role"]: key["kid"] for key in keys_of(alpha)}
    assert "rotate-node" in alpha.keepclear("keys", "revoke", told["node"], code=2)
    assert "revoked by entry 2" in alpha.keepclear("keys", "revoke", told["officer"])
    assert "no key of this name counts" in alpha.keepclear("keys", "revoke", told["officer"], code=2)
    assert "no key of this name counts" in alpha.keepclear("keys", "revoke", "0" * 16, code=2)


def test_the_root_key_of_another_party_rotates_nothing(two: tuple[Side, Side]) -> None:
    alpha, bravo = two
    alpha.stop()
    before = KeyFolder(alpha.folder / "keys").node.read_bytes()
    theirs = KeyFolder(bravo.folder / "keys").root
    told = alpha.keepclear("keys", "rotate-node", "--root-key", theirs, code=2)
    assert "not the one that 'alpha' began with" in told
    assert KeyFolder(alpha.folder / "keys").node.read_bytes() == before
    alpha.start()
