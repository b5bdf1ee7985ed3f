"""Reports of incidents: made by the party that claims one, and verified offline by the other.

Only click is imported at the start; what a command needs is imported when it runs.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from keepclear.cli_client import node_options, opened_node, told_faults
from keepclear.cli_io import (
    EXIT_CANNOT_DECIDE,
    EXIT_CLEAR,
    EXIT_CONFLICT,
    Instant,
    printable,
    put,
    say,
)

if TYPE_CHECKING:
    from keepclear.adapters.recording.reader import Recording
    from keepclear.adapters.settings import Settings
    from keepclear.adapters.signing import SigningKey
    from keepclear.codec.cards import PartyCard
    from keepclear.core.intents import ItemId, PartyId
    from keepclear.core.rules import RuleSet
    from keepclear.main.incident_making import Wanted

VERIFIER_NAME: Final = "verify_export.py"
DEFAULT_RULE_SET: Final = "en-route"


@click.group(invoke_without_command=True)
@click.option(
    "--alert", metavar="A-000123", help="The alert that it is about: it tells the aircraft and the time."
)
@click.option("--aircraft", multiple=True, metavar="ID", help="An aircraft; may be given twice.")
@click.option("--from", "start", type=Instant(), help="When the incident begins.")
@click.option("--to", "end", type=Instant(), help="When it ends.")
@click.option(
    "--recording", metavar="PATH", help="A folder of recordings, or one file.  [default: the node's]"
)
@click.option(
    "--log", "logs", multiple=True, metavar="FILE", help="An export of a log, in place of asking a node."
)
@click.option("--offline", is_flag=True, help="Ask no node: without --log nothing is quoted, which is said.")
@click.option("--rule", metavar="NAME|FILE.toml", help="The rule set.  [default: the node's, or en-route]")
@click.option(
    "--flew", multiple=True, metavar="ID=PARTY:ITEM", help="An operation that an aircraft flew, as you claim."
)
@click.option("--claim", default="", metavar="TEXT", help="What you claim, in a sentence.")
@click.option("--unsigned", is_flag=True, help="Leave it unsigned, though there is a key.")
@click.option("--output", "-o", metavar="PATH", help="Where it goes: a new folder, or a new .zip file.")
@node_options()
@click.pass_context
def report(
    ctx: click.Context,
    alert: str | None,
    aircraft: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    recording: str | None,
    logs: tuple[str, ...],
    offline: bool,
    rule: str | None,
    flew: tuple[str, ...],
    claim: str,
    unsigned: bool,
    output: str | None,
) -> None:
    """Report an incident so that the other party can verify it offline.

    The report holds what was seen (of the recording), what was declared, who had received and seen it (of
    the logs), and what follows from the reports of the aircraft. The key of the node signs it.

    \b
    Examples:
      keepclear report --alert A-000123 -o incident/
      keepclear report --aircraft icao:4b1814 --aircraft icao:3c6dd8 --from 2026-05-01T10:00:00Z \\
        --to 2026-05-01T10:12:00Z -o incident.zip
      keepclear report verify incident.zip --card alpha.card
    """
    if ctx.invoked_subcommand is not None:
        return
    if output is None:
        raise click.UsageError("Missing option '--output' / '-o': say where the report goes")
    if (alert is None) == (not aircraft):
        raise click.UsageError("Give --alert, or --aircraft with --from and --to")
    if aircraft and (start is None or end is None):
        raise click.UsageError("--aircraft goes with --from and --to")
    from keepclear.adapters.recording.reader import Recording
    from keepclear.core.intents import PartyId
    from keepclear.core.times import TIME_MAX, floor_ms
    from keepclear.main.incident_making import Wanted, find_alert

    with told_faults():
        settings = _settings()
        recorded = Recording(_recording_path(recording, settings))
        party = settings.node.party if settings is not None else recorded.party()
        if alert is not None:
            window = None
            if start is not None or end is not None:
                window = (
                    0 if start is None else floor_ms(start),
                    floor_ms(TIME_MAX if end is None else end),
                )
            aircraft, from_ms, to_ms = find_alert(recorded, alert.upper(), window)
        if start is not None:
            from_ms = floor_ms(start)
        if end is not None:
            to_ms = floor_ms(end)
        wanted = Wanted(
            aircraft=tuple(dict.fromkeys(aircraft)),
            from_ms=from_ms,
            to_ms=to_ms,
            claimant=PartyId(party or "unknown"),
            claim=claim,
            rule_set=_rule_set(rule, settings),
            degraded_s=30.0 if settings is None else settings.watch.lost_s,
            flew=_flew(flew),
            alert=None if alert is None else alert.upper(),
        )
        proofs = _read_logs(logs) if logs or offline else _asked_logs(ctx)
        key = None if unsigned else _node_key(settings)
        _write(Path(output), recorded, wanted, proofs, key, keeps_all=bool(logs))


def _settings() -> Settings | None:
    """Return the settings of the node of this folder; None where there is none."""
    from keepclear.adapters.config import find_config, load_settings

    if find_config(None, os.environ, Path()) is None:
        return None
    return load_settings(None, environment=os.environ)


def _recording_path(given: str | None, settings: Settings | None) -> Path:
    from keepclear.core.errors import InvalidValueError

    if given is not None:
        return Path(given)
    if settings is None:
        raise InvalidValueError(
            "recording", "there is no keepclear.toml here; name the folder with --recording"
        )
    return settings.watch.recordings


def _rule_set(name: str | None, settings: Settings | None) -> RuleSet:
    """Return the rule set that was named, else that of the node."""
    from keepclear.adapters.files import read_bytes
    from keepclear.codec import rule_sets
    from keepclear.codec.json_errors import did_you_mean
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.named_rules import RULE_SETS

    chosen = name or (DEFAULT_RULE_SET if settings is None else settings.watch.rules)
    if chosen in RULE_SETS:
        return RULE_SETS[chosen]
    if not chosen.endswith(".toml"):
        hint = did_you_mean(chosen, list(RULE_SETS))
        raise InvalidValueError("rule", f"there is no rule set {chosen!r}{hint}; a file ends in .toml")
    file = Path(chosen)
    if name is None and settings is not None and settings.file is not None:
        file = settings.file.parent / file
    try:
        return rule_sets.decode(read_bytes(str(file)))
    except InvalidValueError as error:
        raise error.within(str(file)) from None


def _flew(words: tuple[str, ...]) -> tuple[tuple[str, PartyId, ItemId], ...]:
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.intents import ItemId, PartyId

    found = []
    for word in words:
        aircraft, equals, item = word.rpartition("=")
        party, colon, item_id = item.partition(":")
        if not (equals and colon and aircraft and party and item_id):
            raise InvalidValueError(
                "flew", f"{word!r} must be AIRCRAFT=PARTY:ITEM, such as icao:4b1814=alpha:A-1"
            )
        found.append((aircraft, PartyId(party), ItemId(item_id)))
    return tuple(found)


def _read_logs(files: tuple[str, ...]) -> dict[str, bytes]:
    """Read exports of logs, and see that they are genuine; by party."""
    from keepclear import verify_export
    from keepclear.adapters.files import read_bytes
    from keepclear.codec.quoted import read_export
    from keepclear.core.errors import InvalidValueError

    proofs: dict[str, bytes] = {}
    for file in files:
        try:
            data = read_bytes(file)
            verify_export.verify(data)
            logs = read_export(data)
        except verify_export.Refused as error:
            raise InvalidValueError(file, str(error)) from None
        except InvalidValueError as error:
            raise error.within(file) from None
        if len(logs) != 1 or logs[0].party in proofs:
            raise InvalidValueError(file, "it must hold one log, of a party that no other file is of")
        proofs[logs[0].party] = data
    return proofs


def _asked_logs(ctx: click.Context) -> dict[str, bytes]:
    """Have the node export the logs of all parties that it holds."""
    with opened_node(ctx) as client:
        return {each.id: client.export(each.id) for each in client.parties() if each.log is not None}


def _node_key(settings: Settings | None) -> SigningKey | None:
    """Return the key of the node; None where there is none."""
    from keepclear.adapters.keys import KeyFolder, load_node_key

    if settings is None:
        return None
    folder = KeyFolder(settings.node.keys)
    return load_node_key(folder.node) if folder.node.exists() else None


def _write(
    path: Path,
    recorded: Recording,
    wanted: Wanted,
    proofs: dict[str, bytes],
    key: SigningKey | None,
    *,
    keeps_all: bool,
) -> None:
    """Make the report, write it, and tell what it comes to."""
    from keepclear.adapters import clock
    from keepclear.adapters.incident_files import write_report
    from keepclear.codec.quoted import read_export
    from keepclear.main.incident_making import make_incident, needed_parties, report_files, told_lines

    logs = [log for party in sorted(proofs) for log in read_export(proofs[party])]
    incident = make_incident(recorded, logs, wanted)
    if not keeps_all:
        proofs = {party: proofs[party] for party in sorted(proofs) if party in needed_parties(incident)}
    verifier = Path(__file__).with_name(VERIFIER_NAME).read_bytes()
    files = report_files(incident, proofs, verifier, key, clock.now())
    write_report(path, files)
    put("".join(f"{line}\n" for line in told_lines(incident, str(path), is_signed=key is not None)).encode())


@report.command("verify")
@click.argument("path", metavar="FOLDER|ZIP")
@click.option(
    "--card", "cards", multiple=True, metavar="CARD", help="A card as your node pinned it; for each party."
)
@click.option(
    "--log", "logs", multiple=True, metavar="FILE", help="Your own export of a log, to compare with."
)
@click.option("--recording", metavar="PATH", help="What you have recorded yourself, to compare with.")
@click.pass_context
def report_verify(
    ctx: click.Context, path: str, cards: tuple[str, ...], logs: tuple[str, ...], recording: str | None
) -> None:
    """Verify the report of an incident that another party made; no node and no network is needed.

    Each check is a line. What only the claimant can vouch for is named as claimed: where the aircraft were,
    above all. With --recording, what you have seen yourself is put beside it.

    Exit codes: 0 verified; 1 something does not hold; 2 it is no report; 3 cannot decide, a part is missing.

    \b
    Examples:
      keepclear report verify incident.zip --card alpha.card --card bravo.card
      keepclear report verify incident/ --card alpha.card --recording recordings
    """
    from keepclear.adapters.files import read_bytes
    from keepclear.adapters.incident_files import read_report
    from keepclear.adapters.recording.reader import Recording
    from keepclear.codec.cards import decode_card
    from keepclear.core.errors import InvalidValueError
    from keepclear.main.incident_checking import Given, check_report
    from keepclear.main.incident_quotes import Outcome

    def read(file: str) -> bytes:
        try:
            return read_bytes(file)
        except InvalidValueError as error:
            raise error.within(file) from None

    def card_of(file: str) -> PartyCard:
        try:
            return decode_card(read(file))
        except InvalidValueError as error:
            raise error.within(file) if error.field != file else error from None

    with told_faults():
        given = Given(
            cards=[card_of(file) for file in cards],
            logs=[read(file) for file in logs],
            recording=None if recording is None else Recording(Path(recording)),
        )
        found = read_report(Path(path))
        for name in found.others:
            say(f"not read, no part of a report: {name}")
        outcomes = set()
        for check in check_report(found.files, given):
            outcomes.add(check.outcome)
            put(f"{check.outcome.value}: {printable(check.text)}\n".encode())
    if Outcome.FAILS in outcomes:
        put(b"DOES NOT HOLD: see the lines above.\n")
        ctx.exit(EXIT_CONFLICT)
    if Outcome.UNDECIDED in outcomes:
        put(b"CANNOT DECIDE: parts are missing, see the lines above.\n")
        ctx.exit(EXIT_CANNOT_DECIDE)
    put(b"VERIFIED, but for what is only claimed.\n")
    ctx.exit(EXIT_CLEAR)
