"""The commands of drills: drill start, end, report, compare, list.

Every message of a drill says that it is an exercise. Only click is imported at the start; what a command
needs is imported when it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_client import node_options, opened_hotline, told_faults
from keepclear.cli_hotline import NOT_FOUND, clock_text, message_of, send, shown
from keepclear.cli_io import EXIT_CLEAR, EXIT_CONFLICT, put, say
from keepclear.cli_officer import Officer, json_option, officer_options

if TYPE_CHECKING:
    from keepclear.adapters.http.hotlining import DrillTold, ExchangeTold, HotlineClient

DRILLS: Final = ("joint-drill", "all-messages")
"""What a drill can be held against."""
_OF_REPORT: Final = ("name", "between", "started_by", "started_at", "more", "said", "symbols")
_OF_MESSAGE: Final = (
    "code",
    "to",
    "fields",
    "person",
    "sent_at",
    "seen",
    "stood_by",
    "answer",
    "steps",
    "timed_out_at",
)
_SHOWN_CHARACTERS: Final = 200
_BY: Final = {"first": "who started it", "second": "the other side", "either": "either side"}
_SAME: Final = {
    True: "the same as here when it ended",
    False: "NOT THE SAME AS HERE",
    None: "not compared here",
}


@click.group()
def drill() -> None:
    """Exercise the line: every message of a drill says that it is one, and both sides compare a report.

    \b
    Examples:
      keepclear drill start june bravo
      keepclear say bravo line_test --drill june
      keepclear drill end june bravo
    """


@drill.command("start")
@click.argument("name", metavar="NAME")
@click.argument("party", metavar="PARTY")
@officer_options()
@node_options()
@click.pass_context
def drill_start(ctx: click.Context, name: str, party: str) -> None:
    """Tell PARTY that the drill NAME begins. A name is used once between two parties.

    What is said in it then names it: keepclear say PARTY CODE ... --drill NAME. Answers belong to the
    drill by themselves.

    \b
    Examples:
      keepclear drill start june bravo
    """
    from keepclear.adapters import clock
    from keepclear.core.errors import InvalidValueError
    from keepclear.core.messages import Code

    with opened_hotline(ctx) as client:
        between = {client.party, party}
        if any(each.name == name and set(each.between) == between for each in client.drills()):
            raise InvalidValueError("name", f"{name!r} was used with {party}; give each its own name")
        message = message_of(Code.DRILL_START, party, (("drill", name),), now=clock.now(), drill=name)
        ref = send(client, Officer.of(ctx), message)
    put(f"drill {name} begun: {ref}\n".encode())


@drill.command("end")
@click.argument("name", metavar="NAME")
@click.argument("party", metavar="PARTY")
@officer_options()
@node_options()
@click.pass_context
def drill_end(ctx: click.Context, name: str, party: str) -> None:
    """Tell PARTY that the drill NAME is over, with the check symbols of your report.

    Each side ends it. The other one makes the report of the same entries, and tells whether it is the same.

    \b
    Examples:
      keepclear drill end june bravo
    """
    from keepclear.adapters import clock
    from keepclear.core.messages import Code
    from keepclear.core.symbols import grouped

    with opened_hotline(ctx) as client:
        told = _told(client, name, party)
        fields = (("drill", name), ("report", told.symbols))
        message = message_of(Code.DRILL_END, party, fields, now=clock.now(), drill=name)
        ref = send(client, Officer.of(ctx), message)
    put(f"drill {name} ended: {ref}, report {grouped(told.symbols)}\n".encode())


def _told(client: HotlineClient, name: str, party: str) -> DrillTold:
    """Return what was exercised in a drill.

    Raises:
        InvalidValueError: Nothing was.
    """
    from keepclear.adapters.http.client import NodeRefusedError
    from keepclear.core.errors import InvalidValueError

    try:
        return client.drill(name, party)
    except NodeRefusedError as error:
        if error.status != NOT_FOUND:
            raise
        reason = f"nothing was said with {party!r} in a drill {name!r}; see keepclear drill list"
        raise InvalidValueError("name", reason) from None


@drill.command("report")
@click.argument("name", metavar="NAME")
@click.argument("party", metavar="PARTY")
@click.option("--scenario", type=click.Choice(DRILLS), help="Tell what is missing of what it was to hold.")
@node_options()
@json_option()
@click.pass_context
def drill_report(ctx: click.Context, name: str, party: str, scenario: str | None, as_json: bool) -> None:
    """Tell what was exercised in the drill NAME with PARTY, and how soon each message was read and answered.

    Exit codes: 0 all is answered, nothing is missing, and both sides ended it with the same report; 1 that
    is not so.

    \b
    Examples:
      keepclear drill report june bravo --scenario joint-drill
      keepclear drill report june bravo --json >june-alpha.json
    """
    import msgspec

    from keepclear.codec.results import pretty_json

    with opened_hotline(ctx) as client:
        told, now = _told(client, name, party), client.session().now
    missing = [] if scenario is None else _missing(told, scenario)
    if as_json:
        fields = {"scenario": scenario, "missing": missing, "report": msgspec.to_builtins(told)}
        put(pretty_json({"node": client.url, **fields}))
    else:
        lines = [*_report_lines(told, now), *_missing_lines(scenario, missing)]
        put("".join(f"{shown(line)}\n" for line in lines).encode())
    ctx.exit(EXIT_CLEAR if _is_complete(told) and not missing else EXIT_CONFLICT)


def _missing(told: DrillTold, scenario: str) -> list[str]:
    """Return what a drill was to hold and does not, as codes and who was to say them."""
    from keepclear.core.drills import SCENARIOS, missing_of
    from keepclear.core.messages import Code

    codes = {code.value: code for code in Code}
    said = {(each.party, codes[each.code]) for each in told.said if each.code in codes}
    said |= {(each.ref.party, Code.DRILL_END) for each in told.endings}
    lines = missing_of(SCENARIOS[scenario], said, told.between, told.started_by)
    return [f"{line.code.value} by {_BY[line.role.value]}" for line in lines]


def _missing_lines(scenario: str | None, missing: Sequence[str]) -> Iterator[str]:
    if scenario is not None:
        yield f"missing of {scenario}: {', '.join(missing) or 'nothing'}"


def _is_complete(told: DrillTold) -> bool:
    latest = {each.ref.party: each.same for each in told.endings}  # a party may end it again
    return (
        not any(each.missing for each in told.exchanges)
        and told.more == 0
        and sorted(latest) == sorted(told.between)
        and all(latest.values())
    )


def _report_lines(told: DrillTold, now: datetime) -> Iterator[str]:
    from keepclear.core.symbols import grouped

    by = "nobody" if told.started_by is None else told.started_by
    at = "" if told.started_at is None else f" at {clock_text(told.started_at, now)}"
    yield f"EXERCISE {told.name}, {' and '.join(told.between)}, started by {by}{at}"
    for each in told.exchanges:
        yield from _exchange_lines(each, now)
    if told.more:
        yield f"and {told.more:,} more messages"
    unanswered = [each.message.number for each in told.exchanges if each.missing]
    yield f"not answered: {', '.join(unanswered) or 'none'}"
    yield f"report: {grouped(told.symbols)}"
    for end in told.endings:
        who = f"{end.ref.party} ({end.person or 'by voice'})"
        since = "; the report has changed since" if end.same and end.symbols != told.symbols else ""
        yield f"ended by {who} at {clock_text(end.at, now)}: {grouped(end.symbols)}, {_SAME[end.same]}{since}"
    for party in told.between:
        if party not in {end.ref.party for end in told.endings}:
            yield f"NOT ended by {party}"


def _exchange_lines(told: ExchangeTold, now: datetime) -> Iterator[str]:
    from keepclear.codec.words import duration_text

    message = told.message
    seen = "NOT seen" if told.seen_after_s is None else f"seen after {duration_text(told.seen_after_s)}"
    answer = "NOT answered" if told.missing else "wants no answer"
    if told.answered_after_s is not None and message.answer is not None:
        answer = f"{message.answer.code} after {duration_text(told.answered_after_s)}"
    steps = [f"; {step.step.replace('_', ' ')} at {clock_text(step.at, now)}" for step in message.steps]
    delivered = "" if message.delivered_at is None else f"delivered {clock_text(message.delivered_at, now)}, "
    head = f"{clock_text(message.sent_at, now)}  {message.number}  {message.code} to {message.to}"
    yield f"{head}: {delivered}{seen}, {answer}{''.join(steps)}"


@drill.command("list")
@node_options()
@json_option()
@click.pass_context
def drill_list(ctx: click.Context, as_json: bool) -> None:
    """List the drills that messages name, and whether both sides ended them.

    \b
    Examples:
      keepclear drill list
    """
    import msgspec

    from keepclear.codec.results import pretty_json
    from keepclear.console.node_tables import rows_table

    with opened_hotline(ctx) as client:
        found, now = client.drills(), client.session().now
    if as_json:
        put(pretty_json({"node": client.url, "drills": [msgspec.to_builtins(each) for each in found]}))
        return
    if not found:
        put(b"no drills\n")
        return
    rows = []
    for each in found:
        since, standing = clock_text(each.started_at, now), "over" if each.over else "open"
        rows.append((each.name, " and ".join(each.between), since, standing))
    put(rows_table(("drill", "between", "since", ""), rows))


# -- comparing --------------------------------------------------------------------------------------


@drill.command("compare")
@click.argument("one", metavar="A.json")
@click.argument("other", metavar="B.json")
@click.pass_context
def drill_compare(ctx: click.Context, one: str, other: str) -> None:
    """Compare two reports of a drill, one of each side, as drill report --json writes them.

    Each side knows by its own clock alone when a message was delivered: that is not compared.

    Exit codes: 0 they are equal; 1 they differ.

    \b
    Examples:
      keepclear drill compare june-alpha.json june-bravo.json
    """
    from keepclear.codec.words import count_text
    from keepclear.core.symbols import grouped

    with told_faults():
        a, b = _report_of(one), _report_of(other)
    found = [*_differing(a, b), *_exchanges_differing(a, b)]
    for line in found:
        put(f"{shown(line)}\n".encode())
    if found:
        say(f"{count_text(len(found), 'difference')}: the reports are NOT the same")
        ctx.exit(EXIT_CONFLICT)
    count = count_text(len(a["exchanges"]), "message")
    put(f"the same: {shown(a['name'])}, {count}, report {shown(grouped(a['symbols']))}\n".encode())


def _report_of(file: str) -> dict[str, Any]:
    """Read a report.

    Raises:
        InvalidValueError: The file cannot be read, or holds none.
    """
    import msgspec

    from keepclear.adapters.files import read_bytes
    from keepclear.adapters.http import hotlining
    from keepclear.core.errors import InvalidValueError

    try:
        written = msgspec.json.decode(read_bytes(file), type=dict[str, msgspec.Raw])
        told = msgspec.json.decode(written.get("report", b""), type=hotlining.DrillTold)
    except (msgspec.DecodeError, RecursionError) as error:
        reason = f"it is no report of a drill, as keepclear drill report --json writes it: {error}"
        raise InvalidValueError(file, reason) from None
    found: dict[str, Any] = msgspec.to_builtins(told)
    return found


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for key in _OF_REPORT:
        if a[key] != b[key]:
            yield f"{key.replace('_', ' ')}: {_said(a[key], b[key])}"


def _exchanges_differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    ours, theirs = ({each["message"]["number"]: each for each in report["exchanges"]} for report in (a, b))
    for number in sorted(ours.keys() | theirs.keys()):
        if number not in ours or number not in theirs:
            yield f"{number}: only in the {'first' if number in ours else 'second'} report"
            continue
        x, y = ours[number]["message"], theirs[number]["message"]
        for key in _OF_MESSAGE:
            if x[key] != y[key]:
                yield f"{number}, {key.replace('_', ' ')}: {_said(x[key], y[key])}"


def _said(a: object, b: object) -> str:
    return " / ".join(_short(each) for each in (a, b))


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
