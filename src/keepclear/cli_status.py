"""The commands that tell who has what: status, had, link.

Delivered (the other node signed that it has it), seen (an officer acknowledged it) and answered are three
things, and never mixed up. Only click is imported at the start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from keepclear.cli_client import breach_text, node_options, opened_node
from keepclear.cli_io import EXIT_CLEAR, EXIT_CONFLICT, Instant, put
from keepclear.cli_officer import changes_text, conflict_text, json_option

if TYPE_CHECKING:
    from keepclear.adapters.http.talking import (
        Agreement,
        Coordinated,
        Had,
        Hold,
        Link,
        Negotiation,
        Receipt,
        Said,
        Silence,
        TalkClient,
    )

_TODAY: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?Z")
_DONE: Final = ("coordinated", "over")
_UP: Final = "up"
_EXITS: Final = """
Exit codes: 0 everything is coordinated, no proposal waits, and the node signs; 1 that is not so;
2 bad usage, or refused; 3 the node cannot be reached.
"""


class Moment(Instant):
    """An RFC 3339 time with a zone, or a time of today such as 10:42Z."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the instant."""
        found = _TODAY.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            try:
                return super().convert(value, param, ctx)
            except click.BadParameter as error:
                self.fail(f"{error.message} or, for today, 10:42Z", param, ctx)
        hour, minute, second = (int(part or 0) for part in found.groups())
        try:
            return datetime.now(UTC).replace(hour=hour, minute=minute, second=second, microsecond=0)
        except ValueError:
            self.fail(f"{value!r} is no time of a day; write 10:42Z", param, ctx)


@click.command(epilog=_EXITS)
@click.argument("item_id", metavar="[ID]", required=False)
@click.option("--party", metavar="ID", help="Only items of this party.")
@click.option("--open", "is_open", is_flag=True, help="Only what is not coordinated.")
@node_options()
@json_option()
@click.pass_context
def status(ctx: click.Context, item_id: str | None, party: str | None, is_open: bool, as_json: bool) -> None:
    """Tell of every item who has it, who has seen it, who answered, and who has not, since when.

    Below stand the links, the lines on hold, and the proposals that wait for an answer; above, why the
    node signs nothing where a backup was put in place. An item is
    coordinated once every party whom it concerns has it and has seen it, and no conflict is open. Notice
    that came later than was agreed is called short.

    \b
    Examples:
      keepclear status
      keepclear status OP-1
      keepclear status --open --json
    """
    import msgspec

    from keepclear.codec.results import pretty_json

    if item_id is not None and (party is not None or is_open):
        raise click.UsageError("--party and --open choose among all items; name one, or choose")
    with opened_node(ctx) as client:
        items = (
            list(client.coordination(party=party, is_open=is_open))
            if item_id is None
            else [client.coordinated(item_id)]
        )
        session, links, holds = client.session(), client.links(), client.holds()
        waiting, silence = list(client.negotiations(is_open=True)), client.silence()
        notices = _short_notices(client, items)
    if as_json:
        fields = {"items": items, "links": links, "holds": holds, "open_proposals": waiting}
        told = {name: msgspec.to_builtins(values) for name, values in fields.items()}
        for each in told["items"]:
            each["short_notice"] = notices.get(each["id"])
        told["silence"] = msgspec.to_builtins(silence)
        put(pretty_json({"node": client.url, "party": session.party, "now": session.now, **told}))
    else:
        parts = [
            f"{session.party}, {_clock(session.now, None)}\n".encode(),
            _silence_line(silence),
            _items_table(items, notices, session.now),
            _links_table(links, session.now),
            _holds_table(holds, session.now),
            _proposals_table(waiting, session.party),
        ]
        put(b"".join(parts))
    is_done = all(each.state in _DONE for each in items) and not waiting and silence.reason is None
    ctx.exit(EXIT_CLEAR if is_done else EXIT_CONFLICT)


def _silence_line(silence: Silence) -> bytes:
    """Tell why the node signs nothing at present; nothing where it does."""
    from keepclear.codec.words import visible

    if silence.reason is None:
        return b""
    waits = f"; it waits for {', '.join(silence.waiting_for)}" if silence.waiting_for else ""
    return f"THIS NODE SIGNS NOTHING: {visible(silence.reason + waits)}\n".encode()


def _short_notices(client: TalkClient, items: Sequence[Coordinated]) -> dict[str, str]:
    """Tell of which items there was less notice than was agreed, and how much.

    The time between the statement of this version and the start of the item is held against the lead
    time of each agreement of its owner that is in force.
    """
    agreed = [each for each in client.agreements() if each.in_force]
    if not agreed or not items:
        return {}
    starts = _starts(client, items)
    told: dict[str, str] = {}
    for item in items:
        if item.id in starts:
            lead_s = (starts[item.id] - item.stated_at).total_seconds()
            late = [text for each in agreed if (text := _short_notice(item, lead_s, each)) is not None]
            if late:
                told[item.id] = "; ".join(late)
    return told


def _short_notice(item: Coordinated, lead_s: float, agreement: Agreement) -> str | None:
    from keepclear.codec.words import duration_text

    if item.ref.party not in agreement.between:
        return None
    agreed_s, emergency_s = (float(agreement.text.get(key, 0.0)) for key in ("lead_s", "lead_emergency_s"))
    if lead_s >= agreed_s:
        return None
    other = next(party for party in agreement.between if party != item.ref.party)
    left = f"{duration_text(round(lead_s))} before" if lead_s > 0 else "after its start"
    rule = f"agreed with {other}: {duration_text(agreed_s)}"
    if emergency_s < agreed_s:
        rule += f", {duration_text(emergency_s)} in an emergency"
    return f"short notice, {left} ({rule})"


def _starts(client: TalkClient, items: Sequence[Coordinated]) -> dict[str, datetime]:
    """Return when items start, where the node has them as more than a name."""
    from keepclear.codec.told import item_of
    from keepclear.core.errors import InvalidValueError

    wanted, found = {item.id for item in items}, {}
    records = [client.item(items[0].id)] if len(items) == 1 else client.items()
    for record in records:
        name = str(record.item.get("id"))
        if name in wanted:
            try:
                found[name] = min(volume.time.start for volume in item_of(record.item).volumes)
            except InvalidValueError:  # of a newer form
                continue
    return found


def _clock(at: datetime, now: datetime | None) -> str:
    """Write a time; without its day where that is today."""
    from keepclear.codec.words import instant_text

    at = at.astimezone(UTC).replace(microsecond=0)
    if now is not None and at.date() == now.astimezone(UTC).date():
        return f"{at:%H:%M:%S}Z"
    return instant_text(at)


def _said(said: Said | None, stated: datetime, now: datetime) -> str:
    from keepclear.codec.words import duration_text

    if said is None:
        return ""
    took_s = round((said.at - stated).total_seconds())
    what = f"{said.what}, " if said.what else ""
    return f"{what}{_clock(said.at, now)} by {said.person} (after {duration_text(max(0, took_s))})"


def _delivered(receipt: Receipt, stated: datetime, now: datetime) -> str:
    if not receipt.delivered:
        return f"NO, since {_clock(stated, now)}"
    return "yes" if receipt.delivered_at is None else f"by {_clock(receipt.delivered_at, now)}"


def _seen(receipt: Receipt, stated: datetime, now: datetime) -> str:
    if receipt.seen is not None:
        return _said(receipt.seen, stated, now)
    return "" if receipt.since is None else f"NO, since {_clock(receipt.since, now)}"


def _items_table(items: Sequence[Coordinated], notices: Mapping[str, str], now: datetime) -> bytes:
    from keepclear.console.node_tables import rows_table

    rows = []
    for item in items:
        state = item.state
        if item.open_conflicts:
            state += f" with {', '.join(item.open_conflicts)}"
        for breach in item.breaches:
            state += f"; {breach_text(breach)}"
        if item.id in notices:
            state += f"; {notices[item.id]}"
        name = f"{item.id}, version {item.ref.version}"
        for receipt in item.receipts:
            rows.append(
                (
                    name,
                    state,
                    receipt.party if receipt.concerned else f"{receipt.party} (not concerned)",
                    _delivered(receipt, item.stated_at, now),
                    _seen(receipt, item.stated_at, now),
                    _said(receipt.answered, item.stated_at, now),
                )
            )
            name = state = ""
        if not item.receipts:
            rows.append((name, state, "no other party is known", "", "", ""))
    if not rows:
        return b"no items\n"
    return rows_table(("item", "state", "party", "delivered", "seen", "answered"), rows)


def _links_table(links: Sequence[Link], now: datetime) -> bytes:
    from keepclear.console.node_tables import rows_table

    if not links:
        return b"no links: nobody is paired with, or this node does not listen to others\n"
    rows = []
    for link in links:
        clock = ""
        if link.clock_offset_ms is not None:
            clock = f"{link.clock_offset_ms:+,} ms, within {link.clock_error_ms or 0:,} ms"
        has = "" if link.ours_as_they_have_it is None else f"{link.ours_as_they_have_it:,} entries"
        heard = "never" if link.last_heard is None else _clock(link.last_heard, now)
        state = f"{link.state}, switched off here" if link.switched_off else link.state
        faults = "; ".join([*([link.error] if link.error else []), *link.refused])
        rows.append((link.party, state, heard, clock, has, faults))
    return rows_table(("link", "state", "heard", "its clock", "has of our log", "what is wrong"), rows)


def _holds_table(holds: Sequence[Hold], now: datetime) -> bytes:
    from keepclear.console.node_tables import rows_table

    if not holds:
        return b""
    rows = [(each.by, each.peer, _clock(each.since, now), each.reason) for each in holds]
    return rows_table(("line on HOLD by", "with", "since", "reason"), rows)


def _proposals_table(waiting: Sequence[Negotiation], own: str) -> bytes:
    from keepclear.console.node_tables import rows_table

    if not waiting:
        return b"no proposal waits for an answer\n"
    rows = [
        (each.id, "you" if each.to == own else each.to, conflict_text(each), changes_text(each))
        for each in waiting
    ]
    return rows_table(("proposal", "waits for", "conflict", "what would change"), rows)


# -- at an instant ----------------------------------------------------------------------------------


@click.command()
@click.argument("party", metavar="PARTY")
@click.argument("at", metavar="AT", type=Moment())
@node_options()
@json_option()
@click.pass_context
def had(ctx: click.Context, party: str, at: datetime, as_json: bool) -> None:
    """Answer: what did PARTY have at the time AT, and what had its officers seen and answered?

    AT is a time of today such as 10:42Z, or 2026-05-01T10:42:00Z. Delivered is by the clock of the other
    node, which signed it; seen and answered by the clocks of its officers.

    \b
    Examples:
      keepclear had bravo 10:42Z
      keepclear had bravo 2026-05-01T10:42:00Z --json
    """
    import msgspec

    from keepclear.codec.results import pretty_json

    with opened_node(ctx) as client:
        found = list(client.had(party, at))
    if as_json:
        items = [msgspec.to_builtins(each) for each in found]
        put(pretty_json({"node": client.url, "party": party, "at": at, "items": items}))
        return
    put(f"What {party} had at {_clock(at, None)}:\n".encode() + _had_table(found, at))


def _had_delivered(had: Had, at: datetime) -> str:
    if had.delivered_at is not None:
        return f"by {_clock(had.delivered_at, at)}"
    return "NO" if had.seen is None and had.answered is None else "yes"


def _had_table(found: Sequence[Had], at: datetime) -> bytes:
    from keepclear.console.node_tables import rows_table

    if not found:
        return b"nothing had been stated by then\n"
    rows = [
        (
            f"{each.id}, version {each.ref.version}",
            _clock(each.stated_at, at),
            _had_delivered(each, at),
            _said(each.seen, each.stated_at, at) or "NO",
            _said(each.answered, each.stated_at, at) or "no",
        )
        for each in found
    ]
    return rows_table(("item", "stated", "delivered", "seen", "answered"), rows)


# -- links ------------------------------------------------------------------------------------------


@click.group(invoke_without_command=True)
@click.pass_context
def link(ctx: click.Context) -> None:
    """Show the links to the nodes of others, cut one on purpose, and mend it again.

    \b
    Examples:
      keepclear link
      keepclear link cut bravo
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(link_list)


@link.command("list")
@node_options()
@json_option()
@click.pass_context
def link_list(ctx: click.Context, as_json: bool = False) -> None:
    """Show each link: up, late or cut, when the other was heard, its clock, and what it has.

    A link that is cut is a normal state: statements wait, and can be carried by file.

    \b
    Examples:
      keepclear link list
    """
    import msgspec

    from keepclear.codec.results import pretty_json

    with opened_node(ctx) as client:
        links, session = client.links(), client.session()
    if as_json:
        put(pretty_json({"node": client.url, "links": [msgspec.to_builtins(each) for each in links]}))
        return
    put(_links_table(links, session.now))


@link.command("cut")
@click.argument("party", metavar="PARTY")
@node_options()
@click.pass_context
def link_cut(ctx: click.Context, party: str) -> None:
    """Send nothing to PARTY and refuse what it sends, until the link is mended.

    \b
    Examples:
      keepclear link cut bravo
    """
    _switch(ctx, party, is_off=True)


@link.command("mend")
@click.argument("party", metavar="PARTY")
@node_options()
@click.pass_context
def link_mend(ctx: click.Context, party: str) -> None:
    """Talk to the node of PARTY again.

    \b
    Examples:
      keepclear link mend bravo
    """
    _switch(ctx, party, is_off=False)


def _switch(ctx: click.Context, party: str, *, is_off: bool) -> None:
    with opened_node(ctx) as client:
        told = client.switch_link(party, is_off=is_off)
    if told.switched_off:
        state = "switched off; bundles can be carried"
    else:
        state = "switched on, and up" if told.state == _UP else "switched on; not up yet"
    put(f"the link to {party} is {state}\n".encode())
