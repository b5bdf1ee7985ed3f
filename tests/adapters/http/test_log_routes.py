"""Parties and their logs over HTTP: who is pinned, what each log holds, what proves it to others."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from keepclear import verify_export
from keepclear.adapters.http.wire_logs import LOG_PAGE_MAX
from keepclear.adapters.settings import FederationSettings
from keepclear.codec.bundle import BUNDLE_BYTES_MAX, decode_bundle, encode_bundle
from keepclear.codec.cards import decode_card, encode_card
from keepclear.codec.checkpoints import parse_log_proof
from keepclear.core.bundles import Withheld
from keepclear.core.intents import PartyId
from keepclear.core.merkle import leaf_hash
from keepclear.node.access import Role
from tests.adapters.http.served import OTHER, PARTY, Described, Served, operation
from tests.adapters.http.spoken import BYTES, Keys, Peer, Talk, talking, words

ADMINISTRATOR = Role.ADMINISTRATOR
KEYED = (
    ("GET", "/v1/parties"),
    ("GET", "/v1/card"),
    ("GET", f"/v1/logs/{PARTY}"),
    ("GET", f"/v1/logs/{PARTY}/export"),
    ("GET", f"/v1/logs/{PARTY}/proof?n=0"),
    ("GET", f"/v1/bundles/{OTHER}"),
    ("GET", "/v1/evidence"),
    ("GET", "/v1/coordination"),
    ("GET", "/v1/coordination/R7"),
    ("GET", f"/v1/had?party={OTHER}&at=2026-05-01T12:00:00Z"),
    ("GET", "/v1/negotiations"),
    ("GET", "/v1/agreements"),
    ("GET", "/v1/holds"),
    ("GET", "/v1/links"),
)


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_a_node_without_keys_says_that_it_has_no_log(served: Served, method: str, path: str) -> None:
    response = served.ask(method, path)
    assert response.status_code == 409
    assert "this node has no keys, so it has no log; keepclear init makes keys" in response.json()["detail"]


def test_a_node_without_keys_takes_no_deed_and_no_bundle(served: Served) -> None:
    card = Keys(PartyId(OTHER)).card()
    assert served.ask("POST", "/v1/deeds", json={"jws": "a"}).status_code == 409
    given = {"card": encode_card(card), "words": words(card)}
    assert served.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR).status_code == 409
    assert served.ask("PUT", f"/v1/links/{OTHER}", json={"switched_off": True}).status_code == 409


# -- parties ----------------------------------------------------------------------------------------


def test_the_parties_are_told_with_their_words_and_their_logs(talk: Talk) -> None:
    north, relief = talk.told("/v1/parties")["parties"]
    assert (north["id"], north["name"], north["is_own"]) == (OTHER, "North", False)
    assert north["words"] == words(talk.peer.keys.card())
    assert north["log"] == {
        "size": 0,
        "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "frozen": None,
        "withheld": 0,
    }
    assert (relief["is_own"], relief["log"]["size"]) == (True, 2)
    assert relief["link"] is None


def test_the_own_card_can_be_given_to_others(talk: Talk) -> None:
    response = talk.ask("GET", "/v1/card")
    assert decode_card(response.content) == talk.keys.card()


def test_the_card_tells_the_address_of_the_settings(tmp_path: Path, described: Described) -> None:
    federation = FederationSettings(address="relief.example:8431")
    with talking(tmp_path, described, federation=federation) as talk:
        card = decode_card(talk.ask("GET", "/v1/card").content)
        assert card == replace(talk.keys.card(), address="relief.example:8431")


def test_a_node_whose_own_card_was_not_pinned_says_so(talk: Talk) -> None:
    store = talk.served.running.node.store
    with store.transaction() as transaction:
        transaction.pin(replace(talk.keys.known(), is_own=False))
    assert talk.ask("GET", "/v1/card").status_code == 404


def test_a_party_is_pinned_once_its_words_were_read_out(talk: Talk) -> None:
    card = Keys(PartyId("south")).card()
    given = {"card": encode_card(card), "words": [word.upper() for word in words(card)]}
    response = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert (response.status_code, response.json()["id"]) == (201, "south")
    assert [each["id"] for each in talk.told("/v1/parties")["parties"]] == [OTHER, PARTY, "south"]
    again = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert again.status_code == 200


def test_only_an_administrator_pins(talk: Talk) -> None:
    card = Keys(PartyId("south")).card()
    given = {"card": encode_card(card), "words": words(card)}
    assert talk.ask("POST", "/v1/parties", json=given).status_code == 403


def test_words_that_differ_are_named_and_nothing_is_pinned(talk: Talk) -> None:
    card = Keys(PartyId("south")).card()
    said = words(card)
    said[2], said[5] = ("aardvark" if said[2] != "aardvark" else "absurd"), "nonsense"
    given = {"card": encode_card(card), "words": said}
    response = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert response.status_code == 400
    assert [each["field"] for each in response.json()["problems"]] == ["words[2]", "words[5]"]
    assert "was changed" in response.json()["problems"][0]["reason"]
    assert "is not a check word" in response.json()["problems"][1]["reason"]
    assert len(talk.told("/v1/parties")["parties"]) == 2


@pytest.mark.parametrize("count", [0, 15, 17])
def test_all_words_must_be_read(talk: Talk, count: int) -> None:
    card = Keys(PartyId("south")).card()
    given = {"card": encode_card(card), "words": [*words(card), "aardvark"][:count]}
    response = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert response.status_code == 400
    assert "a card has 16 words" in response.json()["detail"]


def test_a_card_whose_node_key_was_not_granted_by_its_root_is_refused(talk: Talk) -> None:
    keys = Keys(PartyId("south"))
    card = replace(keys.card(), node_grant=Keys(PartyId("south")).card().node_grant)
    given = {"card": encode_card(card), "words": words(card)}
    response = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert response.status_code == 400
    assert response.json()["problems"][0]["field"] == "card.node_grant"


@pytest.mark.parametrize("text", ["", "{}", "[", '{"form": "keepclear-card/2"}'])
def test_what_is_no_card_is_refused(talk: Talk, text: str) -> None:
    response = talk.ask("POST", "/v1/parties", json={"card": text, "words": []}, role=ADMINISTRATOR)
    assert response.status_code == 400
    assert response.json()["problems"][0]["field"].startswith("card")


def test_another_certificate_replaces_the_pinned_one_only_when_that_is_said(talk: Talk) -> None:
    keys = talk.peer.keys
    fresh = replace(keys.card(), certificate=Keys(PartyId(OTHER)).card().certificate)
    given = {"card": encode_card(fresh), "words": words(fresh)}
    refused = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert (refused.status_code, "say replace" in refused.json()["detail"]) == (409, True)
    taken = talk.ask("POST", "/v1/parties", json={**given, "replace": True}, role=ADMINISTRATOR)
    assert (taken.status_code, taken.json()["words"]) == (200, words(fresh))


def test_a_log_that_is_held_keeps_its_root_key(talk: Talk) -> None:
    talk.give()
    card = Keys(PartyId(OTHER)).card()
    given = {"card": encode_card(card), "words": words(card), "replace": True}
    response = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert response.status_code == 409
    assert "needs another name" in response.json()["detail"]


def test_the_own_party_keeps_its_root_key(talk: Talk) -> None:
    card = Keys(PartyId(PARTY)).card()
    given = {"card": encode_card(card), "words": words(card), "replace": True}
    response = talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR)
    assert (response.status_code, "own party" in response.json()["detail"]) == (409, True)


def test_no_more_parties_are_pinned_than_a_node_knows(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.adapters.http.pinning.PARTIES_MAX", 3)
    for name, status in (("south", 201), ("west", 409)):
        card = Keys(PartyId(name)).card()
        given = {"card": encode_card(card), "words": words(card)}
        assert talk.ask("POST", "/v1/parties", json=given, role=ADMINISTRATOR).status_code == status


# -- keys -------------------------------------------------------------------------------------------


def test_an_act_of_the_root_key_becomes_an_entry(talk: Talk) -> None:
    other = Keys(PartyId(PARTY)).officer
    jws = talk.keys.granted(other, "Bo")
    response = talk.ask("POST", "/v1/keys", json={"jws": jws}, role=ADMINISTRATOR)
    assert response.json() == {"n": 2}
    again = talk.ask("POST", "/v1/keys", json={"jws": jws}, role=ADMINISTRATOR)
    assert (again.status_code, "granted before" in again.json()["detail"]) == (409, True)
    assert talk.told(f"/v1/logs/{PARTY}")["size"] == 3


def test_an_act_that_another_root_signed_is_refused(talk: Talk) -> None:
    stranger = Keys(PartyId(PARTY))
    jws = stranger.granted(stranger.officer, "Bo")
    response = talk.ask("POST", "/v1/keys", json={"jws": jws}, role=ADMINISTRATOR)
    assert response.status_code == 403
    assert "root key" in response.json()["detail"]


def test_only_an_administrator_says_what_the_root_key_signed(talk: Talk) -> None:
    jws = talk.keys.granted(Keys(PartyId(PARTY)).officer, "Bo")
    assert talk.ask("POST", "/v1/keys", json={"jws": jws}).status_code == 403


# -- logs -------------------------------------------------------------------------------------------


def test_a_log_is_read_page_by_page(talk: Talk) -> None:
    for number in range(3):
        talk.served.declare(operation(f"R{number}", 30.0 + number))
    whole = talk.told(f"/v1/logs/{PARTY}")
    assert (whole["size"], whole["next"], len(whole["entries"])) == (5, None, 5)
    page = talk.told(f"/v1/logs/{PARTY}", limit=2)
    assert (page["next"], [entry["n"] for entry in page["entries"]]) == (2, [0, 1])
    rest = talk.told(f"/v1/logs/{PARTY}", **{"from": 4})
    assert (rest["next"], [entry["n"] for entry in rest["entries"]]) == (None, [4])
    for entry in whole["entries"]:
        assert b64decode(entry["leaf"]) == leaf_hash(entry["jws"].encode())


def test_beyond_its_end_a_log_has_nothing(talk: Talk) -> None:
    page = talk.told(f"/v1/logs/{PARTY}", **{"from": 2**62})
    assert (page["entries"], page["next"]) == ([], None)


@pytest.mark.parametrize("path", ["", "/export", "/proof?n=0"])
def test_there_is_no_log_of_a_party_that_was_not_pinned(talk: Talk, path: str) -> None:
    response = talk.ask("GET", f"/v1/logs/south{path}")
    assert (response.status_code, "pinned" in response.json()["detail"]) == (404, True)


def test_an_export_is_verified_by_the_verifier(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    talk.exchange()
    told = verify_export.verify(talk.ask("GET", f"/v1/logs/{PARTY}/export").content)
    assert any("3 entries in order" in line for line in told)
    assert any(f"the witness 'keepclear/{OTHER}/log' had the first 3 entries" in line for line in told)


def test_an_export_tells_only_the_hash_of_what_is_withheld(talk: Talk) -> None:
    talk.peer.declare(operation("N1", party=OTHER))
    bundle = talk.peer.bundle()
    (part,) = bundle.parts
    last = part.entries[-1]
    assert isinstance(last, bytes)
    hidden = replace(part, entries=(*part.entries[:-1], Withheld(leaf_hash(last))))
    data = encode_bundle(replace(bundle, parts=(hidden,)))
    talk.ask("POST", "/v1/bundles", content=data, headers=BYTES)
    assert talk.told("/v1/parties")["parties"][0]["log"]["withheld"] == 1
    assert talk.told(f"/v1/logs/{OTHER}")["entries"][2]["jws"] is None
    told = verify_export.verify(talk.ask("GET", f"/v1/logs/{OTHER}/export").content)
    assert any("1 entries are withheld" in line for line in told)


def test_of_an_empty_log_there_is_nothing_to_export(talk: Talk) -> None:
    response = talk.ask("GET", f"/v1/logs/{OTHER}/export")
    assert (response.status_code, "no signed head" in response.json()["detail"]) == (409, True)


def test_the_proof_of_an_entry_holds_and_carries_the_witness(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    talk.exchange()
    proof = parse_log_proof(talk.ask("GET", f"/v1/logs/{PARTY}/proof", params={"n": 2}).text)
    assert proof.proves(leaf_hash(proof.extra))
    assert [each.name for each in proof.note.signatures] == [
        f"keepclear/{PARTY}/log",
        f"keepclear/{OTHER}/log",
    ]
    beyond = talk.ask("GET", f"/v1/logs/{PARTY}/proof", params={"n": 3})
    assert (beyond.status_code, "no entry 3" in beyond.json()["detail"]) == (404, True)
    assert talk.ask("GET", f"/v1/logs/{PARTY}/proof").status_code == 400


# -- bundles ----------------------------------------------------------------------------------------


def test_a_carried_file_is_taken_and_told(talk: Talk) -> None:
    talk.peer.declare(operation("N1", party=OTHER))
    told = talk.give()
    assert told == {
        "taken": [{"party": OTHER, "from": 0, "to": 3}],
        "items": 1,
        "refused": [],
        "receipts": 0,
        "cosigned": 1,
    }
    assert talk.told("/v1/items")["items"][0]["item"]["id"] == f"{OTHER}:N1"
    again = encode_bundle(talk.peer.bundle())
    response = talk.ask("POST", "/v1/bundles", content=again, headers=BYTES)
    assert (response.json()["taken"], response.json()["items"]) == ([], 0)
    assert talk.links.woken > 0


def test_what_of_a_file_is_not_taken_is_named(talk: Talk) -> None:
    bundle = talk.peer.bundle()
    (part,) = bundle.parts
    stranger = replace(part, party=PartyId("south"))
    cut = replace(part, first=1, entries=part.entries[1:])
    data = encode_bundle(replace(bundle, parts=(stranger, cut)))
    refused = talk.ask("POST", "/v1/bundles", content=data, headers=BYTES).json()["refused"]
    assert [(each["party"], each["proof"]) for each in refused] == [(OTHER, False), ("south", False)]
    assert "entries 0 to 0" in refused[0]["reason"]


@pytest.mark.parametrize("data", [b"", b"KEEPCLEAR-BUNDLE/1\n", b"nonsense"])
def test_what_is_no_bundle_is_refused(talk: Talk, data: bytes) -> None:
    assert talk.ask("POST", "/v1/bundles", content=data, headers=BYTES).status_code == 400


def test_a_bundle_may_be_longer_than_other_bodies_up_to_its_own_limit(talk: Talk) -> None:
    longer = b"x" * (talk.served.running.node.settings.limits.body_bytes + 1)
    assert talk.ask("POST", "/v1/bundles", content=longer, headers=BYTES).status_code == 400
    over = talk.ask("POST", "/v1/bundles", content=b"x" * (BUNDLE_BYTES_MAX + 1), headers=BYTES)
    assert (over.status_code, "for this" in over.json()["detail"]) == (413, True)


def test_a_file_holds_what_the_receipts_of_a_party_do_not_show(talk: Talk) -> None:
    talk.served.declare(operation("R1"))
    talk.exchange()
    talk.served.declare(operation("R2", 36.0))
    response = talk.ask("GET", f"/v1/bundles/{OTHER}")
    assert response.headers["content-disposition"] == 'attachment; filename="relief-to-north.kcb"'
    (part,) = decode_bundle(response.content).parts
    assert (part.party, part.first, part.end) == (PARTY, 3, 4)
    whole = decode_bundle(talk.ask("GET", f"/v1/bundles/{OTHER}", params={"from_start": "true"}).content)
    assert [(part.party, part.first) for part in whole.parts] == [(OTHER, 0), (PARTY, 0)]


def test_a_file_holds_more_entries_than_are_read_at_once(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepclear.node.give.ENTRIES_AT_ONCE", 2)
    for number in range(4):
        talk.served.declare(operation(f"R{number}", 30.0 + number))
    taken = talk.fetch()
    assert [(first, end) for _, first, end in taken.spans] == [(0, 2), (2, 4), (4, 6)]
    assert talk.fetch().spans == []


@pytest.mark.parametrize("party", ["south", PARTY])
def test_a_file_is_for_another_party_that_was_pinned(talk: Talk, party: str) -> None:
    assert talk.ask("GET", f"/v1/bundles/{party}").status_code == 404


# -- evidence ---------------------------------------------------------------------------------------


def test_a_log_that_forked_is_kept_as_evidence(talk: Talk) -> None:
    talk.give()
    told = Peer(replace(talk.peer.keys, officer=Keys(PartyId(OTHER)).officer), talk.keys)
    data = encode_bundle(told.bundle())
    response = talk.ask("POST", "/v1/bundles", content=data, headers=BYTES)
    assert response.json()["refused"][0]["proof"] is True
    page = talk.told("/v1/evidence")
    assert (page["evidence"][0]["party"], page["next"]) == (OTHER, None)
    assert page["evidence"][0]["content"]["entry"] == 1
    assert "forked" in talk.told("/v1/parties")["parties"][0]["log"]["frozen"]
    assert talk.told("/v1/evidence", after=page["evidence"][0]["id"])["evidence"] == []


@pytest.mark.slow
def test_a_page_about_logs_holds_no_more_than_its_limit(talk: Talk) -> None:
    for number in range(LOG_PAGE_MAX):
        talk.served.declare(operation(f"R{number:03}", 20.0 + number / 10.0))
    page = talk.told(f"/v1/logs/{PARTY}", limit=10_000)
    assert (len(page["entries"]), page["next"]) == (LOG_PAGE_MAX, LOG_PAGE_MAX)
    page = talk.told("/v1/coordination", limit=10_000)
    assert (len(page["coordination"]), page["next"]) == (LOG_PAGE_MAX, None)
