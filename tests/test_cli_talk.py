"""The commands by which officers talk, and what is told of who has what; two real nodes of this process."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keepclear.cli_io import EXIT_CANNOT_DECIDE
from keepclear.cli_status import Moment
from keepclear.cli_talk import KINDS
from keepclear.codec.catalogue.texts import CATALOGUE_HASH
from keepclear.core.resolution import ChangeKind
from tests.scenarios.conftest import workplace
from tests.scenarios.parties import Side, agree, agreement, operation, pair, parties, run, until
from tests.served import served_node

__all__ = ["workplace"]  # a fixture that every test uses
pytestmark = pytest.mark.slow
Two = tuple[Side, Side]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    """Serve two paired parties that record conflicts."""
    with parties(tmp_path, "alpha", "bravo", records=True) as (alpha, bravo):
        pair(alpha, bravo)
        yield alpha, bravo


@pytest.fixture
def conflict(two: Two) -> Two:
    """Have both declare: A-1 from 200 m and B-1 from 500 m, which share 100 m."""
    alpha, bravo = two
    alpha.declare(operation("A-1"))
    until(lambda: bravo.holds("alpha:A-1"), "A-1")
    bravo.declare(operation("B-1", lower_m=500.0), code=1)
    until(lambda: alpha.holds("bravo:B-1"), "B-1")
    return alpha, bravo


def unfolded(table: str) -> str:
    """Return the words of a table of few columns without its frames: cells are folded where they are long."""
    return " ".join(table.replace("│", " ").split())


def proposal(side: Side, name: str) -> Any:
    found = [each for each in side.json("negotiations")["negotiations"] if each["id"] == name]
    return found[0] if found else None


def test_the_kinds_of_suggestions_are_those_of_the_code() -> None:
    assert list(KINDS) == [kind.value for kind in ChangeKind]


# -- status and had ---------------------------------------------------------------------------------


def test_status_tells_delivered_seen_and_answered_apart_and_who_has_not(two: Two) -> None:
    alpha, bravo = two
    assert "no items" in alpha.keepclear("status")
    bravo.keepclear("link", "cut", "alpha")
    alpha.declare(operation("A-1"))
    told = alpha.keepclear("status", code=1)
    assert len(re.findall(r"NO, since \d\d:\d\d:\d\dZ", told)) == 2
    bravo.keepclear("link", "mend", "alpha")
    until(lambda: alpha.receipt("A-1", "bravo")["delivered"], "A-1")
    told = alpha.keepclear("status", "A-1", code=1)
    assert len(re.findall(r"NO, since \d\d:\d\d:\d\dZ", told)) == 1
    bravo.keepclear("ack", "--all")
    until(lambda: alpha.receipt("A-1", "bravo")["seen"], "the acknowledgement")
    told = alpha.keepclear("status", "--party", "alpha")
    assert "coordinated" in told
    assert re.search(r"Z by Boris", told)
    bravo.keepclear("object", "alpha:A-1", "too early")
    until(lambda: alpha.receipt("A-1", "bravo")["answered"], "the objection")
    assert "objected" in alpha.keepclear("status")
    assert "no items" in alpha.keepclear("status", "--open")


def test_status_ends_with_1_while_something_waits_and_2_for_what_is_not_there(conflict: Two) -> None:
    alpha, _ = conflict
    told = alpha.keepclear("status", code=1)
    assert "conflicting with bravo:B-1" in told
    assert alpha.json("status", "A-1", code=1)["items"][0]["open_conflicts"] == ["bravo:B-1"]
    alpha.keepclear("status", "nothing", code=2)
    assert "choose among all" in alpha.keepclear("status", "A-1", "--open", code=2)
    away = {**alpha.env, "KEEPCLEAR_NODE": "http://127.0.0.1:9"}
    run("status", env=away, code=EXIT_CANNOT_DECIDE)


def test_had_answers_what_a_party_had_at_a_time(two: Two) -> None:
    alpha, _ = two
    assert "nothing had been stated" in alpha.keepclear("had", "bravo", "2020-01-01T00:00:00Z")
    alpha.declare(operation("A-1"))
    until(lambda: alpha.receipt("A-1", "bravo")["delivered"], "A-1")
    (item,) = alpha.json("had", "bravo", "2199-01-01T00:00:00Z", code=0)["items"]
    assert item["delivered_at"] is not None
    assert (item["seen"], item["answered"]) == (None, None)
    told = alpha.keepclear("had", "bravo", "23:59:59Z")
    assert re.search(r"by \d\d:\d\d:\d\dZ\W+NO\W+no", told), told
    alpha.keepclear("had", "nobody", "10:42Z", code=2)


@pytest.mark.parametrize("text", ["10:42", "24:00Z", "1042Z", "yesterday", "2026-05-01T10:42:00"])
def test_a_time_without_a_zone_or_that_is_none_is_bad_usage(text: str) -> None:
    told = run("had", "bravo", text, env={}, code=2).stderr
    assert "AT" in told


@pytest.mark.parametrize(
    ("text", "clock"), [("10:42Z", (10, 42, 0)), ("9:05:07Z", (9, 5, 7)), ("00:00Z", (0, 0, 0))]
)
def test_a_time_of_day_is_one_of_today(text: str, clock: tuple[int, int, int]) -> None:
    before = datetime.now(UTC).date()
    at = Moment().convert(text, None, None)
    assert (at.hour, at.minute, at.second) == clock
    assert at.date() in {before, datetime.now(UTC).date()}
    assert Moment().convert(at, None, None) is at


# -- acknowledge and object -------------------------------------------------------------------------


def test_what_is_acknowledged_is_listed_and_only_its_present_version(conflict: Two) -> None:
    alpha, bravo = conflict
    told = bravo.keepclear("ack", "alpha:A-1", "alpha:A-1")
    assert told.count("seen: alpha:A-1, version 1") == 1
    assert "everything has been seen" in bravo.keepclear("ack", "--all")
    alpha.declare(operation("A-1", lower_m=100.0), command="amend", code=None)
    until(lambda: bravo.status("alpha:A-1")["ref"]["version"] == 2, "version 2")
    assert "seen: alpha:A-1, version 2" in bravo.keepclear("ack", "--all")


@pytest.mark.parametrize("words", [(), ("--all", "alpha:A-1")])
def test_to_acknowledge_is_of_named_items_or_of_all(words: tuple[str, ...]) -> None:
    assert "--all" in run("ack", *words, env={}, code=2).stderr


def test_what_cannot_be_signed_is_refused_with_the_reason(conflict: Two) -> None:
    _, bravo = conflict
    assert "reason" in bravo.keepclear("object", "alpha:A-1", "", code=2)
    assert "A-9" in bravo.keepclear("object", "alpha:A-9", "why", code=2)
    wrong = {**bravo.env, "KEEPCLEAR_OFFICER_PASSPHRASE": "not these four words"}
    told = run("ack", "alpha:A-1", env=wrong, code=2).stderr
    assert "the passphrase is wrong" in told
    assert "not these four words" not in told


def test_a_viewer_signs_nothing_at_the_node(conflict: Two) -> None:
    _, bravo = conflict
    run("token", "issue", "--person", "Vi", "--role", "viewer", "--output", "v.token", env=bravo.env)
    assert "403" in bravo.keepclear("ack", "--all", "--token-file", "v.token", code=2)


# -- proposals --------------------------------------------------------------------------------------


def test_the_smallest_change_leaves_the_agreed_gap_and_a_counter_is_accepted(conflict: Two) -> None:
    alpha, bravo = conflict
    agree(alpha, bravo)  # 100 m
    told = alpha.keepclear("propose", "bravo:B-1", "A-1", "--suggest", "altitude", "--name", "higher")
    assert "proposed to bravo: alpha/higher" in told
    until(lambda: proposal(bravo, "alpha/higher"), "the proposal")
    lower = proposal(bravo, "alpha/higher")["changes"][0]["becomes"]["volumes"][0]["volume"]["altitude_lower"]
    assert lower["value"] == pytest.approx(700.1)
    assert "waits for" in bravo.keepclear("status", code=1)
    bravo.keepclear("counter", "alpha/higher", "alpha:A-1", "--by-minutes", "75", "--name", "later")
    until(lambda: proposal(alpha, "bravo/later"), "the counter-proposal")
    assert "counters alpha/higher" in alpha.keepclear("negotiations")
    told = alpha.keepclear("accept", "bravo/later")
    assert "amended: A-1, version 2" in told
    until(lambda: bravo.status("B-1")["open_conflicts"] == [], "the end of the conflict")
    assert proposal(alpha, "bravo/later")["state"] == "accepted"
    assert alpha.json("negotiations", "--open")["negotiations"] == []


def test_what_is_theirs_is_amended_by_their_node_when_they_accept(conflict: Two) -> None:
    alpha, bravo = conflict
    alpha.keepclear("propose", "bravo:B-1", "A-1", "--up-m", "500", "--name", "up")
    until(lambda: proposal(bravo, "alpha/up"), "the proposal")
    assert "amended: B-1, version 2" in bravo.keepclear("accept", "alpha/up")
    until(lambda: alpha.status("bravo:B-1")["ref"]["version"] == 2, "version 2")


def test_a_counter_without_an_item_changes_the_one_that_was_proposed(conflict: Two) -> None:
    alpha, bravo = conflict
    alpha.keepclear("propose", "A-1", "bravo:B-1", "--by-minutes", "90", "--name", "later")
    until(lambda: proposal(bravo, "alpha/later"), "the proposal")
    bravo.keepclear("counter", "alpha/later", "--by-minutes=-90", "--up-m", "1", "--name", "sooner")
    assert proposal(bravo, "bravo/sooner")["changes"][0]["item"]["id"] == "A-1"
    assert "name one of them" in bravo.keepclear("counter", "alpha/later", "other", code=2)


def test_a_file_tells_what_the_items_would_be(conflict: Two) -> None:
    alpha, _ = conflict
    listed = run("list", "--format", "geojson", env=alpha.env).stdout
    features = {each["properties"]["id"]: each for each in json.loads(listed)["features"]}
    for each in features.values():
        each["properties"]["altitude_lower_m"] += 300.0
        each["properties"]["altitude_upper_m"] += 300.0
    plan = {"type": "FeatureCollection", "features": list(features.values())}
    Path("plan.geojson").write_text(json.dumps(plan))
    alpha.keepclear("propose", "A-1", "bravo:B-1", "--file", "plan.geojson", "--name", "both")
    changed = {change["item"]["id"] for change in proposal(alpha, "alpha/both")["changes"]}
    assert changed == {"A-1", "B-1"}
    features["A-1"]["properties"]["id"] = "A-2"
    Path("plan.geojson").write_text(json.dumps(plan))
    propose = ("propose", "A-1", "bravo:B-1", "--file")
    assert "is not of this conflict" in alpha.keepclear(*propose, "plan.geojson", code=2)
    assert "none.geojson" in alpha.keepclear(*propose, "none.geojson", code=2)


def test_a_proposal_is_declined_or_taken_back(conflict: Two) -> None:
    alpha, bravo = conflict
    for name in ("one", "two"):
        alpha.keepclear("propose", "A-1", "bravo:B-1", "--by-minutes", "90", "--name", name)
        until(lambda name=name: proposal(bravo, f"alpha/{name}"), "the proposal")  # type: ignore[misc]
    bravo.keepclear("decline", "alpha/one", "the convoy cannot wait")
    until(lambda: proposal(alpha, "alpha/one")["state"] == "declined", "the answer")
    assert "the convoy cannot wait" in alpha.keepclear("negotiations")
    alpha.keepclear("withdraw-proposal", "alpha/two")
    until(lambda: proposal(bravo, "alpha/two")["state"] == "withdrawn", "the withdrawal")
    assert "409" in bravo.keepclear("accept", "alpha/two", code=2)
    assert "no proposal with this id" in bravo.keepclear("accept", "alpha/three", code=2)
    assert "409" in alpha.keepclear("propose", "A-1", "bravo:B-1", "--up-m", "1", "--name", "one", code=2)


def test_what_nothing_clears_is_told_with_what_else_to_try(conflict: Two) -> None:
    alpha, _ = conflict
    alpha.declare(operation("A-2", lower_m=500.0, start_min=30.0), code=1)
    told = alpha.keepclear("propose", "A-1", "A-2", code=2)  # of one party
    assert "two parties" in told
    suggest = ("propose", "A-1", "bravo:B-1", "--suggest")
    assert "first kind there is" in alpha.keepclear("propose", "--help")
    assert "proposed to bravo" in alpha.keepclear(*suggest, "lateral")


@pytest.mark.parametrize(
    "words",
    [
        ("--suggest", "time", "--file", "x"),
        ("--up-m", "1", "--file", "x"),
        ("--suggest", "time", "--by-minutes", "1"),
    ],
)
def test_a_change_is_given_in_one_way(words: tuple[str, ...]) -> None:
    assert "give one of" in run("propose", "A", "B", *words, env={}, code=2).stderr


# -- agreements and the line ------------------------------------------------------------------------


def test_an_agreement_is_in_force_once_both_accept_the_same_text(two: Two) -> None:
    alpha, bravo = two
    assert "no agreement was proposed" in alpha.keepclear("agree", "show")
    Path("a.json").write_text(json.dumps(agreement("alpha", "bravo")))
    assert "is in force" in alpha.keepclear("agree", "compare", "a.json", code=1)
    digest = alpha.keepclear("agree", "propose", "a.json").splitlines()[1]
    until(lambda: bravo.json("agree", "show")["agreements"], "the proposal")
    assert "accepted" in bravo.keepclear("agree", "show")
    assert "write more of the digest" in bravo.keepclear("agree", "accept", digest[:3], code=2)
    assert "no agreement with this digest" in bravo.keepclear("agree", "accept", "0" * 64, code=2)
    told = bravo.keepclear("agree", "accept", digest[:8])
    assert "gap 500 m, 100 m, 1 min" in told
    assert "IN FORCE" in bravo.keepclear("agree", "show", "--with", "alpha")
    assert "says what version 1 in force says" in bravo.keepclear("agree", "compare", "a.json")
    Path("b.json").write_text(json.dumps(agreement("alpha", "bravo", lead_s=60.0)))
    told = bravo.keepclear("agree", "compare", "b.json", code=1)
    assert "lead_s" in told
    (difference,) = bravo.json("agree", "compare", "b.json", code=1)["differences"]
    assert difference == {"field": "lead_s", "in_force": "0.0", "file": "60.0"}


def test_an_agreement_names_the_catalogue_by_which_messages_are_read(two: Two) -> None:
    alpha, bravo = two
    Path("a.json").write_text(json.dumps(agreement("alpha", "bravo")))
    Path("b.json").write_text(json.dumps(agreement("alpha", "bravo", version=2, catalogue="ab" * 32)))
    first, second = (alpha.keepclear("agree", "propose", f"{k}.json").splitlines()[1] for k in "ab")
    until(lambda: len(bravo.json("agree", "show")["agreements"]) > 1, "the proposals")
    texts = {each["version"]: each["text"] for each in bravo.json("agree", "show")["agreements"]}
    assert texts[1]["catalogue"] == CATALOGUE_HASH
    assert "messages as in this version" in bravo.keepclear("agree", "accept", first)
    assert "MESSAGES OF ANOTHER CATALOGUE" in bravo.keepclear("agree", "accept", second)


def test_an_agreement_is_declined_with_a_reason(two: Two) -> None:
    alpha, bravo = two
    Path("a.json").write_text(json.dumps(agreement("alpha", "bravo")))
    digest = alpha.keepclear("agree", "propose", "a.json").splitlines()[1]
    until(lambda: bravo.json("agree", "show")["agreements"], "the proposal")
    assert "declined version 1" in bravo.keepclear("agree", "decline", digest, "too wide")
    (told,) = bravo.json("agree", "show")["agreements"]
    assert (told["accepted_by"], told["declined_by"], told["in_force"]) == (["alpha"], ["bravo"], False)
    assert "declined" in bravo.keepclear("agree", "show")


def test_what_is_no_agreement_is_refused_by_the_name_of_its_file(two: Two) -> None:
    alpha, _ = two
    Path("a.json").write_text("{}")
    assert "a.json" in alpha.keepclear("agree", "propose", "a.json", code=2)
    assert "none.json" in alpha.keepclear("agree", "compare", "none.json", code=2)
    Path("a.json").write_text(json.dumps(agreement("alpha", "bravo")))
    assert "no agreement between alpha and bravo" in alpha.keepclear("agree", "compare", "a.json", code=1)


def test_the_line_is_put_on_hold_with_a_reason_and_taken_up_again(two: Two) -> None:
    alpha, bravo = two
    assert "reason" in alpha.keepclear("hold", "bravo", "", code=2)
    alpha.keepclear("hold", "bravo", "by order")
    until(lambda: bravo.json("status")["holds"], "the hold")
    assert "line on HOLD by" in bravo.keepclear("status")
    alpha.keepclear("resume", "bravo")
    until(lambda: not bravo.json("status")["holds"], "the end of it")


def test_a_line_that_the_other_side_still_holds_is_not_called_open(two: Two) -> None:
    alpha, bravo = two
    alpha.keepclear("hold", "bravo", "by order")
    bravo.keepclear("hold", "alpha", "so do we")
    until(lambda: len(alpha.json("status")["holds"]) == 2, "both holds")
    told = alpha.keepclear("resume", "bravo", code=1)
    assert "your hold of the line with bravo is over" in told
    assert re.search(r"bravo STILL HOLDS THE LINE, since \S+Z: so do we", told)
    assert "bravo holds it since" in alpha.keepclear("resume", "bravo", code=2)


def test_a_hold_that_changes_nothing_or_of_nobody_is_not_signed(two: Two) -> None:
    alpha, _ = two
    assert "you do not hold the line with bravo; nothing was signed" in alpha.keepclear(
        "resume", "bravo", code=2
    )
    alpha.keepclear("hold", "bravo", "by order")
    size = _own_size(alpha)
    assert "already, since" in alpha.keepclear("hold", "bravo", "once more", code=2)
    for words in (("hold", "charlie", "by order"), ("resume", "charlie"), ("resume", "alpha")):
        alpha.keepclear(*words, code=2)
    refused = unfolded(alpha.keepclear("hold", "charlie", "by order", code=2))
    assert "'charlie' is not paired with this node; that is bravo" in refused
    assert _own_size(alpha) == size


def _own_size(side: Side) -> int:
    """Return how many entries the log of a party has, as its own node tells."""
    told = json.loads(run("pair", "list", "--format", "json", env=side.env).stdout)
    (size,) = [each["log"]["size"] for each in told["parties"] if each["is_own"]]
    return int(size)


# -- links ------------------------------------------------------------------------------------------


def test_links_are_listed_cut_and_mended(two: Two) -> None:
    alpha, _ = two
    until(lambda: alpha.json("link", "list")["links"][0]["state"] == "up", "the link")
    assert "bravo" in alpha.keepclear("link")
    assert "switched off" in alpha.keepclear("link", "cut", "bravo")
    assert "switched off here" in unfolded(alpha.keepclear("link", "list"))
    assert re.search(r"is switched on(, and up|; not up yet)\n", alpha.keepclear("link", "mend", "bravo"))
    alpha.keepclear("link", "cut", "nobody", code=2)


# -- without keys -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("had", "bravo", "10:42Z"),
        ("ack", "--all"),
        ("negotiations",),
        ("agree", "show"),
        ("pair", "card"),
        ("pair", "list"),
        ("log", "verify"),
        ("evidence",),
    ],
)
def test_a_node_without_keys_says_what_to_do(words: tuple[str, ...], tmp_path: Path) -> None:
    with served_node(tmp_path) as node:
        told = run(*words, "--node", node.url, "--token-file", node.token_file, env={}, code=2).stderr
    assert "keepclear init makes keys" in told
