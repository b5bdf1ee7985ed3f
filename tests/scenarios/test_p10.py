"""P10: each side publishes counts of the other's violations that the other disputes. A claim carries its
evidence, and the other side verifies it with nothing but the cards that it has pinned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from keepclear.adapters.keys import KeyFolder, load_node_key
from keepclear.codec.jws import encode_jws
from keepclear.codec.manifests import REPORT_TYPE, Manifest, decode_manifest, digests_of, encode_manifest
from keepclear.core.times import floor_ms, rfc3339
from tests.incidents import FIRST, SECOND, record, straight
from tests.scenarios.parties import Side, operation, pair, parties, run, until
from tests.scenarios.talk import Timeline

pytestmark = pytest.mark.slow


class Claim(NamedTuple):
    """A violation that alpha claims, reported into a folder, and what bravo verifies it with."""

    alpha: Side
    bravo: Side
    folder: Path
    cards: tuple[str, ...]

    def verify(self, *more: object, code: int = 0, path: Path | None = None) -> str:
        """Verify it as bravo's people do, without any node."""
        cards = [word for card in self.cards for word in ("--card", card)]
        return run("report", "verify", path or self.folder, *cards, *more, env={}, code=code).output

    def change(self, name: str, change: Callable[[bytes], bytes]) -> None:
        """Change a file as a stranger would, who has no key."""
        file = self.folder / name
        file.write_bytes(change(file.read_bytes()))

    def resign(self) -> None:
        """Sign what is there now as alpha, who has the key: a claimant who lies."""
        files = {
            str(file.relative_to(self.folder)): file.read_bytes()
            for file in self.folder.rglob("*")
            if file.is_file() and not file.name.startswith("manifest")
        }
        was = decode_manifest((self.folder / "manifest.json").read_bytes())
        told = Manifest(by=was.by, at_ms=was.at_ms, version=was.version, digests=digests_of(files))
        manifest = encode_manifest(told)
        (self.folder / "manifest.json").write_bytes(manifest)
        key = load_node_key(KeyFolder(self.alpha.folder / "keys").node)
        jws = encode_jws(REPORT_TYPE, key.kid, manifest, key.sign)
        (self.folder / "manifest.jws").write_bytes(jws.encode())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side, Path]]:
    """Have both declare, bravo's officer see it, and alpha record bravo's aircraft too near for 5 minutes."""
    folder = tmp_path_factory.mktemp("p10")
    patch = pytest.MonkeyPatch()
    patch.setattr("keepclear.adapters.keys._SCRYPT_N", 2)
    patch.setattr("keepclear.adapters.federation.federation.PINS_EVERY_S", 0.05)
    patch.chdir(folder)
    with parties(folder, "alpha", "bravo") as (alpha, bravo):
        pair(alpha, bravo)
        alpha.declare(operation("A-1", start_min=0.0, lower_m=2_800.0))
        bravo.declare(operation("B-1", start_min=0.0, lower_m=6_000.0))
        until(lambda: alpha.receipt("A-1", "bravo")["delivered"], "A-1")
        alpha.keepclear("log", "export", "bravo", "-o", folder / "bravo-early.json")
        bravo.keepclear("ack", "alpha:A-1")
        until(lambda: alpha.receipt("A-1", "bravo")["seen"], "the acknowledgement")
        start_ms = floor_ms(datetime.now(UTC) + timedelta(minutes=1)) // 1_000 * 1_000
        own = straight(FIRST, 60.0, speed_mps=60.0, start_ms=start_ms, party="alpha", operation="A-1")
        other = straight(
            SECOND,
            60.0,
            speed_mps=58.0,
            beside_m=3_000.0,
            start_ms=start_ms,
            party="bravo",
            altitude_m=3_300.0,
        )
        record(folder / "alpha-recordings", own, other)
        seen_by_bravo = straight(
            SECOND, 60.0, speed_mps=58.0, beside_m=3_020.0, start_ms=start_ms, source="own-radar",
            altitude_m=3_300.0, every_s=4,
        )  # fmt: skip
        record(folder / "bravo-recordings", seen_by_bravo, party="bravo")
        span = ("--from", rfc3339(at(start_ms)), "--to", rfc3339(at(start_ms + 600_000)))
        words = (
            "report", "--aircraft", FIRST, "--aircraft", SECOND, *span, "--rule", "rule-of-threes",
            "--recording", folder / "alpha-recordings", "--claim", "The aircraft of bravo stayed too near.",
        )  # fmt: skip
        alpha.keepclear("log", "export", "bravo", "-o", folder / "bravo-log.json")
        alpha.keepclear(*words, "-o", folder / "incident")
        bravo.declare(operation("B-2", start_min=0.0, lower_m=8_000.0))
        bravo.keepclear("log", "export", "-o", folder / "bravo-late.json")
        alpha.keepclear("log", "export", "-o", folder / "alpha-log.json")
        for side in (alpha, bravo):
            (folder / f"{side.name}.card").write_text(side.keepclear("pair", "card"))
        logs = ("--log", folder / "alpha-log.json", "--log", folder / "bravo-early.json")
        alpha.keepclear(*words, *logs, "-o", folder / "cut.zip")
    yield alpha, bravo, folder
    patch.undo()


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1_000.0, UTC)


@pytest.fixture
def claim(made: tuple[Side, Side, Path], tmp_path: Path) -> Claim:
    """Return a copy of the report that a test may change."""
    import shutil

    alpha, bravo, folder = made
    copy = tmp_path / "incident"
    shutil.copytree(folder / "incident", copy)
    return Claim(alpha, bravo, copy, (str(folder / "alpha.card"), str(folder / "bravo.card")))


def test_a_claimed_violation_is_verified_offline_with_the_cards_alone(claim: Claim) -> None:
    timeline = Timeline("P10: a violation is claimed, and verified by the other side")
    told = claim.verify()
    assert "holds: the node of 'alpha' signed the manifest" in told
    assert "holds: the log of 'bravo' is its own" in told
    assert "holds: 2 declarations quoted as the logs have them, and none left out" in told
    assert "only claimed: the 1,202 reports of where the aircraft were are 'alpha''s own" in told
    assert "VERIFIED, but for what is only claimed." in told
    page = (claim.folder / "report.html").read_text()
    assert "SEPARATION LOST: VIOLATION" in page
    assert "alpha:A-1" in page
    timeline.tell("bravo", "verifies alpha's report with the two cards, without a node")


def test_bravo_puts_its_own_observations_beside_those_of_alpha(claim: Claim) -> None:
    own = Path(claim.cards[0]).parent / "bravo-recordings"
    told = claim.verify("--recording", own)
    assert f"compared: {SECOND}: your 151 reports beside their 601" in told
    assert "20 m apart in the middle" in told
    assert f"compared: {FIRST}: your recording has no report of it then" in told


def test_a_changed_report_is_caught_and_named(claim: Claim) -> None:
    claim.change("evidence.json", lambda data: data.replace(b"too near", b"very near"))
    told = claim.verify(code=1)
    assert "FAILS: evidence.json was changed: its SHA-256 is not that of the manifest" in told
    assert "DOES NOT HOLD" in told


def test_a_report_of_a_place_that_its_claimant_changed_and_signed_shows_in_the_findings(claim: Claim) -> None:
    evidence = json.loads((claim.folder / "evidence.json").read_bytes())
    row = evidence["aircraft"][1]["sources"][0]["reports"][300]
    row[3] = round(row[3] + 0.02, 6)
    claim.change("evidence.json", lambda _: encoded(evidence))
    claim.resign()
    told = claim.verify(code=1)
    assert "holds: the node of 'alpha' signed the manifest" in told
    assert "FAILS: finding: " in told
    assert "FAILS: report.html is not what this Keepclear makes of the evidence" in told


def encoded(evidence: object) -> bytes:
    return json.dumps(evidence, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_changed_declaration_is_caught_and_named(claim: Claim) -> None:
    evidence = json.loads((claim.folder / "evidence.json").read_bytes())
    version = next(each for each in evidence["declared"] if each["id"] == "A-1")
    version["item"]["volumes"][0]["volume"]["altitude_upper"]["value"] += 500.0
    claim.change("evidence.json", lambda _: encoded(evidence))
    claim.resign()
    told = claim.verify(code=1)
    assert (
        "FAILS: declaration: alpha:A-1 version 1 (entry 2 of the log of 'alpha') is quoted otherwise" in told
    )


def test_a_receipt_that_was_left_out_is_caught_and_named(claim: Claim) -> None:
    evidence = json.loads((claim.folder / "evidence.json").read_bytes())
    kept = [each for each in evidence["receipts"] if each["kind"] != "seen"]
    assert len(kept) == len(evidence["receipts"]) - 1
    evidence["receipts"] = kept
    claim.change("evidence.json", lambda _: encoded(evidence))
    claim.resign()
    told = claim.verify(code=1)
    assert "FAILS: receipt: alpha:A-1 version 1 seen at 'bravo' by Boris" in told
    assert "is left out: the logs say so, and the report does not" in told


def test_a_declaration_that_nobody_made_is_caught_and_named(claim: Claim) -> None:
    evidence = json.loads((claim.folder / "evidence.json").read_bytes())
    evidence["declared"].append({**evidence["declared"][0], "id": "Z-9", "n": 9})
    claim.change("evidence.json", lambda _: encoded(evidence))
    claim.resign()
    assert "alpha:Z-9 version 1 (entry 9 of the log of 'alpha') is quoted, and the logs do not say so" in (
        claim.verify(code=1)
    )


def test_a_forged_log_is_caught_and_named(claim: Claim) -> None:
    export = json.loads((claim.folder / "proofs/bravo.json").read_bytes())
    entries = export["logs"][0]["entries"]
    entries[-1] = entries[-2]
    claim.change("proofs/bravo.json", lambda _: encoded(export))
    claim.resign()
    told = claim.verify(code=1)
    assert "FAILS: the log of 'bravo' does not hold: " in told


def test_a_log_of_which_the_end_was_left_out_is_caught_with_the_log_that_bravo_holds(claim: Claim) -> None:
    shared = Path(claim.cards[0]).parent
    assert "holds: the log of 'bravo' is the one that you hold" in claim.verify(
        "--log", shared / "bravo-log.json"
    )
    cut = shared / "cut.zip"
    assert "VERIFIED" in claim.verify(path=cut)  # as far as that log goes, which is told
    told = claim.verify("--log", shared / "bravo-log.json", path=cut, code=1)
    assert "more entries than the report's; it is used" in told
    assert "FAILS: receipt: alpha:A-1 version 1 seen at 'bravo' by Boris" in told


def test_what_was_said_after_the_report_was_made_is_told_and_not_held_against_it(claim: Claim) -> None:
    told = claim.verify("--log", Path(claim.cards[0]).parent / "bravo-late.json")
    assert "compared: declaration: bravo:B-2 version 1 (entry " in told
    assert "is not in the report, and nothing shows that it had reached the claimant by then" in told
    assert "VERIFIED, but for what is only claimed." in told


def test_without_the_cards_nothing_is_decided(claim: Claim) -> None:
    told = run("report", "verify", claim.folder, env={}, code=3).output
    assert "cannot decide: whether 'alpha' signed it: give its card" in told
    assert "CANNOT DECIDE" in told


def test_an_unsigned_report_says_so_and_is_not_decided(claim: Claim) -> None:
    (claim.folder / "manifest.jws").unlink()
    told = claim.verify(code=1)  # and its page says that it is signed
    assert "cannot decide: the report is not signed: nothing shows that it is of 'alpha'" in told


def test_a_report_signed_by_another_party_is_caught(claim: Claim) -> None:
    manifest = (claim.folder / "manifest.json").read_bytes()
    key = load_node_key(KeyFolder(claim.bravo.folder / "keys").node)
    (claim.folder / "manifest.jws").write_text(encode_jws(REPORT_TYPE, key.kid, manifest, key.sign))
    assert "FAILS: the signature is not that of the node of 'alpha'" in claim.verify(code=1)
